"""What a loop is: an act, how often it is done, and what becomes of its failures."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
import structlog
from prometheus_client import Counter, Gauge

from talktime.core.errors import TalktimeError

log = structlog.get_logger("talktime.worker")

LONGEST_PAUSE_SECONDS: Final = 60.0
ROUNDS_MAX: Final = 200
"""Batches that one run of a loop handles before the others have their turn."""

# Without a registry of their own: each application that is made shows them in its own.
RUNS = Counter("talktime_worker_runs", "Runs of a loop.", ["loop", "result"], registry=None)
LAST_RUN = Gauge(
    "talktime_worker_last_success_timestamp_seconds",
    "When a loop last ran well.",
    ["loop"],
    registry=None,
)


class Loop(msgspec.Struct, frozen=True, kw_only=True):
    """An act and how often it is done."""

    name: str
    act: Callable[[], Awaitable[None]]
    every_seconds: float
    close: Callable[[], Awaitable[None]] | None = None
    """Ends what the act has begun and not finished, when the loop ends."""
    finish: Callable[[], Awaitable[None]] | None = None
    """Waits for what the act has begun instead; for who does it once."""


async def run_loops(loops: Sequence[Loop], stop: asyncio.Event) -> None:
    """Run loops side by side until ``stop`` is set; an act under way is finished."""
    async with asyncio.TaskGroup() as group:
        for loop in loops:
            group.create_task(_repeat(loop, stop), name=f"worker {loop.name}")


async def _repeat(loop: Loop, stop: asyncio.Event) -> None:
    try:
        await _repeat_act(loop, stop)
    finally:
        if loop.close is not None:
            await loop.close()


async def _repeat_act(loop: Loop, stop: asyncio.Event) -> None:
    failures = 0
    while not stop.is_set():
        try:
            await loop.act()
        except TalktimeError as error:
            failures += 1
            RUNS.labels(loop=loop.name, result="refused").inc()
            log.warning("loop refused", loop=loop.name, code=error.code, failures=failures)
        except Exception:  # whatever it is, the other loops and the next try go on
            failures += 1
            RUNS.labels(loop=loop.name, result="failed").inc()
            log.exception("loop failed", loop=loop.name, failures=failures)
        else:
            failures = 0
            RUNS.labels(loop=loop.name, result="done").inc()
            LAST_RUN.labels(loop=loop.name).set_to_current_time()
        try:
            async with asyncio.timeout(pause_seconds(loop.every_seconds, failures)):
                await stop.wait()
        except TimeoutError:
            continue


def pause_seconds(every_seconds: float, failures: int) -> float:
    """Until the next run: doubled with each failure in a row, bounded by a minute."""
    if failures == 0:
        return every_seconds
    backoff: float = every_seconds * 2 ** min(failures, 10)
    return max(every_seconds, min(LONGEST_PAUSE_SECONDS, backoff))
