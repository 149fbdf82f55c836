"""A receiver of webhooks, and endpoints at it."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

import pytest

from talktime.core.errors import EndpointUnknown
from talktime.core.webhook import Endpoint
from talktime.ops.platform import Platform
from talktime.ops.webhooks import create_endpoint, delete_endpoint
from tests.acting import Bots
from tests.conftest import AccountFactory
from tests.worker.listening import Listen, Listening, new_secret
from tests.worker.receiver import Receiver, receiving


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


@pytest.fixture
async def bots(platform: Platform, make_account: AccountFactory) -> Bots:
    return Bots(platform, await make_account(promo="0.5", paid="5"))


@pytest.fixture
async def listen(platform: Platform, receiver: Receiver) -> AsyncIterator[Listen]:
    """Makes endpoints, forgotten when the test ends."""
    made: list[Endpoint] = []

    async def make(
        account_id: str,
        types: Sequence[str] | None = None,
        url: str | None = None,
        *,
        endpoint_id: str | None = None,
        at: Receiver = receiver,
    ) -> Listening:
        secret = new_secret()
        if url is None:
            at.secrets.append(secret)
        async with platform.connection() as connection:
            endpoint = await create_endpoint(
                connection,
                account_id=account_id,
                endpoint_id=endpoint_id or f"ep_{uuid.uuid4().hex}",
                url=url or at.url,
                description="",
                types=types,
                secret=secret,
                now=platform.clock(),
            )
        made.append(endpoint)
        return Listening(platform, at, endpoint)

    yield make
    async with platform.connection() as connection:
        for endpoint in made:
            with suppress(EndpointUnknown):
                await delete_endpoint(connection, endpoint.account_id, endpoint.endpoint_id)
