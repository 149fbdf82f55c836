"""Health and figures."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import msgspec
import pytest
from litestar import Litestar

from talktime.api.app import create_app
from talktime.config import Settings
from talktime.core.errors import Overloaded
from talktime.db.pool import Connection
from talktime.ops.platform import Platform
from tests.api.caller import Caller, refused, running, told

MakeAccount = Callable[..., Awaitable[str]]


@pytest.fixture
async def app(platform: Platform, settings: Settings) -> AsyncIterator[Litestar]:
    """Each test's own: figures begin at zero, and the gate is taken away."""
    async with running(create_app(platform, settings)) as made:
        yield made


class Away:
    """A platform whose database does not answer."""

    def __init__(self, platform: Platform, *, hangs: bool) -> None:
        self.platform = platform
        self.hangs = hangs

    def clock(self) -> datetime:
        return self.platform.clock()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        if not self.hangs:
            raise Overloaded("the database is away")
        await asyncio.sleep(60)
        async with self.platform.connection() as connection:
            yield connection


async def test_healthy(api: Caller) -> None:
    """200 and no key needed, when the database answers."""
    assert told(await api.using(None).ask("GET", "/healthz")) == {"status": "ok"}


async def test_unhealthy(app: Litestar, api: Caller, platform: Platform) -> None:
    """503 when the database is away, and within seconds when it only hangs."""
    for hangs in (False, True):
        app.state.gate = Away(platform, hangs=hangs)
        async with asyncio.timeout(5):
            refused(await api.ask("GET", "/healthz"), 503, "overloaded")


async def test_the_figures(api: Caller, make_account: MakeAccount) -> None:
    """Prometheus reads requests, refusals, batch sizes and queue depths; no account among them."""
    account_id = await make_account(paid="0.15")
    told(await api.start(account_id, "one"), 201)
    refused(await api.start(account_id, "two"), 402, "insufficient_credits")
    response = await api.using(None).ask("GET", "/metrics")
    assert response.status_code == 200
    figures = response.text
    wanted = 'talktime_http_requests_total{method="POST",route="/v1/calls",status="201"} 1.0'
    assert wanted in figures
    assert 'talktime_refusals_total{code="insufficient_credits"} 1.0' in figures
    assert 'talktime_batch_size_count{act="start"} 2.0' in figures
    assert 'talktime_queue_depth{act="end"} 0.0' in figures
    assert account_id not in figures


def test_each_application_has_its_own_figures(app: Litestar) -> None:
    """Figures belong to an application, so that several may live in one process."""
    assert msgspec.json.decode(app.state.openapi)["openapi"].startswith("3.1")
