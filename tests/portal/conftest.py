"""The pages in an application of their own, and a browser signed in to one account."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from litestar import Litestar

from talktime.ops.platform import Platform
from talktime.ops.portal_access import create_portal_link
from talktime.portal.routes import portal_router
from tests.acting import Bots
from tests.conftest import AccountFactory

Enter = Callable[[str], Awaitable[httpx.AsyncClient]]


@pytest.fixture
def app(platform: Platform) -> Litestar:
    return Litestar([portal_router(platform)], openapi_config=None, logging_config=None)


@pytest.fixture
async def visitor(app: Litestar, platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that is not signed in."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=platform.public_url) as client:
        yield client


@pytest.fixture
async def bots(platform: Platform, make_account: AccountFactory) -> Bots:
    """Bots of an account with $0.50 promo and $5.00 paid."""
    return Bots(platform, await make_account(promo="0.5", paid="5"))


@pytest.fixture
async def customer(visitor: httpx.AsyncClient, platform: Platform, bots: Bots) -> httpx.AsyncClient:
    """The browser of that account's customer."""
    answer = await visitor.get(await new_link(platform, bots.account_id))
    assert answer.status_code == 303
    return visitor


async def new_link(platform: Platform, account_id: str) -> str:
    """The path of a fresh one-time link."""
    async with platform.connection() as connection:
        token, _ = await create_portal_link(
            connection,
            account_id=account_id,
            secret=secrets.token_urlsafe(32),
            now=platform.clock(),
        )
    return f"/enter?token={token}"
