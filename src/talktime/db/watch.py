"""What the worker looks for: silent calls, unpriced calls, the service's own health."""

from datetime import datetime, timedelta

from talktime.db.pool import Connection
from talktime.db.queries import query


async def beat_service(
    connection: Connection, *, longest_gap: timedelta, now: datetime
) -> datetime:
    """Record a beat; answers since when there was no gap longer than ``longest_gap``."""
    cursor = await connection.execute(
        query("beat_service"), {"now": now, "longest_gap": longest_gap}
    )
    row = await cursor.fetchone()
    assert row is not None
    since: datetime = row[0]
    return since


async def healthy_since(
    connection: Connection, *, now: datetime, longest_gap: timedelta
) -> datetime | None:
    """Since when reports could reach us; None while they cannot, or nobody has said so."""
    cursor = await connection.execute(
        query("read_health"), {"now": now, "longest_gap": longest_gap}
    )
    row = await cursor.fetchone()
    since: datetime | None = row[0] if row else None
    return since


async def silent_call_keys(
    connection: Connection, *, silent_since: datetime, limit: int
) -> list[tuple[str, str]]:
    """Keys of live calls last heard at or before a moment, longest silent first."""
    cursor = await connection.execute(
        query("silent_call_keys"), {"silent_since": silent_since, "limit": limit}
    )
    return [(row[0], row[1]) for row in await cursor.fetchall()]


async def unpriced_call_keys(
    connection: Connection, *, after: tuple[str, str], limit: int
) -> list[tuple[str, str]]:
    """Keys of ended calls that wait for a price, in key order, after a given one."""
    cursor = await connection.execute(
        query("unpriced_call_keys"),
        {"after_account": after[0], "after_call": after[1], "limit": limit},
    )
    return [(row[0], row[1]) for row in await cursor.fetchall()]


async def read_clock_skew_ms(connection: Connection, *, now: datetime) -> int:
    """By how many milliseconds ``now`` is ahead of the database's clock."""
    cursor = await connection.execute(query("read_clock_skew"), {"now": now})
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])
