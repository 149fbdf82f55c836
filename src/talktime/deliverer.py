"""The worker's part in webhooks: relay what happened, send what is due, lane by lane.

Each lane (an endpoint and an account) is in one task's hands at a time, over all workers, and its
deliveries go out one after another. Different lanes go side by side; those of receivers known to
be slow have a share of the room, so that the others' do not wait for them.
"""

import asyncio
import random
import time
import uuid
from collections import Counter
from collections.abc import Collection
from typing import Final

import prometheus_client
import structlog

from talktime.core.webhook import PLATFORM, Attempt
from talktime.db.webhook_lanes import ClaimedLane, Room, Waiting
from talktime.gateways.webhook import WebhookSender
from talktime.ops.platform import Platform
from talktime.ops.webhook_delivery import (
    GO_MAX,
    GO_SECONDS,
    RENEWED_AFTER,
    Tried,
    claim_lanes,
    read_waiting,
    record_go,
    release_empty,
    renew_lanes,
)
from talktime.telling import Teller

log = structlog.get_logger("talktime.webhooks")

EVERY_SECONDS: Final = 0.25
LANES_PER_ENDPOINT: Final = 8
"""So that one slow endpoint of the platform leaves room for the others."""
LANES_PER_ACCOUNT: Final = 4
"""Of its own endpoints, so that one account's slow ones leave room for other accounts'."""
ROOM: Final = Room(
    lanes=128,  # which are deliveries under way at once: within gateways.webhook.CONNECTIONS_MAX
    slow=64,
    per_endpoint=LANES_PER_ENDPOINT,
    per_account=LANES_PER_ACCOUNT,
    for_platform=64,
)
SLOW_SECONDS: Final = 1.0
"""An endpoint whose last attempt took longer is slow."""
SLOW_KNOWN_MAX: Final = 1_000
"""Slow endpoints remembered; the longest known is forgotten first."""
TURN_SECONDS: Final = 1.0
"""How long a lane is gone on with before others have their turn."""
SOON_SECONDS: Final = 0.02
"""Lanes that end within it make room for others at once."""
CONNECTIONS: Final = 2
"""Of the pool, which requests need more."""
STOP_SECONDS: Final = 3.0

ATTEMPTS: Final = prometheus_client.Counter(
    "talktime_webhook_attempts", "Webhook deliveries tried.", ["result"], registry=None
)


class Work:
    """A lane in a task's hands, and what was sent of it since that was last recorded."""

    def __init__(self, lane: ClaimedLane, claim: str) -> None:
        self.lane = lane
        self.claim = claim
        self.tried: list[Tried] = []
        self.is_cut_short = False
        """More waits in it, and it was given back for others to have their turn."""

    @property
    def endpoint(self) -> tuple[str, str]:
        return self.lane.owner_id, self.lane.endpoint_id


