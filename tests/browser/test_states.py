"""Every state that a page can be in, looked at: forms refused, payments on their way, refusals.

Only with ``TALKTIME_FULL=1``: it leaves pictures in build/screens, to be looked at.
"""

import secrets
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest
from playwright.async_api import BrowserContext, Page, expect

from talktime.core.auto_reload import COOL_DOWN_AFTER_FAILURE
from talktime.core.call import Outcome
from talktime.core.coupon import Coupon
from talktime.core.member import Role
from talktime.core.ratecard import Channel
from talktime.core.usage import LineReport
from talktime.deliverer import Deliverer
from talktime.gateways import sandbox_refunds
from talktime.gateways.webhook import WebhookSender
from talktime.ops.coupons import create_coupon, redeem_coupon
from talktime.ops.platform import Platform
from talktime.portal.visiting import COOKIE
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.browser.looking import FULL, Looker
from tests.browser.test_auto_reload import choose, save_card
from tests.browser.test_looks import CHAT, UNPRICED
from tests.browser.test_refunding import let_go
from tests.browser.test_sign_in import fresh
from tests.browser.test_topping_up import order
from tests.browser.test_webhooks import add, follow
from tests.conftest import AccountFactory
from tests.payments.looping import do_once, reload_cards
from tests.portal.conftest import new_link
from tests.portal.settings_desk import add_person, session_of
from tests.portal.test_sign_in import mailed
from tests.worker.receiver import receiving

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not FULL, reason="TALKTIME_FULL=1 looks at every state of every page"),
]


@pytest.fixture
async def bots(shop: Platform, make_account: AccountFactory) -> Bots:
    return Bots(shop, await make_account(promo="0.5", paid="5"))


@pytest.fixture
async def page(context: BrowserContext, shop: Platform, bots: Bots) -> Page:
    """Billing, signed in."""
    page = await context.new_page()
    await page.goto(shop.public_url + await new_link(shop, bots.account_id))
    return page


@pytest.fixture
async def looker(page: Page, axe: str) -> AsyncIterator[Looker]:
    looker = Looker(page, axe)
    yield looker
    assert not looker.faults, "\n".join(looker.faults)


async def test_paying(page: Page, shop: Platform, looker: Looker) -> None:
    """From the amount over the provider's pages to the papers."""
    await page.goto(f"{shop.public_url}/billing/top-up")
    await page.get_by_label("Another amount").fill("1")
    await page.get_by_role("button", name="Go to payment").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await looker.look("s-top-up-refused")
    await page.goto(f"{shop.public_url}/billing")
    await order(page)
    await looker.look("s-sandbox-checkout")
    await page.get_by_role("button", name="Decline the card").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await looker.look("s-sandbox-declined")
    await page.get_by_role("link", name="Cancel and go back").click()
    await looker.look("s-top-up-cancelled")
    await page.get_by_role("link", name="Go to payment").click()
    await page.get_by_role("button", name="3-D Secure").click()
    await looker.look("s-sandbox-3ds")
    checkout = page.url
    await page.get_by_role("button", name="It is me").click()
    await expect(page.get_by_text("$25.00 has arrived")).to_be_visible()
    await looker.look("s-top-up-arrived")
    await page.goto(checkout)
    await looker.look("s-sandbox-paid")
    await page.goto(f"{shop.public_url}/billing")
    await order(page, "$50.00")
    await page.get_by_role("button", name="10 s later").click()
    await looker.look("s-top-up-waiting")
    await page.goto(f"{shop.public_url}/billing")
    await order(page, "$10.00")
    await page.goto(f"{shop.public_url}/billing/payments")
    await looker.look("s-payments")
    await page.goto(f"{shop.public_url}/billing/details")
    await looker.look("s-details")
    await page.get_by_label("Address").fill("\n".join("abcdefgh"))
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await looker.look("s-details-refused")


