"""Pages fit, can be read, and work for everybody."""

import asyncio

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from talktime.core.call import Outcome
from talktime.core.ratecard import Channel
from talktime.core.usage import LineReport
from talktime.ops.platform import Platform
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.browser.looking import IN_EVERY_LOOK, Scheme, axe_faults
from tests.portal.conftest import new_link

pytestmark = pytest.mark.browser

UNPRICED = LineReport(service="tts", provider="nobody", quantities={"characters": 100})
CHAT = LineReport(
    service="llm",
    provider="openai",
    model="gpt-4o-mini",
    quantities={"input_tokens": 900, "cached_input_tokens": 100, "output_tokens": 70},
)


async def fill(bots: Bots) -> None:
    """A little of everything that a list can hold."""
    await bots.call("CA1", *MINUTE_BY_PHONE, direction="outbound", to_number="+49 30 12345678")
    await bots.call("CA2", outcome=Outcome.NO_ANSWER, direction="outbound", to_number="+4930")
    await bots.call("CA3", CHAT, channel=Channel.CHAT, agent_id="a-rather-long-agent-name-" * 3)
    await bots.call("CA" + "0123456789abcdef" * 2, UNPRICED, channel=Channel.WEB)
    await bots.start("CA5", direction="inbound", from_number="+44 7700 900123")


def addresses(site: Platform) -> list[str]:
    """The pages to look at."""
    return [f"{site.public_url}{path}" for path in ("/billing", "/calls", "/calls/CA3")]


async def test_nothing_is_wider_than_a_phone(page: Page, bots: Bots, site: Platform) -> None:
    """At 360 pixels no page scrolls sideways, with a receipt open too."""
    await fill(bots)
    await page.set_viewport_size({"width": 360, "height": 740})
    for address in addresses(site):
        await page.goto(address)
        if address.endswith("/calls"):
            for link in await page.locator("tbody.call .open").all():
                await link.click()
            await expect(page.locator("tbody.call .receipt")).to_have_count(5)
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width == 360, address


@IN_EVERY_LOOK
async def test_axe_finds_nothing(
    page: Page, bots: Bots, axe: str, scheme: Scheme, width: int
) -> None:
    """axe-core has nothing to say against any page, light or dark, wide or narrow."""
    await fill(bots)
    await page.set_viewport_size({"width": width, "height": 900})
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    for address in addresses(bots.platform):
        await page.goto(address)
        if address.endswith("/calls"):
            await page.locator("tbody.call .open").first.click()
            await page.locator("tbody.call .open").nth(4).click()
            await expect(page.locator("tbody.call .receipt")).to_have_count(2)
        assert await axe_faults(page, axe) == [], address


async def test_signed_out_pages_are_sound(
    context: BrowserContext, site: Platform, axe: str
) -> None:
    """Pages without a session say what to do next, and axe has nothing to say against them."""
    page = await context.new_page()
    for path, title in (
        ("/billing", "You are signed out"),
        ("/enter?token=used", "This link no longer works"),
    ):
        await page.goto(site.public_url + path)
        await expect(page.locator("h1")).to_have_text(title)
        assert await axe_faults(page, axe) == []


async def test_signing_out(page: Page, site: Platform) -> None:
    """The customer signs out by a button and is told so; going back shows nothing any more."""
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.locator("h1")).to_have_text("You are signed out")


async def test_an_open_page_notices_that_it_was_signed_out(
    context: BrowserContext, bots: Bots, site: Platform
) -> None:
    """A tab left open does not go on showing an account whose session was closed elsewhere."""
    page = await context.new_page()
    await page.goto(site.public_url + await new_link(site, bots.account_id))
    await expect(page.locator(".big")).to_have_text("$5.50")
    await context.clear_cookies()
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    await expect(page.locator("h1")).to_have_text("You are signed out")


async def test_works_without_scripts(chromium: Browser, bots: Bots, site: Platform) -> None:
    """Without scripts a reload shows the truth, and receipts are pages of their own."""
    await bots.call("CA1", *MINUTE_BY_PHONE)
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(site.public_url + await new_link(site, bots.account_id))
    await expect(page.locator(".big")).to_have_text("$5.448")
    await page.goto(f"{site.public_url}/calls")
    await page.locator(".open").click()
    await expect(page).to_have_url(f"{site.public_url}/calls/CA1")
    await expect(page.locator(".verdict")).to_have_text("Charged $0.052.")
    await context.close()


async def test_changing_figures_move_nothing(page: Page, bots: Bots, site: Platform) -> None:
    """While costs and clocks move, nothing else on the page does."""
    await bots.start("CA1")
    await bots.call("CA2", *MINUTE_BY_PHONE)
    await page.goto(f"{site.public_url}/calls")
    await expect(page.locator("#live-state")).to_have_attribute("data-state", "live")
    await page.evaluate(
        """() => {
            window.shifts = 0;
            new PerformanceObserver((list) => {
                for (const entry of list.getEntries()) window.shifts += entry.value;
            }).observe({ type: "layout-shift", buffered: false });
        }"""
    )
    await bots.report("CA1", MINUTE_BY_PHONE[0])
    await expect(page.locator("tbody.call.live .cost")).to_contain_text("$0.0065")
    await bots.report("CA1", *MINUTE_BY_PHONE)
    await expect(page.locator("tbody.call.live .cost")).to_contain_text("$0.052")
    assert await page.evaluate("window.shifts") < 0.001


@pytest.mark.parametrize("width", [800, 1280])
async def test_columns_stand_still(page: Page, bots: Bots, width: int) -> None:
    """When the first transaction is split over promo and paid, no column moves sideways."""
    await page.set_viewport_size({"width": width, "height": 900})
    await bots.call("CA1", *MINUTE_BY_PHONE)
    rows = page.locator("#history tr")
    await expect(rows).to_have_count(2)
    heads = page.locator(".history thead th")
    before = [await head.bounding_box() for head in await heads.all()]
    dear = LineReport(service="llm", provider="acme", provider_cost="0.765432101")
    await bots.call("CA2", dear, channel=Channel.WEB)
    await expect(rows.first.locator(".part")).to_have_count(2)
    assert [await head.bounding_box() for head in await heads.all()] == before


@pytest.mark.parametrize("width", [390, 1280])
async def test_a_new_row_lights_up_as_one(page: Page, bots: Bots, width: int) -> None:
    """What is new is painted as a whole row, not cell by cell with gaps between."""
    await page.set_viewport_size({"width": width, "height": 900})
    await expect(page.locator("#live-state")).to_have_attribute("data-state", "live")
    await page.evaluate(
        """() => {
            window.painted = [];
            addEventListener("animationstart", (event) => {
                if (event.animationName === "settle") window.painted.push(event.target.localName);
            });
        }"""
    )
    await bots.call("CA1", *MINUTE_BY_PHONE)
    await expect(page.locator("#history tr")).to_have_count(2)
    async with asyncio.timeout(10):
        # Asked again from here: the page's policy lets it evaluate no condition by itself.
        while not (painted := await page.evaluate("window.painted")):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert set(painted) == {"tr"}
