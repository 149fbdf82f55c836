"""Calls found by account: in pages, those to compare one with, what the last ones were charged."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import psycopg

from talktime.core.call import Call
from talktime.core.call_filter import CallFilter, CallOrder
from talktime.core.errors import RangeTooWide
from talktime.db.calls import call_of
from talktime.db.pool import Connection
from talktime.db.queries import query

_SORTS: Final = {
    CallOrder.NEWEST: (None, 1),
    CallOrder.DEAREST: ("cost", -1),
    CallOrder.CHEAPEST: ("cost", 1),
    CallOrder.LONGEST: ("duration", -1),
    CallOrder.SHORTEST: ("duration", 1),
}


class Below(NamedTuple):
    """Where a list goes on: below this call."""

    admitted_at: datetime
    call_id: str
    rank: int | None
    """What it is sorted by, ascending; None in the order of time."""


class Found(NamedTuple):
    """A page of calls."""

    calls: list[Call]
    ranks: list[int | None]
    matched: int
    """How many match, as far as was looked; 0 where the page is empty."""


async def list_calls(
    connection: Connection,
    *,
    account_id: str,
    wanted: CallFilter,
    order: CallOrder,
    below: Below | None,
    limit: int,
    most: int,
    now: datetime,
    most_seconds: int | None = None,
    reading: Callable[[Sequence[Any]], Call] = call_of,
) -> Found:
    """At most ``limit`` calls; in another order than that of time ``most`` matching are sorted.

    Raises RangeTooWide where looking takes longer than ``most_seconds``.
    """
    sorts_by, sign = _SORTS[order]
    search = wanted.search
    number = None
    if search is not None and search.digits:
        number = search.digits if search.is_whole else f"%{search.digits}"
    values = {
        "account_id": account_id,
        "sorts_by": sorts_by,
        "sign": sign,
        "before_time": below and below.admitted_at,
        "before_call": below and below.call_id,
        "before_rank": below and below.rank,
        "limit": limit,
        "most": limit if sorts_by is None else most,
        "now": now,
        "status": wanted.status and wanted.status.value,
        "channel": wanted.channel and wanted.channel.value,
        "outcome": wanted.outcome and wanted.outcome.value,
        "billing_status": wanted.billing_status and wanted.billing_status.value,
        "agent_id": wanted.agent_id,
        "from_time": wanted.from_time,
        "to_time": wanted.to_time,
        "min_nanos": wanted.min_nanos,
        "max_nanos": wanted.max_nanos,
        "search": search and search.text,
        "number": number,
    }
    if most_seconds is None:
        cursor = await connection.execute(query("list_calls"), values, prepare=False)
        return _found(await cursor.fetchall(), reading)
    try:
        async with connection.transaction():
            await connection.execute(query("bound_statements"), {"most": f"{most_seconds}s"})
            cursor = await connection.execute(query("list_calls"), values, prepare=False)
            return _found(await cursor.fetchall(), reading)
    except psycopg.errors.QueryCanceled as error:
        raise RangeTooWide(
            "there are too many calls to look through at once; choose fewer days, or take a filter "
            "away",
            field="from",
        ) from error


async def compare_calls(
    connection: Connection,
    call: Call,
    *,
    agent_id: str | None,
    limit: int,
    most: int,
) -> list[Call]:
    """The charged calls of its channel before ``call``, newest first, among the ``most`` before it.

    ``agent_id`` None: whatever their agent.
    """
    cursor = await connection.execute(
        query("compare_calls"),
        {
            "account_id": call.account_id,
            "before_time": call.admitted_at,
            "before_call": call.call_id,
            "channel": call.channel.value,
            "agent_id": agent_id,
            "limit": limit,
            "most": most,
        },
        prepare=False,
    )
    return [call_of(row) for row in await cursor.fetchall()]


async def recent_agents(
    connection: Connection, account_id: str, *, limit: int, most: int
) -> list[str]:
    """At most ``limit`` agents of the last ``most`` calls, by name."""
    cursor = await connection.execute(
        query("recent_agents"), {"account_id": account_id, "limit": limit, "most": most}
    )
    return [agent_id for (agent_id,) in await cursor.fetchall()]


async def recent_charges(
    connection: Connection, keys: Sequence[tuple[str, str]], *, limit: int
) -> list[list[tuple[int, int]]]:
    """(charge in nanos, duration in ms) of the last charged calls, per (account_id, channel)."""
    cursor = await connection.execute(
        query("recent_charges"),
        {
            "account_id": [key[0] for key in keys],
            "channel": [key[1] for key in keys],
            "limit": limit,
        },
    )
    found: list[list[tuple[int, int]]] = [[] for _ in keys]
    for item, charge_nanos, duration_ms in await cursor.fetchall():
        found[item - 1].append((charge_nanos, duration_ms))
    return found


def _found(rows: Sequence[tuple[object, ...]], reading: Callable[[Sequence[Any]], Call]) -> Found:
    matched = rows[0][0] if rows else 0
    assert isinstance(matched, int)
    ranks: list[int | None] = []
    for row in rows:
        rank = row[1]
        assert rank is None or isinstance(rank, int)
        ranks.append(rank)
    return Found([reading(row[2:]) for row in rows], ranks, matched)
