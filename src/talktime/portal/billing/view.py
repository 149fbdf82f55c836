"""The rows of the transaction history."""

from collections.abc import Mapping, Sequence

import msgspec

from talktime.core.call import Call
from talktime.core.document import DOCUMENTED
from talktime.core.ledger import Entry, EntryKind
from talktime.portal import words
from talktime.portal.calls.view import call_href, other_side
from talktime.portal.figures import (
    Moment,
    Money,
    duration,
    moment,
    money,
    shown_change,
    shown_split,
    signed_money,
    zone_of,
)


class EntryRow(msgspec.Struct, frozen=True, kw_only=True):
    """One transaction."""

    seq: int
    recorded: Moment
    title: str
    detail: str
    href: str
    """The receipt, where there is one; the detail is then its link."""
    duration: str
    amount: Money
    parts: tuple[str, ...]
    """How it was split over promo and paid, in words; as shown they add up to the amount."""
    available: Money
    """After it; as shown it is the balance before plus the amount."""


def entry_row(entry: Entry, call: Call | None, *, time_zone: str, base: str) -> EntryRow:
    """A transaction; ``call`` is the one that it pays for."""
    amount = shown_change(entry.available_after_nanos, entry.amount_nanos)
    return EntryRow(
        seq=entry.seq,
        recorded=moment(entry.recorded_at, zone_of(time_zone)),
        title=words.entry_words(entry.kind) if call is None else words.CALL_NAMES[call.channel],
        detail=_detail(entry) if call is None else other_side(call),
        href=_receipt_href(entry, base),
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


def _receipt_href(entry: Entry, base: str) -> str:
    if entry.kind is EntryKind.CALL:
        return call_href(entry.ref, base)
    return f"{base}/billing/receipts/{entry.seq}" if entry.kind in DOCUMENTED else ""


def _detail(entry: Entry) -> str:
    if entry.kind in DOCUMENTED:
        return "Receipt (PDF)"
    if entry.kind is EntryKind.WELCOME_BONUS:
        return "Promo credit to start with"
    if entry.kind is EntryKind.COUPON:
        return entry.ref
    return entry.note or entry.ref


def _parts(entry: Entry, amount_nanos: int) -> tuple[str, ...]:
    """ "promo", "paid", or both with their amounts."""
    if entry.promo_delta_nanos and entry.paid_delta_nanos:
        deltas = (entry.promo_delta_nanos, entry.paid_delta_nanos)
        promo, paid = shown_split(deltas, amount_nanos)
        return (f"{signed_money(promo).text} promo", f"{signed_money(paid).text} paid")
    return ("promo",) if entry.promo_delta_nanos else ("paid",)
