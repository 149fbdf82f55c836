"""Whether reports can reach us, and since when: the watchdog counts no silence before that."""

from datetime import datetime, timedelta

from talktime.db import watch
from talktime.db.pool import Connection


async def beat_service(
    connection: Connection, *, longest_gap: timedelta, now: datetime
) -> datetime:
    """Say that reports can reach us now; answers since when they could.

    A gap between two beats longer than ``longest_gap`` was an outage of ours: health begins anew.
    """
    return await watch.beat_service(connection, longest_gap=longest_gap, now=now)


async def read_health(
    connection: Connection, *, now: datetime, longest_gap: timedelta
) -> datetime | None:
    """Since when some process has been serving without a gap; None while none is.

    A process that serves says so every second (beat_service); whoever only watches reads it here.
    """
    return await watch.healthy_since(connection, now=now, longest_gap=longest_gap)


async def read_clock_skew(connection: Connection, *, now: datetime) -> timedelta:
    """By how much our clock is ahead of the database's, which stands for everybody's."""
    return timedelta(milliseconds=await watch.read_clock_skew_ms(connection, now=now))
