"""Settings, Webhooks, in a real browser."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from playwright.async_api import Browser, Locator, Page, expect

from talktime.core.usage import LineReport
from talktime.deliverer import Deliverer
from talktime.gateways.webhook import WebhookSender
from talktime.ops.platform import Platform
from talktime.ops.webhooks import delete_endpoint, list_endpoints
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.browser.looking import IN_EVERY_LOOK, Scheme, axe_faults
from tests.portal.conftest import new_link, served_pages
from tests.worker.receiver import Receiver, receiving

pytestmark = pytest.mark.browser

PICTURES = os.environ.get("TALKTIME_PICTURES")
"""A directory to leave screenshots in, for people to look at."""


@pytest.fixture
async def site(platform: Platform) -> AsyncIterator[Platform]:
    """The pages of an installation whose operator allows private addresses."""
    terms = msgspec.structs.replace(platform.terms, webhooks_private=True)
    home = msgspec.structs.replace(platform, terms=terms)
    async with served_pages(home) as (served, _):
        yield served


@pytest.fixture
async def receiver(site: Platform, bots: Bots) -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made
    async with site.connection() as connection:
        for one in await list_endpoints(connection, bots.account_id):
            await delete_endpoint(connection, bots.account_id, one.endpoint_id)


async def deliver(platform: Platform) -> None:
    deliverer = Deliverer(platform, WebhookSender(allow_private=True))
    for _ in range(2):
        await deliverer.run()
        await deliverer.finish()
    await deliverer.close()


async def picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


async def follow(page: Page, locator: Locator) -> None:
    """Click, and wait until the page it leads to is there."""
    async with page.expect_navigation():
        await locator.click()


async def add(page: Page, site: Platform, url: str, *, note: str = "") -> str:
    """Add an endpoint as a person does; answers the secret."""
    await page.goto(f"{site.public_url}/settings/webhooks/new")
    await page.get_by_label("Address").fill(url)
    await page.get_by_label("Note").fill(note)
    await follow(page, page.get_by_role("button", name="Add the endpoint"))
    return await page.get_by_label("Signing secret").input_value()


async def test_from_nobody_to_a_delivered_message(
    page: Page, site: Platform, bots: Bots, receiver: Receiver
) -> None:
    """Add an endpoint, keep its secret, send a test, hear of a call, look at what was sent."""
    await page.goto(f"{site.public_url}/settings")
    await page.get_by_role("link", name="Webhooks").click()
    await expect(page.locator(".empty")).to_contain_text("Nobody is told yet.")
    await page.get_by_role("link", name="Add endpoint").click()
    await expect(page.get_by_label("Address")).to_be_focused()
    await page.keyboard.type(receiver.url)
    await page.keyboard.press("Enter")
    secret = await page.get_by_label("Signing secret").input_value()
    receiver.secrets = [secret]
    await page.get_by_role("link", name="I have copied it").click()
    await expect(page.locator("body")).not_to_contain_text(secret)
    await page.get_by_role("button", name="Send a test").click()
    await expect(page.locator(".badge")).to_have_text("Delivered")
    await expect(page.locator("pre")).to_contain_text('"type": "webhook.test"')
    await bots.call("CA1", *MINUTE_BY_PHONE)
    await deliver(site)
    await page.get_by_role("link", name="Back to the endpoint").click()
    await expect(page.locator(".endpoint .badge")).to_have_text("Healthy")
    await page.get_by_role("link", name="call.settled").click()
    await expect(page.locator("pre")).to_contain_text('"charge": "0.052"')
    await page.get_by_role("button", name="Send again").click()
    await expect(page.locator(".notice")).to_contain_text("It was sent once more.")
    await page.get_by_role("link", name="Back to the endpoint").click()
    await page.get_by_role("link", name="Delete").click()
    await page.get_by_role("button", name="Delete the endpoint").click()
    await expect(page.locator(".empty")).to_contain_text("Nobody is told yet.")


async def test_it_works_without_scripts(
    chromium: Browser, site: Platform, bots: Bots, receiver: Receiver
) -> None:
    """Without scripts everything can be done; the button to copy is not there."""
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(site.public_url + await new_link(site, bots.account_id))
    assert (await add(page, site, receiver.url)).startswith("whsec_")
    await expect(page.get_by_role("button", name="Copy")).to_have_count(0)
    await page.get_by_role("button", name="Disable").click()
    await expect(page.locator(".endpoint .badge")).to_have_text("Disabled by hand")
    await page.get_by_role("button", name="Enable").click()
    await expect(page.locator(".notice")).to_contain_text("It is told again.")
    await context.close()


async def test_a_refused_address_is_said_at_its_field(page: Page, site: Platform, axe: str) -> None:
    """The form comes back filled in, the reason tied to the field, and axe has nothing to say."""
    # A page of its own: the browser complains of every answer that is a refusal.
    other = await page.context.new_page()
    await other.goto(f"{site.public_url}/settings/webhooks/new")
    await other.get_by_label("Address").fill("https://ada:pw@example.com/")
    await other.get_by_role("button", name="Add the endpoint").click()
    field = other.get_by_label("Address")
    await expect(field).to_have_value("https://ada:pw@example.com/")
    await expect(field).to_be_focused()
    await expect(other.locator("#url-error")).to_contain_text("leave user and password out")
    await picture(other, "webhooks-form-refused")
    assert await axe_faults(other, axe) == []


@IN_EVERY_LOOK
async def test_every_page_is_sound(
    *,
    page: Page,
    site: Platform,
    bots: Bots,
    receiver: Receiver,
    axe: str,
    scheme: Scheme,
    width: int,
) -> None:
    """axe-core has nothing to say, and nothing is wider than the screen: empty, failing, filled."""
    await page.set_viewport_size({"width": width, "height": 900})
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")

    async def look(name: str) -> None:
        await picture(page, f"webhooks-{name}-{width}-{scheme}")
        assert await page.evaluate("document.documentElement.scrollWidth") == width, name
        assert await axe_faults(page, axe) == [], name

    await page.goto(f"{site.public_url}/settings/webhooks")
    await look("empty")
    await page.goto(f"{site.public_url}/settings/webhooks/new")
    await look("form")
    await add(page, site, receiver.url, note="Bookkeeping of the Berlin office")
    await look("secret")
    await bots.call("CA1", *MINUTE_BY_PHONE)
    await bots.call("CA2", LineReport(service="llm", provider="acme", provider_cost="3.9"))
    await deliver(site)
    receiver.status = lambda _: 503
    await bots.call("CA3", *MINUTE_BY_PHONE)
    await deliver(site)
    dead = "https://1.1.1.1/a/rather/long/path/to/where/nobody/listens?with=a&query=string"
    await add(page, site, dead)
    await follow(page, page.get_by_role("link", name="I have copied it"))
    await follow(page, page.get_by_role("button", name="Disable"))
    await look("disabled")
    await page.goto(f"{site.public_url}/settings/webhooks")
    await look("list")
    await follow(page, page.get_by_role("link", name=receiver.url))
    await look("failing")
    await follow(page, page.locator(".deliveries .name").first)
    await look("delivery")
    await follow(page, page.get_by_role("link", name="Back to the endpoint"))
    await follow(page, page.get_by_role("link", name="Delete"))
    await look("delete")
