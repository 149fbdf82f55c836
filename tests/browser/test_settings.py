"""Settings and API keys in a real browser: by keyboard, on a phone, without scripts."""

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from talktime.core.member import Role
from talktime.ops.accounts import read_account
from talktime.ops.platform import Platform
from talktime.portal.visiting import COOKIE
from tests.acting import Bots
from tests.browser.looking import IN_EVERY_LOOK, Scheme, axe_faults
from tests.portal.conftest import new_link
from tests.portal.settings_desk import add_person, session_of

pytestmark = pytest.mark.browser

LONG_NAME = "grace.with-a-rather-long-name-that-does-not-fit"


async def check(page: Page, axe: str, width: int) -> None:
    """Nothing for axe to say, nothing wider than the window."""
    assert await axe_faults(page, axe) == []
    assert await page.evaluate("document.documentElement.scrollWidth") == width


@IN_EVERY_LOOK
async def test_general_settings_are_sound(
    context: BrowserContext, bots: Bots, axe: str, width: int, scheme: Scheme
) -> None:
    """As they are, refused, and saved; what is refused is kept, marked and focused."""
    page = await context.new_page()
    await page.goto(bots.platform.public_url + await new_link(bots.platform, bots.account_id))
    await add_person(bots.platform, bots.account_id, LONG_NAME, Role.BILLING)
    await page.set_viewport_size({"width": width, "height": 900})
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    await page.goto(f"{bots.platform.public_url}/settings")
    await check(page, axe, width)
    level, zone = page.get_by_label("Warning level"), page.get_by_label("Time zone")
    await level.fill("2.50")
    await zone.fill("Atlantis")
    await page.get_by_role("button", name="Save settings").press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("Nothing was saved")
    await expect(zone).to_be_focused()
    await expect(zone).to_have_attribute("aria-invalid", "true")
    await expect(level).to_have_value("2.50")
    await check(page, axe, width)
    await zone.fill("berlin")
    await zone.press("Enter")
    await expect(page.locator(".notice.done")).to_contain_text("Your settings are saved.")
    await expect(zone).to_have_value("Europe/Berlin")
    await check(page, axe, width)


@IN_EVERY_LOOK
async def test_keys_are_sound(page: Page, bots: Bots, axe: str, width: int, scheme: Scheme) -> None:
    """From no key over a new one, copied, to one revoked, each page can be read by everybody."""
    await page.set_viewport_size({"width": width, "height": 900})
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    await page.goto(f"{bots.platform.public_url}/settings/keys")
    await expect(page.locator(".empty")).to_contain_text("No keys yet.")
    await check(page, axe, width)
    await page.get_by_label("Name").fill("Bookkeeping")
    await page.get_by_label("Read the balance").press("Space")
    await page.get_by_role("button", name="Make the key").press("Enter")
    await expect(page.get_by_role("heading", name="Here is the key")).to_be_focused()
    key = await page.get_by_label("API key").input_value()
    await check(page, axe, width)
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.get_by_role("button", name="Copy", exact=True).click()
    await expect(page.get_by_role("button", name="Copied", exact=True)).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == key
    await page.get_by_role("link", name="I have copied it").click()
    await expect(page.locator(".keys")).to_contain_text("Bookkeeping")
    assert key not in await page.content()
    await check(page, axe, width)
    await page.get_by_role("link", name="Revoke Bookkeeping").press("Enter")
    await check(page, axe, width)
    await page.get_by_role("button", name="Revoke the key").press("Enter")
    await expect(page.locator(".notice.done")).to_contain_text("The key is revoked.")
    await page.get_by_text("Revoked keys (1)").click()
    await expect(page.locator(".revoked li")).to_contain_text("Bookkeeping")
    await check(page, axe, width)


@pytest.mark.parametrize("width", [390, 1280])
async def test_a_viewer_looks(
    context: BrowserContext, bots: Bots, site: Platform, axe: str, width: int
) -> None:
    """Values and reasons instead of fields; their own mail they choose themselves."""
    address = await add_person(site, bots.account_id, LONG_NAME, Role.VIEWER)
    session = await session_of(site, bots.account_id, address)
    await context.add_cookies([{"name": COOKIE, "value": session, "url": site.public_url}])
    page = await context.new_page()
    await page.set_viewport_size({"width": width, "height": 900})
    for path in ("/settings", "/settings/keys", "/billing/redeem"):
        await page.goto(site.public_url + path)
        await expect(page.locator("main")).to_contain_text("Your role is viewer")
        await check(page, axe, width)
    await page.goto(f"{site.public_url}/settings")
    await page.get_by_label(f"Weekly summary, to {address}").check()
    await page.get_by_role("button", name="Save e-mail choices").click()
    await expect(page.locator(".notice.done")).to_contain_text("Who gets which e-mail is saved.")
    await expect(page.get_by_label(f"Weekly summary, to {address}")).to_be_checked()


async def test_works_without_scripts(chromium: Browser, bots: Bots, site: Platform) -> None:
    """Settings are saved and a key is made; it stands in a field from which it can be copied."""
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(site.public_url + await new_link(site, bots.account_id))
    await page.goto(f"{site.public_url}/settings")
    await page.get_by_label("Last four digits").check()
    await page.get_by_role("button", name="Save settings").click()
    await expect(page.get_by_label("Last four digits")).to_be_checked()
    async with site.connection() as connection:
        account = await read_account(connection, bots.account_id, now=site.clock())
    assert account.number_mask == "last4"
    await page.goto(f"{site.public_url}/settings/keys")
    await page.get_by_label("Name").fill("Bookkeeping")
    await page.get_by_label("Read calls").check()
    await page.get_by_role("button", name="Make the key").click()
    assert (await page.get_by_label("API key").input_value()).startswith("tt_")
    await expect(page.get_by_role("button", name="Copy", exact=True)).to_have_count(0)
    await context.close()
