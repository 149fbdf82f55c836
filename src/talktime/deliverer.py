"""The worker's part in webhooks: relay what happened, send what is due, lane by lane.

Each lane (an endpoint and an account) is in one task's hands at a time, over all workers, and its
deliveries go out one after another. Different lanes go side by side. Those of endpoints whose last
answer was quick have room of their own; others share another, and any attempt that takes longer
than a second gives its place in either up to the next lane.
"""

import asyncio
import random
import time
import uuid
from collections import Counter
from typing import Final

import msgspec
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
    note_pace,
    read_waiting,
    record_go,
    release_empty,
    renew_lanes,
)
from talktime.slots import end_soon
from talktime.telling import Teller

log = structlog.get_logger("talktime.webhooks")

EVERY_SECONDS: Final = 0.25
"""Programs hear of a balance as soon as open pages do."""
LANES_PER_ENDPOINT: Final = 8
"""So that one slow endpoint of the platform leaves room for the others."""
LANES_PER_ACCOUNT: Final = 4
"""Of its own endpoints, so that one account's slow ones leave room for other accounts'."""
ROOM: Final = Room(
    quick=128,
    unproven=64,
    per_endpoint=LANES_PER_ENDPOINT,
    per_account=LANES_PER_ACCOUNT,
    for_platform=64,  # which leaves as much to accounts
)
"""Late lanes are not among the quick and unproven ones, whose places they have given up."""
QUICK_SECONDS: Final = 1.0
"""Whose last attempt took no longer is quick; an attempt that takes longer is late."""
LATE_MAX: Final = 192
"""With so many attempts late, endpoints that are not quick wait: 48 accounts' at the least."""
LANES_MAX: Final = 448
"""In all, within gateways.webhook.CONNECTIONS_MAX. Only quick endpoints that turn slow, hundreds of
them within seconds, get us there."""
TURN_SECONDS: Final = 1.0
"""How long a lane is gone on with before others have their turn."""
SOON_SECONDS: Final = 0.02
"""Lanes that end within it make room for others at once."""
CONNECTIONS: Final = 2
"""Of the pool, which requests need more."""

ATTEMPTS: Final = prometheus_client.Counter(
    "talktime_webhook_attempts", "Webhook deliveries tried.", ["result"], registry=None
)


class Work:
    """A lane in a task's hands, and what was sent of it since that was last recorded."""

    def __init__(self, lane: ClaimedLane, claim: str) -> None:
        self.lane = lane
        self.claim = claim
        self.tried: list[Tried] = []
        self.is_quick = lane.is_quick
        self.sending_since: float | None = None
        self.is_cut_short = False
        """More waits in it, and it was given back for others to have their turn."""

    @property
    def endpoint(self) -> tuple[str, str]:
        return self.lane.owner_id, self.lane.endpoint_id

    def is_late(self, now: float) -> bool:
        """Whether the attempt under way has taken longer than a quick one."""
        return self.sending_since is not None and now - self.sending_since > QUICK_SECONDS


class Deliverer:
    """Relays and sends; ``run`` is one look, ``close`` ends what is under way."""

    def __init__(self, platform: Platform, sender: WebhookSender) -> None:
        self._platform = platform
        self._sender = sender
        self._teller = Teller(platform)
        self._name = uuid.uuid4().hex[:12]
        self._rounds = 0
        self._tasks: dict[asyncio.Task[None], Work] = {}
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
        await end_soon(self._looks)  # before the lanes, which one may have taken just now
        await end_soon(self._tasks)  # what is cancelled is sent again by whoever is next
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
            room = self._room_left()
            if self._closing or max(room.quick, room.unproven) <= 0:
                return
            self._rounds += 1
            claim = f"{self._name}-{self._rounds}"
            async with self._platform.connection() as connection:
                lanes = await claim_lanes(
                    connection,
                    claim=claim,
                    under_way=self._under_way(),
                    room=room,
                    now=self._platform.clock(),
                )
                waiting = await read_waiting(connection, lanes) if lanes else []
            for lane, first in zip(lanes, waiting, strict=True):
                work = Work(lane, claim)
                task = asyncio.create_task(self._guarded(work, first), name="webhook lane")
                self._tasks[task] = work
                task.add_done_callback(self._ended)
            self._has_more = self._is_any_room_taken()

    def _room_left(self) -> Room:
        now = time.monotonic()
        late = sum(work.is_late(now) for work in self._tasks.values())
        quick = sum(work.is_quick for work in self._tasks.values() if not work.is_late(now))
        unproven = len(self._tasks) - late - quick
        left = LANES_MAX - len(self._tasks)
        return msgspec.structs.replace(
            ROOM,
            quick=min(ROOM.quick - quick, left),
            unproven=min(ROOM.unproven - unproven, LATE_MAX - late, left),
        )

    def _is_any_room_taken(self) -> bool:
        """Whether lanes that are due may have been left for want of room."""
        room = self._room_left()
        owners = Counter(work.lane.owner_id for work in self._tasks.values())
        return (
            min(room.quick, room.unproven) <= 0
            or owners.pop(PLATFORM, 0) >= ROOM.for_platform
            or max(owners.values(), default=0) >= ROOM.per_account
            or max(self._under_way().values(), default=0) >= ROOM.per_endpoint
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
            work.sending_since = began = time.monotonic()
            attempt = await self._sender.send(
                work.lane.url,
                message_id=delivery.message_id,
                body=delivery.body,
                secrets=work.lane.secrets,
                now=self._platform.clock(),
            )
            work.sending_since = None
            work.is_quick = time.monotonic() - began <= QUICK_SECONDS
            at = self._platform.clock()
            work.tried.append(Tried(delivery=delivery, attempt=attempt, at=at))
            _count(work.lane, attempt, delivery)
            if not attempt.is_taken or time.monotonic() >= until or self._closing:
                return waiting[nth:]
        return []

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
            if work.is_quick != work.lane.is_quick:
                await note_pace(connection, work.lane, is_quick=work.is_quick)
        if work.tried:
            work.lane = work.lane.told_upto(
                work.tried[-1].delivery.delivery_seq, is_quick=work.is_quick
            )
            work.tried = []
        return goes_on

    async def _read_on(self, work: Work) -> list[Waiting]:
        async with self._connections, self._platform.connection() as connection:
            [waiting] = await read_waiting(connection, [work.lane])
        return waiting


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
