"""What the worker keeps in order: the outbox's days, what has expired."""

from datetime import date, datetime

from talktime.db.pool import Connection
from talktime.db.queries import query


async def plan_event_days(
    connection: Connection, *, today: date, days_ahead: int, keep_days: int
) -> int:
    """Make the outbox partitions of the coming days; answers how many old ones were dropped."""
    cursor = await connection.execute(
        query("plan_event_days"),
        {"today": today, "days_ahead": days_ahead, "keep_days": keep_days},
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def delete_refusals(connection: Connection, *, before: datetime, limit: int) -> int:
    """Forget refusals older than a moment, at most ``limit`` of them; answers how many."""
    return await _deleted(connection, "delete_refusals", before, limit)


async def delete_portal_links(connection: Connection, *, before: datetime, limit: int) -> int:
    """Forget one-time links that expired before a moment."""
    return await _deleted(connection, "delete_portal_links", before, limit)


async def delete_browser_sessions(connection: Connection, *, before: datetime, limit: int) -> int:
    """Forget sessions that expired before a moment."""
    return await _deleted(connection, "delete_browser_sessions", before, limit)


async def delete_sign_in_links(connection: Connection, *, before: datetime, limit: int) -> int:
    """Forget links by e-mail that expired before a moment."""
    return await _deleted(connection, "delete_sign_in_links", before, limit)


async def delete_guesses(connection: Connection, *, before: datetime, limit: int) -> int:
    """Forget windows of attempts that began before a moment."""
    return await _deleted(connection, "delete_guesses", before, limit)


async def _deleted(connection: Connection, name: str, before: datetime, limit: int) -> int:
    cursor = await connection.execute(query(name), {"before": before, "limit": limit})
    return cursor.rowcount
