"""Slots: acts that wait for somebody outside, side by side, each free slot taken again at once.

Acts done one after another, or in batches of which the slowest holds up the next, make everybody
wait for whoever answers slowest. Here that is one slot of several.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final, Generic, TypeVar

import structlog
from prometheus_client import Counter

from talktime.core.errors import Overloaded, PaymentMismatch, TalktimeError

log = structlog.get_logger("talktime.worker")

STOP_SECONDS: Final = 3.0
"""How long acts under way may take to end when the worker stops."""

# Without a registry of its own, as the runs of loops: a run is over before its acts are.
ACTS = Counter(
    "talktime_worker_acts",
    "Acts that a loop with slots ended: done, later (who was asked is away), refused, failed.",
    ["loop", "result"],
    registry=None,
)

Due = TypeVar("Due")


async def end_soon(tasks: Collection[asyncio.Task[None]]) -> None:
    """Give tasks STOP_SECONDS to end by themselves, and cancel the others."""
    if not tasks:
        return
    _, late = await asyncio.wait(set(tasks), timeout=STOP_SECONDS)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late)


class Slots(Generic[Due]):
    """Claims what is due and acts on it; ``run`` is one look, ``close`` ends what is under way.

    ``claim`` takes how many at most, and sees to it that nobody else is given the same for a while.
    An act that raises Overloaded (the database or the provider is away) takes no further one: the
    next look does.
    """

    def __init__(
        self,
        name: str,
        *,
        claim: Callable[[int], Awaitable[Sequence[Due]]],
        act: Callable[[Due], Awaitable[object]],
        at_most: int,
    ) -> None:
        self._name = name
        self._claim = claim
        self._act = act
        self._free = at_most
        self._tasks: set[asyncio.Task[None]] = set()
        self._claiming = asyncio.Lock()
        self._is_more_due = False
        self._closing = False

    async def run(self) -> None:
        """Begin what is due, as far as slots are free; the acts go on after this returns."""
        async with self._claiming:
            await self._fill()

    async def finish(self) -> None:
        """Wait until nothing is under way; for tests and commands."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def close(self) -> None:
        """Let acts under way end for a moment, then cancel them: rows say how far each got."""
        # Nothing is begun any more when this is known, not even by a claim under way.
        async with self._claiming:
            self._closing = True
        await end_soon(self._tasks)

    async def _fill(self) -> None:
        room = self._free
        if room <= 0 or self._closing:
            return
        due = await self._claim(room)
        # Fewer than there was room for: whatever comes due now is found by the next look.
        self._is_more_due = len(due) >= room
        for one in due:
            self._free -= 1
            task = asyncio.create_task(self._work(one), name=f"{self._name} slot")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work(self, one: Due) -> None:
        try:
            goes_on = await self._acted(one)
        finally:
            self._free += 1
        if not goes_on:
            return
        async with self._claiming:
            if self._is_more_due:
                try:
                    await self._fill()
                except Overloaded as error:
                    log.warning("left for later", slots=self._name, why=error.message)
                except Exception:  # the next look tries again
                    log.exception("nothing could be claimed", slots=self._name)

    async def _acted(self, one: Due) -> bool:
        """Whether there is a sense in going on with the next."""
        try:
            await self._act(one)
        except Overloaded as error:
            self._count("later")
            log.warning("left for later", slots=self._name, why=error.message)
            return False
        except PaymentMismatch:
            self._count("refused")
            log.exception("an operator is needed", slots=self._name)
        except TalktimeError as error:
            self._count("refused")
            log.warning("refused", slots=self._name, due=one, why=error.message)
        except Exception:  # whatever it is, the others and the next look go on
            self._count("failed")
            log.exception("an act failed", slots=self._name, due=one)
            return False
        else:
            self._count("done")
        return True

    def _count(self, result: str) -> None:
        ACTS.labels(loop=self._name, result=result).inc()
