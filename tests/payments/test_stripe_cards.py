"""Saved cards at Stripe, through its official library: what is asked for, how answers are read."""

from datetime import date
from typing import Any

import pytest
import stripe as stripe_library
from stripe.params import CustomerCreateParams, PaymentIntentCreateParams
from stripe.params.checkout import SessionCreateParams

from talktime.core.errors import PaymentUnknown, ProviderAway
from talktime.core.saved_card import CardNotice, ChargeOrder, ChargeOutcome, Gone, SavedCard
from talktime.gateways.payment_notices import read_notice
from talktime.gateways.stripe_checkout import StripeCheckout
from talktime.ops.platform import Platform
from tests.conftest import AccountFactory
from tests.payments.paying import SECRET, event, signed
from tests.payments.reloading import Reloader
from tests.payments.stripe_card_desk import CUSTOMER_FIELDS, INTENT_FIELDS, SETUP_FIELDS
from tests.payments.stripe_checkouts import StripeCheckouts


@pytest.fixture
async def reloader(
    platform: Platform,
    provider: StripeCheckout,
    stripe: StripeCheckouts,
    make_account: AccountFactory,
) -> Reloader:
    return Reloader(platform, provider, stripe, await make_account())


async def order(reloader: Reloader, card_id: str) -> ChargeOrder:
    saved = await reloader.save_card(card_id)
    assert saved.customer_id is not None
    return ChargeOrder(
        account_id=reloader.account_id,
        payment_id="reload_1",
        amount_nanos=25 * 10**9,
        customer_id=saved.customer_id,
        card_id=card_id,
        ordered_at=reloader.now,
    )


async def test_a_card_is_saved_on_stripes_page(reloader: Reloader) -> None:
    """One customer per account, a page in setup mode, and the card that was saved there."""
    saved = await reloader.save_card("pm_first")
    assert saved.card is not None
    assert (saved.card.card_id, saved.card.brand, saved.card.last4) == ("pm_first", "visa", "4242")
    assert saved.card.expires_on == date(2030, 12, 31)
    again = await reloader.save_card("pm_second")
    assert again.customer_id == saved.customer_id
    assert len(reloader.stripe.cards.customers) == 1
    assert reloader.stripe.cards.detached == ["pm_first"]
    await reloader.remove_card()
    assert (await reloader.finish_setup()).card is None
    assert reloader.stripe.cards.detached == ["pm_first", "pm_second"]


async def test_an_unfinished_page_saves_nothing(reloader: Reloader) -> None:
    """As long as the page was not finished there is no card, and one Stripe forgot is unknown."""
    cards = reloader.provider.cards
    await reloader.save_card("pm_first")
    saved = SavedCard(
        account_id=reloader.account_id, provider="stripe", setup_checkout_id="cs_forgotten"
    )
    with pytest.raises(PaymentUnknown):
        await cards.read_setup(saved)


@pytest.mark.parametrize(
    ("card_id", "outcome"),
    [
        ("pm_pays", ChargeOutcome.PAID),
        ("pm_slow", ChargeOutcome.PROCESSING),
        ("pm_declines", ChargeOutcome.DECLINED),
        ("pm_asks", ChargeOutcome.NEEDS_AUTHENTICATION),
        ("pm_poor", ChargeOutcome.DECLINED),
        ("pm_expired", ChargeOutcome.UNUSABLE),
        ("pm_stolen", ChargeOutcome.UNUSABLE),
        ("pm_never", ChargeOutcome.UNUSABLE),
    ],
)
async def test_each_answer_has_one_meaning(
    reloader: Reloader, card_id: str, outcome: ChargeOutcome
) -> None:
    """A charge is read by what Stripe says, the same when it is ordered again or asked about."""
    ordered = await order(reloader, card_id)
    cards = reloader.provider.cards
    first = await cards.charge_card(ordered)
    assert first.outcome is outcome
    assert await cards.charge_card(ordered) == first
    assert len(reloader.stripe.cards.intents) == 1
    for intent_id in (None, first.intent_id):
        read = await cards.read_charge(ordered, intent_id)
        assert read is not None
        assert (read.outcome, read.reason) == (outcome, first.reason)
    if outcome is ChargeOutcome.PAID:
        assert (first.amount_cents, first.currency) == (2500, "usd")


