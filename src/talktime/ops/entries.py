"""An account's transaction history: in pages, and whole as CSV."""

import csv
import io
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Final

from talktime.core.ledger import Entry, EntryKind
from talktime.core.money import format_usd
from talktime.db import accounts, entries
from talktime.db.pool import Connection
from talktime.ops.accounts import account_unknown, check_limit

NEWEST: Final = 2**63 - 1
CSV_PAGE: Final = 1_000

CSV_COLUMNS: Final = (
    "account_id",
    "seq",
    "recorded_at",
    "occurred_at",
    "kind",
    "ref",
    "amount",
    "promo_delta",
    "paid_delta",
    "promo_after",
    "paid_after",
    "available_after",
    "note",
)

# Spreadsheets take a cell that begins so for a formula.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


async def list_entries(
    connection: Connection,
    account_id: str,
    *,
    before: int | None,
    kind: EntryKind | None,
    limit: int,
) -> tuple[list[Entry], int | None]:
    """A page of at most ``limit`` (1 to 200) entries, newest first.

    Answers the page and the sequence number to go on below, if there are more. Raises
    AccountUnknown.
    """
    check_limit(limit)
    await _require_account(connection, account_id)
    start = NEWEST if before is None else before
    found = await entries.list_entries(
        connection, account_id, before=start, kind=kind, limit=limit + 1
    )
    page = found[:limit]
    return page, page[-1].seq if len(found) > limit else None


async def export_entries(
    connections: Callable[[], AbstractAsyncContextManager[Connection]],
    account_id: str,
    *,
    kind: EntryKind | None,
) -> AsyncIterator[str]:
    """The whole history as CSV text, newest first, in pieces; amounts are exact USD.

    The first piece, the header, comes before anything is read. A connection is held only while a
    piece is read, so a slow reader holds none; entries never change, so the pieces fit together.
    """
    yield csv_text([CSV_COLUMNS])
    before = NEWEST
    while True:
        async with connections() as connection:
            page = await entries.list_entries(
                connection, account_id, before=before, kind=kind, limit=CSV_PAGE
            )
        if page:
            yield csv_text(map(_csv_row, page))
        if len(page) < CSV_PAGE:
            return
        before = page[-1].seq


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Rows as RFC 4180 has them."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def safe_cell(text: str) -> str:
    """The text, after an apostrophe where a spreadsheet would take it for a formula."""
    return "'" + text if text.startswith(_FORMULA_STARTS) else text


async def _require_account(connection: Connection, account_id: str) -> None:
    if not await accounts.account_exists(connection, account_id):
        raise account_unknown(account_id)


def _csv_row(entry: Entry) -> tuple[object, ...]:
    return (
        safe_cell(entry.account_id),
        entry.seq,
        entry.recorded_at.isoformat().replace("+00:00", "Z"),
        entry.occurred_at.isoformat().replace("+00:00", "Z"),
        entry.kind.value,
        safe_cell(entry.ref),
        format_usd(entry.amount_nanos),
        format_usd(entry.promo_delta_nanos),
        format_usd(entry.paid_delta_nanos),
        format_usd(entry.promo_after_nanos),
        format_usd(entry.paid_after_nanos),
        format_usd(entry.available_after_nanos),
        safe_cell(entry.note or ""),
    )
