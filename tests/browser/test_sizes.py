"""Every page with no calls, a few and a hundred thousand, wide and narrow, light and dark.

``TALKTIME_FULL=1`` looks at all of it and leaves pictures in build/screens, to be looked at.
"""

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest
from playwright.async_api import Browser, Page, expect

from bench.seeding import seed_account
from talktime.core.call_filter import CallFilter
from talktime.core.usage import LineReport
from talktime.gateways.sandbox_payments import SandboxPayments
from talktime.ops.call_history import list_calls
from talktime.ops.platform import Payments, Platform
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.browser.looking import FULL, LOOKS, Looker
from tests.portal.conftest import new_link, served_pages

pytestmark = pytest.mark.browser

SIZES = (0, 5, 100_000) if FULL else (0, 5)
DEAR = LineReport(service="llm", provider="acme", model="mind", provider_cost="0.2")
SIGNED_IN = (
    "/billing",
    "/billing?days=90&kind=top_up",
    "/billing/redeem",
    "/billing/top-up",
    "/billing/payments",
    "/billing/details",
    "/billing/statements/{month}",
    "/billing/auto-reload",
    "/billing/refund",
    "/calls",
    "/calls?show=free&sort=longest",
    "/calls?q=nothing-is-called-so",
    "/calls/{call_id}",
    "/spend",
    "/spend?period=90-days",
    "/spend/estimate",
    "/settings",
    "/settings/people",
    "/settings/keys",
    "/settings/webhooks",
    "/settings/webhooks/new",
)
SIGNED_OUT = ("/sign-in", "/sign-in/link?token=used", "/calls")


@pytest.fixture(scope="module")
async def site(platform: Platform) -> AsyncIterator[Platform]:
    """The pages served, with a way to pay."""
    sandbox = SandboxPayments(
        platform.connection, public_url=platform.public_url, clock=platform.clock
    )
    payments = Payments(provider=sandbox, notice_secret=sandbox.secret)
    async with served_pages(msgspec.structs.replace(platform, payments=payments)) as (served, _):
        yield served
    await sandbox.close()


@pytest.fixture(scope="module", params=SIZES)
async def sized(
    request: pytest.FixtureRequest, site: Platform, database_url: str
) -> tuple[int, Bots]:
    """An account with so many calls behind it, and one that runs where there are any."""
    size: int = request.param
    account_id = f"sized-{size}"
    now = site.clock() - timedelta(minutes=1)
    await seed_account(database_url, account_id=account_id, calls=size, now=now)
    bots = Bots(site, account_id)
    if size:
        await bots.start("CA-running", direction="inbound", from_number="+4930123456")
        await bots.report("CA-running", *MINUTE_BY_PHONE[:2])
    return size, bots


@pytest.fixture
async def quiet_page(chromium: Browser) -> AsyncIterator[Page]:
    """A page of which the browser has nothing to complain."""
    context = await chromium.new_context(reduced_motion="reduce")
    context.set_default_timeout(15_000)
    page = await context.new_page()
    complaints: list[str] = []
    page.on(
        "console",
        lambda told: complaints.append(told.text) if told.type in {"error", "warning"} else None,
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    await context.close()
    # Chromium tells of every answer that is a refusal, such as that of a page without a session.
    assert [one for one in complaints if "the server responded with a status of 4" not in one] == []


@pytest.mark.timeout(600)
async def test_every_page_at_every_size(
    sized: tuple[int, Bots], quiet_page: Page, axe: str
) -> None:
    """However large the account, no page complains, scrolls sideways or keeps anybody out."""
    size, bots = sized
    site, page = bots.platform, quiet_page
    # What an account without calls shows is narrow or wide alike; all of it is looked at in full.
    looker = Looker(page, axe, LOOKS if FULL or size else LOOKS[:1])
    await page.goto(site.public_url + await new_link(site, bots.account_id))
    call_id = await _settled_call(site, bots.account_id)
    for path in SIGNED_IN:
        if "{call_id}" in path and call_id is None:
            continue
        address = path.format(call_id=call_id, month=f"{site.clock():%Y-%m}")
        answer = await page.goto(site.public_url + address)
        assert answer is not None
        assert answer.status == 200, path
        await looker.look(f"{path} {size}")
    assert not looker.faults, "\n".join(looker.faults)


async def test_pages_without_a_session(site: Platform, quiet_page: Page, axe: str) -> None:
    """The ways in, and what is shown to who is signed out, are as sound as the rest."""
    looker = Looker(quiet_page, axe)
    for path in SIGNED_OUT:
        await quiet_page.goto(site.public_url + path)
        await looker.look(f"out{path}")
    assert not looker.faults, "\n".join(looker.faults)


@pytest.mark.parametrize("sized", SIZES[1:], indirect=True)
@pytest.mark.parametrize("path", ["/billing?kind=top_up", "/calls"])
async def test_live_figures_move_nothing(
    sized: tuple[int, Bots], quiet_page: Page, path: str
) -> None:
    """While the figures of a page change, nothing on it moves, however much the page shows."""
    _, bots = sized
    page, site = quiet_page, bots.platform
    call_id = f"CA-{uuid.uuid4().hex}"
    await bots.start(call_id)
    await page.goto(site.public_url + await new_link(site, bots.account_id))
    await page.goto(site.public_url + path)
    await expect(page.locator("#live-state")).to_have_attribute("data-state", "live")
    await page.wait_for_timeout(500)
    before = await page.locator("#main").inner_text()
    await page.evaluate(
        """() => {
            window.shifts = 0;
            new PerformanceObserver((list) => {
                for (const entry of list.getEntries()) window.shifts += entry.value;
            }).observe({ type: "layout-shift", buffered: false });
        }"""
    )
    await bots.report(call_id, DEAR)
    await page.wait_for_timeout(1_500)
    assert await page.locator("#main").inner_text() != before
    if path != "/calls":  # where the row of a call that has ended says more than it did
        await bots.end(call_id, seconds=60)
        await page.wait_for_timeout(1_500)
    assert await page.evaluate("window.shifts") == 0


async def _settled_call(site: Platform, account_id: str) -> str | None:
    """The newest call that has ended."""
    async with site.connection() as connection:
        calls, _ = await list_calls(
            connection, account_id, CallFilter(), before=None, limit=2, now=site.clock()
        )
    return calls[-1].call_id if calls else None