@pytest.mark.parametrize("gone", [Gone.CARD, Gone.CUSTOMER])
async def test_what_was_taken_away_at_stripe(reloader: Reloader, gone: Gone) -> None:
    """A card that was detached, or whose customer was deleted, is said to be gone: no charge was
    begun, and none is found when it is asked about."""
    ordered = await order(reloader, "pm_pays")
    desk = reloader.stripe.cards
    if gone is Gone.CARD:
        desk.owners.pop("pm_pays")
    else:
        desk.delete_customer(ordered.customer_id)
    charge = await reloader.provider.cards.charge_card(ordered)
    assert (charge.outcome, charge.gone) == (ChargeOutcome.UNUSABLE, gone)
    assert charge.reason is not None
    assert "removed" in charge.reason
    assert await reloader.provider.cards.read_charge(ordered, None) is None
    assert desk.intents == {}


async def test_a_card_is_saved_by_whom_stripe_has_no_longer(reloader: Reloader) -> None:
    """Where the customer was deleted at Stripe, the next card is saved by a new one."""
    former = await reloader.save_card("pm_first")
    assert former.customer_id is not None
    reloader.stripe.cards.delete_customer(former.customer_id)
    saved = await reloader.save_card("pm_second")
    assert saved.card is not None
    assert saved.card.card_id == "pm_second"
    assert saved.customer_id != former.customer_id


async def test_what_is_no_word_of_the_bank(
    reloader: Reloader, stripe_server: tuple[StripeCheckouts, str]
) -> None:
    """Stripe out of order, or a key it does not know, is no refusal of the card."""
    ordered = await order(reloader, "pm_pays")
    reloader.stripe.broken = True
    with pytest.raises(ProviderAway):
        await reloader.provider.cards.charge_card(ordered)
    with pytest.raises(ProviderAway):
        await reloader.provider.cards.read_charge(ordered, None)
    reloader.stripe.broken = False
    assert reloader.stripe.cards.intents == {}


def test_a_finished_setup_is_told_by_a_notice() -> None:
    """The notice of a page to save a card on names account and setup; an expired one is nothing."""
    about: dict[str, Any] = {
        "id": "cs_1",
        "object": "checkout.session",
        "mode": "setup",
        "payment_status": "no_payment_required",
        "amount_total": None,
        "currency": None,
        "metadata": {"account_id": "acct", "setup_id": "setup"},
    }
    body = event("checkout.session.completed", about)
    told = read_notice(body, signed(body), SECRET)
    assert told == CardNotice(account_id="acct", setup_id="setup")
    body = event("checkout.session.expired", about)
    assert read_notice(body, signed(body), SECRET) is None


def test_what_we_send_is_what_stripe_publishes() -> None:
    """Every parameter we send, and every member we read, is in the library's own types."""
    for fields, published in (
        (SETUP_FIELDS, SessionCreateParams),
        (CUSTOMER_FIELDS, CustomerCreateParams),
        (INTENT_FIELDS, PaymentIntentCreateParams),
    ):
        sent = {field.split("[")[0] for field in fields}
        assert sent <= set(published.__annotations__)
    read = {"status", "amount_received", "currency", "last_payment_error", "metadata"}
    assert read <= set(stripe_library.PaymentIntent.__annotations__)
    assert {"status", "payment_method"} <= set(stripe_library.SetupIntent.__annotations__)
    assert {"brand", "last4", "exp_month", "exp_year"} <= set(
        stripe_library.PaymentMethod.Card.__annotations__
    )
