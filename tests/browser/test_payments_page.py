"""Payments and statements in a browser: from a top-up to the paper that one keeps."""

import re
import secrets
from datetime import timedelta

import pytest
from playwright.async_api import BrowserContext, Page, expect

from talktime.core.money import parse_usd
from talktime.core.payment import NoticeKind
from talktime.db import payments
from talktime.ops.platform import Platform
from talktime.ops.top_ups import settle_payment
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.browser.looking import IN_EVERY_LOOK, Scheme, axe_faults
from tests.payments.paying import notice
from tests.portal.conftest import new_link

pytestmark = pytest.mark.browser


async def top_up(site: Platform, account_id: str, amount: str, kind: NoticeKind) -> None:
    """A payment that a provider told of."""
    async with site.connection() as connection:
        payment_id = f"top_{secrets.token_hex(6)}"
        now = site.clock()
        await payments.open_payment(
            connection,
            account_id=account_id,
            payment_id=payment_id,
            provider="sandbox",
            amount_nanos=parse_usd(amount, field="amount"),
            now=now,
            expires_at=now + timedelta(hours=1),
        )
        payment = await payments.read_payment(connection, account_id, payment_id)
        assert payment is not None
        await settle_payment(connection, notice(payment, kind), terms=site.terms, now=now)


async def test_from_billing_to_the_papers(page: Page, site: Platform, bots: Bots, axe: str) -> None:
    """Billing leads to Payments with every state in words; receipt and statement open as PDF, the
    statement as a page too, and each page is whole for a screen reader."""
    await top_up(site, bots.account_id, "25", NoticeKind.PAID)
    await top_up(site, bots.account_id, "30", NoticeKind.FAILED)
    await bots.call("one", *MINUTE_BY_PHONE)
    await page.get_by_role("link", name="Payments", exact=True).click()
    table = page.get_by_role("table", name="Money in and out by card")
    await expect(table.get_by_role("row")).to_have_count(3)
    await expect(table).to_contain_text("Credited")
    await expect(table).to_contain_text("Failed")
    assert await axe_faults(page, axe) == []
    for link in ("Receipt of", "Statement of"):
        href = await page.get_by_role("link", name=re.compile(link)).first.get_attribute("href")
        paper = await page.request.get(site.public_url + str(href))
        assert (await paper.body()).startswith(b"%PDF-")
    await page.get_by_role("region", name="Statements").get_by_role("link").first.click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Statement")
    sums = page.get_by_role("table", name="Balance")
    await expect(sums.get_by_role("row", name=re.compile("Balance now"))).to_contain_text("$30.448")
    assert await axe_faults(page, axe) == []


async def test_details_with_the_keyboard(
    context: BrowserContext, site: Platform, bots: Bots, axe: str
) -> None:
    """The details are changed with the keyboard alone; a mistake keeps what was typed and says
    what to correct."""
    page = await context.new_page()
    await page.goto(site.public_url + await new_link(site, bots.account_id))
    await page.goto(f"{site.public_url}/billing/payments")
    await page.get_by_role("link", name="Change details").press("Enter")
    assert await axe_faults(page, axe) == []
    await page.get_by_label("Address").fill("\n".join("abcdefgh"))
    await page.get_by_label("Name or company").fill("Ada Ltd.")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("at most 6 lines")
    await expect(page.get_by_label("Name or company")).to_have_value("Ada Ltd.")
    assert await axe_faults(page, axe) == []
    await page.get_by_label("Address").fill("1 Road\nTown")
    await page.get_by_label("Tax id").press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("saved")
    await expect(page.get_by_role("region", name="Billing details")).to_contain_text("1 Road")


@IN_EVERY_LOOK
async def test_looks(
    *, page: Page, site: Platform, bots: Bots, axe: str, width: int, scheme: Scheme
) -> None:
    """Wide or narrow, light or dark: nothing sticks out, and contrast is enough."""
    await top_up(site, bots.account_id, "1999.99", NoticeKind.PAID)
    await top_up(site, bots.account_id, "5", NoticeKind.EXPIRED)
    await bots.call("one", *MINUTE_BY_PHONE)
    await page.set_viewport_size({"width": width, "height": 900})
    await page.emulate_media(color_scheme=scheme)
    for path in ("payments", f"statements/{site.clock():%Y-%m}", "details"):
        await page.goto(f"{site.public_url}/billing/{path}")
        wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0
        assert await axe_faults(page, axe) == []
