"""Spend and the estimator in a real browser: with a keyboard, without scripts, on a phone."""

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from talktime.core.call import Outcome
from talktime.core.ratecard import Channel
from talktime.core.usage import LineReport
from talktime.ops.platform import Platform
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.browser.looking import IN_EVERY_LOOK, Scheme
from tests.portal.conftest import new_link

pytestmark = pytest.mark.browser

CHAT = LineReport(
    service="llm",
    provider="openai",
    model="gpt-4o-mini",
    quantities={"input_tokens": 9_000, "cached_input_tokens": 4_000, "output_tokens": 70},
)
PATHS = (
    "/spend",
    "/spend?period=last-month",
    "/spend/estimate",
    "/spend/estimate?channel=phone",
    "/spend/estimate?channel=phone&tts=nobody/voice&sip=",
)


async def fill(bots: Bots) -> None:
    """A little of everything: channels, agents, free calls and one that is much dearer."""
    for number in range(4):
        await bots.call(f"CA{number}", *MINUTE_BY_PHONE, agent_id="front-desk")
    await bots.call("chat", CHAT, channel=Channel.CHAT, agent_id="a-rather-long-agent-name-" * 3)
    await bots.call("dear", *MINUTE_BY_PHONE, CHAT, seconds=200, agent_id="concierge")
    await bots.call("busy", outcome=Outcome.BUSY)


async def test_nothing_is_wider_than_a_phone(page: Page, bots: Bots, site: Platform) -> None:
    """At 360 pixels neither page scrolls sideways, with every detail open too."""
    await fill(bots)
    await page.set_viewport_size({"width": 360, "height": 740})
    for path in PATHS:
        await page.goto(site.public_url + path)
        for summary in await page.locator("summary").all():
            await summary.click()
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width == 360, path


@IN_EVERY_LOOK
async def test_axe_finds_nothing(
    *, page: Page, bots: Bots, site: Platform, axe: str, width: int, scheme: Scheme
) -> None:
    """axe-core has nothing to say against either page, light or dark, wide or narrow."""
    await fill(bots)
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    await page.set_viewport_size({"width": width, "height": 900})
    for path in PATHS:
        await page.goto(site.public_url + path)
        for summary in await page.locator("summary").all():
            await summary.click()
        await page.evaluate(axe)
        found = await page.evaluate("axe.run().then(found => found.violations)")
        assert found == [], path


async def test_the_chart_draws_the_days(page: Page, bots: Bots, site: Platform) -> None:
    """The days stand as a chart and, for who reads, as a table with the same sums."""
    await fill(bots)
    await page.goto(f"{site.public_url}/spend")
    box = page.locator(".chart-box")
    await expect(box.locator("canvas")).to_be_visible()
    drawn = await page.evaluate(
        "Chart.getChart(document.querySelector('.chart-box canvas')) != null"
    )
    assert drawn
    await page.get_by_text("Every day as a table").click()
    foot = page.locator(".figures-scroll tfoot td").last
    total = await page.locator(".big.figure").inner_text()
    assert (await foot.inner_text()).rstrip("0") == total.rstrip("0")


async def test_the_estimator_works_with_the_keyboard(
    page: Page, bots: Bots, site: Platform
) -> None:
    """Tab, type, Enter: the estimate changes, and its address says the plan."""
    await page.goto(f"{site.public_url}/spend/estimate?channel=phone")
    before = await page.locator(".big.figure").inner_text()
    await page.get_by_label("Minutes per call").focus()
    await page.keyboard.press("Control+A")
    await page.keyboard.type("12")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**minutes=12**")
    await expect(page.locator(".big.figure")).not_to_have_text(before)
    await expect(page.get_by_label("Minutes per call")).to_have_value("12")


async def test_both_pages_work_without_scripts(
    chromium: Browser, bots: Bots, site: Platform
) -> None:
    """Without a script, days are chosen and read, and a call is estimated."""
    await fill(bots)
    context: BrowserContext = await chromium.new_context(java_script_enabled=False)
    try:
        page = await context.new_page()
        await page.goto(site.public_url + await new_link(site, bots.account_id))
        await page.goto(f"{site.public_url}/spend")
        await expect(page.locator(".figures-scroll tfoot td").last).to_be_visible()
        await page.get_by_role("button", name="Show").click()
        await expect(page.locator(".big.figure")).to_be_visible()
        await page.goto(f"{site.public_url}/spend/estimate?channel=web")
        before = await page.locator(".big.figure").inner_text()
        await page.get_by_label("Text to speech").fill("openai/tts-1-hd")
        await page.get_by_role("button", name="Estimate").click()
        await expect(page.locator(".big.figure")).not_to_have_text(before)
    finally:
        await context.close()


async def test_a_row_leads_to_its_calls(page: Page, bots: Bots, site: Platform) -> None:
    """From an agent to its calls, and from the dearest call to its receipt."""
    await fill(bots)
    await page.goto(f"{site.public_url}/spend")
    await page.get_by_role("link", name="concierge").first.click()
    await expect(page.locator("tbody.call")).to_have_count(1)
    await page.goto(f"{site.public_url}/spend")
    await page.locator(".dearest a.name").first.click()
    await expect(page).to_have_url(f"{site.public_url}/calls/dear")
