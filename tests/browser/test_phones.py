"""The pages on a phone: nothing is cut off, and nothing lies below the bar."""

import pytest
from playwright.async_api import Page, expect

from talktime.core.call import Outcome
from talktime.ops.platform import Platform
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.browser.looking import axe_faults

pytestmark = pytest.mark.browser

PATHS = (
    "/billing",
    "/calls",
    "/calls/CA1",
    "/spend",
    "/spend/estimate?channel=phone",
    "/settings",
    "/settings/people",
    "/settings/keys",
    "/settings/webhooks",
)
LOWEST = """() => Math.max(...[...document.querySelectorAll("#main *")]
    .filter((one) => one.checkVisibility() && one.getBoundingClientRect().width > 1)
    .map((one) => one.getBoundingClientRect().bottom))"""


@pytest.fixture
async def phone(page: Page) -> Page:
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.emulate_media(reduced_motion="reduce")
    return page


async def test_the_end_of_each_page_can_be_reached(phone: Page, bots: Bots, site: Platform) -> None:
    """Scrolled to its end, no page has anything below the bar; and going back through it by
    keyboard, what has the focus is never covered by the bar."""
    await bots.call("CA1", *MINUTE_BY_PHONE)
    for path in PATHS:
        await phone.goto(site.public_url + path)
        await phone.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        bar = await phone.evaluate("document.querySelector('.nav').getBoundingClientRect().top")
        assert await phone.evaluate(LOWEST) <= bar, path
        await phone.evaluate("scrollTo(0, 0)")
        for _ in range(40):
            await phone.keyboard.press("Tab")
            bottom = await phone.evaluate(
                """() => {
                    const one = document.activeElement;
                    return one.closest("#main") ? one.getBoundingClientRect().bottom : 0;
                }"""
            )
            assert bottom <= bar, path


async def test_why_a_call_was_free_has_a_line(phone: Page, bots: Bots, site: Platform) -> None:
    """The reason stands on one line across the card, on the page as read and as it changes."""
    await bots.call("busy", outcome=Outcome.BUSY)
    await bots.start("noanswer")
    await phone.goto(f"{site.public_url}/calls")
    await expect(phone.locator("#live-state")).to_have_attribute("data-state", "live")
    await bots.end("noanswer", outcome=Outcome.NO_ANSWER)
    await expect(phone.locator(".why")).to_have_text(["Nobody answered", "The line was busy"])
    for why in await phone.locator(".why").all():
        box = await why.bounding_box()
        assert box is not None
        assert box["width"] > 300
        assert box["height"] < 30


@pytest.mark.parametrize("width", [320, 360, 390])
async def test_parts_stand_in_one_row(phone: Page, site: Platform, axe: str, width: int) -> None:
    """The parts of Settings stand side by side; where that is too wide, they alone scroll."""
    await phone.set_viewport_size({"width": width, "height": 844})
    for path in ("/settings/webhooks", "/spend"):
        await phone.goto(site.public_url + path)
        tops = await phone.locator(".tabs a").evaluate_all(
            "(tabs) => tabs.map((tab) => tab.getBoundingClientRect().top)"
        )
        assert len(set(tops)) == 1
        assert await phone.evaluate("document.documentElement.scrollWidth") == width
        assert await axe_faults(phone, axe) == []
    await phone.goto(f"{site.public_url}/settings")
    last = phone.locator(".tabs a").last
    await phone.locator(".tabs").evaluate("(tabs) => tabs.scrollTo(tabs.scrollWidth, 0)")
    box = await last.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= width
