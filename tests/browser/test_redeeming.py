"""Redeem coupon in a real browser: in a dialog over Billing, and as pages without scripts."""

import asyncio
import secrets
from datetime import timedelta
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Route, expect

from talktime.core.coupon import Coupon
from talktime.core.ledger import EntryKind
from talktime.ops.coupons import create_coupon, read_coupon, redeem_coupon
from talktime.ops.entries import list_entries
from talktime.ops.platform import Platform
from tests.acting import Bots
from tests.browser.looking import axe_faults
from tests.conftest import AccountFactory
from tests.portal.conftest import new_link

pytestmark = pytest.mark.browser


async def issue(site: Platform, **facts: Any) -> str:
    """A fresh coupon of $2.50; its code."""
    code = f"Spring-{secrets.token_hex(4)}"
    async with site.connection() as connection:
        coupon = Coupon(code=code, amount_nanos=2_500_000_000, created_at=site.clock(), **facts)
        await create_coupon(connection, coupon)
    return code


@pytest.fixture
async def code(site: Platform) -> str:
    """A fresh coupon of $2.50."""
    return await issue(site)


async def open_dialog(page: Page) -> None:
    await page.get_by_role("link", name="Redeem coupon").first.click()
    await expect(page.get_by_role("dialog").get_by_label("Coupon code")).to_be_focused()


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
async def test_each_step_is_sound(
    page: Page, code: str, axe: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    """By keyboard alone from Billing and back, and axe has nothing to say against any step."""
    await page.set_viewport_size({"width": width, "height": 900})
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    button = page.get_by_role("link", name="Redeem coupon").first
    await button.press("Enter")
    dialog = page.get_by_role("dialog", name="Redeem coupon")
    await expect(dialog.get_by_label("Coupon code")).to_be_focused()
    assert await axe_faults(page, axe) == []
    await page.keyboard.type(code)
    await page.keyboard.press("Enter")
    await expect(dialog.locator(".sums")).to_contain_text("$8.00")
    await expect(dialog.get_by_role("button", name="Confirm and add $2.50")).to_be_focused()
    await expect(dialog.get_by_role("status")).to_have_text(
        f"Coupon {code} brings you $2.50. Available after: $8.00."
    )
    assert await axe_faults(page, axe) == []
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    await page.keyboard.press("Enter")
    await expect(dialog.locator(".notice.done")).to_contain_text(f"Coupon {code} is credited")
    await expect(dialog.get_by_role("status")).to_contain_text("$2.50 is credited.")
    await expect(dialog.get_by_role("button", name="Done")).to_be_focused()
    assert await axe_faults(page, axe) == []
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(button).to_be_focused()


async def test_the_page_beneath_follows_by_itself(page: Page, code: str) -> None:
    """Balance and history change while the dialog is still open: nothing is loaded anew."""
    await expect(page.locator("#live-state")).to_have_attribute("data-state", "live")
    await page.evaluate("window.isTheSamePage = true")
    await open_dialog(page)
    await page.keyboard.type(code)
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Confirm").click()
    await expect(page.locator("#summary .big").first).to_have_text("$8.00")
    await expect(page.locator("#history tr").first).to_contain_text("+$2.50")
    await page.get_by_role("button", name="Done").click()
    assert await page.evaluate("window.isTheSamePage") is True
    assert page.url.endswith("/billing")


async def test_a_double_click_credits_once(page: Page, code: str) -> None:
    """An impatient customer is credited once, and told so like everybody else."""
    await open_dialog(page)
    await page.keyboard.type(code)
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Confirm").dblclick()
    await expect(page.locator("dialog .notice.done")).to_contain_text("is credited")
    await expect(page.locator("#summary .big").first).to_have_text("$8.00")
    await expect(page.locator("#history tr")).to_have_count(2)


async def test_leaving_the_dialog_credits_nothing(page: Page, code: str) -> None:
    """Escape and the cross close it at any step; opened again it begins anew."""
    await open_dialog(page)
    await page.keyboard.type(code)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Confirm")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.get_by_role("link", name="Redeem coupon").first).to_be_focused()
    await open_dialog(page)
    await expect(page.get_by_label("Coupon code")).to_have_value("")
    await page.get_by_role("button", name="Close").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.locator("#summary .big").first).to_have_text("$5.50")


async def test_another_code_leads_back_within_the_dialog(page: Page, code: str) -> None:
    """Who sees the bonus and wants another one is not sent to another page."""
    await open_dialog(page)
    await page.keyboard.type(code)
    await page.keyboard.press("Enter")
    await page.get_by_role("dialog").get_by_role("link", name="Another code").click()
    await expect(page.get_by_role("dialog").get_by_label("Coupon code")).to_be_focused()


async def test_each_refusal_is_said_and_can_be_corrected(
    page: Page, site: Platform, code: str, axe: str, make_account: AccountFactory
) -> None:
    """What is wrong with a code stands with the field, which keeps code and focus."""
    used_up = await issue(site, max_redemptions=1)
    async with site.connection() as connection:
        await redeem_coupon(
            connection,
            account_id=await make_account(),
            code=used_up,
            terms=site.terms,
            now=site.clock(),
        )
    now = site.clock()
    await open_dialog(page)
    field = page.get_by_label("Coupon code")
    for entered, words in (
        ("no-such-code", "There is no such coupon"),
        (code.upper(), "Only the letter case is wrong"),
        (await issue(site, starts_at=now + timedelta(days=1)), "This coupon is not valid yet"),
        (await issue(site, ends_at=now - timedelta(days=1)), "This coupon has expired"),
        (used_up, "This coupon is used up"),
    ):
        await field.fill(entered)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text(words)
        await expect(field).to_have_value(entered)
        await expect(field).to_be_focused()
        await expect(field).to_have_attribute("aria-invalid", "true")
        assert await axe_faults(page, axe) == [], words
    await field.fill(code)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Confirm")).to_be_focused()


