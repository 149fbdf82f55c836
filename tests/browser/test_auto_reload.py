"""Auto-reload in a browser: save a card, choose, see it fire, on the sandbox's pages."""

import secrets
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import BrowserContext, ConsoleMessage, Page, expect

from talktime.ops.platform import Platform
from tests.acting import Bots
from tests.browser.looking import IN_EVERY_LOOK, Scheme, axe_faults
from tests.conftest import AccountFactory
from tests.payments.looping import reload_cards
from tests.portal.conftest import new_link

pytestmark = pytest.mark.browser


@pytest.fixture
async def bots(till: Platform, make_account: AccountFactory) -> Bots:
    return Bots(till, await make_account(paid="5"))


@pytest.fixture
async def buyer(context: BrowserContext, till: Platform, bots: Bots) -> AsyncIterator[Page]:
    """A customer on the auto-reload page, who may not be complained to."""
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if is_complaint(m) else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(till.public_url + await new_link(till, bots.account_id))
    await page.get_by_role("main").get_by_role("link", name="Auto-reload").click()
    yield page
    await page.close()
    assert complaints == []


def is_complaint(message: ConsoleMessage) -> bool:
    """A form that is refused is answered with 400, which browsers note."""
    return message.type == "error" and "400 (Bad Request)" not in message.text


async def save_card(buyer: Page, name: str = "A card that pays") -> None:
    """Over the provider's page and back."""
    await buyer.get_by_role("button", name="card").first.click()
    await expect(buyer.get_by_text("Sandbox: no money moves")).to_be_visible()
    await buyer.get_by_role("button", name=name).click()
    await expect(buyer.get_by_text("Your card is saved")).to_be_visible()


async def choose(buyer: Page, threshold: str) -> None:
    await buyer.get_by_label("Charge my saved card").check()
    await buyer.get_by_label("When less than this is left").fill(threshold)
    await buyer.get_by_role("button", name="Save", exact=True).click()
    await expect(buyer.get_by_text("Your choice is in force")).to_be_visible()


async def test_it_fires_while_a_call_runs(buyer: Page, till: Platform, bots: Bots) -> None:
    """A running call's hold takes what is left below the threshold: the worker charges the card,
    and Billing shows it."""
    await save_card(buyer)
    await choose(buyer, "5")
    await expect(buyer.locator("#reload-state")).to_contain_text("Now it is $5.00")
    await reload_cards(till)
    await bots.start(f"CA{secrets.token_hex(6)}")
    await reload_cards(till)
    await buyer.reload()
    await expect(buyer.get_by_role("cell", name="Charged and credited")).to_be_visible()
    await expect(buyer.get_by_role("cell", name="It fired: a payment was begun")).to_be_visible()
    await buyer.get_by_role("link", name="Back to Billing").click()
    await expect(buyer.locator("#summary .big")).to_have_text("$30.00")


async def test_the_bank_asks_and_the_customer_answers(buyer: Page, till: Platform) -> None:
    """A payment that the bank wants confirmed is paid on the page that its link leads to."""
    await save_card(buyer, "A card whose bank wants to hear you each time")
    await choose(buyer, "10")
    await reload_cards(till)
    await buyer.reload()
    await buyer.get_by_role("link", name="Your bank wants you to confirm it").click()
    await buyer.get_by_role("link", name="Go to payment").click()
    await buyer.get_by_role("button", name="3-D Secure").click()
    await buyer.get_by_role("button", name="It is me").click()
    await expect(buyer.get_by_text("$25.00 has arrived")).to_be_visible()


async def test_without_scripts(context: BrowserContext, till: Platform, bots: Bots) -> None:
    """All of it are forms and links: it works where scripts are off."""
    assert context.browser is not None
    plain = await context.browser.new_context(java_script_enabled=False)
    page = await plain.new_page()
    await page.goto(till.public_url + await new_link(till, bots.account_id))
    await page.goto(f"{till.public_url}/billing/auto-reload")
    await save_card(page)
    await choose(page, "4")
    await expect(page.locator("#reload-state")).to_contain_text("On")
    await plain.close()


@IN_EVERY_LOOK
async def test_the_pages_work_for_everybody(
    buyer: Page, till: Platform, axe: str, width: int, scheme: Scheme
) -> None:
    """axe finds nothing on any page of the way, and none is wider than the window."""
    await buyer.emulate_media(color_scheme=scheme)
    await buyer.set_viewport_size({"width": width, "height": 800})

    async def look() -> None:
        assert await axe_faults(buyer, axe) == [], buyer.url
        assert await buyer.evaluate("document.documentElement.scrollWidth") == width

    await look()
    await buyer.get_by_role("button", name="Save a card").click()
    await expect(buyer.get_by_text("Sandbox: no money moves")).to_be_visible()
    await look()
    await buyer.get_by_role("button", name="declined later").click()
    await expect(buyer.get_by_text("Your card is saved")).to_be_visible()
    await choose(buyer, "10")
    await reload_cards(till)
    await buyer.reload()
    await expect(buyer.get_by_text("Your card was declined.")).to_be_visible()
    await look()
    await buyer.get_by_label("Charge at least").fill("1")
    await buyer.get_by_role("button", name="Save", exact=True).click()
    await expect(buyer.get_by_role("alert")).to_be_visible()
    await look()
