"""Money in and out against localstripe, a Stripe that we did not write, over real HTTP.

The official library and our gateways speak to it; its notices come to the real door of a server
that listens on a socket, under the secret it was told.

Its own: customers, cards and their attaching, PaymentIntents (confirmed off session, declined,
3-D Secure), partial refunds, and the notices payment_intent.succeeded and .payment_failed.
Ours, in tests/payments/localstripe_beside.py: Checkout Sessions with their notices, and what
localstripe leaves out of a PaymentIntent. Where it does worse than Stripe (idempotency keys are
ignored, more can be refunded than was paid, 4000000000000002 pays) the strict model of
tests/payments/stripe_checkouts.py is what our code is tested against.
"""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import msgspec
import pytest
import stripe

from talktime.api.app import create_app
from talktime.config import Settings
from talktime.core.auto_reload import ReloadReason
from talktime.core.payment import Payment, PaymentStatus
from talktime.core.refund import PartStatus, RefundStatus
from talktime.core.saved_card import ChargeOrder, ChargeOutcome
from talktime.gateways.stripe_checkout import StripeCheckout
from talktime.ops.platform import Payments, Platform
from talktime.ops.reload_runs import ASK_AFTER
from tests.conftest import AccountFactory
from tests.payments.localstripe_beside import (
    ASKS,
    DECLINES,
    LOCAL_SECRET,
    StripeBeside,
    beside,
    on_loopback,
)
from tests.payments.localstripe_process import KEY, Localstripe, can_listen, running_localstripe
from tests.payments.paying import SECRET, Payer
from tests.payments.refunding import Refunder
from tests.payments.reloading import Reloader, chosen

SUCCEEDED = "payment_intent.succeeded"
FAILED = "payment_intent.payment_failed"
DELIVERED = 'webhook "{}" successfully delivered'
REFUSED = 'webhook "{}" failed with response code {}'


@pytest.fixture(scope="session")
def localstripe() -> Iterator[Localstripe]:
    if not can_listen():
        pytest.skip("localstripe listens by IPv6, which this machine does not have")
    with running_localstripe() as running:
        yield running


