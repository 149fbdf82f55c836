"""How accounts and entries look on the wire, and how amounts come in."""

from datetime import datetime
from typing import Annotated, Any

import msgspec

from talktime.core.account import Account, AccountStatus, NumberMask, format_margin_rate
from talktime.core.ledger import Entry, EntryKind
from talktime.core.money import format_usd

# Any, for a number must reach parse_usd: its refusal says how to send an amount.
UsdText = Annotated[
    Any,
    msgspec.Meta(
        description='USD as a decimal string of at most nine decimals, such as "0.052".',
        examples=["5.00"],
        extra_json_schema={"type": "string", "pattern": r"^-?[0-9]{1,18}(\.[0-9]{1,9})?$"},
    ),
]
RateText = Annotated[
    Any,
    msgspec.Meta(
        description='The part of the provider cost that is added: "0.25" adds 25 %. At most 10.',
        examples=["0.25"],
        extra_json_schema={"type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]{1,6})?$"},
    ),
]


class AccountBody(msgspec.Struct, frozen=True, kw_only=True):
    """An account with its balances: available = promo + paid - refund_reserved."""

    account_id: str
    name: str
    email: str
    verified: bool
    """Somebody vouched for the e-mail address."""
    status: AccountStatus
    available: str
    promo: str
    paid: str
    """Below zero where a call overdrew it; the next top-up repays that first."""
    held: str
    """Set aside for live calls."""
    startable: str
    """available - held: what the gate compares with the floor."""
    refund_reserved: str
    month_to_date: str
    """Charged for calls since the first of this month in the account's time zone."""
    floor: str
    """The least startable amount with which a call is admitted."""
    warning_level: str
    """Falling below it sends the customer an e-mail."""
    margin_rate: str | None
    """The account's own margin; null: the platform's."""
    time_zone: str
    number_mask: NumberMask
    """How the customer's pages show phone numbers."""
    created_at: datetime


class EntryBody(msgspec.Struct, frozen=True, kw_only=True):
    """One immutable line of an account's ledger; amounts are negative where money leaves."""

    account_id: str
    seq: int
    kind: EntryKind
    ref: str
    """What the entry is about: the call_id, the coupon's code, the adjustment_id."""
    promo_delta: str
    paid_delta: str
    amount: str
    """promo_delta + paid_delta."""
    promo_after: str
    paid_after: str
    available_after: str
    occurred_at: datetime
    recorded_at: datetime
    note: str | None


def account_body(account: Account, *, floor_nanos: int) -> AccountBody:
    """An account as it stands."""
    margin_ppm = account.margin_ppm
    return AccountBody(
        account_id=account.account_id,
        name=account.name,
        email=account.email,
        verified=account.verified,
        status=account.status,
        available=format_usd(account.available_nanos),
        promo=format_usd(account.promo_nanos),
        paid=format_usd(account.paid_nanos),
        held=format_usd(account.held_nanos),
        startable=format_usd(account.startable_nanos),
        refund_reserved=format_usd(account.refund_reserved_nanos),
        month_to_date=format_usd(account.month_to_date_nanos),
        floor=format_usd(floor_nanos),
        warning_level=format_usd(account.warning_level_nanos),
        margin_rate=None if margin_ppm is None else format_margin_rate(margin_ppm),
        time_zone=account.time_zone,
        number_mask=account.number_mask,
        created_at=account.created_at,
    )


def entry_body(entry: Entry) -> EntryBody:
    """One line of the ledger."""
    return EntryBody(
        account_id=entry.account_id,
        seq=entry.seq,
        kind=entry.kind,
        ref=entry.ref,
        promo_delta=format_usd(entry.promo_delta_nanos),
        paid_delta=format_usd(entry.paid_delta_nanos),
        amount=format_usd(entry.amount_nanos),
        promo_after=format_usd(entry.promo_after_nanos),
        paid_after=format_usd(entry.paid_after_nanos),
        available_after=format_usd(entry.available_after_nanos),
        occurred_at=entry.occurred_at,
        recorded_at=entry.recorded_at,
        note=entry.note,
    )
