"""Limits hold where two ask at once: the second waits for the first, and counts what it made."""

import asyncio
import secrets

import pytest

from talktime.core.errors import Conflict, TooMany
from talktime.core.webhook import ENDPOINTS_MAX, PLATFORM, Endpoint
from talktime.db.pool import Connection
from talktime.ops.keys import LIVE_KEYS_MAX, SECRET_BYTES, Key, create_key
from talktime.ops.platform import Platform
from talktime.ops.webhooks import create_endpoint, delete_endpoint, list_endpoints
from tests.conftest import AccountFactory

A_MOMENT = 0.3
"""In which a statement that waits for nobody is long done."""


async def test_two_keys_at_once_are_one_too_many(
    platform: Platform, connection: Connection, make_account: AccountFactory
) -> None:
    """Of two keys made at once where one more may be had, one is refused."""
    account_id = await make_account()
    for _ in range(LIVE_KEYS_MAX - 1):
        await make_key(platform, connection, account_id)
    async with platform.connection() as another:
        async with connection.transaction():
            await make_key(platform, connection, account_id)
            second = asyncio.create_task(make_key(platform, another, account_id))
            await asyncio.sleep(A_MOMENT)
        with pytest.raises(Conflict, match="at most 50 keys"):
            await second


@pytest.mark.parametrize("is_platforms", [False, True])
async def test_two_endpoints_at_once_are_one_too_many(
    platform: Platform, connection: Connection, make_account: AccountFactory, is_platforms: bool
) -> None:
    """Of two endpoints added at once where one more may be had, one is refused."""
    owner = PLATFORM if is_platforms else await make_account()
    made = [await make_endpoint(platform, connection, owner) for _ in range(ENDPOINTS_MAX - 1)]
    async with platform.connection() as another:
        async with connection.transaction():
            made.append(await make_endpoint(platform, connection, owner))
            second = asyncio.create_task(make_endpoint(platform, another, owner))
            await asyncio.sleep(A_MOMENT)
        with pytest.raises(TooMany, match="no more can be had"):
            await second
    assert len(await list_endpoints(connection, owner)) == ENDPOINTS_MAX
    for one in made:
        await delete_endpoint(connection, owner, one.endpoint_id)


async def make_key(platform: Platform, connection: Connection, account_id: str) -> Key:
    return await create_key(
        connection,
        account_id=account_id,
        key_id=secrets.token_hex(8),
        secret=secrets.token_bytes(SECRET_BYTES),
        name="Books",
        scopes={"calls:read"},
        now=platform.clock(),
    )


async def make_endpoint(platform: Platform, connection: Connection, owner: str) -> Endpoint:
    return await create_endpoint(
        connection,
        account_id=owner,
        endpoint_id=f"ep_{secrets.token_hex(12)}",
        url="https://1.1.1.1/",
        description="",
        types=["call.started"],
        secret="whsec_x",
        now=platform.clock(),
    )
