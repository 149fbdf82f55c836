"""What a statement's page says."""

from collections.abc import Mapping
from datetime import timedelta

import msgspec

from talktime.core.document import DOCUMENTED
from talktime.core.ledger import Entry
from talktime.core.money import display_usd
from talktime.core.statement import Row, Statement, shown
from talktime.gateways.pdf.wording import USAGE, entries_words, exact_words
from talktime.portal import words
from talktime.portal.billing.payments_view import month_words
from talktime.portal.figures import Moment, Money, day_name, moment, money, signed_money, zone_of


class SumRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the statement: promo, paid and both."""

    name: str
    count: str
    promo: Money
    paid: Money
    both: Money


class ListedEntry(msgspec.Struct, frozen=True, kw_only=True):
    recorded: Moment
    title: str
    detail: str
    receipt_href: str
    promo: str
    paid: str


class StatementView(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    span: str
    is_over: bool
    opening: SumRow
    lines: tuple[SumRow, ...]
    closing: SumRow
    exact: str
    usage: tuple[tuple[str, Money], ...]
    usage_total: tuple[str, Money]
    entries: tuple[ListedEntry, ...]
    left_out: int
    csv_href: str
    pdf_href: str


def statement_view(statement: Statement, numbers: Mapping[int, str], base: str) -> StatementView:
    """``numbers`` are those of the receipts, by entry."""
    cents = shown(statement)
    rows = [cents.opening, *cents.lines, cents.closing]
    amounts = [one for row in rows for one in (row.promo_nanos, row.paid_nanos, row.total_nanos)]
    decimals = max(_decimals(display_usd(one)) for one in [*amounts, *cents.usage])
    zone = zone_of(statement.zone)
    first = statement.since.astimezone(zone).date()
    last = (statement.until - timedelta(seconds=1)).astimezone(zone).date()
    calls = statement.usage.calls
    days = f"from={first.isoformat()}&to={last.isoformat()}"
    return StatementView(
        title=month_words(statement.month),
        span=f"{day_name(first)} to {day_name(last)}, by the clock of {statement.zone}",
        is_over=statement.is_over,
        opening=_sum("Opening balance", "", cents.opening, decimals=decimals),
        lines=tuple(
            _sum(
                entries_words(line.kind),
                f"{line.entries:,}",
                row,
                decimals=decimals,
                is_change=True,
            )
            for line, row in zip(statement.lines, cents.lines, strict=True)
        ),
        closing=_sum(
            "Closing balance" if statement.is_over else "Balance now",
            "",
            cents.closing,
            decimals=decimals,
        ),
        exact=exact_words(statement),
        usage=tuple(
            (name, _padded(nanos, decimals))
            for name, nanos, exact in zip(USAGE, cents.usage, statement.usage.parts, strict=True)
            if exact
        ),
        usage_total=(words.counted(calls, "call"), _padded(sum(cents.usage), decimals)),
        entries=tuple(_listed(entry, statement.zone, numbers, base) for entry in statement.entries),
        left_out=statement.entries_left_out,
        csv_href=f"{base}/billing/transactions.csv?{days}",
        pdf_href=f"{base}/billing/statements/{statement.month:%Y-%m}/pdf",
    )


def _sum(name: str, count: str, row: Row, *, decimals: int, is_change: bool = False) -> SumRow:
    promo, paid, both = (
        _padded(nanos, decimals, is_change=is_change)
        for nanos in (row.promo_nanos, row.paid_nanos, row.total_nanos)
    )
    return SumRow(name=name, count=count, promo=promo, paid=paid, both=both)


def _padded(nanos: int, decimals: int, *, is_change: bool = False) -> Money:
    """With the zeros that align the points of a column; those that are beyond it are left out."""
    one = signed_money(nanos) if is_change else money(nanos)
    return Money(text=one.text, pad="0" * (decimals - _decimals(one.text)))


def _decimals(text: str) -> int:
    return len(text.partition(".")[2])


def _listed(entry: Entry, zone: str, numbers: Mapping[int, str], base: str) -> ListedEntry:
    promo, paid = entry.promo_delta_nanos, entry.paid_delta_nanos
    return ListedEntry(
        recorded=moment(entry.recorded_at, zone_of(zone)),
        title=words.entry_words(entry.kind),
        detail=numbers.get(entry.seq) or entry.note or entry.ref,
        receipt_href=f"{base}/billing/receipts/{entry.seq}" if entry.kind in DOCUMENTED else "",
        promo=signed_money(promo).text if promo else "",
        paid=signed_money(paid).text if paid else "",
    )
