"""A real browser before a real server: Debian's Chromium, on a loopback port."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import uvicorn
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    async_playwright,
    expect,
)

from talktime.config import Settings
from talktime.gateways.sandbox_payments import SandboxPayments
from talktime.ops.platform import Payments, Platform
from talktime.serve import create_server, listen, running_server
from tests.acting import Bots
from tests.conftest import AccountFactory
from tests.portal.conftest import new_link, served_pages

CHROMIUM = shutil.which("chromium")
AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# Long enough for a machine that is busy with something else: what comes is awaited, never timed.
expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
async def site(platform: Platform) -> AsyncIterator[Platform]:
    """The pages served; its public_url is where."""
    async with served_pages(platform) as (served, _):
        yield served


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium on PATH")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core, which `make setup` brings."""
    if not AXE.is_file():
        pytest.skip("there is no axe-core in node_modules")
    return AXE.read_text()


@pytest.fixture
async def bots(site: Platform, make_account: AccountFactory) -> Bots:
    """Bots of an account with $0.50 promo and $5.00 paid."""
    return Bots(site, await make_account(promo="0.5", paid="5"))


@pytest.fixture
async def context(chromium: Browser) -> AsyncIterator[BrowserContext]:
    context = await chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(10_000)
    yield context
    await context.close()


@pytest.fixture
async def page(context: BrowserContext, site: Platform, bots: Bots) -> AsyncIterator[Page]:
    """Billing, signed in. Whatever the browser complains of, such as its policy, fails the test."""
    page = await context.new_page()
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    page.on("console", listen)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(site.public_url + await new_link(site, bots.account_id))
    yield page
    await page.close()
    assert complaints == []


@pytest.fixture
async def till(platform: Platform, tmp_path: Path) -> AsyncIterator[Platform]:
    """The whole application on a loopback port, taking payments by the sandbox."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    sandbox = SandboxPayments(platform.connection, public_url=url, clock=platform.clock)
    payments = Payments(provider=sandbox, notice_secret=sandbox.secret)
    paying = msgspec.structs.replace(platform, public_url=url, payments=payments)
    app = create_server(paying, Settings(home=tmp_path))
    config = uvicorn.Config(
        app, log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    yield paying
    app.state.live.close()
    await sandbox.close()
    server.should_exit = True
    await asyncio.wait([serving])


# Ends with its module: whoever keeps the mail of this database would take that of later tests too.
@pytest.fixture(scope="module")
async def shop(
    database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Platform]:
    """The whole application as it runs on a developer's machine: mail and payments are played."""
    settings = Settings(
        home=tmp_path_factory.mktemp("shop"),
        mailbox=True,
        sandbox_payments=True,
        webhooks_private=True,
        log_level="error",
    )
    with listen("127.0.0.1", 0) as listener:
        async with running_server(settings, database_url, listener, with_worker=False) as running:
            yield running.platform
