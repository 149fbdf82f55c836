"""The API over the real application, in process."""

import secrets
from collections.abc import AsyncIterator

import httpx
import pytest
from litestar import Litestar

from talktime.api.app import create_app
from talktime.config import Settings
from talktime.ops.platform import Platform
from tests.api.account_client import operator_client
from tests.api.caller import OPERATOR_KEY, Caller, running
from tests.in_process import in_process


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings with an operator key."""
    return Settings(home=tmp_path_factory.mktemp("home"), operator_key=OPERATOR_KEY)


@pytest.fixture(scope="module")
async def app(platform: Platform, settings: Settings) -> AsyncIterator[Litestar]:
    """The application, its lifespan running; a module's tests share it, so none may change it."""
    async with running(create_app(platform, settings)) as made:
        yield made


@pytest.fixture
async def api(app: Litestar) -> AsyncIterator[Caller]:
    """The API with the operator's key."""
    # From an address of its own, since wrong keys are counted by address.
    transport = in_process(app, client=(f"test-{secrets.token_hex(8)}", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
        yield Caller(client, OPERATOR_KEY)


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """The same as plain HTTP, for tests that ask by method and path."""
    async with operator_client(app) as opened:
        yield opened
