"""A form that comes slowly takes nothing from others."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
from litestar import Litestar

from talktime.ops.platform import Platform, open_platform
from talktime.portal.routes import portal_router
from tests.acting import Bots
from tests.portal.conftest import browser_of, new_link


@pytest.fixture
async def narrow(platform: Platform, database_url: str) -> AsyncIterator[Platform]:
    """The platform with a single connection: whoever waits while holding it is found out."""
    async with open_platform(
        database_url, terms=platform.terms, public_url=platform.public_url, pool_size=1
    ) as opened:
        yield opened


async def test_no_page_holds_a_connection_while_its_form_is_coming(
    narrow: Platform, bots: Bots
) -> None:
    """Whatever form it is: while the rest of it is still to come, other pages are answered."""
    app = Litestar([portal_router(narrow)], openapi_config=None, logging_config=None)
    slow = []
    async with browser_of(app, narrow) as browser:
        await browser.get(await new_link(narrow, bots.account_id))
        for path in sorted(forms_of(app)):
            begun, enough = asyncio.Event(), asyncio.Event()
            sending = asyncio.create_task(
                browser.post(
                    path,
                    content=trickle(begun, enough),
                    headers={"content-type": "application/x-www-form-urlencoded"},
                )
            )
            beginning = asyncio.create_task(begun.wait())
            await asyncio.wait({beginning, sending}, return_when=asyncio.FIRST_COMPLETED)
            beginning.cancel()
            try:
                async with asyncio.timeout(2):
                    assert (await browser.get("/billing")).status_code == 200
            except TimeoutError:
                slow.append(path)
            enough.set()
            await sending
    assert slow == []


async def trickle(begun: asyncio.Event, enough: asyncio.Event) -> AsyncIterator[bytes]:
    """The beginning of a form; the rest when it is asked for."""
    begun.set()
    yield b"form_token="
    await asyncio.wait_for(enough.wait(), 10)
    yield b"guessed"


def forms_of(app: Litestar) -> set[str]:
    """The addresses that take forms."""
    paths = {route.path for route in app.routes if "POST" in getattr(route, "methods", ())}
    return {re.sub(r"\{[^}]+\}", "x", path) for path in paths}
