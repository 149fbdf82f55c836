"""A refund in a browser, from asking to the card, by the sandbox and the same signed door."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import BrowserContext, Page, expect

from talktime.gateways import sandbox_refunds
from talktime.ops.platform import Platform
from talktime.ops.refunds import approve_refund, list_refunds
from tests.browser.looking import axe_faults
from tests.browser.test_topping_up import order
from tests.conftest import AccountFactory
from tests.payments.looping import do_once
from tests.portal.conftest import new_link

pytestmark = pytest.mark.browser


@pytest.fixture
async def account_id(make_account: AccountFactory) -> str:
    return await make_account()


@pytest.fixture
async def customer(
    context: BrowserContext,
    till: Platform,
    account_id: str,
) -> AsyncIterator[Page]:
    """Somebody who has topped up $25, on Billing."""
    page = await context.new_page()
    await page.goto(till.public_url + await new_link(till, account_id))
    await order(page)
    await page.get_by_role("button", name="Pay", exact=True).click()
    await expect(page.get_by_text("$25.00 has arrived")).to_be_visible()
    yield page
    await page.close()


async def let_go(till: Platform, account_id: str) -> None:
    """An operator approves what is asked for, and the worker sends it."""
    async with till.connection() as connection:
        [refund, *_], _ = await list_refunds(
            connection, account_id=account_id, before=None, limit=10
        )
        await approve_refund(
            connection,
            account_id=account_id,
            refund_id=refund.refund_id,
            terms=till.terms,
            now=till.clock(),
        )
    await do_once(till, "refunds")


async def test_from_asking_to_the_card(
    customer: Page,
    till: Platform,
    account_id: str,
    axe: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Asked for on the page, let go by an operator: Billing shows it set aside, and then gone,
    without a reload; every state of the page is accessible."""
    monkeypatch.setattr(sandbox_refunds, "CONFIRMED_AFTER_SECONDS", 2.0)
    await customer.goto(f"{till.public_url}/billing/refund")
    assert await axe_faults(customer, axe) == []
    await customer.get_by_label("How much do you want back").fill("99")
    await customer.get_by_role("button", name="Ask for the refund").click()
    await expect(customer.get_by_role("alert")).to_contain_text("At most $25.00 can")
    assert await axe_faults(customer, axe) == []
    await customer.get_by_label("How much do you want back").fill("10")
    await customer.get_by_label("Why?").fill("Our pilot is over.")
    await customer.get_by_role("button", name="Ask for the refund").click()
    await expect(customer.get_by_text("Your refund is asked for")).to_be_visible()
    await expect(customer.get_by_text("Waiting for an answer")).to_be_visible()
    assert await axe_faults(customer, axe) == []

    await customer.goto(f"{till.public_url}/billing")
    await expect(customer.locator("#summary .big")).to_have_text("$25.00")
    await let_go(till, account_id)
    await expect(customer.locator("#summary .big")).to_have_text("$15.00")
    await expect(customer.get_by_text("Refund on its way")).to_be_visible()
    await expect(customer.get_by_text("Refund on its way")).to_be_hidden()
    await expect(customer.locator("#summary .big")).to_have_text("$15.00")
    await expect(customer.locator("#history").get_by_text("Refund")).to_be_visible()


async def test_what_the_bank_does_later(
    customer: Page, till: Platform, account_id: str, axe: str
) -> None:
    """On the sandbox's page of a paid payment: a refund of the dashboard, a dispute, and its end;
    Billing follows each without a reload."""
    billing = await customer.context.new_page()
    await billing.goto(f"{till.public_url}/billing")
    assert till.payments is not None
    async with till.connection() as connection:
        cursor = await connection.execute(
            "SELECT checkout_url FROM payment WHERE account_id = %s AND status = 'succeeded'",
            [account_id],
        )
        row = await cursor.fetchone()
    assert row is not None
    await customer.goto(row[0])
    assert await axe_faults(customer, axe) == []
    for button, balance in (
        ("Send $1.00 back", "$24.00"),
        ("The bank sends the last refund back", "$25.00"),
        ("The customer disputes it", "$0.00"),
        ("The dispute is won", "$25.00"),
    ):
        await customer.get_by_role("button", name=button).click()
        await expect(customer.get_by_role("status")).to_contain_text("Done")
        await expect(billing.locator("#summary .big")).to_have_text(balance)
    await billing.close()
