"""The API over the real application, in process."""

from collections.abc import AsyncIterator

import httpx
import pytest
from litestar import Litestar

from talktime.api.app import create_app
from talktime.config import Settings
from talktime.ops.platform import Platform
from tests.api.caller import OPERATOR_KEY, Caller, running
from tests.in_process import in_process


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings with an operator key."""
    return Settings(home=tmp_path_factory.mktemp("home"), operator_key=OPERATOR_KEY)


@pytest.fixture
async def app(platform: Platform, settings: Settings) -> AsyncIterator[Litestar]:
    """The application, its lifespan running."""
    async with running(create_app(platform, settings)) as made:
        yield made


@pytest.fixture
async def api(app: Litestar) -> AsyncIterator[Caller]:
    """The API with the operator's key."""
    async with httpx.AsyncClient(transport=in_process(app), base_url="http://api.test") as client:
        yield Caller(client, OPERATOR_KEY)