class Deliverer:
    """Relays and sends; ``run`` is one look, ``close`` ends what is under way."""

    def __init__(self, platform: Platform, sender: WebhookSender) -> None:
        self._platform = platform
        self._sender = sender
        self._teller = Teller(platform)
        self._name = uuid.uuid4().hex[:12]
        self._rounds = 0
        self._tasks: dict[asyncio.Task[None], Work] = {}
        self._slow: dict[tuple[str, str], None] = {}
        self._looks: set[asyncio.Task[None]] = set()
        self._is_look_due = False
        self._has_more = False
        self._taking = asyncio.Lock()
        self._connections = asyncio.Semaphore(CONNECTIONS)
        self._renewed_at = platform.clock()
        self._closing = False

    async def run(self) -> None:
        """Relay what happened since, and begin what is due; sending goes on after this returns."""
        await self._renew()
        if await self._teller.run():
            await self._begin_due()

    async def finish(self) -> None:
        """Wait until nothing is under way; for tests and commands."""
        while under_way := {*self._tasks, *self._looks}:
            await asyncio.wait(under_way)

    async def close(self) -> None:
        """Let attempts under way end for a moment, then leave their lanes to others."""
        self._closing = True
        await _end(self._looks)  # before the lanes, which one of them may have taken just now
        await _end(self._tasks)
        await self._sender.close()

    async def _renew(self) -> None:
        """Say that we are still at it: lanes of which nothing is heard go to others."""
        now = self._platform.clock()
        if not self._tasks or now - self._renewed_at < RENEWED_AFTER:
            return
        held = [(work.lane, work.claim) for work in self._tasks.values()]
        async with self._platform.connection() as connection:
            await renew_lanes(connection, held, now=now)
        self._renewed_at = now

    async def _begin_due(self) -> None:
        async with self._taking:  # a look counts what the one before it took
            if self._closing or len(self._tasks) >= ROOM.lanes:
                return
            self._rounds += 1
            claim = f"{self._name}-{self._rounds}"
            async with self._platform.connection() as connection:
                lanes = await claim_lanes(
                    connection,
                    claim=claim,
                    under_way=self._under_way(),
                    slow=self._slow,
                    room=ROOM,
                    now=self._platform.clock(),
                )
                waiting = await read_waiting(connection, lanes) if lanes else []
            for lane, first in zip(lanes, waiting, strict=True):
                work = Work(lane, claim)
                task = asyncio.create_task(self._guarded(work, first), name="webhook lane")
                self._tasks[task] = work
                task.add_done_callback(self._ended)
            self._has_more = self._is_any_room_taken()

    def _is_any_room_taken(self) -> bool:
        """Whether lanes that are due may have been left for want of room."""
        owners = Counter(work.lane.owner_id for work in self._tasks.values())
        return (
            owners.total() >= ROOM.lanes
            or owners.pop(PLATFORM, 0) >= ROOM.for_platform
            or max(owners.values(), default=0) >= ROOM.per_account
            or max(self._under_way().values(), default=0) >= ROOM.per_endpoint
            or sum(work.endpoint in self._slow for work in self._tasks.values()) >= ROOM.slow
        )

    def _under_way(self) -> Counter[tuple[str, str]]:
        return Counter(work.endpoint for work in self._tasks.values())

    def _ended(self, task: asyncio.Task[None]) -> None:
        work = self._tasks.pop(task)
        if (self._has_more or work.is_cut_short) and not self._is_look_due and not self._closing:
            self._is_look_due = True
            look = asyncio.create_task(self._begin_soon(), name="webhook lanes")
            self._looks.add(look)
            look.add_done_callback(self._looks.discard)

    async def _begin_soon(self) -> None:
        """Take up more lanes, where some were left for want of room or gave theirs to others."""
        await asyncio.sleep(SOON_SECONDS)
        self._is_look_due = False
        try:
            await self._begin_due()
        except Exception:  # the next look tries again
            log.exception("webhook lanes could not be taken up")

    async def _guarded(self, work: Work, first: list[Waiting]) -> None:
        try:
            await self._work(work, first)
        except asyncio.CancelledError:
            await self._record(work, has_more=False)
        except Exception:  # the lane is due again when our time with it has run out
            log.exception("webhook lane failed", endpoint_id=work.lane.endpoint_id)

    async def _work(self, work: Work, waiting: list[Waiting]) -> None:
        """Send what waits in a lane, in order, until one is not taken."""
        if not waiting:
            async with self._connections, self._platform.connection() as connection:
                await release_empty(
                    connection, work.lane, claim=work.claim, now=self._platform.clock()
                )
            return
        until = time.monotonic() + TURN_SECONDS
        while True:
            left = await self._go(work, waiting)
            has_more = bool(left) or len(waiting) == GO_MAX
            is_over = self._closing or time.monotonic() >= until
            if not await self._record(work, has_more=has_more and not is_over):
                work.is_cut_short = has_more and is_over
                return
            waiting = left or await self._read_on(work)

    async def _go(self, work: Work, waiting: list[Waiting]) -> list[Waiting]:
        """Send deliveries in turn, for a moment, as long as they are taken; answers the rest."""
        until = time.monotonic() + GO_SECONDS
        for nth, delivery in enumerate(waiting, start=1):
            began = time.monotonic()
            attempt = await self._sender.send(
                work.lane.url,
                message_id=delivery.message_id,
                body=delivery.body,
                secrets=work.lane.secrets,
                now=self._platform.clock(),
            )
            self._note_pace(work.endpoint, seconds=time.monotonic() - began)
            at = self._platform.clock()
            work.tried.append(Tried(delivery=delivery, attempt=attempt, at=at))
            _count(work.lane, attempt, delivery)
            if not attempt.is_taken or time.monotonic() >= until or self._closing:
                return waiting[nth:]
        return []

    def _note_pace(self, endpoint: tuple[str, str], *, seconds: float) -> None:
        self._slow.pop(endpoint, None)
        if seconds > SLOW_SECONDS:
            self._slow[endpoint] = None
            if len(self._slow) > SLOW_KNOWN_MAX:
                self._slow.pop(next(iter(self._slow)))

    async def _record(self, work: Work, *, has_more: bool) -> bool:
        """Keep what was sent; whether the lane is still ours and goes on."""
        async with self._connections, self._platform.connection() as connection:
            goes_on = await record_go(
                connection,
                work.lane,
                work.tried,
                claim=work.claim,
                has_more=has_more,
                jitter=random.random(),  # noqa: S311  (spreads retries, hides nothing)
                now=self._platform.clock(),
            )
        if work.tried:
            work.lane = work.lane.told_upto(work.tried[-1].delivery.delivery_seq)
            work.tried = []
        return goes_on

    async def _read_on(self, work: Work) -> list[Waiting]:
        async with self._connections, self._platform.connection() as connection:
            [waiting] = await read_waiting(connection, [work.lane])
        return waiting


async def _end(tasks: Collection[asyncio.Task[None]]) -> None:
    """Give tasks a moment to end by themselves."""
    if not tasks:
        return
    _, late = await asyncio.wait(set(tasks), timeout=STOP_SECONDS)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late)


def _count(lane: ClaimedLane, attempt: Attempt, delivery: Waiting) -> None:
    ATTEMPTS.labels(result="taken" if attempt.is_taken else "failed").inc()
    if not attempt.is_taken:
        log.info(
            "webhook not taken",
            endpoint_id=lane.endpoint_id,
            account_id=lane.account_id,
            message_id=delivery.message_id,
            attempts=delivery.attempts + 1,
            failure=attempt.failure,
        )
