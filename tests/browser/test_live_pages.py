"""Open pages stay true by themselves."""

import pytest
from playwright.async_api import Page, expect

from talktime.core.call import Outcome
from talktime.ops.adjustments import post_adjustment
from talktime.ops.platform import Platform
from tests.acting import MINUTE_BY_PHONE, Bots

pytestmark = pytest.mark.browser


async def test_balance_moves_without_reload(page: Page, bots: Bots) -> None:
    """When a call ends, the open Billing page shows the new balance, month and deduction."""
    await expect(page.locator(".big")).to_have_text("$5.50")
    await page.evaluate("window.neverReloaded = true")

    await bots.start("CA1", to_number="+49301234", direction="outbound")
    await expect(page.locator(".held")).to_contain_text("$0.10 set aside for 1 running call")
    await expect(page.locator(".big")).to_have_text("$5.50")

    await bots.end("CA1", *MINUTE_BY_PHONE, seconds=60)
    await expect(page.locator(".big")).to_have_text("$5.448")
    await expect(page.locator(".held")).to_contain_text("Nothing is set aside")
    await expect(page.locator(".month .middle")).to_have_text("$0.052")
    first = page.locator("#history tr").first
    await expect(first).to_contain_text("Phone call")
    await expect(first.locator("a")).to_have_text("+49301234")
    await expect(first.locator(".amount .figure")).to_contain_text("\N{MINUS SIGN}$0.052")
    await expect(page.locator("#side-balance")).to_contain_text("$5.448")
    assert await page.evaluate("window.neverReloaded")


async def test_crossing_the_floor_is_said(page: Page, bots: Bots, site: Platform) -> None:
    """The notice that new calls are refused appears, and goes, by itself."""
    for adjustment_id, cents in (("down", -545), ("up", 500)):
        async with site.connection() as connection:
            await post_adjustment(
                connection,
                account_id=bots.account_id,
                adjustment_id=adjustment_id,
                promo_nanos=0,
                paid_nanos=cents * 10_000_000,
                reason="a test",
                terms=site.terms,
                now=site.clock(),
            )
        notice = page.locator(".notice")
        if cents < 0:
            await expect(notice).to_contain_text("Your balance is below $0.10")
        else:
            await expect(notice).to_have_count(0)


async def test_calls_appear_tick_and_settle(page: Page, bots: Bots, site: Platform) -> None:
    """A new call appears, its cost and clock move while it runs, and it settles in its place."""
    await page.goto(f"{site.public_url}/calls")
    await expect(page.locator("#calls-empty")).to_be_visible()

    await bots.start("CA1")
    row = page.locator("tbody.call")
    await expect(row.locator(".badge")).to_have_text("Running")
    await expect(page.locator("#calls-empty")).to_be_hidden()

    await bots.report("CA1", *MINUTE_BY_PHONE[:2])
    await expect(row.locator(".cost")).to_contain_text("$0.0143")
    await expect(row.locator(".cost")).to_contain_text("so far")
    clock = row.locator("[data-seconds]")
    before = await clock.inner_text()
    await expect(clock).not_to_have_text(before)

    await bots.end("CA1", *MINUTE_BY_PHONE, seconds=60)
    await expect(row.locator(".badge")).to_have_text("Completed")
    await expect(row.locator(".cost")).to_contain_text("$0.052")
    await expect(row.locator(".duration")).to_have_text("1:00")
    await expect(row).to_have_count(1)


async def test_free_calls_say_why(page: Page, bots: Bots, site: Platform) -> None:
    """A call that ends free says so on the open page, and why."""
    await page.goto(f"{site.public_url}/calls")
    await bots.start("CA1")
    await expect(page.locator("tbody.call .badge")).to_have_text("Running")
    await bots.end("CA1", outcome=Outcome.BUSY)
    await expect(page.locator("tbody.call .cost")).to_have_text("Free The line was busy")


