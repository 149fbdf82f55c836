"""A customer's first day, on a phone: from the address to a refund, over every page on the way."""

import re
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from talktime.core.coupon import Coupon
from talktime.ops.coupons import create_coupon
from talktime.ops.platform import Platform
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.browser.looking import FULL, picture
from tests.browser.test_refunding import let_go

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


@pytest.fixture
async def phone(chromium: Browser) -> AsyncIterator[Page]:
    """A phone in somebody's hand; what it complains of fails the test."""
    context = await chromium.new_context(
        viewport={"width": 390, "height": 844},
        device_scale_factor=2,
        is_mobile=True,
        has_touch=True,
        accept_downloads=True,
    )
    context.set_default_timeout(20_000)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    await context.close()
    assert complaints == []


async def see(page: Page, step: str) -> None:
    if FULL:
        await picture(page, "journey", step)
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390, step


async def newest_mail(page: Page, shop: Platform, address: str) -> None:
    """Open the newest mail to an address, once it is there."""
    mine = page.locator(".mails a", has_text=address)
    for _ in range(100):
        await page.goto(f"{shop.public_url}/mailbox")
        if await mine.count():
            break
        await page.wait_for_timeout(100)
    await mine.first.tap()
    await expect(page.locator("iframe")).to_be_visible()


async def test_a_first_day(phone: Page, shop: Platform, tmp_path: Path) -> None:
    """Sign up, top up, redeem, watch a call, check its receipt, keep the file, ask money back."""
    page, address = phone, f"ada@{secrets.token_hex(8)}.example"
    await page.goto(shop.public_url)
    await page.get_by_label("E-mail address").fill(address)
    await page.get_by_role("button", name="Send me a link").tap()
    await expect(page.locator("h1")).to_have_text("Check your mail")
    await newest_mail(page, shop, address)
    await see(page, "1-mail")
    await page.frame_locator("iframe").locator("a[href*='/sign-in/link']").first.tap()
    await page.wait_for_url("**/sign-in/link?token=*")
    await page.get_by_label("Name of the account").fill("Ada's Bots")
    await page.get_by_role("button", name="Open account").tap()
    await expect(page.locator(".big")).to_have_text("$0.50")
    await see(page, "2-billing")

    await page.get_by_role("link", name="Top up").first.tap()
    await page.get_by_role("radio", name="$25.00").check()
    await see(page, "3-top-up")
    await page.get_by_role("button", name="Go to payment").tap()
    await page.get_by_role("button", name="Pay", exact=True).tap()
    await expect(page.get_by_text("$25.00 has arrived")).to_be_visible()
    await see(page, "4-arrived")
    await page.get_by_role("main").get_by_role("link", name="Back to Billing").last.tap()
    await expect(page.locator(".big")).to_have_text("$25.50")

    code = f"Spring-{secrets.token_hex(4)}"
    async with shop.connection() as connection:
        coupon = Coupon(code=code, amount_nanos=2_500_000_000, created_at=shop.clock())
        await create_coupon(connection, coupon)
    await page.get_by_role("link", name="Redeem coupon").first.tap()
    await page.get_by_label("Coupon code").fill(code)
    await page.get_by_role("button", name="See the bonus").tap()
    await page.get_by_role("button", name="Confirm and add $2.50").tap()
    await page.get_by_role("button", name="Done").tap()
    await expect(page.locator(".big")).to_have_text("$28.00")
    await see(page, "5-redeemed")

    await page.get_by_role("link", name="Settings").tap()
    bots = Bots(shop, await page.locator("dd.code").inner_text())
    await page.get_by_role("link", name="Calls", exact=True).tap()
    await expect(page.locator("#live-state")).to_have_attribute("data-state", "live")
    await expect(page.locator(".exports")).to_be_hidden()
    await see(page, "6-no-calls")
    await bots.start("CA1", direction="inbound", from_number="+4930123456")
    row = page.locator("tbody.call")
    await expect(row.locator(".badge")).to_have_text("Running")
    await bots.report("CA1", MINUTE_BY_PHONE[0])
    await expect(row.locator(".cost .figure")).to_contain_text("$0.0065")
    await expect(row.locator(".duration")).not_to_have_text("0:00")
    await row.locator(".open").tap()
    await expect(row.locator(".receipt")).to_contain_text("This call is running.")
    await see(page, "7-running")
    await bots.end("CA1", *MINUTE_BY_PHONE, seconds=60)
    await expect(row.locator(".verdict")).to_have_text("Charged $0.052.")
    await page.get_by_role("link", name="Check this receipt").tap()
    await expect(page.locator(".proof-result")).to_contain_text("Every figure is right")
    await see(page, "8-checked")

    async with page.expect_download() as started:
        await page.get_by_role("link", name="CSV", exact=True).tap()
    file = tmp_path / "calls.csv"
    await (await started.value).save_as(file)
    assert "CA1" in file.read_text()

    await page.get_by_role("link", name="Billing", exact=True).tap()
    await expect(page.locator(".big")).to_have_text("$27.948")
    await page.get_by_role("link", name="Payments", exact=True).tap()
    await expect(page.locator("h1")).to_have_text("Payments")
    await see(page, "9-payments")
    await page.get_by_role("main").get_by_role("link", name="Refund", exact=True).first.tap()
    await page.get_by_label("How much do you want back").fill("10")
    await page.get_by_role("button", name="Ask for the refund").tap()
    await expect(page.get_by_text("Waiting for an answer")).to_be_visible()
    await see(page, "10-refund")
    await let_go(shop, bots.account_id)
    await page.get_by_role("link", name="Billing", exact=True).tap()
    await expect(page.locator(".big")).to_have_text("$17.948")
    await expect(page.locator("#main")).to_contain_text(re.compile("Refund", re.IGNORECASE))
    await see(page, "11-end")
