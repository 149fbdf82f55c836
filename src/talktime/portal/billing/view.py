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
from talktime.portal.calls.view import call_href, other_side
from talktime.portal.figures import (
    Moment,
    Money,
    duration,
    exact_usd,
    moment,
    money,
    month_name,
    shown_change,
    shown_nanos,
    shown_split,
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
    asks_for_credit: bool = True
    """Whether adding credit helps; the page then says how."""


class SummaryView(msgspec.Struct, frozen=True, kw_only=True):
    """Where the account stands."""

    available: str
    is_negative: bool
    promo: str
    paid: str
    held: str
    """How much is set aside for what; empty where nothing is."""
    held_rest: str
    """What becomes of it, or what is to be said instead."""
    month: str
    month_name: str
    talk_time: str
    """How long the balance lasts, where that is known; or that no call can start."""
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
    parts: tuple[str, ...]
    """How it was split over promo and paid, in words; as shown they add up to the amount."""
    available: Money
    """After it; as shown it is the balance before plus the amount."""


def summary_view(billing: Billing, *, floor_nanos: int, now: datetime) -> SummaryView:
    account = billing.account
    talk_time, talk_time_rest = _talk_time(billing, floor_nanos)
    held, held_rest = _held(billing)
    parts = (account.promo_nanos, account.paid_nanos)
    promo, paid = shown_split(parts, shown_nanos(sum(parts)))
    return SummaryView(
        available=display_usd(account.available_nanos),
        is_negative=account.available_nanos < 0,
        promo=display_usd(promo),
        paid=display_usd(paid),
        held=held,
        held_rest=held_rest,
        month=display_usd(account.month_to_date_nanos),
        month_name=month_name(now, zone_of(account.time_zone)),
        talk_time=talk_time,
        talk_time_rest=talk_time_rest,
        notice=_notice(billing, floor_nanos),
    )


def entry_row(entry: Entry, call: Call | None, *, time_zone: str, base: str) -> EntryRow:
    """A transaction; ``call`` is the one that it pays for."""
    amount = shown_change(entry.available_after_nanos, entry.amount_nanos)
    return EntryRow(
        seq=entry.seq,
        recorded=moment(entry.recorded_at, zone_of(time_zone)),
        title=words.entry_words(entry.kind) if call is None else words.CALL_NAMES[call.channel],
        detail=_detail(entry) if call is None else other_side(call),
        href=call_href(entry.ref, base) if entry.kind is EntryKind.CALL else "",
        duration="" if call is None or call.duration_ms is None else duration(call.duration_ms),
        amount=signed_money(amount),
        parts=_parts(entry, amount),
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
    if billing.account.status is AccountStatus.SUSPENDED:
        return "No new call can start", "while the account is suspended."
    if billing.account.startable_nanos < floor_nanos:
        apart = " that is not set aside" if billing.account.held_nanos else ""
        return "No new call can start:", f"each needs at least {exact_usd(floor_nanos)}{apart}."
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


def _parts(entry: Entry, amount_nanos: int) -> tuple[str, ...]:
    """ "promo", "paid", or both with their amounts."""
    if entry.promo_delta_nanos and entry.paid_delta_nanos:
        deltas = (entry.promo_delta_nanos, entry.paid_delta_nanos)
        promo, paid = shown_split(deltas, amount_nanos)
        return (f"{signed_money(promo).text} promo", f"{signed_money(paid).text} paid")
    return ("promo",) if entry.promo_delta_nanos else ("paid",)


def _held(billing: Billing) -> tuple[str, str]:
    held = billing.account.held_nanos
    if not held:
        return "", "Nothing is set aside: no call is running."
    until = "the call ends"
    if billing.waiting_calls:
        until = "the price is known"
    if billing.running_calls and billing.waiting_calls:
        until = "each call is settled"
    elif billing.running_calls + billing.waiting_calls > 1:
        until = f"{until} for each" if billing.waiting_calls else "each call ends"
    return (
        f"{display_usd(held)} set aside for {_holders(billing)}",
        f"It stays yours until {until}; then only the cost is taken.",
    )


def _holders(billing: Billing) -> str:
    kinds = []
    if billing.running_calls:
        kinds.append(words.counted(billing.running_calls, "running call"))
    if billing.waiting_calls:
        kinds.append(f"{words.counted(billing.waiting_calls, 'call')} waiting for a price")
    # Counts and balances are read one after the other, so a call may be just about to show up.
    return " and ".join(kinds) or "calls"


def _notice(billing: Billing, floor_nanos: int) -> Notice | None:
    account = billing.account
    floor = exact_usd(floor_nanos)
    if account.status is AccountStatus.SUSPENDED:
        return Notice(
            tone="stop",
            title="This account is suspended",
            text="New calls are refused; running calls finish. Ask support what to do.",
            asks_for_credit=False,
        )
    if account.available_nanos < floor_nanos:
        below = "below zero" if account.available_nanos < 0 else f"below {floor}"
        debt = (
            f" The next paid credit covers the {display_usd(-account.paid_nanos)} owed first."
            if account.paid_nanos < 0
            else ""
        )
        return Notice(
            tone="stop",
            title=f"Your balance is {below}",
            text=f"New calls are refused; running calls finish.{debt}{_refused(billing)}",
        )
    if account.startable_nanos < floor_nanos:
        return Notice(
            tone="warn",
            title="No new call can start just now",
            text=(
                f"A new call needs {floor}. Of your {display_usd(account.available_nanos)}, "
                f"{display_usd(account.held_nanos)} is set aside for {_holders(billing)}; what "
                f"is not used of it comes back afterwards.{_refused(billing)}"
            ),
        )
    if account.available_nanos < account.warning_level_nanos:
        return Notice(
            tone="warn",
            title=f"Your balance is below {display_usd(account.warning_level_nanos)}",
            text=f"Below {floor} new calls are refused.{_refused(billing)}",
        )
    return None


def _refused(billing: Billing) -> str:
    if not billing.refused_calls:
        return ""
    were = "was" if billing.refused_calls == 1 else "were"
    count = words.counted(billing.refused_calls, "new call")
    return f" {count} {were} refused in the last 24 hours."
