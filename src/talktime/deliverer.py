"""The worker's part in webhooks: relay what happened, send what is due, lane by lane.

Each lane (an endpoint and an account) is in one task's hands at a time, over all workers, and its
deliveries go out one after another. Different lanes go side by side.
"""

import asyncio
import random
import time
import uuid
from datetime import datetime
from typing import Final

import structlog
from prometheus_client import Counter

from talktime.core.webhook import Attempt, Delivery
from talktime.db.webhook_lanes import ClaimedLane
from talktime.gateways.webhook import WebhookSender
from talktime.ops.platform import Platform
from talktime.ops.webhook_delivery import (
    claim_lanes,
    note_health,
    open_late_lanes,
    read_waiting,
    record_attempt,
    relay_events,
    release_lane,
)

log = structlog.get_logger("talktime.webhooks")

EVERY_SECONDS: Final = 0.25
LANES_MAX: Final = 64
"""Deliveries under way at once in this process."""
LANES_PER_ENDPOINT: Final = 8
"""So that one slow endpoint of the platform leaves room for the others."""
GOES_MAX: Final = 10
"""How often a lane is read on before others have their turn."""
RELAY_ROUNDS: Final = 20
CONNECTIONS: Final = 2
"""Of the pool, which requests need more."""
STOP_SECONDS: Final = 3.0
SHARE_OF_TIME: Final = 5
"""Looking through all accounts for the platform's endpoints takes at most a fifth of the time."""
LATE_LANES_SECONDS: Final = 2.0
"""How soon the platform's endpoints begin to hear of a new account."""

ATTEMPTS: Final = Counter(
    "talktime_webhook_attempts", "Webhook deliveries tried.", ["result"], registry=None
)


class Deliverer:
    """Relays and sends; ``run`` is one look, ``close`` ends what is under way."""

    def __init__(self, platform: Platform, sender: WebhookSender) -> None:
        self._platform = platform
        self._sender = sender
        self._name = uuid.uuid4().hex[:12]
        self._rounds = 0
        self._tasks: dict[asyncio.Task[None], tuple[str, str]] = {}
        self._connections = asyncio.Semaphore(CONNECTIONS)
        self._rest_until = 0.0
        self._late_lanes_at = 0.0
        self._closing = False

    async def run(self) -> None:
        """Relay what happened since, and begin what is due; sending goes on after this returns."""
        if time.monotonic() >= self._rest_until:
            await self._relay()
        await self._begin_due()

    async def finish(self) -> None:
        """Wait until nothing is under way; for tests and commands."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def close(self) -> None:
        """Let attempts under way end for a moment, then leave their lanes to others."""
        self._closing = True
        if self._tasks:
            _, late = await asyncio.wait(set(self._tasks), timeout=STOP_SECONDS)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        await self._sender.close()

    async def _relay(self) -> None:
        if time.monotonic() >= self._late_lanes_at:
            async with self._platform.connection() as connection:
                await open_late_lanes(connection)
            self._late_lanes_at = time.monotonic() + LATE_LANES_SECONDS
        for _ in range(RELAY_ROUNDS):
            began = time.monotonic()
            async with self._platform.connection() as connection:
                told = await relay_events(
                    connection,
                    floor_nanos=self._platform.terms.floor_nanos,
                    now=self._platform.clock(),
                )
            if not told:
                ended = time.monotonic()
                self._rest_until = ended + (SHARE_OF_TIME - 1) * (ended - began)
                return

    async def _begin_due(self) -> None:
        under_way = list(self._tasks.values())
        room = LANES_MAX - len(under_way)
        if room <= 0 or self._closing:
            return
        busy = [one for one in set(under_way) if under_way.count(one) >= LANES_PER_ENDPOINT]
        self._rounds += 1
        claim = f"{self._name}-{self._rounds}"
        async with self._platform.connection() as connection:
            lanes = await claim_lanes(
                connection,
                claim=claim,
                busy=busy,
                per_endpoint=LANES_PER_ENDPOINT,
                limit=room,
                now=self._now,
            )
        for lane in lanes:
            task = asyncio.create_task(self._guarded(lane, claim), name="webhook lane")
            self._tasks[task] = (lane.owner_id, lane.endpoint_id)
            task.add_done_callback(self._tasks.pop)

    async def _guarded(self, lane: ClaimedLane, claim: str) -> None:
        try:
            await self._work(lane, claim)
        except asyncio.CancelledError:
            await self._release(lane, claim, is_empty=False, retry_at=self._now)
        except Exception:  # the lane is due again when our time with it has run out
            log.exception("webhook lane failed", endpoint_id=lane.endpoint_id)

    async def _work(self, lane: ClaimedLane, claim: str) -> None:
        """Send what waits in a lane, in order, until one is not taken."""
        is_empty, retry_at = True, None
        for _ in range(GOES_MAX):
            async with self._connections, self._platform.connection() as connection:
                waiting = await read_waiting(connection, lane)
            is_empty = is_empty and not waiting
            goes_on = bool(waiting)
            for nth, delivery in enumerate(waiting):
                goes_on, retry_at = await self._send(lane, delivery, claim, is_first=nth == 0)
                if not goes_on or self._closing:
                    break
            if not goes_on or self._closing:
                break
            lane = lane.told_upto(waiting[-1].delivery_seq)
        await self._release(lane, claim, is_empty=is_empty, retry_at=retry_at)

    async def _send(
        self, lane: ClaimedLane, delivery: Delivery, claim: str, *, is_first: bool
    ) -> tuple[bool, datetime | None]:
        attempt = await self._sender.send(
            lane.url,
            message_id=delivery.message_id,
            body=delivery.body,
            secrets=lane.secrets,
            now=self._now,
        )
        _count(attempt, delivery)
        async with self._connections, self._platform.connection() as connection:
            goes_on, retry_at = await record_attempt(
                connection,
                delivery,
                attempt,
                claim=claim,
                jitter=random.random(),  # noqa: S311  (spreads retries, hides nothing)
                now=self._now,
            )
            if is_first or not attempt.is_taken:
                listens = await note_health(connection, lane, attempt, now=self._now)
                goes_on = goes_on and listens
                if not listens:
                    log.warning("webhook endpoint disabled", endpoint_id=lane.endpoint_id)
        return goes_on, retry_at

    async def _release(
        self, lane: ClaimedLane, claim: str, *, is_empty: bool, retry_at: datetime | None
    ) -> None:
        async with self._connections, self._platform.connection() as connection:
            await release_lane(
                connection,
                lane,
                claim=claim,
                is_empty=is_empty,
                retry_at=retry_at,
                now=self._now,
            )

    @property
    def _now(self) -> datetime:
        return self._platform.clock()


def _count(attempt: Attempt, delivery: Delivery) -> None:
    ATTEMPTS.labels(result="taken" if attempt.is_taken else "failed").inc()
    if not attempt.is_taken:
        log.info(
            "webhook not taken",
            endpoint_id=delivery.endpoint_id,
            account_id=delivery.account_id,
            message_id=delivery.message_id,
            attempts=delivery.attempts + 1,
            failure=attempt.failure,
        )
