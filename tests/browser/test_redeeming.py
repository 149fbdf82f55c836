"""Redeem coupon in a real browser."""

import secrets
from typing import Literal

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from talktime.core.coupon import Coupon
from talktime.ops.coupons import create_coupon
from talktime.ops.platform import Platform
from tests.acting import Bots
from tests.browser.test_looks import axe_faults
from tests.portal.conftest import new_link

pytestmark = pytest.mark.browser


@pytest.fixture
async def code(site: Platform) -> str:
    """A fresh coupon of $2.50."""
    code = f"Spring-{secrets.token_hex(4)}"
    async with site.connection() as connection:
        coupon = Coupon(code=code, amount_nanos=2_500_000_000, created_at=site.clock())
        await create_coupon(connection, coupon)
    return code


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
async def test_each_step_is_sound(
    page: Page, code: str, axe: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    """By keyboard alone from Billing and back, and axe has nothing to say against any step."""
    await page.set_viewport_size({"width": width, "height": 900})
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    await page.get_by_role("link", name="Redeem coupon").press("Enter")
    await expect(page.get_by_label("Coupon code")).to_be_focused()
    assert await axe_faults(page, axe) == []
    await page.keyboard.type(code)
    await page.keyboard.press("Enter")
    await expect(page.locator(".sums")).to_contain_text("$8.00")
    await expect(page.get_by_role("button", name="Confirm and add $2.50")).to_be_focused()
    assert await axe_faults(page, axe) == []
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    await page.keyboard.press("Enter")
    await expect(page.locator(".big")).to_have_text("$8.00")
    await expect(page.locator(".notice.done")).to_contain_text(f"Coupon {code} is credited")
    await expect(page.locator("#history tr").first).to_contain_text("+$2.50")
    assert await axe_faults(page, axe) == []


async def test_a_double_click_credits_once(page: Page, code: str) -> None:
    """An impatient customer is credited once, and told so like everybody else."""
    await page.get_by_role("link", name="Redeem coupon").click()
    await page.get_by_label("Coupon code").fill(code)
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Confirm").dblclick()
    await expect(page.locator(".notice.done")).to_contain_text("is credited")
    await expect(page.locator(".big")).to_have_text("$8.00")
    await expect(page.locator("#history tr")).to_have_count(2)


async def test_refused_codes(
    context: BrowserContext, bots: Bots, site: Platform, code: str, axe: str
) -> None:
    """A refused code stays in the field, to be corrected, and the page is sound."""
    page = await context.new_page()
    await page.goto(site.public_url + await new_link(site, bots.account_id))
    await page.goto(f"{site.public_url}/billing/redeem")
    field = page.get_by_label("Coupon code")
    await field.fill(code.lower())
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("Codes are case-sensitive")
    await expect(field).to_have_value(code.lower())
    await expect(field).to_be_focused()
    assert await axe_faults(page, axe) == []


async def test_works_without_scripts(
    chromium: Browser, bots: Bots, site: Platform, code: str
) -> None:
    """No step needs a script."""
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(site.public_url + await new_link(site, bots.account_id))
    await page.get_by_role("link", name="Redeem coupon").click()
    await page.get_by_label("Coupon code").fill(code)
    await page.get_by_role("button", name="See the bonus").click()
    await page.get_by_role("button", name="Confirm").click()
    await expect(page.locator(".big")).to_have_text("$8.00")
    await context.close()
