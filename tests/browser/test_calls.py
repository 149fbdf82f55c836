"""Finding calls and checking a receipt, as people do it: by mouse, by keyboard, without scripts."""

import csv

import pytest
from playwright.async_api import Browser, Page, Route, expect

from talktime.core.call import Outcome
from talktime.core.ratecard import Channel
from talktime.core.usage import LineReport
from talktime.ops.platform import Platform
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.browser.looking import IN_EVERY_LOOK, Scheme, axe_faults
from tests.portal.conftest import new_link

pytestmark = pytest.mark.browser

GPT = LineReport(
    service="llm",
    provider="openai",
    model="gpt-4o-mini",
    quantities={"input_tokens": 950_500, "cached_input_tokens": 2_100, "output_tokens": 430},
)
USUAL = LineReport(
    service="llm", provider="openai", model="gpt-4o-mini", quantities={"input_tokens": 120_000}
)


async def fill(bots: Bots) -> None:
    for number in range(5):
        await bots.call(f"CA{number}", USUAL, channel=Channel.WEB, agent_id="day")
    await bots.call("dear", GPT, channel=Channel.WEB, agent_id="day")
    await bots.call("phone", *MINUTE_BY_PHONE, direction="inbound", from_number="+12025550123")
    await bots.call("busy", outcome=Outcome.BUSY)


async def test_finding_by_keyboard(page: Page, bots: Bots, site: Platform) -> None:
    """With keys alone: search, open the filters, choose, send, take one away, open a receipt."""
    await fill(bots)
    await page.goto(f"{site.public_url}/calls")
    await page.get_by_role("searchbox", name="Call id or phone number").focus()
    await page.keyboard.type("+1 202 555 0123")
    await page.keyboard.press("Enter")
    await expect(page.locator("tbody.call")).to_have_count(1)
    await expect(page.locator(".open")).to_have_text("+12025550123")
    await page.locator(".chips a").first.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("tbody.call")).to_have_count(8)
    await page.locator(".more summary").focus()
    await page.keyboard.press("Enter")
    await page.get_by_label("Sort").focus()
    await page.keyboard.type("Dear")
    await page.get_by_label("Agent").focus()
    await page.keyboard.type("day")
    await page.keyboard.press("Enter")
    await expect(page.locator("tbody.call")).to_have_count(6)
    first = page.locator(".open").first
    await first.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator(".dear")).to_contain_text("input tokens per minute")
    await page.keyboard.press("Escape")
    await expect(page.locator(".receipt")).to_be_hidden()
    await expect(first).to_be_focused()


async def test_a_filtered_list_stays_true(page: Page, bots: Bots, site: Platform) -> None:
    """A call that begins enters the open list only where the filters would show it."""
    await bots.call("CA1", *MINUTE_BY_PHONE)
    await page.goto(f"{site.public_url}/calls?channel=web")
    await expect(page.locator("#live-state")).to_have_attribute("data-state", "live")
    await expect(page.locator("#calls-empty")).to_be_visible()
    await bots.start("by-phone")
    await bots.start("by-web", channel=Channel.WEB)
    await expect(page.locator(".open")).to_have_text(["by-web"])
    await page.goto(f"{site.public_url}/calls?min=0.05")
    await expect(page.locator("#live-state")).to_have_attribute("data-state", "live")
    await bots.report("by-phone", MINUTE_BY_PHONE[0])
    await bots.report("by-web", LineReport(service="llm", provider="a", provider_cost="0.05"))
    await expect(page.locator(".open")).to_have_text(["by-web", "CA1"])


