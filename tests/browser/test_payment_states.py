"""Pages about payments that are open while things happen to the payments."""

import secrets
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import BrowserContext, Page, expect

from talktime.core.payment import NoticeKind, Payment
from talktime.core.refund import DisputeNotice, PartStatus, RefundNotice
from talktime.ops.auto_reload import change_auto_reload
from talktime.ops.disputes import settle_dispute
from talktime.ops.platform import Platform
from talktime.ops.refunds import ask_refund, decline_refund, settle_refund
from tests.browser.looking import axe_faults
from tests.conftest import AccountFactory
from tests.payments.paying import Payer, notice
from tests.payments.reloading import chosen
from tests.portal.conftest import new_link

pytestmark = pytest.mark.browser


@pytest.fixture
async def payer(till: Platform, make_account: AccountFactory) -> Payer:
    assert till.payments is not None
    return Payer(till, till.payments.provider, await make_account(paid="5"))


@pytest.fixture
async def customer(context: BrowserContext, payer: Payer) -> AsyncIterator[Page]:
    """Signed in; whatever the browser complains of fails the test."""
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(payer.platform.public_url + await new_link(payer.platform, payer.account_id))
    yield page
    await page.close()
    assert complaints == []


async def paid(payer: Payer, amount: str) -> Payment:
    payment = await payer.begin(amount)
    return await payer.tell(notice(payment, intent_id=f"pi_{payment.payment_id}"))


async def ask(payer: Payer, nanos: int) -> str:
    """Ask for a refund elsewhere; its id."""
    refund_id = f"ref_{secrets.token_hex(8)}"
    async with payer.platform.connection() as connection:
        await ask_refund(
            connection,
            account_id=payer.account_id,
            refund_id=refund_id,
            provider="sandbox",
            amount_nanos=nanos,
            now=payer.platform.clock(),
        )
    return refund_id


async def dispute(payer: Payer, payment: Payment, **told: int | None) -> None:
    async with payer.platform.connection() as connection:
        await settle_dispute(
            connection,
            DisputeNotice(
                dispute_id=f"dp_{payment.payment_id}",
                intent_id=str(payment.intent_id),
                currency="usd",
                withdrawn_cents=told.get("withdrawn"),
                reinstated_cents=told.get("reinstated"),
                account_id=payer.account_id,
                payment_id=payment.payment_id,
            ),
            terms=payer.platform.terms,
            now=payer.platform.clock(),
        )


async def sent_back(payer: Payer, payment: Payment, cents: int, status: PartStatus) -> None:
    """What the platform began at the provider itself."""
    async with payer.platform.connection() as connection:
        await settle_refund(
            connection,
            RefundNotice(
                provider_refund_id=f"re_{payment.payment_id}",
                intent_id=str(payment.intent_id),
                amount_cents=cents,
                currency="usd",
                status=status,
                account_id=payer.account_id,
                payment_id=payment.payment_id,
            ),
            terms=payer.platform.terms,
            now=payer.platform.clock(),
        )


