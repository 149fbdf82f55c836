"""An account's transaction history: in pages and as CSV, whole or what is sought of it."""

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Final

import msgspec

from talktime.core.entry_filter import EntryFilter
from talktime.core.ledger import Entry, EntryKind
from talktime.core.money import format_usd
from talktime.core.spreadsheet import safe_cell
from talktime.db import entries
from talktime.db.pool import Connection, read_whole
from talktime.ops.accounts import account_unknown, check_limit

CSV_PAGE: Final = 1_000

WALK_BESIDE_CALLS: Final = 2_000
"""How many entries that are no calls are looked at for one page of a search."""
FEW_CALLS: Final = 500
"""Up to so many calls whose ids begin alike are picked by their ids."""
WALK_CALLS: Final = 10_000
"""Where there are more of them, how many entries are looked at for one page."""

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


async def list_entries(
    connection: Connection,
    account_id: str,
    *,
    before: int | None,
    kind: EntryKind | None,
    limit: int,
) -> tuple[list[Entry], int | None]:
    """As find_entries, all of them or those of a kind."""
    return await find_entries(
        connection, account_id, EntryFilter(kind=kind), before=before, limit=limit
    )


async def find_entries(
    connection: Connection,
    account_id: str,
    wanted: EntryFilter,
    *,
    before: int | None,
    limit: int,
) -> tuple[list[Entry], int | None]:
    """A page of at most ``limit`` (1 to 200) entries that are wanted, newest first.

    Answers the page and the sequence number to go on below, if there may be more. However long the
    history is, a page takes a moment: so where what is sought is rare among what was looked at, a
    page may have fewer, or none, and still name where to go on. Raises AccountUnknown.
    """
    check_limit(limit)
    return await _find(connection, account_id, wanted, before=before, limit=limit)


async def export_entries(
    connections: Callable[[], AbstractAsyncContextManager[Connection]],
    account_id: str,
    wanted: EntryFilter | None = None,
) -> AsyncIterator[str]:
    """The wanted part of the history as CSV text, newest first, in pieces; amounts are exact USD.

    The first piece, the header, comes before anything is read. A connection is held only while a
    piece is read, so a slow reader holds none; entries never change, so the pieces fit together.
    """
    yield csv_text([CSV_COLUMNS])
    before: int | None = None

    def read_page(connection: Connection) -> Awaitable[tuple[list[Entry], int | None]]:
        return _find(connection, account_id, wanted or EntryFilter(), before=before, limit=CSV_PAGE)

    while True:
        page, before = await read_whole(connections, read_page)
        if page:
            yield csv_text(map(_csv_row, page))
        if before is None:
            return


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Rows as RFC 4180 has them."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


async def _find(
    connection: Connection,
    account_id: str,
    wanted: EntryFilter,
    *,
    before: int | None,
    limit: int,
) -> tuple[list[Entry], int | None]:
    bounds = await entries.read_bounds(
        connection, account_id, from_time=wanted.from_time, to_time=wanted.to_time
    )
    if bounds is None:
        raise account_unknown(account_id)
    low, high = bounds
    high = high if before is None else min(before, high)
    if not wanted.text and wanted.kind in {None, EntryKind.CALL}:
        found = await entries.list_entries(
            connection, account_id, low=low, high=high, kind=wanted.kind, limit=limit + 1
        )
        page = found[:limit]
        return page, page[-1].seq if len(found) > limit else None
    span = _Span(account_id=account_id, low=low, high=high, limit=limit + 1)
    seqs, reached = await _search(connection, wanted, span)
    page = await entries.read_entries(connection, account_id, seqs[:limit])
    if len(seqs) > limit:
        return page, page[-1].seq
    return page, reached if reached > low else None


class _Span(msgspec.Struct, frozen=True, kw_only=True):
    """Where to look: entries from ``low`` until before ``high``, for at most ``limit``."""

    account_id: str
    low: int
    high: int
    limit: int


async def _search(
    connection: Connection, wanted: EntryFilter, span: _Span
) -> tuple[list[int], int]:
    """Numbers of entries that match, newest first, and the number down to which these are all."""
    seqs: list[int] = []
    reached = span.low
    if wanted.kind is not EntryKind.CALL:
        seqs, reached = await entries.match_beside_calls(
            connection,
            span.account_id,
            wanted,
            low=span.low,
            high=span.high,
            walk=WALK_BESIDE_CALLS,
            limit=span.limit,
        )
    if wanted.kind in {None, EntryKind.CALL}:
        calls, calls_reached = await _search_calls(connection, wanted, span)
        reached = max(reached, calls_reached)
        seqs = sorted((seq for seq in [*seqs, *calls] if seq >= reached), reverse=True)
    return seqs[: span.limit], reached


async def _search_calls(
    connection: Connection, wanted: EntryFilter, span: _Span
) -> tuple[list[int], int]:
    """As _search, calls alone. A few are found by their ids; of many some are soon met on the way
    back through the history."""
    found = await entries.find_calls_by_ref(
        connection, span.account_id, wanted, limit=FEW_CALLS + 1
    )
    if len(found) <= FEW_CALLS:
        within = (seq for seq in found if span.low <= seq < span.high)
        return sorted(within, reverse=True)[: span.limit], span.low
    reached = max(span.low, span.high - WALK_CALLS)
    seqs = await entries.walk_calls_by_ref(
        connection,
        span.account_id,
        wanted.text,
        low=reached,
        high=span.high,
        limit=span.limit,
    )
    return seqs, reached


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
