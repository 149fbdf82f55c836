"""The books written out for an auditor that we did not write: beancount's format."""

from collections.abc import AsyncIterator, Iterator
from datetime import date, timedelta
from typing import Final

from talktime.core.double_entry import (
    PLATFORM_ACCOUNTS,
    Transaction,
    book_call,
    book_entry,
    paid_liability,
    promo_liability,
)
from talktime.core.ledger import EntryKind
from talktime.core.money import DECIMALS, NANOS_PER_USD
from talktime.db import ledger_verify as audit
from talktime.db.pool import Connection
from talktime.ops.accounts import account_unknown

ACCOUNTS_PER_PAGE: Final = 200
ENTRIES_PER_PAGE: Final = 5_000
CALLS_PER_PAGE: Final = 1_000
OPENED: Final = date(1970, 1, 1)


async def export_beancount(
    connection: Connection, *, account_id: str | None = None
) -> AsyncIterator[str]:
    """The whole ledger, or one account's, as beancount text in pieces; USD with nine decimals.

    Each account ends with an assertion of its two balances as its row has them, so that
    ``bean-check`` compares them with the sum of its transactions. Safe beside a running server:
    each page of accounts is read as of one moment. Raises AccountUnknown.
    """
    yield 'option "title" "Talktime"\noption "operating_currency" "USD"\n\n'
    yield "".join(f"{OPENED} open {name} USD\n" for name in PLATFORM_ACCOUNTS)
    after = ""
    while True:
        async with audit.one_snapshot(connection):
            page = await audit.read_figures(
                connection, after=after, wanted=account_id, limit=ACCOUNTS_PER_PAGE
            )
            if not page:
                break
            last_days: dict[str, date] = {}
            yield "\n" + "".join(_opened(figures) for figures in page)
            async for owner, booked in _transactions(connection, page):
                last_days[owner] = max(last_days.get(owner, OPENED), booked.on)
                yield _written(booked)
            for figures in page:
                yield _asserted(figures, last_days.get(figures.account_id, OPENED))
        after = page[-1].account_id
    if account_id is not None and not after:
        raise account_unknown(account_id)


async def _transactions(
    connection: Connection, page: list[audit.AccountFigures]
) -> AsyncIterator[tuple[str, Transaction]]:
    last = page[-1].account_id
    entry_after = (page[0].account_id, 0)
    while True:
        entries = await audit.read_entries(
            connection, after=entry_after, last_account=last, limit=ENTRIES_PER_PAGE
        )
        for one in entries:
            if one.entry.kind is not EntryKind.CALL:
                yield one.entry.account_id, book_entry(one.entry)
        if len(entries) < ENTRIES_PER_PAGE:
            break
        entry_after = (entries[-1].entry.account_id, entries[-1].entry.seq)
    call_after = (page[0].account_id, "")
    while True:
        calls = await audit.read_calls(
            connection, after=call_after, last_account=last, limit=CALLS_PER_PAGE
        )
        for call, _ in calls:
            booked = book_call(call)
            if booked is not None:
                yield call.account_id, booked
        if len(calls) < CALLS_PER_PAGE:
            return
        call_after = calls[-1][0].key


def _opened(figures: audit.AccountFigures) -> str:
    return "".join(
        f"{OPENED} open {name} USD\n"
        for name in (promo_liability(figures.account_id), paid_liability(figures.account_id))
    )


def _written(booked: Transaction) -> str:
    return "".join(_transaction_lines(booked))


def _transaction_lines(booked: Transaction) -> Iterator[str]:
    yield f'\n{booked.on} * "{_quoted(booked.text)}" "{_quoted(booked.ref)}"\n'
    for leg in booked.legs:
        yield f"  {leg.account}  {_usd(leg.amount_nanos)} USD\n"


def _asserted(figures: audit.AccountFigures, last_day: date) -> str:
    # An assertion holds at the beginning of its day. What we owe is a credit, so negative; and
    # nothing is tolerated, not a nano.
    on = last_day + timedelta(days=1)
    return (
        "".join(
            f"\n{on} balance {name}  {_usd(-nanos)} ~ 0.000000000 USD"
            for name, nanos in (
                (promo_liability(figures.account_id), figures.promo_nanos),
                (paid_liability(figures.account_id), figures.paid_nanos),
            )
        )
        + "\n"
    )


def _usd(nanos: int) -> str:
    whole, fraction = divmod(abs(nanos), NANOS_PER_USD)
    return f"{'-' if nanos < 0 else ''}{whole}.{fraction:0{DECIMALS}d}"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