async def test_refunds(
    page: Page, shop: Platform, bots: Bots, looker: Looker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nothing to give back, asked for, and on its way."""
    monkeypatch.setattr(sandbox_refunds, "CONFIRMED_AFTER_SECONDS", 120.0)
    await page.goto(f"{shop.public_url}/billing/refund")
    await looker.look("s-refund-none")
    await page.goto(f"{shop.public_url}/billing")
    await order(page)
    await page.get_by_role("button", name="Pay", exact=True).click()
    await expect(page.get_by_text("$25.00 has arrived")).to_be_visible()
    await page.goto(f"{shop.public_url}/billing/refund")
    await page.get_by_label("How much do you want back").fill("99")
    await page.get_by_role("button", name="Ask for the refund").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await looker.look("s-refund-refused")
    await page.get_by_label("How much do you want back").fill("10")
    await page.get_by_role("button", name="Ask for the refund").click()
    await expect(page.get_by_text("Your refund is asked for")).to_be_visible()
    await looker.look("s-refund-asked")
    await let_go(shop, bots.account_id)
    await page.goto(f"{shop.public_url}/billing/refund")
    await looker.look("s-refund-running")
    await page.goto(f"{shop.public_url}/billing")
    await looker.look("s-billing-refund-running")


async def test_auto_reload(page: Page, shop: Platform, looker: Looker) -> None:
    """Off, with a card, on, and stopped by a card that is declined."""
    await page.goto(f"{shop.public_url}/billing/auto-reload")
    await looker.look("s-reload-off")
    await page.get_by_role("button", name="Save a card").click()
    await expect(page.get_by_text("Sandbox: no money moves")).to_be_visible()
    await looker.look("s-sandbox-setup")
    await page.get_by_role("button", name="declined later").click()
    await expect(page.get_by_text("Your card is saved")).to_be_visible()
    await looker.look("s-reload-card")
    await choose(page, "10")
    await looker.look("s-reload-on")
    await reload_cards(shop)
    await page.goto(f"{shop.public_url}/billing/auto-reload")
    await looker.look("s-reload-declined")
    for failures in (1, 2):
        later = shop.clock() + failures * COOL_DOWN_AFTER_FAILURE
        late = msgspec.structs.replace(shop, clock=lambda later=later: later)
        await do_once(late, "sweeps", "reloads")
    await page.goto(f"{shop.public_url}/billing/auto-reload")
    await expect(page.locator("#reload-state")).to_contain_text("Stopped")
    await looker.look("s-reload-stopped")
    await save_card(page)
    await page.get_by_label("Charge at least").fill("1")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await looker.look("s-reload-refused")


async def issue(shop: Platform, **facts: object) -> str:
    """A fresh coupon of $2.50; its code."""
    code = f"Spring-{secrets.token_hex(4)}"
    async with shop.connection() as connection:
        coupon = Coupon(code=code, amount_nanos=2_500_000_000, created_at=shop.clock(), **facts)  # type: ignore[arg-type]
        await create_coupon(connection, coupon)
    return code


async def test_redeeming(
    page: Page, shop: Platform, looker: Looker, make_account: AccountFactory
) -> None:
    """Each refusal, the offer and the credit, on the page and in the dialog."""
    code, used_up = await issue(shop), await issue(shop, max_redemptions=1)
    now = shop.clock()
    async with shop.connection() as connection:
        other = await make_account()
        await redeem_coupon(connection, account_id=other, code=used_up, terms=shop.terms, now=now)
    refused = {
        "unknown": "no-such-code",
        "case": code.upper(),
        "early": await issue(shop, starts_at=now + timedelta(days=1)),
        "expired": await issue(shop, ends_at=now - timedelta(days=1)),
        "used-up": used_up,
    }
    for name, entered in refused.items():
        await page.goto(f"{shop.public_url}/billing/redeem")
        await page.get_by_label("Coupon code").fill(entered)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_be_visible()
        await looker.look(f"s-redeem-{name}")
    await page.goto(f"{shop.public_url}/billing/redeem")
    await page.get_by_label("Coupon code").fill(code)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Confirm")).to_be_visible()
    await looker.look("s-redeem-offer")
    await page.get_by_role("button", name="Confirm").click()
    await expect(page.locator(".notice.done")).to_be_visible()
    await looker.look("s-redeem-done")
    await page.goto(f"{shop.public_url}/billing")
    await page.get_by_role("link", name="Redeem coupon").first.click()
    await expect(page.get_by_role("dialog").get_by_label("Coupon code")).to_be_focused()
    await looker.look("s-dialog-redeem")
    await page.keyboard.type(await issue(shop))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Confirm")).to_be_visible()
    await looker.look("s-dialog-offer")


async def test_receipts(page: Page, shop: Platform, bots: Bots, looker: Looker) -> None:
    """Charged and checked, dear, free, waiting for a price, running; in the list and alone."""
    priced = LineReport(
        service="tts", provider="openai", model="tts-1", quantities={"characters": 4100}
    )
    for number in range(8):
        await bots.call(f"CA-usual-{number}", *MINUTE_BY_PHONE, direction="outbound")
    await bots.call(
        "CA-priced", CHAT, priced, channel=Channel.WEB, seconds=205, agent_id="front-desk"
    )
    dear = LineReport(service="llm", provider="acme", model="mind", provider_cost="1.2")
    await bots.call("CA-dear", dear, *MINUTE_BY_PHONE[1:], direction="inbound", seconds=700)
    await bots.call("CA-free", outcome=Outcome.NO_ANSWER, to_number="+4930123456")
    await bots.call("CA-crash", *MINUTE_BY_PHONE, outcome=Outcome.FAILED)
    await bots.call("CA-unpriced", UNPRICED, channel=Channel.WEB)
    await bots.start("CA-running", direction="inbound", from_number="+44 7700 900123")
    await bots.report("CA-running", *MINUTE_BY_PHONE)
    for name in ("priced", "dear", "free", "crash", "unpriced", "running"):
        await page.goto(f"{shop.public_url}/calls/CA-{name}")
        if name in {"priced", "dear"}:
            await page.get_by_role("link", name="Check this receipt").click()
            await expect(page.locator(".proof-result")).to_contain_text("figure")
        await looker.look(f"s-receipt-{name}")
    await page.goto(f"{shop.public_url}/calls/CA-priced/check")
    await looker.look("s-check-page")
    await page.goto(f"{shop.public_url}/calls")
    for name in ("running", "unpriced", "free", "dear", "priced"):
        await page.locator(f'a.open[href$="/CA-{name}"]').click()
    await expect(page.locator("tbody.call .receipt")).to_have_count(5)
    await looker.look("s-calls-open")
    await page.goto(f"{shop.public_url}/calls?channel=web&sort=dearest&min=0.0001")
    await looker.look("s-calls-filtered")
    await page.locator(".more summary").click()
    await looker.look("s-calls-filters")
    await page.goto(f"{shop.public_url}/calls?min=nothing&from=never")
    await looker.look("s-calls-refused")
    await page.goto(f"{shop.public_url}/spend")
    await looker.look("s-spend")
    await page.goto(f"{shop.public_url}/spend?from=2026-02-01&to=2026-01-01")
    await looker.look("s-spend-refused")


async def test_estimates(page: Page, shop: Platform, looker: Looker) -> None:
    """A result for each channel; a plan that cannot be read; a model without a price."""
    for channel in ("phone", "web", "chat"):
        await page.goto(f"{shop.public_url}/spend/estimate?channel={channel}")
        await looker.look(f"s-estimate-{channel}")
    await page.goto(f"{shop.public_url}/spend/estimate?channel=phone&minutes=nonsense")
    await looker.look("s-estimate-refused")


async def test_settings(page: Page, shop: Platform, bots: Bots, looker: Looker) -> None:
    """People, keys and what is refused."""
    site = shop.public_url
    await add_person(shop, bots.account_id, "grace." + "rather-long-name-" * 2, Role.BILLING)
    await add_person(shop, bots.account_id, "lin", Role.VIEWER)
    await page.goto(f"{site}/settings")
    await page.get_by_label("Time zone").fill("Atlantis")
    await page.get_by_role("button", name="Save settings").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await looker.look("s-settings-refused")
    await page.goto(f"{site}/settings/people")
    await looker.look("s-people")
    await page.get_by_label("E-mail address").fill("nobody")
    await page.get_by_role("button", name="Invite").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await looker.look("s-people-refused")
    await page.goto(f"{site}/settings/keys")
    await page.get_by_label("Name").fill("Bookkeeping")
    await page.get_by_label("Read the balance").check()
    await page.get_by_role("button", name="Make the key").click()
    await looker.look("s-key-new")
    await page.goto(f"{site}/settings/keys")
    await looker.look("s-keys")
    await page.get_by_role("link", name="Revoke Bookkeeping").click()
    await looker.look("s-key-revoke")
    await page.get_by_role("button", name="Revoke the key").click()
    await page.get_by_text("Revoked keys (1)").click()
    await looker.look("s-keys-revoked")
    address = await add_person(shop, bots.account_id, "viv", Role.VIEWER)
    session = await session_of(shop, bots.account_id, address)
    await page.context.add_cookies([{"name": COOKIE, "value": session, "url": site}])
    for path in ("settings", "settings/keys", "billing/redeem", "billing/top-up", "billing"):
        await page.goto(f"{site}/{path}")
        await looker.look(f"s-viewer-{path}")


async def test_webhooks(page: Page, shop: Platform, bots: Bots, looker: Looker) -> None:
    """An endpoint with deliveries, good and bad."""
    async with receiving() as receiver:
        receiver.secrets = [await add(page, shop, receiver.url, note="Bookkeeping, Berlin")]
        await looker.look("s-webhook-secret")
        receiver.is_elsewhen = True
        await bots.call("CA1", *MINUTE_BY_PHONE)
        deliverer = Deliverer(shop, WebhookSender(allow_private=True))
        for status in (204, 503):
            receiver.status = lambda _, status=status: status  # type: ignore[misc]
            await deliverer.run()
            await deliverer.finish()
            await bots.call(f"CA-{status}", *MINUTE_BY_PHONE)
        await deliverer.run()
        await deliverer.finish()
        await deliverer.close()
        await page.goto(f"{shop.public_url}/settings/webhooks")
        await looker.look("s-webhooks")
        await follow(page, page.get_by_role("link", name=receiver.url))
        await looker.look("s-webhook")
        await follow(page, page.locator(".deliveries .name").first)
        await looker.look("s-webhook-delivery")
        await follow(page, page.get_by_role("link", name="Back to the endpoint"))
        await follow(page, page.get_by_role("link", name="Delete"))
        await looker.look("s-webhook-delete")
        await follow(page, page.get_by_role("button", name="Delete"))


async def test_doors(
    page: Page, shop: Platform, looker: Looker, make_account: AccountFactory
) -> None:
    """From the address to the account, and each way that leads nowhere."""
    site = shop.public_url
    await page.context.clear_cookies()

    async def ask(address: str) -> str:
        await page.goto(f"{site}/sign-in")
        await page.get_by_label("E-mail address").fill(address)
        await page.get_by_role("button", name="Send me a link").click()
        return site + await mailed(shop, address) if "@" in address else ""

    await ask("nobody")
    await looker.look("s-sign-in-refused")
    address = fresh()
    link = await ask(address)
    await looker.look("s-check-mail")
    await page.goto(link)
    await looker.look("s-sign-up")
    await page.get_by_label("Name of the account").fill("Grace & Co")
    await page.get_by_role("button", name="Open account").click()
    await looker.look("s-billing-fresh")
    await page.goto(link)
    await looker.look("s-link-used")
    await page.goto(site + await new_link(shop, await make_account()))
    await looker.look("s-enter-other")
    await page.goto(f"{site}/nothing-here")
    await looker.look("s-404")
    await page.goto(f"{site}/calls/nothing-here")
    await looker.look("s-404-call")
    await page.goto(f"{site}/switch")
    await looker.look("s-switch")
    await page.goto(f"{site}/mailbox")
    await expect(page.locator(".mails a").first).to_be_visible()
    await looker.look("s-mailbox")
    await page.locator(".mails a").first.click()
    await expect(page.locator("iframe")).to_be_visible()
    await looker.look("s-mail")
    await page.get_by_role("link", name="Plain text").click()
    await looker.look("s-mail-text")
    await page.goto(f"{site}/billing")
    await page.get_by_role("button", name="Sign out").click()
    await looker.look("s-left")
    address = fresh()
    await make_account(email=address)
    link = await ask(address)
    await page.goto(link)
    await looker.look("s-welcome-back")
    await make_account(email=address)
    link = await ask(address)
    await page.goto(link)
    await looker.look("s-choose")
    for _ in range(30):
        await ask(address)
        if await page.get_by_text("A little too often").is_visible():
            break
    await looker.look("s-429")