async def test_all_money_by_card_as_it_moves(customer: Page, payer: Payer, axe: str) -> None:
    """An open Payments page tells of a payment begun, declined, credited, asked back, sent back and
    taken back without a reload; each kind can be shown alone."""
    await customer.goto(f"{payer.platform.public_url}/billing/payments")
    shown = customer.locator("#payments-list")
    await expect(shown).to_contain_text("No payments yet.")
    payment = await payer.begin("25")
    await expect(shown.get_by_role("row", name="Not confirmed yet")).to_contain_text("+$25.00")
    await payer.tell(notice(payment, NoticeKind.ATTEMPT_FAILED, reason="Your card was declined."))
    await expect(shown).to_contain_text("Your card was declined. It can be tried again until")
    payment = await payer.tell(notice(payment, intent_id=f"pi_{payment.payment_id}"))
    await expect(shown.get_by_role("link", name="Receipt of Top-up, +$25.00")).to_be_visible()
    refund_id = await ask(payer, 4 * 10**9)
    await expect(shown).to_contain_text("Waiting for an answer")
    async with payer.platform.connection() as connection:
        await decline_refund(
            connection,
            account_id=payer.account_id,
            refund_id=refund_id,
            answer="Your calls go on until Friday",
            now=payer.platform.clock(),
        )
    await expect(shown).to_contain_text("Your calls go on until Friday. Nothing was taken.")
    await sent_back(payer, payment, 500, PartStatus.PENDING)
    await expect(shown.get_by_role("row", name="Begun by your platform")).to_contain_text("On its")
    await sent_back(payer, payment, 500, PartStatus.SUCCEEDED)
    await expect(shown.get_by_role("row", name="Sent back")).to_contain_text("\N{MINUS SIGN}$5.00")
    await dispute(payer, payment, withdrawn=2000)
    await expect(shown.get_by_role("row", name="Chargeback")).to_contain_text(
        "\N{MINUS SIGN}$20.00"
    )
    await dispute(payer, payment, reinstated=2000)
    await expect(shown.get_by_role("row", name="Chargeback reversed")).to_contain_text("+$20.00")
    assert await axe_faults(customer, axe) == []
    for name, rows in (("Top-ups", 1), ("Refunds", 2), ("Chargebacks", 2), ("All", 5)):
        await customer.get_by_label("Which payments").get_by_role("link", name=name).click()
        await expect(shown.locator("tbody tr")).to_have_count(rows)


async def test_billing_says_what_is_under_way(customer: Page, payer: Payer, axe: str) -> None:
    """A line comes and goes with what is under way, and nothing else moves for it."""
    line, cards = customer.locator(".under-way"), customer.locator("#summary .cards")
    await expect(line).to_have_text("")
    before = await cards.bounding_box()
    payment = await payer.begin("25")
    await expect(line).to_contain_text("A top-up of $25.00 is not confirmed yet")
    assert await axe_faults(customer, axe) == []
    assert await cards.bounding_box() == before
    await payer.tell(notice(payment, NoticeKind.ATTEMPT_FAILED, reason="No."))
    await expect(line).to_contain_text("Your card was declined for $25.00")
    await payer.tell(notice(payment))
    await expect(line).to_have_text("")
    assert await cards.bounding_box() == before
    await ask(payer, 4 * 10**9)
    await expect(line).to_contain_text("A refund of $4.00 is asked for")
    await line.get_by_role("link").click()
    await expect(customer.get_by_role("heading", level=1)).to_have_text("Refund")


async def test_a_refund_that_is_being_typed(customer: Page, payer: Payer, axe: str) -> None:
    """What is typed stays while the figures around it change, and while the page is read anew."""
    await paid(payer, "12")
    await customer.goto(f"{payer.platform.public_url}/billing/refund")
    await customer.get_by_label("How much do you want back").fill("3")
    await customer.get_by_label("Why?").fill("Our pilot is")
    await paid(payer, "8")
    await expect(customer.locator("#refund-figure")).to_contain_text("$20.00")
    await expect(customer.locator("#amount-hint")).to_contain_text("At most $20.00")
    await customer.keyboard.type(" over")
    await customer.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    await ask(payer, 4 * 10**9)
    await expect(customer.locator("#refunds")).to_contain_text("Waiting for an answer")
    await expect(customer.locator("#refund-next")).to_contain_text("The next can be asked for")
    assert await axe_faults(customer, axe) == []


async def test_a_choice_that_is_being_typed(customer: Page, payer: Payer, axe: str) -> None:
    """Auto-reload says how it stands as it changes, and what is typed beside it stays, even where
    the page is read anew."""
    await customer.goto(f"{payer.platform.public_url}/billing/auto-reload")
    await expect(customer.locator("#reload-state")).to_contain_text("Off")
    amount = customer.get_by_label("Charge at least")
    await amount.fill("4")
    async with payer.platform.connection() as connection:
        await change_auto_reload(
            connection, account_id=payer.account_id, settings=chosen(), now=payer.platform.clock()
        )
    await expect(customer.locator("#reload-state")).to_contain_text("On, but no card is saved")
    await amount.press("2")
    await customer.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    await expect(customer.get_by_role("checkbox")).to_be_visible()
    await expect(amount).to_have_value("42")
    await expect(customer.locator("#reload-used")).to_contain_text("Failures in a row")
    assert await axe_faults(customer, axe) == []
