"""Names, ids and amounts at their longest, and in scripts that are written otherwise."""

import secrets
from collections.abc import AsyncIterator

import msgspec
import pytest
from playwright.async_api import Browser, Page

from talktime.core.call import Outcome
from talktime.core.coupon import Coupon
from talktime.core.ratecard import Channel
from talktime.core.usage import LineReport
from talktime.gateways.sandbox_payments import SandboxPayments
from talktime.ops.accounts import create_account
from talktime.ops.adjustments import post_adjustment
from talktime.ops.coupons import create_coupon, redeem_coupon
from talktime.ops.platform import Payments, Platform
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.browser.looking import FULL, cut_texts, picture
from tests.browser.test_looks import UNPRICED
from tests.portal.conftest import new_link, served_pages

pytestmark = pytest.mark.browser

NAMES = {
    "long": "Bookkeeping" * 18,
    "japanese": "株式会社トークタイム音声人工知能研究所営業本部東京支店",
    "hebrew": "חברת טוקטיים לשירותי קול ובינה מלאכותית בעמ",
}
BALANCES = {
    "long": 9_876_543_211_230_000,
    "japanese": -98_765_432_123_456,
    "hebrew": 4_000_000_001,
}
MILLION = LineReport(service="llm", provider="acme", model="m" * 90, provider_cost="345678.123456")
PATHS = (
    "/billing",
    "/billing/redeem",
    "/billing/top-up",
    "/billing/payments",
    "/billing/details",
    "/billing/auto-reload",
    "/billing/refund",
    "/billing/statements/{month}",
    "/calls",
    "/calls?agent={agent}",
    "/calls/{call_id}",
    "/calls/{call_id}/check",
    "/spend",
    "/spend/estimate",
    "/settings",
    "/settings/people",
    "/settings/keys",
)


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


@pytest.fixture
async def page(chromium: Browser) -> AsyncIterator[Page]:
    context = await chromium.new_context(reduced_motion="reduce")
    context.set_default_timeout(15_000)
    yield await context.new_page()
    await context.close()


async def hard_account(site: Platform, name: str) -> Bots:
    """An account whose every word and figure is as awkward as it may be."""
    account_id = "a" * 100 + secrets.token_hex(8)
    now = site.clock()
    async with site.connection() as connection:
        await create_account(
            connection,
            account_id=account_id,
            name=NAMES[name],
            email=f"{'e' * 60}@{'d' * 60}.{secrets.token_hex(4)}.example",
            verified=True,
            terms=site.terms,
            now=now,
        )
        await post_adjustment(
            connection,
            account_id=account_id,
            adjustment_id="first",
            promo_nanos=0,
            paid_nanos=999_999 * 10**9,
            reason=NAMES[name],
            terms=site.terms,
            now=now,
        )
        code = "C" * 50 + secrets.token_hex(5)
        await create_coupon(
            connection, Coupon(code=code, amount_nanos=10_000 * 10**9, created_at=now)
        )
        await redeem_coupon(connection, account_id=account_id, code=code, terms=site.terms, now=now)
    bots = Bots(site, account_id)
    agent = NAMES[name]
    await bots.start("R" * 120, direction="inbound", agent_id=agent, from_number="+4" + "9" * 30)
    await bots.report("R" * 120, MILLION)
    await bots.call("W" * 120, UNPRICED, channel=Channel.WEB, agent_id=agent)
    await bots.call("F" * 120, outcome=Outcome.FAILED, agent_id=agent)
    for number in range(6):
        await bots.call(f"small-{number}", *MINUTE_BY_PHONE, agent_id=agent)
    await bots.call("D" * 120, MILLION, *MINUTE_BY_PHONE[1:], agent_id=agent, seconds=360_000)
    async with site.connection() as connection:
        await post_adjustment(
            connection,
            account_id=account_id,
            adjustment_id="last",
            promo_nanos=0,
            paid_nanos=BALANCES[name],
            reason="x" * 300,
            terms=site.terms,
            now=site.clock(),
        )
    return bots


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", NAMES)
async def test_nothing_breaks_its_box(site: Platform, page: Page, name: str) -> None:
    """At 320 pixels, which is 1280 at 400 %, and on a desk, nothing sticks out or is cut off."""
    bots = await hard_account(site, name)
    await page.goto(site.public_url + await new_link(site, bots.account_id))
    faults = []
    for path in PATHS:
        address = path.format(call_id="D" * 120, month=f"{site.clock():%Y-%m}", agent=NAMES[name])
        answer = await page.goto(site.public_url + address)
        assert answer is not None
        assert answer.status == 200, path
        for width in (320, 390, 800, 1280) if FULL else (320, 1280):
            await page.set_viewport_size({"width": width, "height": 900})
            if FULL:
                await page.wait_for_timeout(200)
                await picture(page, f"hard-{path.split('?')[0]}", f"{name}-{width}")
            found = await cut_texts(page)
            if await page.evaluate("document.documentElement.scrollWidth") > width:
                found.append("scrolls sideways")
            faults += [f"{path}, {width}: {fault}" for fault in found]
    assert not faults, "\n".join(faults)
