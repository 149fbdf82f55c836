"""The Billing page: the balance and what it means, the month, and the transaction history."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from talktime.core.account import AccountStatus
from talktime.core.call import Call
from talktime.core.ledger import Entry, EntryKind
from talktime.core.money import display_usd
from talktime.ops.billing import Billing
from talktime.portal import words
from talktime.portal.calls_view import call_href, other_side
from talktime.portal.figures import (
    Moment,
    Money,
    duration,
    exact_usd,
    moment,
    money,
    month_name,
    signed_money,
    spoken_duration,
    zone_of,
)


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What the customer must know now, and the one next step."""

    tone: str
    """stop or warn."""
    title: str
    text: str


class SummaryView(msgspec.Struct, frozen=True, kw_only=True):
    """Where the account stands."""

    available: str
    is_negative: bool
    promo: str
    paid: str
    held: str
    """A sentence about money set aside; empty where there is none."""
    month: str
    month_name: str
    talk_time: str
    """How long the balance lasts, where that is known."""
    talk_time_rest: str
    """What follows it, or what is to be said instead."""
    notice: Notice | None


class EntryRow(msgspec.Struct, frozen=True, kw_only=True):
    """One transaction."""

    seq: int
    recorded: Moment
    title: str
    detail: str
    href: str
    """The receipt, where it is a call; the detail is then its link."""
    duration: str
    amount: Money
    parts: str
    """How it was split over promo and paid, in words."""
    available: Money


def summary_view(billing: Billing, *, floor_nanos: int, now: datetime) -> SummaryView:
    account = billing.account
    talk_time, talk_time_rest = _talk_time(billing, floor_nanos)
    return SummaryView(
        available=display_usd(account.available_nanos),
        is_negative=account.available_nanos < 0,
        promo=display_usd(account.promo_nanos),
        paid=display_usd(account.paid_nanos),
        held=_held(billing),
        month=display_usd(account.month_to_date_nanos),
        month_name=month_name(now, zone_of(account.time_zone)),
        talk_time=talk_time,
        talk_time_rest=talk_time_rest,
        notice=_notice(billing, floor_nanos),
    )


def entry_row(entry: Entry, call: Call | None, *, time_zone: str, base: str) -> EntryRow:
    """A transaction; ``call`` is the one that it pays for."""
    return EntryRow(
        seq=entry.seq,
        recorded=moment(entry.recorded_at, zone_of(time_zone)),
        title=words.entry_words(entry.kind) if call is None else words.CALL_NAMES[call.channel],
        detail=_detail(entry) if call is None else other_side(call),
        href=call_href(entry.ref, base) if entry.kind is EntryKind.CALL else "",
        duration="" if call is None or call.duration_ms is None else duration(call.duration_ms),
        amount=signed_money(entry.amount_nanos),
        parts=_parts(entry),
        available=money(entry.available_after_nanos),
    )


def entry_rows(
    entries: Sequence[Entry], calls: Mapping[str, Call], *, time_zone: str, base: str
) -> tuple[EntryRow, ...]:
    """``calls`` are those that entries of kind call name, by id."""
    return tuple(
        entry_row(
            entry,
            calls.get(entry.ref) if entry.kind is EntryKind.CALL else None,
            time_zone=time_zone,
            base=base,
        )
        for entry in entries
    )


def _talk_time(billing: Billing, floor_nanos: int) -> tuple[str, str]:
    if billing.account.startable_nanos < floor_nanos:
        return "", f"A new call needs at least {exact_usd(floor_nanos)} that is not set aside."
    ms_left = billing.talk_time_left_ms
    if ms_left is None:
        return "", "How long your balance lasts is shown here after your first charged call."
    calls = billing.pace_calls
    last = "last charged call" if calls == 1 else f"last {calls} charged calls"
    return (
        spoken_duration(ms_left).capitalize(),
        f"of talk time left, at the price of your {last}.",
    )


def _detail(entry: Entry) -> str:
    if entry.kind is EntryKind.WELCOME_BONUS:
        return "Promo credit to start with"
    if entry.kind is EntryKind.ADJUSTMENT:
        return entry.note or entry.ref
    return entry.ref


def _parts(entry: Entry) -> str:
    """ "promo", "paid", or both with their amounts."""
    if entry.promo_delta_nanos and entry.paid_delta_nanos:
        return (
            f"{display_usd(abs(entry.promo_delta_nanos))} promo, "
            f"{display_usd(abs(entry.paid_delta_nanos))} paid"
        )
    return "promo" if entry.promo_delta_nanos else "paid"


def _held(billing: Billing) -> str:
    held = billing.account.held_nanos
    if not held:
        return ""
    kinds = []
    if billing.running_calls:
        kinds.append(words.counted(billing.running_calls, "running call"))
    if billing.waiting_calls:
        kinds.append(f"{words.counted(billing.waiting_calls, 'call')} waiting for a price")
    # Counts and balances are read one after the other, so a call may be just about to show up.
    return f"{display_usd(held)} set aside for {' and '.join(kinds) or 'calls'}"


def _notice(billing: Billing, floor_nanos: int) -> Notice | None:
    account = billing.account
    refused = ""
    if billing.refused_calls:
        were = "was" if billing.refused_calls == 1 else "were"
        count = words.counted(billing.refused_calls, "new call")
        refused = f" {count} {were} refused in the last 24 hours."
    if account.status is AccountStatus.SUSPENDED:
        return Notice(
            tone="stop",
            title="This account is suspended",
            text="New calls are refused; running calls finish. Ask support what to do.",
        )
    floor = exact_usd(floor_nanos)
    if account.available_nanos < floor_nanos:
        below = "below zero" if account.available_nanos < 0 else f"below {floor}"
        debt = (
            f" Your next top-up repays {display_usd(-account.available_nanos)} first."
            if account.available_nanos < 0
            else ""
        )
        return Notice(
            tone="stop",
            title=f"Your balance is {below}",
            text=f"New calls are refused until you top up; running calls finish.{debt}{refused}",
        )
    if account.startable_nanos < floor_nanos:
        return Notice(
            tone="warn",
            title="Running calls have all of your balance set aside",
            text=f"New calls are refused until one of them ends or you top up.{refused}",
        )
    if account.available_nanos < account.warning_level_nanos:
        return Notice(
            tone="warn",
            title=f"Your balance is below {display_usd(account.warning_level_nanos)}",
            text=f"Top up soon: below {floor} new calls are refused.{refused}",
        )
    return None
