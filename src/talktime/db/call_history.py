"""Calls found by account: in pages, and what the last ones were charged."""

from collections.abc import Sequence
from datetime import datetime

from talktime.core.call import Call
from talktime.db.calls import call_of
from talktime.db.pool import Connection
from talktime.db.queries import query


async def list_calls(
    connection: Connection,
    *,
    account_id: str,
    before: tuple[datetime, str] | None,
    limit: int,
    now: datetime,
    status: str | None,
    channel: str | None,
    outcome: str | None,
    billing_status: str | None,
    agent_id: str | None,
    from_time: datetime | None,
    to_time: datetime | None,
) -> list[Call]:
    """Calls newest first by (admitted_at, call_id), below ``before``; None filters nothing."""
    cursor = await connection.execute(
        query("list_calls"),
        {
            "account_id": account_id,
            "before_time": before[0] if before else None,
            "before_call": before[1] if before else None,
            "limit": limit,
            "now": now,
            "status": status,
            "channel": channel,
            "outcome": outcome,
            "billing_status": billing_status,
            "agent_id": agent_id,
            "from_time": from_time,
            "to_time": to_time,
        },
        prepare=False,
    )
    return [call_of(row) for row in await cursor.fetchall()]


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
