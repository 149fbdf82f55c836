"""A monthly statement on paper."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from talktime.core.account import Account
from talktime.core.document import Party, Seller
from talktime.core.ledger import Entry, EntryKind
from talktime.core.money import display_usd
from talktime.core.statement import Row, Statement, shown
from talktime.gateways.pdf import set_pdf
from talktime.gateways.pdf.wording import (
    USAGE,
    day,
    entries_words,
    entry_words,
    exact_words,
    month_words,
    party_facts,
    signed,
)

_SECOND = timedelta(seconds=1)


def statement_pdf(
    statement: Statement,
    account: Account,
    *,
    seller: Seller,
    buyer: Party,
    numbers: Mapping[int, str],
) -> bytes:
    """A statement as it stands; ``numbers`` are those of the receipts, by entry."""
    last = statement.entries[-1].recorded_at if statement.entries else statement.since
    return set_pdf(
        "statement",
        _facts(statement, account, seller=seller, buyer=buyer, numbers=numbers),
        at=statement.until if statement.is_over else last,
    )


def _facts(
    statement: Statement,
    account: Account,
    *,
    seller: Seller,
    buyer: Party,
    numbers: Mapping[int, str],
) -> dict[str, object]:
    cents = shown(statement)
    rows = [cents.opening, *cents.lines, cents.closing]
    amounts = [one for row in rows for one in (row.promo_nanos, row.paid_nanos, row.total_nanos)]
    decimals = max(_decimals(display_usd(one)) for one in [*amounts, *cents.usage])
    zone = statement.zone
    charge = sum(cents.usage)
    calls = statement.usage.calls
    return {
        "month": month_words(statement.month),
        "account": account.account_id,
        "seller": party_facts(seller.party),
        "buyer": party_facts(buyer),
        "so_far": ""
        if statement.is_over
        else "The month has not ended: what follows can still be added to.",
        "span": f"{day(statement.since, zone)} to {day(statement.until - _SECOND, zone)}, by the "
        f"clock of {zone}. Account {account.account_id}.",
        "opening": _row(cents.opening, decimals),
        "lines": [
            (f"{entries_words(line.kind)} ({line.entries:,})", *_row(row, decimals, signed))
            for line, row in zip(statement.lines, cents.lines, strict=True)
        ],
        "closing": _row(cents.closing, decimals),
        "closing_words": "Closing balance" if statement.is_over else "Balance now",
        "exact": exact_words(statement),
        "usage": [
            (name, _padded(display_usd(nanos), decimals))
            for name, nanos, exact in zip(USAGE, cents.usage, statement.usage.parts, strict=True)
            if exact
        ],
        "usage_total": (
            f"{calls:,} call{'' if calls == 1 else 's'}",
            _padded(display_usd(charge), decimals),
        ),
        "entries": [_entry(entry, zone, numbers) for entry in statement.entries],
        "left_out": f"{statement.entries_left_out:,} more are in the transaction history."
        if statement.entries_left_out
        else "",
    }


def _row(
    row: Row, decimals: int, words: Callable[[int], str] = display_usd
) -> tuple[tuple[str, str], ...]:
    return tuple(
        _padded(words(nanos), decimals)
        for nanos in (row.promo_nanos, row.paid_nanos, row.total_nanos)
    )


def _padded(amount: str, decimals: int) -> tuple[str, str]:
    """An amount, and the zeros that would follow it: left blank, they align the points."""
    return amount, "0" * (decimals - _decimals(amount))


def _decimals(amount: str) -> int:
    return len(amount.partition(".")[2])


def _entry(entry: Entry, zone: str, numbers: Mapping[int, str]) -> tuple[object, ...]:
    detail = numbers.get(entry.seq) or entry.note or entry.ref
    if entry.kind is EntryKind.WELCOME_BONUS:
        detail = ""
    return (
        day(entry.recorded_at, zone),
        entry_words(entry.kind),
        detail,
        (signed(entry.promo_delta_nanos) if entry.promo_delta_nanos else "", ""),
        (signed(entry.paid_delta_nanos) if entry.paid_delta_nanos else "", ""),
    )