async def test_check_this_receipt(page: Page, bots: Bots, site: Platform) -> None:
    """The button recomputes the receipt before the person's eyes and announces the result."""
    await fill(bots)
    await page.emulate_media(reduced_motion="reduce")
    await page.goto(f"{site.public_url}/calls")
    await page.get_by_role("link", name="+12025550123").click()
    await page.get_by_role("link", name="Check this receipt").click()
    status = page.locator(".receipt").get_by_role("status")
    await expect(status).to_have_text("Every figure is right: 8 of 8 recomputed in this browser.")
    steps = page.locator(".proof-steps li.right")
    await expect(steps).to_have_count(8)
    await expect(steps.nth(5)).to_contain_text("0.04 \u00d7 0.3")
    await page.get_by_role("link", name="Check this receipt").click()
    await expect(steps).to_have_count(8)


async def test_steps_tick_one_by_one(page: Page, bots: Bots, site: Platform) -> None:
    """With motion allowed the steps come one after another, and nothing above them moves."""
    await bots.call("CA1", *MINUTE_BY_PHONE)
    await page.goto(f"{site.public_url}/calls/CA1")
    await page.get_by_role("link", name="Check this receipt").click()
    counts = []
    for _ in range(40):
        counts.append(await page.locator(".proof-steps li").count())
        if counts[-1] == 8:
            break
        await page.wait_for_timeout(40)
    assert counts == sorted(counts)
    assert len(set(counts)) > 3
    await expect(page.locator("[data-proof-result]")).to_contain_text("Every figure is right")


async def test_a_tampered_receipt_is_caught(page: Page, bots: Bots, site: Platform) -> None:
    """Where the document states a wrong figure, that step is marked, with both figures."""
    await bots.call("CA1", *MINUTE_BY_PHONE)

    async def lie(route: Route) -> None:
        answer = await route.fetch()
        text = (await answer.text()).replace('"cost": "0.022"', '"cost": "0.023"')
        await route.fulfill(response=answer, body=text)

    await page.route("**/receipt.json", lie)
    await page.emulate_media(reduced_motion="reduce")
    await page.goto(f"{site.public_url}/calls/CA1")
    await page.get_by_role("link", name="Check this receipt").click()
    await expect(page.locator("[data-proof-result]")).to_contain_text("1 of 8 figures is not right")
    wrong = page.locator(".proof-steps li.wrong")
    await expect(wrong).to_have_count(1)
    await expect(wrong).to_contain_text("the receipt says $0.023")


async def test_without_scripts(chromium: Browser, bots: Bots, site: Platform) -> None:
    """Filters, files and the check work without scripts."""
    await fill(bots)
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(site.public_url + await new_link(site, bots.account_id))
    await page.goto(f"{site.public_url}/calls")
    await page.locator(".more summary").click()
    await page.get_by_label("Channel").select_option("phone")
    await page.get_by_role("button", name="Show calls").click()
    await expect(page.locator("tbody.call")).to_have_count(2)
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="CSV", exact=True).click()
    with (await (await downloading.value).path()).open(newline="") as file:
        assert [row["call_id"] for row in csv.DictReader(file)] == ["busy", "phone"]
    await page.get_by_role("link", name="+12025550123").click()
    await page.get_by_role("link", name="Check this receipt").click()
    await expect(page.locator(".verdict")).to_have_text("Every figure is right.")
    await context.close()


@IN_EVERY_LOOK
async def test_all_of_it_is_sound(
    page: Page, bots: Bots, axe: str, scheme: Scheme, width: int
) -> None:
    """With everything open axe-core has nothing to say, and a phone does not scroll sideways."""
    await fill(bots)
    url = bots.platform.public_url
    await page.set_viewport_size({"width": width, "height": 800})
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    await page.goto(f"{url}/calls?agent=day&sort=dearest&min=0.001")
    await page.locator(".more summary").click()
    await page.locator(".open").first.click()
    await page.get_by_role("link", name="Check this receipt").click()
    await expect(page.locator("[data-proof-result]")).to_contain_text("Every figure is right")
    assert await axe_faults(page, axe) == []
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    for path in ("/calls?q=nothing", "/calls/dear/check", "/calls/busy"):
        await page.goto(url + path)
        assert await axe_faults(page, axe) == [], path
        assert await page.evaluate("document.documentElement.scrollWidth") == width