async def test_a_coupon_of_ones_own_leads_to_its_transaction(
    page: Page, bots: Bots, code: str
) -> None:
    """A code redeemed before says when, and where it stands."""
    async with bots.platform.connection() as connection:
        await redeem_coupon(
            connection,
            account_id=bots.account_id,
            code=code,
            terms=bots.platform.terms,
            now=bots.platform.clock(),
        )
    await open_dialog(page)
    await page.keyboard.type(code)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("It brought you $2.50 on")
    await page.get_by_role("link", name="See the transaction").click()
    await expect(page.locator("#history tr").first).to_contain_text(code)


async def test_a_lost_connection_is_said(
    context: BrowserContext, bots: Bots, site: Platform, code: str
) -> None:
    """A step that does not get through is said in the dialog, and can be tried again there."""
    page = await context.new_page()
    is_lost = asyncio.Event()

    async def pass_on(route: Route) -> None:
        await (route.abort() if is_lost.is_set() else route.continue_())

    # From the start: a step taken just as this begins might get through.
    await page.route("**/billing/redeem", pass_on)
    await page.goto(site.public_url + await new_link(site, bots.account_id))
    await open_dialog(page)
    await page.keyboard.type(code)
    is_lost.set()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("Talktime cannot be reached")
    is_lost.clear()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Confirm")).to_be_focused()
    await expect(page.get_by_role("alert")).to_have_count(0)


async def test_a_connection_that_hangs_is_said_in_the_end(
    context: BrowserContext, bots: Bots, site: Platform, code: str
) -> None:
    """A step that nobody answers is given up, said like a lost one, and can be tried again."""
    page = await context.new_page()
    await page.clock.install()
    await page.goto(site.public_url + await new_link(site, bots.account_id))
    await open_dialog(page)
    await page.keyboard.type(code)
    async with page.expect_request("**/billing/redeem"):
        await page.route("**/billing/redeem", lambda _: None)
        await page.keyboard.press("Enter")
    await page.clock.fast_forward(20_000)
    await expect(page.get_by_role("alert")).to_contain_text("Talktime cannot be reached")
    await page.unroute("**/billing/redeem")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Confirm")).to_be_focused()
    await expect(page.get_by_role("alert")).to_have_count(0)


async def test_two_browsers_and_the_last_use(
    chromium: Browser, site: Platform, make_account: AccountFactory
) -> None:
    """Both see the bonus and confirm at once: one is credited, the other told: used up."""
    code = await issue(site, max_redemptions=1)
    accounts = [await make_account(promo="0.5", paid="5") for _ in range(2)]
    contexts = [await chromium.new_context() for _ in accounts]
    pages = [await context.new_page() for context in contexts]
    for page, account_id in zip(pages, accounts, strict=True):
        await page.goto(site.public_url + await new_link(site, account_id))
        await open_dialog(page)
        await page.keyboard.type(code)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("button", name="Confirm and add $2.50")).to_be_focused()
    await asyncio.gather(*(page.get_by_role("button", name="Confirm").click() for page in pages))
    told = [page.locator("dialog .notice:visible strong") for page in pages]
    for words in told:
        await expect(words).to_be_visible()
    assert sorted([await words.inner_text() for words in told]) == [
        f"Coupon {code} is credited",
        "This coupon is used up",
    ]
    balances = [page.locator("#summary .big").first for page in pages]
    for page in pages:
        await page.keyboard.press("Escape")
    async with asyncio.timeout(5):
        seen: list[str] = []
        while sorted(seen) != ["$5.50", "$8.00"]:
            await asyncio.sleep(0.02)
            seen = [await shown.inner_text() for shown in balances]
    credited = 0
    async with site.connection() as connection:
        assert (await read_coupon(connection, code)).redemptions == 1
        for account_id in accounts:
            found, _ = await list_entries(
                connection, account_id, before=None, kind=EntryKind.COUPON, limit=2
            )
            credited += len(found)
    assert credited == 1
    for context in contexts:
        await context.close()


async def test_works_without_scripts(
    chromium: Browser, bots: Bots, site: Platform, code: str, axe: str
) -> None:
    """No step needs a script, and a refused code stays in its field."""
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(site.public_url + await new_link(site, bots.account_id))
    await page.get_by_role("link", name="Redeem coupon").first.click()
    await page.get_by_label("Coupon code").fill(code.upper())
    await page.get_by_role("button", name="See the bonus").click()
    await expect(page.get_by_role("alert")).to_contain_text("Only the letter case is wrong")
    await expect(page.get_by_label("Coupon code")).to_have_value(code.upper())
    await page.get_by_label("Coupon code").fill(code)
    await page.get_by_role("button", name="See the bonus").click()
    await page.get_by_role("button", name="Confirm").click()
    await expect(page.locator(".big").first).to_have_text("$8.00")
    await expect(page.locator(".notice.done").first).to_contain_text("is credited")
    await context.close()


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
async def test_the_page_of_its_own_is_sound(
    page: Page, bots: Bots, axe: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    """Opened by itself, in a new tab say, it is a page like the others."""
    await page.set_viewport_size({"width": width, "height": 900})
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    await page.goto(f"{bots.platform.public_url}/billing/redeem")
    await expect(page.get_by_label("Coupon code")).to_be_focused()
    assert await axe_faults(page, axe) == []
    await page.keyboard.type(await issue(bots.platform))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Confirm and add $2.50")).to_be_focused()
    assert await axe_faults(page, axe) == []
    assert await page.evaluate("document.documentElement.scrollWidth") == width
