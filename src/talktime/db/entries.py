"""Entries of the ledger read back and searched, and those just posted."""

import re
from collections.abc import Sequence
from datetime import datetime

from psycopg.rows import kwargs_row

from talktime.core.entry_filter import EntryFilter
from talktime.core.ledger import Entry, EntryKind
from talktime.db.acts import EntryRow, EntryVerdict
from talktime.db.pool import Connection
from talktime.db.queries import query


async def read_bounds(
    connection: Connection,
    account_id: str,
    *,
    from_time: datetime | None,
    to_time: datetime | None,
) -> tuple[int, int] | None:
    """The numbers of the entries in a span of time, (from, until before); None: no such account."""
    cursor = await connection.execute(
        query("entry_bounds"),
        {"account_id": account_id, "from_time": from_time, "to_time": to_time},
    )
    row = await cursor.fetchone()
    return None if row is None else (row[0], row[1])


async def list_entries(
    connection: Connection,
    account_id: str,
    *,
    low: int,
    high: int,
    kind: EntryKind | None,
    limit: int,
) -> list[Entry]:
    """The first ``limit`` entries numbered from ``low`` until before ``high``, newest first.

    A kind other than call is looked for among calls here; match_beside_calls passes over those.
    """
    async with connection.cursor(row_factory=kwargs_row(entry_read)) as cursor:
        await cursor.execute(
            query("list_entries"),
            {
                "account_id": account_id,
                "low": low,
                "high": high,
                "kind": kind and kind.value,
                "limit": limit,
            },
        )
        return await cursor.fetchall()


async def match_beside_calls(
    connection: Connection,
    account_id: str,
    wanted: EntryFilter,
    *,
    low: int,
    high: int,
    walk: int,
    limit: int,
) -> tuple[list[int], int]:
    """Numbers of entries that are no calls and fit kind and text, newest first, and the number
    down to which all were looked at: ``low``, or where ``walk`` entries ended."""
    cursor = await connection.execute(
        query("entries_beside_calls"),
        {
            "account_id": account_id,
            "low": low,
            "high": high,
            "walk": walk,
            "limit": limit,
            "kind": wanted.kind and wanted.kind.value,
            "text": wanted.text,
            "note": f"%{_escaped(wanted.text)}%",
            "amounts": list(wanted.amounts),
        },
    )
    row = await cursor.fetchone()
    assert row is not None
    return row[1], row[0]


async def find_calls_by_ref(
    connection: Connection, account_id: str, wanted: EntryFilter, *, limit: int
) -> list[int]:
    """Numbers of the entries of calls whose ids begin with the text, in any order."""
    cursor = await connection.execute(
        query("calls_by_ref"),
        {
            "account_id": account_id,
            "text": wanted.text,
            "past_text": wanted.past_text,
            "limit": limit,
        },
    )
    return [seq for (seq,) in await cursor.fetchall()]


async def walk_calls_by_ref(
    connection: Connection, account_id: str, text: str, *, low: int, high: int, limit: int
) -> list[int]:
    """As find_calls_by_ref, looking at every entry between two numbers, newest first."""
    cursor = await connection.execute(
        query("walk_calls_by_ref"),
        {"account_id": account_id, "text": text, "low": low, "high": high, "limit": limit},
    )
    return [seq for (seq,) in await cursor.fetchall()]


async def read_entries(connection: Connection, account_id: str, seqs: Sequence[int]) -> list[Entry]:
    """The entries with these numbers, in this order."""
    if not seqs:
        return []
    async with connection.cursor(row_factory=kwargs_row(entry_read)) as cursor:
        await cursor.execute(
            query("live_entries"), {"account_id": [account_id] * len(seqs), "seq": list(seqs)}
        )
        by_seq = {entry.seq: entry for entry in await cursor.fetchall()}
    return [by_seq[seq] for seq in seqs]


def entry_of(row: EntryRow, verdict: EntryVerdict) -> Entry:
    """The entry that a row became, now or, where the verdict is ``repeated``, before."""
    assert verdict.seq is not None
    assert verdict.promo_delta_nanos is not None
    assert verdict.paid_delta_nanos is not None
    assert verdict.promo_after_nanos is not None
    assert verdict.paid_after_nanos is not None
    assert verdict.reserved_after_nanos is not None
    assert verdict.occurred_at is not None
    assert verdict.recorded_at is not None
    return Entry(
        account_id=row.account_id,
        seq=verdict.seq,
        kind=EntryKind(row.kind),
        ref=row.ref,
        promo_delta_nanos=verdict.promo_delta_nanos,
        paid_delta_nanos=verdict.paid_delta_nanos,
        promo_after_nanos=verdict.promo_after_nanos,
        paid_after_nanos=verdict.paid_after_nanos,
        reserved_after_nanos=verdict.reserved_after_nanos,
        occurred_at=verdict.occurred_at,
        recorded_at=verdict.recorded_at,
        note=row.note,
    )


def _escaped(text: str) -> str:
    """Text in which nothing means anything to LIKE."""
    return re.sub(r"([\\%_])", r"\\\1", text)


def entry_read(*, kind: str, **columns: object) -> Entry:
    """An entry from the columns that list_entries and live_entries name."""
    return Entry(kind=EntryKind(kind), **columns)  # type: ignore[arg-type]