async def test_filtered_list_admits_its_calls_only(page: Page, bots: Bots, site: Platform) -> None:
    """On a filtered list only calls of that kind appear; one that ends settles where it stands."""
    await page.goto(f"{site.public_url}/calls?show=charged")
    await expect(page.locator("#live-state")).to_have_attribute("data-state", "live")
    await bots.call("busy", outcome=Outcome.BUSY)
    await bots.call("charged", *MINUTE_BY_PHONE)
    await expect(page.locator("tbody.call")).to_have_count(1)
    await expect(page.locator("tbody.call .open")).to_have_text("charged")


async def test_newest_call_is_on_top(page: Page, bots: Bots, site: Platform) -> None:
    """A list that fills while it is open has the order that a reload gives it."""
    await page.goto(f"{site.public_url}/calls")
    await expect(page.locator("#live-state")).to_have_attribute("data-state", "live")
    for number in range(3):
        await bots.start(f"call-{number}")
    await expect(page.locator("tbody.call")).to_have_count(3)
    assert await page.locator(".open").all_inner_texts() == ["call-2", "call-1", "call-0"]


async def test_receipt_opens_by_keyboard(page: Page, bots: Bots, site: Platform) -> None:
    """Enter opens a receipt in place, Escape closes it, and the focus stays on the row."""
    await bots.call("CA1", *MINUTE_BY_PHONE)
    await page.goto(f"{site.public_url}/calls")
    link = page.locator("tbody.call .open")
    await link.focus()
    await page.keyboard.press("Enter")
    receipt = page.locator("tbody.call .receipt")
    await expect(receipt).to_contain_text("Charged $0.052.")
    await expect(link).to_have_attribute("aria-expanded", "true")
    await page.keyboard.press("Escape")
    await expect(receipt).to_be_hidden()
    await expect(link).to_be_focused()
    await expect(page).to_have_url(f"{site.public_url}/calls")


async def test_open_receipt_follows_its_call(page: Page, bots: Bots, site: Platform) -> None:
    """A receipt opened while the call runs shows each new line, and stays open when it settles."""
    await bots.start("CA1")
    await page.goto(f"{site.public_url}/calls")
    await page.locator("tbody.call .open").click()
    receipt = page.locator("tbody.call .receipt")
    await expect(receipt).to_contain_text("No usage has been reported")
    await bots.report("CA1", MINUTE_BY_PHONE[0])
    await expect(receipt).to_contain_text("Language model")
    await expect(receipt).to_contain_text("Cost so far")
    await bots.end("CA1", *MINUTE_BY_PHONE, seconds=60)
    await expect(receipt).to_contain_text("Charged $0.052.")
    await expect(page.locator("tbody.call .open")).to_have_attribute("aria-expanded", "true")


async def test_receipt_page_follows_its_call(page: Page, bots: Bots, site: Platform) -> None:
    """The receipt at its own address is live too."""
    await bots.start("CA1")
    await page.goto(f"{site.public_url}/calls/CA1")
    await expect(page.locator(".verdict")).to_contain_text("This call is running.")
    await bots.end("CA1", *MINUTE_BY_PHONE, seconds=60)
    await expect(page.locator(".verdict")).to_have_text("Charged $0.052.")


async def test_page_comes_back_after_a_break(page: Page, bots: Bots) -> None:
    """What happened while the connection was away is there when it comes back."""
    await expect(page.locator("#live-state")).to_have_attribute("data-state", "live")
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
    await bots.call("CA1", *MINUTE_BY_PHONE)
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    await expect(page.locator(".big")).to_have_text("$5.448")
    await expect(page.locator("#history tr")).to_have_count(2)
    await bots.call("CA2", *MINUTE_BY_PHONE)
    await expect(page.locator("#history tr")).to_have_count(3)


async def test_history_counts_each_transaction_once(page: Page, bots: Bots) -> None:
    """Reconnecting and replaying never shows a transaction twice."""
    await bots.call("CA1", *MINUTE_BY_PHONE)
    await expect(page.locator("#history tr")).to_have_count(2)
    await page.reload()
    await bots.call("CA2", *MINUTE_BY_PHONE)
    await expect(page.locator("#history tr")).to_have_count(3)
    await expect(page.locator(".big")).to_have_text("$5.396")
