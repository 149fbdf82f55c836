"""An endpoint at a receiver, and workers that tell it."""

import asyncio
import base64
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import msgspec

from talktime.core.webhook import DeliveryState, Endpoint
from talktime.deliverer import Deliverer
from talktime.gateways.webhook import WebhookSender
from talktime.ops.platform import Platform
from talktime.ops.webhooks import EndpointChange, change_endpoint, list_deliveries, read_endpoint
from tests.worker.receiver import Receiver


def new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


class Listening:
    """An endpoint at a receiver, and a worker that tells it."""

    def __init__(self, platform: Platform, receiver: Receiver, endpoint: Endpoint) -> None:
        self.platform = platform
        self.receiver = receiver
        self.endpoint = endpoint

    async def health(self) -> Endpoint:
        async with self.platform.connection() as connection:
            return await read_endpoint(
                connection, self.endpoint.account_id, self.endpoint.endpoint_id
            )

    async def deliveries(self, state: DeliveryState | None = None) -> list[tuple[str, int]]:
        """Type and attempts of each delivery, oldest first."""
        async with self.platform.connection() as connection:
            page, _ = await list_deliveries(
                connection,
                self.endpoint.account_id,
                self.endpoint.endpoint_id,
                before=None,
                state=state,
                limit=2_000,
            )
        return [(one.type, one.attempts) for one in reversed(page)]

    async def change(self, **change: object) -> Endpoint:
        async with self.platform.connection() as connection:
            return await change_endpoint(
                connection,
                self.endpoint.account_id,
                self.endpoint.endpoint_id,
                EndpointChange(**change),  # type: ignore[arg-type]
                now=self.platform.clock(),
            )

    async def work(self, *, at: datetime | None = None, rounds: int = 3) -> None:
        """A worker looks a few times, at a moment, and finishes what it began."""
        clock = self.platform.clock if at is None else lambda: at
        self.receiver.is_elsewhen = at is not None
        platform = msgspec.structs.replace(self.platform, clock=clock)
        deliverer = Deliverer(platform, WebhookSender(allow_private=True, timeout_seconds=5))
        for _ in range(rounds):
            await deliverer.run()
            await deliverer.finish()
        await deliverer.close()


Listen = Callable[..., Awaitable[Listening]]
"""Account id, types and URL (the receiver's unless given); an id, and another receiver, by name."""


@asynccontextmanager
async def worker(platform: Platform, *, timeout_seconds: float = 5) -> AsyncIterator[Deliverer]:
    """A worker that looks every few milliseconds, and gives each attempt so much time."""
    sender = WebhookSender(allow_private=True, timeout_seconds=timeout_seconds)
    deliverer = Deliverer(platform, sender)
    stop = asyncio.Event()

    async def repeat() -> None:
        while not stop.is_set():
            await deliverer.run()
            await asyncio.sleep(0.02)

    task = asyncio.create_task(repeat())
    yield deliverer
    stop.set()
    await task
    await deliverer.close()
