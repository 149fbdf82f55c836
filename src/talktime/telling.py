"""Which accounts there is something to tell of, found without looking at all of them each time.

A *sweep* compares every lane with its account. With few endpoints that is the cheapest look there
is; with an endpoint of the platform it takes some 150 ms per hundred thousand accounts.
So sweeps take a hundredth of the time at most, and the looks between them read what was recorded
lately, unless that is more work: ten thousand settlements a second are 10 ms to look through, and
a sweep of one lane takes a quarter of one. A sweep finds what those cannot see: what was committed
long after its time, or recorded by a clock that is behind.
"""

import time
from datetime import datetime, timedelta
from typing import Final

import prometheus_client

from talktime.ops.platform import Platform
from talktime.ops.webhook_relay import (
    FOUND_MAX,
    Listeners,
    find_recent,
    find_untold,
    open_late_lanes,
    read_listeners,
    relay_events,
)

ROUNDS_MAX: Final = 20
"""Transactions of the relay in one look, before sending has its turn."""
AT_ONCE: Final = 200
"""Accounts that one transaction of the relay looks at."""
SHARE_OF_TIME: Final = 100
"""Sweeps take at most one part in so many of the time, or less than the other looks would."""
SWEEP_SECONDS_MAX: Final = 120.0
"""However long a sweep takes, the next one is no further away."""
FADING: Final = 0.97
"""At each sweep made instead, what the last look at the recent took counts so much less, so that
another is made before long, which may take less."""
OVERLAP: Final = timedelta(seconds=2)
"""How late what was recorded may be committed, or how far behind its clock may be, to be seen by
the looks between sweeps."""
NOBODY: Final = Listeners(all=0, of_platform=0, failing=0, disabled=0)

ENDPOINTS: Final = prometheus_client.Gauge(
    "talktime_webhook_endpoints",
    "Webhook endpoints that take what they are sent, that do not, and that were disabled for it.",
    ["state"],
    registry=None,
)


class Teller:
    """Copies what happened into deliveries, as far as somebody listens."""

    def __init__(self, platform: Platform, *, share_of_time: int = SHARE_OF_TIME) -> None:
        self._platform = platform
        self._share_of_time = share_of_time
        self._listeners = NOBODY
        self._untold: list[str] = []
        self._looked_at: datetime | None = None
        self._sweep_at = 0.0
        self._rest = 0.0
        """Seconds due after the last sweep, however many; and after one that would have taken as
        long as the last look at the recent."""
        self._rest_of_recent = 0.0

    async def run(self) -> bool:
        """Tell what happened since; False, after one statement, where nobody listens."""
        async with self._platform.connection() as connection:
            listeners = await read_listeners(connection)
        _show(listeners)
        if (listeners.all, listeners.of_platform) != (
            self._listeners.all,
            self._listeners.of_platform,
        ):
            self._sweep_at = 0.0
        self._listeners = listeners
        if not listeners.all:
            self._untold.clear()
            return False
        if not self._untold:
            await self._look()
        for _ in range(ROUNDS_MAX):
            if not self._untold:
                break
            await self._tell()
        return True

    async def _look(self) -> None:
        now = self._platform.clock()
        is_cheaper = self._rest < self._rest_of_recent
        if self._looked_at is None or is_cheaper or time.monotonic() >= self._sweep_at:
            self._untold = await self._sweep()
        else:
            began = time.monotonic()
            since = min(self._looked_at, now) - OVERLAP
            async with self._platform.connection() as connection:
                self._untold = await find_recent(connection, since=since)
                if self._untold and self._listeners.of_platform:
                    await open_late_lanes(connection, self._untold)
            self._rest_of_recent = (time.monotonic() - began) * SHARE_OF_TIME
        if len(self._untold) < FOUND_MAX or self._looked_at is None:
            self._looked_at = now

    async def _sweep(self) -> list[str]:
        began = time.monotonic()
        async with self._platform.connection() as connection:
            if self._listeners.of_platform:
                await open_late_lanes(connection, None)
            found = await find_untold(connection)
        ended = time.monotonic()
        # With more than one look finds, the rest is looked for as soon as these are told.
        self._rest = 0.0 if len(found) == FOUND_MAX else (ended - began) * self._share_of_time
        self._sweep_at = ended + min(self._rest, SWEEP_SECONDS_MAX)
        self._rest_of_recent *= FADING
        return found

    async def _tell(self) -> None:
        some, others = self._untold[:AT_ONCE], self._untold[AT_ONCE:]
        async with self._platform.connection() as connection:
            relayed = await relay_events(
                connection,
                some,
                floor_nanos=self._platform.terms.floor_nanos,
                now=self._platform.clock(),
            )
        # Those with more to tell take turns with the others.
        self._untold = others if relayed.is_all else others + some


def _show(listeners: Listeners) -> None:
    ENDPOINTS.labels(state="taking").set(listeners.all - listeners.failing)
    ENDPOINTS.labels(state="failing").set(listeners.failing)
    ENDPOINTS.labels(state="disabled").set(listeners.disabled)
