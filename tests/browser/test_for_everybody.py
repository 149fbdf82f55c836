"""The pages for who uses no mouse, listens, prints, magnifies, or has colours of their own."""

import pytest
from playwright.async_api import Page, expect

from talktime.ops.platform import Platform
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.browser.looking import small_targets

pytestmark = pytest.mark.browser

PATHS = (
    "/billing",
    "/billing/payments",
    "/billing/redeem",
    "/calls",
    "/calls/CA1",
    "/spend",
    "/spend/estimate",
    "/settings",
    "/settings/people",
    "/settings/keys",
    "/settings/webhooks",
)
COUNT_SHIFTS = """() => {
    window.shifts = 0;
    window.whatMoved = [];
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) {
            window.shifts += entry.value;
            const nodes = entry.sources.map(({ node }) => node);
            window.whatMoved.push(...nodes.map((node) => node?.outerHTML?.slice(0, 120)));
        }
    }).observe({ type: "layout-shift", buffered: true });
}"""


async def test_the_first_tab_skips_to_the_content(page: Page, bots: Bots, site: Platform) -> None:
    """By keyboard the first stop is a visible link past the frame, and the next one is within."""
    for path in ("/billing", "/calls", "/settings"):
        await page.goto(site.public_url + path)
        await page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to content")
        await expect(skip).to_be_focused()
        await expect(skip).to_be_in_viewport()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.closest('main') !== null"), path


async def test_every_stop_of_the_keyboard_is_seen(page: Page, bots: Bots, site: Platform) -> None:
    """Whatever has the focus shows it by an outline and lies in the window."""
    await bots.call("CA1", *MINUTE_BY_PHONE)
    for path in PATHS:
        await page.goto(site.public_url + path)
        for _ in range(25):
            await page.keyboard.press("Tab")
            seen = await page.evaluate(
                """() => {
                    const one = document.activeElement;
                    if (one === document.body) return "";
                    const marked = one.closest(".preset") ?? one;
                    const { outlineStyle, outlineWidth } = getComputedStyle(marked);
                    const box = one.getBoundingClientRect();
                    const inside = box.bottom > 0 && box.top < innerHeight && box.right > 0;
                    const ringed = outlineStyle !== "none" && parseFloat(outlineWidth) >= 1;
                    return inside && ringed ? "" : one.outerHTML.slice(0, 200);
                }"""
            )
            assert seen == "", path


@pytest.mark.parametrize("width", [390, 1280])
async def test_nothing_moves_while_a_page_loads(
    page: Page, bots: Bots, site: Platform, width: int
) -> None:
    """What is drawn first stays where it is: charts, the live sign and the rest have their room."""
    await bots.call("CA1", *MINUTE_BY_PHONE)
    await page.set_viewport_size({"width": width, "height": 900})
    for path in PATHS:
        await page.goto(site.public_url + path)
        await page.evaluate(COUNT_SHIFTS)
        if await page.locator("#live-state").count():
            await expect(page.locator("#live-state")).to_have_attribute("data-state", "live")
        await page.wait_for_timeout(150)
        moved = await page.evaluate("window.whatMoved")
        assert await page.evaluate("window.shifts") == 0, (path, moved)


async def test_fingers_can_hit(page: Page, bots: Bots, site: Platform) -> None:
    """On a phone whatever is not a word of a sentence is 44 pixels high and wide."""
    await bots.call("CA1", *MINUTE_BY_PHONE)
    await page.set_viewport_size({"width": 390, "height": 844})
    for path in PATHS:
        await page.goto(site.public_url + path)
        assert await small_targets(page) == [], path


async def test_the_balance_is_told_without_chatter(page: Page, bots: Bots) -> None:
    """Who listens hears of a changed balance at once, and of many changes as one."""
    await expect(page.locator("#live-state")).to_have_attribute("data-state", "live")
    told = page.locator("#balance-told")
    await expect(told).to_be_empty()
    await bots.call("CA0", *MINUTE_BY_PHONE)
    await expect(told).to_have_text("Available balance: $5.448")
    for number in range(1, 6):
        await bots.call(f"CA{number}", *MINUTE_BY_PHONE)
    await expect(page.locator(".big")).to_have_text("$5.188")
    await expect(told).to_have_text("Available balance: $5.448")
    await expect(told).to_have_text("Available balance: $5.188")


async def test_a_ticking_cost_is_not_read_out(page: Page, bots: Bots, site: Platform) -> None:
    """Clocks and costs that move stand in no region that a screen reader reads by itself."""
    await bots.start("CA1")
    await bots.report("CA1", *MINUTE_BY_PHONE)
    for path in ("/billing", "/calls", "/calls/CA1"):
        await page.goto(site.public_url + path)
        regions = "[aria-live]:not([aria-live=off]), [role=status], [role=alert], [role=log]"
        for region in await page.locator(regions).all():
            assert await region.locator("[data-seconds], .cost, .figure").count() == 0


async def test_own_colours_keep_what_is_chosen(page: Page, bots: Bots, site: Platform) -> None:
    """In forced colours the page that one is on differs from the others, and so does a filter."""
    await page.emulate_media(forced_colors="active")
    await page.goto(f"{site.public_url}/calls")
    for group in (".nav", ".filters"):
        looks = await page.locator(f"{group} a").evaluate_all(
            "(links) => links.map((link) => getComputedStyle(link).backgroundColor)"
        )
        assert looks.count(looks[0]) == 1 or looks.count(looks[1]) == 1, group
        assert len(set(looks)) == 2, group


@pytest.mark.parametrize("path", ["/calls/CA1", "/billing/statements/{month}"])
async def test_on_paper(page: Page, bots: Bots, site: Platform, path: str) -> None:
    """Printed, the frame and the buttons stay away, what is folded is open, and paper is white
    whatever the screen is."""
    await bots.call("CA1", *MINUTE_BY_PHONE)
    await page.goto(site.public_url + path.format(month=f"{site.clock():%Y-%m}"))
    await page.emulate_media(media="print", color_scheme="dark")
    for gone in (".nav", ".who", ".back", ".live-state", ".actions", ".skip"):
        for one in await page.locator(gone).all():
            await expect(one).to_be_hidden()
    ground = "getComputedStyle(document.body).backgroundColor"
    assert await page.evaluate(ground) == "rgb(245, 246, 248)"
    for opened in await page.locator("details ul").all():
        await expect(opened).to_be_visible()
