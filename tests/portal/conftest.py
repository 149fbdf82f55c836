"""The pages in an application of their own, and a browser signed in to one account."""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import msgspec
import pytest
import uvicorn
from litestar import Litestar
from litestar.datastructures import State

from talktime.core.member import Role
from talktime.gateways.sandbox_payments import SandboxPayments
from talktime.ops.live import LiveFeed
from talktime.ops.platform import Payments, Platform
from talktime.ops.portal_access import create_portal_link
from talktime.portal.routes import portal_router
from tests.acting import Bots
from tests.conftest import AccountFactory
from tests.in_process import in_process
from tests.payments.paying import Payer


@pytest.fixture(scope="session")
def app(platform: Platform) -> Litestar:
    """The pages, made once: what they keep is about accounts, and each test has its own."""
    return Litestar([portal_router(platform)], openapi_config=None, logging_config=None)


@pytest.fixture
async def visitor(app: Litestar, platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that is not signed in."""
    async with browser_of(app, platform) as client:
        yield client


def browser_of(app: Litestar, platform: Platform) -> httpx.AsyncClient:
    """A browser from an address of its own, since attempts are counted by address."""
    transport = in_process(
        app, raise_app_exceptions=False, client=(f"test-{secrets.token_hex(8)}", 1)
    )
    return httpx.AsyncClient(transport=transport, base_url=platform.public_url)


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


async def new_link(platform: Platform, account_id: str, *, role: Role = Role.OWNER) -> str:
    """The path of a fresh one-time link, whose session has a role."""
    async with platform.connection() as connection:
        token, _ = await create_portal_link(
            connection,
            account_id=account_id,
            secret=secrets.token_urlsafe(32),
            role=role,
            now=platform.clock(),
        )
    return f"/enter?token={token}"


@asynccontextmanager
async def served_pages(platform: Platform) -> AsyncIterator[tuple[Platform, LiveFeed]]:
    """The pages on a loopback port: the platform with that address, and the feed they listen to."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    served = msgspec.structs.replace(platform, public_url=url)
    feed = LiveFeed(served)
    app = Litestar(
        [portal_router(served)],
        openapi_config=None,
        logging_config=None,
        state=State({"live": feed}),
    )
    server = uvicorn.Server(
        uvicorn.Config(
            app, log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=1
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    yield served, feed
    feed.close()
    server.should_exit = True
    await asyncio.wait([serving])


@pytest.fixture
async def till(platform: Platform) -> AsyncIterator[Platform]:
    """The platform taking payments by the sandbox, which sends its notices nowhere."""
    sandbox = SandboxPayments(
        platform.connection, public_url="http://127.0.0.1:9", clock=platform.clock
    )
    payments = Payments(provider=sandbox, notice_secret=sandbox.secret)
    yield msgspec.structs.replace(platform, payments=payments)
    await sandbox.close()


@pytest.fixture
async def buyer(till: Platform, bots: Bots) -> AsyncIterator[httpx.AsyncClient]:
    """The browser of a customer of it."""
    app = Litestar([portal_router(till)], openapi_config=None, logging_config=None)
    transport = in_process(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=till.public_url) as client:
        assert (await client.get(await new_link(till, bots.account_id))).status_code == 303
        yield client


@pytest.fixture
def payer(till: Platform, bots: Bots) -> Payer:
    assert till.payments is not None
    return Payer(till, till.payments.provider, bots.account_id)
