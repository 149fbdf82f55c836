"""A monthly statement on paper."""

from collections.abc import Callable, Mapping, Sequence
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
    opening, *lines, closing = _rows([cents.opening, *cents.lines, cents.closing])
    charge = sum(cents.usage)
    *usage, usage_total = _column([*cents.usage, charge], display_usd)
    entries = statement.entries
    deltas = zip(
        _column([one.promo_delta_nanos for one in entries], _moved),
        _column([one.paid_delta_nanos for one in entries], _moved),
        strict=True,
    )
    zone = statement.zone
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
        "opening": opening,
        "lines": [
            (f"{entries_words(line.kind)} ({line.entries:,})", *row)
            for line, row in zip(statement.lines, lines, strict=True)
        ],
        "closing": closing,
        "closing_words": "Closing balance" if statement.is_over else "Balance now",
        "exact": exact_words(statement),
        "usage": [
            (name, amount)
            for name, amount, exact in zip(USAGE, usage, statement.usage.parts, strict=True)
            if exact
        ],
        "usage_total": (f"{calls:,} call{'' if calls == 1 else 's'}", usage_total),
        "entries": [
            (*_entry(entry, zone, numbers), *moved)
            for entry, moved in zip(entries, deltas, strict=True)
        ],
        "left_out": f"{statement.entries_left_out:,} more are in the transaction history."
        if statement.entries_left_out
        else "",
    }


def _rows(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Opening, what moved it, and closing: promo, paid and both."""

    def words(nanos: Sequence[int]) -> list[str]:
        first, last = (display_usd(nanos[n]) for n in (0, -1))
        return _level([first, *map(signed, nanos[1:-1]), last])

    promo = words([row.promo_nanos for row in rows])
    paid = words([row.paid_nanos for row in rows])
    both = words([row.total_nanos for row in rows])
    return list(zip(promo, paid, both, strict=True))


def _column(nanos: Sequence[int], words: Callable[[int], str]) -> list[str]:
    return _level([words(one) for one in nanos])


def _level(amounts: Sequence[str]) -> list[str]:
    """A column with as many decimals everywhere as its longest amount has; what is empty stays."""
    most = max((_decimals(one) for one in amounts), default=0)
    return [one and one + "0" * (most - _decimals(one)) for one in amounts]


def _decimals(amount: str) -> int:
    return len(amount.partition(".")[2])


def _moved(nanos: int) -> str:
    return signed(nanos) if nanos else ""


def _entry(entry: Entry, zone: str, numbers: Mapping[int, str]) -> tuple[str, str, str]:
    detail = numbers.get(entry.seq) or entry.note or entry.ref
    if entry.kind is EntryKind.WELCOME_BONUS:
        detail = ""
    return day(entry.recorded_at, zone), entry_words(entry.kind), detail
