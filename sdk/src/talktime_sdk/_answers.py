"""What Talktime answers, as frozen values. Money is USD as an exact Decimal; times are UTC.

Members that a newer server adds are ignored.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One customer and its wallet."""

    account_id: str
    name: str
    email: str
    verified: bool = False
    """Somebody vouched for the e-mail address."""
    status: str
    """``active`` or ``suspended``."""
    available: Decimal
    """promo + paid - refund_reserved; below zero after an overdraft."""
    promo: Decimal
    paid: Decimal
    held: Decimal
    """What running calls have set aside; not yet spent."""
    startable: Decimal
    """available - held: what the gate compares with ``floor``."""
    refund_reserved: Decimal = Decimal(0)
    month_to_date: Decimal = Decimal(0)
    """Charged in this calendar month of the account's time zone."""
    floor: Decimal | None = None
    warning_level: Decimal | None = None
    margin_rate: Decimal | None = None
    """Added to provider cost, 0.3 being 30 %."""
    time_zone: str = "UTC"
    created_at: datetime | None = None


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """The gate said yes."""

    account_id: str
    call_id: str
    admitted: bool
    status: str
    """``live``; for a start repeated later also ``silent`` or ``ended``."""
    hold: Decimal
    available: Decimal
    held: Decimal
    startable: Decimal
    talk_time_left_seconds: Decimal | None = None
    """An estimate from the account's own calls; None where there is nothing to estimate from."""
    lease_seconds: Decimal
    """The call must be heard from at least this often."""


class LineName(msgspec.Struct, frozen=True, kw_only=True):
    """Which line of a call: two lines that agree in all four are the same line."""

    service: str
    provider: str = ""
    model: str = ""
    source: str = ""


class LineNote(LineName, frozen=True, kw_only=True):
    """Something to know about a line, such as ``lower_total:output_tokens``."""

    note: str


class UsageAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a running call has come to."""

    account_id: str
    call_id: str
    status: str
    accrued_charge: Decimal | None = None
    """None: some line has no price yet. Never to be shown as zero."""
    unpriced: tuple[LineName, ...] = ()
    available: Decimal
    held: Decimal
    startable: Decimal
    notes: tuple[LineNote, ...] = ()
    late: bool = False
    """The call had ended: this went on record beside it, and was not charged."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One multiplication on a receipt: billed x unit_price / per = cost."""

    quantity: str
    used: Decimal
    """What this price applies to; parts with a price of their own are taken out."""
    billed: Decimal
    """``used`` rounded up to the billing increment."""
    unit_price: Decimal
    per: Decimal
    cost: Decimal
    """Up to twelve decimals where they never end; only the whole line is rounded."""


class Line(LineName, frozen=True, kw_only=True):
    """One service line of a call."""

    quantities: dict[str, Decimal] = {}
    provider_cost: Decimal | None = None
    """The provider's own figure, where it was reported."""
    cost: Decimal | None = None
    """None: no price yet."""
    priced_by: str | None = None
    """``rate_card`` or ``provider``."""
    rate_card: str | None = None
    rate_card_source: str | None = None
    rate_card_effective: datetime | None = None
    parts: tuple[Part, ...] = ()
    notes: tuple[str, ...] = ()


class CallReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """A call with its breakdown. ``provider_cost`` is the sum of its lines, ``charge`` is
    ``provider_cost + margin``, and it was paid as ``promo_charged + paid_charged``."""

    account_id: str
    call_id: str
    channel: str
    direction: str | None = None
    agent_id: str | None = None
    from_: str | None = msgspec.field(name="from", default=None)
    to: str | None = None
    metadata: Any = None
    status: str
    """live -> silent -> live, or -> ended."""
    outcome: str | None = None
    billing_status: str
    """pending -> charged, free or unpriced; unpriced -> charged or free."""
    free_reason: str | None = None
    admitted_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    duration_seconds: Decimal | None = None
    reason: str | None = None
    hold: Decimal = Decimal(0)
    margin_rate: Decimal | None = None
    provider_cost: Decimal | None = None
    margin: Decimal | None = None
    charge: Decimal | None = None
    """None: not priced yet. Never to be shown as zero."""
    promo_charged: Decimal | None = None
    paid_charged: Decimal | None = None
    entry_seq: int | None = None
    late: bool = False
    """Something came after the call had ended; it went on record and was not charged."""
    revision: int = 0
    lines: tuple[Line, ...] = ()


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One immutable line of the ledger."""

    account_id: str
    seq: int
    """Counts up by one per account, without gaps."""
    kind: str
    """``welcome_bonus``, ``coupon``, ``top_up``, ``call``, ``adjustment``, ``refund``, …"""
    ref: str
    promo_delta: Decimal
    paid_delta: Decimal
    amount: Decimal
    """promo_delta + paid_delta."""
    promo_after: Decimal
    paid_after: Decimal
    available_after: Decimal | None = None
    occurred_at: datetime
    recorded_at: datetime
    note: str | None = None


class CouponPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What redeeming the code would do."""

    code: str
    bonus: Decimal
    available_after: Decimal


class PortalLink(msgspec.Struct, frozen=True, kw_only=True):
    """A one-time link into the customer's pages."""

    url: str
    expires_at: datetime


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list. ``next_cursor`` is None on the last one."""

    items: tuple[T, ...]
    next_cursor: str | None = None
