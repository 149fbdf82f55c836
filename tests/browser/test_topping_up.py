"""Top up in a browser, on the sandbox's payment page, through the same signed door."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import BrowserContext, Page, expect

from talktime.gateways.sandbox_payments import SandboxPayments
from talktime.ops.platform import Platform
from talktime.portal.billing import sandbox_pages
from tests.acting import Bots
from tests.browser.looking import IN_EVERY_LOOK, Scheme, axe_faults
from tests.conftest import AccountFactory
from tests.payments.paying import Payer
from tests.portal.conftest import new_link

pytestmark = pytest.mark.browser


@pytest.fixture
async def bots(till: Platform, make_account: AccountFactory) -> Bots:
    return Bots(till, await make_account(paid="5"))


@pytest.fixture
async def buyer(context: BrowserContext, till: Platform, bots: Bots) -> AsyncIterator[Page]:
    """A customer on Billing, who may not be complained to."""
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(till.public_url + await new_link(till, bots.account_id))
    yield page
    await page.close()
    assert complaints == []


async def order(buyer: Page, amount: str = "$25.00") -> None:
    """From Billing to the payment page."""
    await buyer.get_by_role("link", name="Top up").first.click()
    await buyer.get_by_role("radio", name=amount).check()
    await buyer.get_by_role("button", name="Go to payment").click()
    await expect(buyer.get_by_text("Sandbox: no money moves")).to_be_visible()


async def test_pay(buyer: Page) -> None:
    """Paid: the page back here turns by itself when the notice has come, and so does Billing."""
    await order(buyer)
    await buyer.get_by_role("button", name="Pay", exact=True).click()
    await expect(buyer.get_by_text("$25.00 has arrived")).to_be_visible()
    await buyer.get_by_role("main").get_by_role("link", name="Back to Billing").last.click()
    await expect(buyer.locator("#summary .big")).to_have_text("$30.00")


async def test_the_confirmation_comes_late(buyer: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the notice is there the page says that it waits; then it changes without a reload."""
    monkeypatch.setitem(sandbox_pages._WAYS, "pay_late", (1.5, 1))
    await order(buyer)
    await buyer.get_by_role("button", name="10 s later").click()
    await expect(buyer.get_by_text("Waiting for the confirmation")).to_be_visible()
    await expect(buyer.get_by_text("$25.00 has arrived")).to_be_visible()


async def test_the_confirmation_comes_twice(buyer: Page, bots: Bots, till: Platform) -> None:
    """A notice delivered twice is one credit."""
    assert till.payments is not None
    await order(buyer, "$10.00")
    await buyer.get_by_role("button", name="comes twice").click()
    await expect(buyer.get_by_text("$10.00 has arrived")).to_be_visible()
    sandbox = till.payments.provider
    assert isinstance(sandbox, SandboxPayments)
    await asyncio.gather(*sandbox._sending)
    assert len(await Payer(till, sandbox, bots.account_id).top_ups()) == 1


async def test_declined_then_3d_secure(buyer: Page) -> None:
    """A declined card says so and can be followed by another, here with a step at the bank."""
    await order(buyer)
    await buyer.get_by_role("button", name="Decline the card").click()
    await expect(buyer.get_by_role("alert")).to_contain_text("Your card was declined")
    await buyer.get_by_role("button", name="3-D Secure").click()
    await buyer.get_by_role("button", name="Fail the authentication").click()
    await expect(buyer.get_by_role("alert")).to_contain_text("could not make sure")
    await buyer.get_by_role("button", name="3-D Secure").click()
    await buyer.get_by_role("button", name="It is me").click()
    await expect(buyer.get_by_text("$25.00 has arrived")).to_be_visible()


async def test_cancelled(buyer: Page) -> None:
    """Back without paying: nothing was charged, and the way to pay is still open."""
    await order(buyer)
    await buyer.get_by_role("link", name="Cancel and go back").click()
    await expect(buyer.get_by_text("You can still pay, or leave it")).to_be_visible()
    await expect(buyer.get_by_role("link", name="Go to payment")).to_be_visible()


@IN_EVERY_LOOK
async def test_the_pages_work_for_everybody(
    buyer: Page, axe: str, width: int, scheme: Scheme
) -> None:
    """axe finds nothing on any page of the way, and none is wider than the window."""
    await buyer.emulate_media(color_scheme=scheme)
    await buyer.set_viewport_size({"width": width, "height": 800})

    async def look() -> None:
        assert await axe_faults(buyer, axe) == [], buyer.url
        assert await buyer.evaluate("document.documentElement.scrollWidth") == width

    await buyer.get_by_role("link", name="Top up").first.click()
    await expect(buyer).to_have_url(re.compile("/billing/top-up$"))
    await look()
    await buyer.get_by_role("button", name="Go to payment").click()
    await expect(buyer.get_by_text("Sandbox: no money moves")).to_be_visible()
    await look()
    await buyer.get_by_role("link", name="Cancel and go back").click()
    await expect(buyer.get_by_text("Not paid yet")).to_be_visible()
    await look()