@pytest.fixture(scope="module")
async def open_shop(
    localstripe: Localstripe, platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[StripeBeside]:
    """Stripe, with our server's door open to it."""
    async with beside(localstripe) as opened:
        provider = StripeCheckout(KEY, api_base=opened.url)
        payments = Payments(provider=provider, notice_secret=SECRET)
        paying = msgspec.structs.replace(platform, payments=payments)
        app = create_app(paying, Settings(home=tmp_path_factory.getbasetemp()))
        async with on_loopback(app) as url:
            opened.door = f"{url}/hooks/payments"
            yield opened
        await provider.close()


@pytest.fixture
async def shop(open_shop: StripeBeside) -> StripeBeside:
    """The same, its notices on their way: those of money by what adds how much it was."""
    local = open_shop.local
    await local.hook("paid", f"{open_shop.url}/relay", LOCAL_SECRET, [SUCCEEDED])
    await local.hook("failed", open_shop.door, SECRET, [FAILED])
    return open_shop


@pytest.fixture
async def payer(
    platform: Platform, shop: StripeBeside, make_account: AccountFactory
) -> AsyncIterator[Payer]:
    """A fresh account without any money, whose provider this Stripe is."""
    provider = StripeCheckout(KEY, api_base=shop.url)
    yield Payer(platform, provider, await make_account())
    await provider.close()


@pytest.fixture
def reloader(payer: Payer, shop: StripeBeside) -> Reloader:
    assert isinstance(payer.provider, StripeCheckout)
    return Reloader(payer.platform, payer.provider, shop.checkouts, payer.account_id)


@pytest.fixture
def refunder(payer: Payer, shop: StripeBeside) -> Refunder:
    assert isinstance(payer.provider, StripeCheckout)
    return Refunder(payer, payer.provider, shop.checkouts)


def page_of(payment: Payment) -> str:
    assert payment.checkout_id is not None
    return payment.checkout_id


async def saved(reloader: Reloader, shop: StripeBeside, number: str) -> ChargeOrder:
    """A saved card, and an order to charge it."""
    page = await reloader.begin_setup()
    assert page.setup_checkout_id is not None
    await shop.save_card(page.setup_checkout_id, number)
    card = await reloader.finish_setup()
    assert card.customer_id is not None
    assert card.card is not None
    assert card.card.last4 == number[-4:]
    return ChargeOrder(
        account_id=reloader.account_id,
        payment_id="reload_1",
        amount_nanos=25 * 10**9,
        customer_id=card.customer_id,
        card_id=card.card.card_id,
        ordered_at=reloader.now,
    )


async def test_a_top_up(payer: Payer, refunder: Refunder, shop: StripeBeside) -> None:
    """Paid on a page, told by the session's notice and by localstripe's: credited once."""
    before = await shop.local.written({SUCCEEDED, FAILED})
    payment = await payer.begin("10")
    intent = await shop.pay(page_of(payment))
    await shop.local.writes(DELIVERED.format(SUCCEEDED), since=before)
    done = await payer.payment(payment.payment_id)
    assert (done.status, done.intent_id) == (PaymentStatus.SUCCEEDED, intent.id)
    assert await refunder.entries() == [("top_up", payment.payment_id, "10")]
    assert await refunder.faults() == []


async def test_a_notice_is_enough(payer: Payer, refunder: Refunder, shop: StripeBeside) -> None:
    """Where the session's own notice is lost, localstripe's of the same money credits it; asking
    about it afterwards does not."""
    before = await shop.local.written({SUCCEEDED, FAILED})
    payment = await payer.begin("10")
    await money(shop, payment)
    assert await refunder.entries() == []
    await shop.local.writes(DELIVERED.format(SUCCEEDED), since=before)
    assert await refunder.entries() == [("top_up", payment.payment_id, "10")]
    await payer.reconcile(now=payer.platform.clock() + timedelta(minutes=3))
    assert len(await refunder.entries()) == 1


async def test_a_declined_card(payer: Payer, refunder: Refunder, shop: StripeBeside) -> None:
    """localstripe's notice comes straight to our door, its signature holds: the page says why, and
    nothing is credited before another card pays."""
    before = await shop.local.written({SUCCEEDED, FAILED})
    payment = await payer.begin("10")
    with pytest.raises(stripe.CardError):
        await shop.pay(page_of(payment), DECLINES)
    await shop.local.writes(DELIVERED.format(FAILED), since=before)
    waiting = await payer.payment(payment.payment_id)
    assert (waiting.status, waiting.failure) == (PaymentStatus.WAITING, "Your card was declined.")
    assert await refunder.entries() == []
    await shop.pay(page_of(payment))
    assert await refunder.entries() == [("top_up", payment.payment_id, "10")]


@pytest.mark.parametrize(("secret", "answered"), [("whsec_of_somebody_else", 400), (SECRET, 409)])
async def test_a_notice_that_is_not_believed(
    payer: Payer, refunder: Refunder, shop: StripeBeside, secret: str, answered: int
) -> None:
    """Signed with another secret, or without saying how much was paid: refused, nothing moves."""
    await shop.local.hook("paid", shop.door, secret, [SUCCEEDED])
    before = await shop.local.written({SUCCEEDED, FAILED})
    await money(shop, await payer.begin("10"))
    await shop.local.writes(REFUSED.format(SUCCEEDED, answered), since=before)
    assert await refunder.entries() == []
    assert DELIVERED.format(SUCCEEDED) not in shop.local.wrote(before)


async def test_3d_secure(payer: Payer, refunder: Refunder, shop: StripeBeside) -> None:
    """As long as the bank has not heard the customer nothing is credited, nor where they fail."""
    payment = await payer.begin("10")
    refused = await shop.pay(page_of(payment), ASKS)
    assert refused.status == "requires_action"
    await shop.authenticate(refused, page_of(payment), success=False)
    assert (await payer.payment(payment.payment_id)).status is PaymentStatus.WAITING
    asked = await shop.pay(page_of(payment), ASKS)
    assert await refunder.entries() == []
    await shop.authenticate(asked, page_of(payment), success=True)
    assert await refunder.entries() == [("top_up", payment.payment_id, "10")]
    assert (await payer.payment(payment.payment_id)).intent_id == asked.id


@pytest.mark.parametrize(
    ("number", "outcome"),
    [
        (DECLINES, ChargeOutcome.DECLINED),
        (ASKS, ChargeOutcome.NEEDS_AUTHENTICATION),
    ],
)
async def test_a_saved_card_that_does_not_pay(
    reloader: Reloader, shop: StripeBeside, number: str, outcome: ChargeOutcome
) -> None:
    """What the bank says to a charge while nobody is there is what our gateway tells, and again
    when it is asked about it."""
    order = await saved(reloader, shop, number)
    charge = await reloader.provider.cards.charge_card(order)
    assert (charge.outcome, charge.amount_cents or 0) == (outcome, 0)
    read = await reloader.provider.cards.read_charge(order, charge.intent_id)
    assert read is not None
    assert read.outcome is outcome


async def test_auto_reload(reloader: Reloader, shop: StripeBeside) -> None:
    """A saved card is charged once where the balance runs low, whoever tells of it: the answer,
    localstripe's notice, and the worker that asks after it died."""
    await saved(reloader, shop, "4242424242424242")
    before = await shop.local.written({SUCCEEDED, FAILED})
    await reloader.choose(chosen(threshold="5", amount="25"))
    assert (await reloader.look()).reason is ReloadReason.FIRED
    [reload] = await reloader.reloads()
    assert reload.status is PaymentStatus.SUCCEEDED
    await shop.local.writes(DELIVERED.format(SUCCEEDED), since=before)
    reloader.passes(ASK_AFTER + timedelta(seconds=1))
    await reloader.resume()
    assert (await reloader.look()).reason is not ReloadReason.FIRED
    assert [entry.ref for entry in await reloader.top_ups()] == [reload.payment_id]
    listed = await shop.library.v1.payment_intents.list_async({"limit": 100})
    told = [one.metadata.to_dict() for one in listed.data]
    assert [one.get("account_id") for one in told].count(reloader.account_id) == 1


async def test_a_reload_that_the_bank_asks_about(reloader: Reloader, shop: StripeBeside) -> None:
    """The customer pays on a page for the same payment, with 3-D Secure: credited once."""
    await saved(reloader, shop, ASKS)
    await reloader.choose(chosen(threshold="5", amount="25"))
    await reloader.look()
    [asking] = await reloader.reloads()
    assert (asking.status, asking.needs_customer) == (PaymentStatus.WAITING, True)
    assert await reloader.top_ups() == []
    intent = await shop.pay(page_of(asking), ASKS)
    await shop.authenticate(intent, page_of(asking), success=True)
    assert [entry.ref for entry in await reloader.top_ups()] == [asking.payment_id]


async def test_refunds_in_parts(payer: Payer, refunder: Refunder, shop: StripeBeside) -> None:
    """Two parts of a payment go back, each once at localstripe and once in the ledger, however
    often the worker looks."""
    payment = await payer.begin("10")
    intent = await shop.pay(page_of(payment))
    for amount in ("4", "2.50"):
        refund = await refunder.approve(await refunder.ask(amount))
        for days in range(3):
            await refunder.run(later=timedelta(days=days))
        done = await refunder.refund(refund)
        assert done.status is RefundStatus.SUCCEEDED
        assert [part.status for part in done.parts] == [PartStatus.SUCCEEDED]
    assert await refunder.balances() == ("3.5", "3.5")
    listed = await shop.library.v1.refunds.list_async({"payment_intent": intent.id})
    assert sorted(one.amount for one in listed.data) == [250, 400]
    assert isinstance(intent.latest_charge, stripe.Charge)
    charge = await shop.library.v1.charges.retrieve_async(intent.latest_charge.id)
    assert charge.amount_refunded == 650
    entries = (await refunder.entries())[1:]
    assert {ref for _, ref, _ in entries} == {one.id for one in listed.data}
    assert [delta for _, _, delta in entries] == ["-4", "-2.5"]
    assert await refunder.faults() == []


async def money(shop: StripeBeside, payment: Payment) -> None:
    """Somebody pays for this, and localstripe alone tells of it."""
    await shop.library.v1.payment_intents.create_async(
        {
            "amount": payment.amount_nanos // 10**7,
            "currency": "usd",
            "payment_method": "pm_card_visa",
            "confirm": True,
            "metadata": {"account_id": payment.account_id, "payment_id": payment.payment_id},
        }
    )
