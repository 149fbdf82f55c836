"""Stripe, through its official library: what is asked for, and how its answers are read."""

import msgspec
import pytest
import stripe as stripe_library
from stripe.params.checkout import SessionCreateParams

from talktime.core.errors import PaymentUnknown, ProviderAway
from talktime.core.payment import NoticeKind
from talktime.gateways.stripe_checkout import StripeCheckout
from tests.payments.paying import Payer
from tests.payments.stripe_checkouts import KNOWN_FIELDS, StripeCheckouts


async def test_a_checkout_is_for_the_amount_and_names_the_payment(
    payer: Payer, stripe: StripeCheckouts
) -> None:
    """Stripe is asked for the cents, in USD, once, and told whose payment it is."""
    payment = await payer.begin("25.50")
    [session] = stripe.sessions.values()
    assert (session["amount_total"], session["currency"]) == (2550, "usd")
    assert session["metadata"] == {
        "account_id": payer.account_id,
        "payment_id": payment.payment_id,
    }
    assert payment.checkout_url == session["url"]
    assert session["expires_at"] == int(payment.expires_at.timestamp())


async def test_a_repeated_order_is_the_same_checkout(payer: Payer, stripe: StripeCheckouts) -> None:
    """The same top-up again, after a crash perhaps, opens no second page."""
    first = await payer.begin(payment_id="top_1")
    again = await payer.begin(payment_id="top_1")
    assert again.checkout_id == first.checkout_id
    assert len(stripe.sessions) == 1


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, NoticeKind.OPEN),
        ({"status": "complete", "payment_status": "unpaid"}, NoticeKind.OPEN),
        ({"status": "complete", "payment_status": "paid"}, NoticeKind.PAID),
        ({"status": "expired"}, NoticeKind.EXPIRED),
    ],
)
async def test_a_session_is_read_by_its_payment_status(
    payer: Payer, stripe: StripeCheckouts, changes: dict[str, str], kind: NoticeKind
) -> None:
    """Only a paid session is money; a completed one may still be waiting for a bank."""
    payment = await payer.begin()
    assert payment.checkout_id is not None
    stripe.sessions[payment.checkout_id] |= changes
    assert (await payer.provider.read_checkout(payment)).kind is kind


async def test_a_session_nobody_knows(payer: Payer) -> None:
    """A checkout that Stripe does not have is unknown, not away."""
    payment = msgspec.structs.replace(await payer.begin(), checkout_id="cs_test_other")
    with pytest.raises(PaymentUnknown):
        await payer.provider.read_checkout(payment)


async def test_stripe_out_of_order(payer: Payer, stripe: StripeCheckouts) -> None:
    """Where Stripe fails, the payment stays as it was and the same request can be repeated."""
    stripe.broken = True
    with pytest.raises(ProviderAway):
        await payer.begin(payment_id="top_2")
    assert (await payer.payment("top_2")).checkout_url is None
    stripe.broken = False
    assert (await payer.begin(payment_id="top_2")).checkout_url is not None


async def test_a_wrong_key_is_told_nobody(payer: Payer, stripe_server: tuple[object, str]) -> None:
    """A key that Stripe refuses does not show in what the customer is told."""
    payer.provider = stranger = StripeCheckout("sk_test_wrong", api_base=stripe_server[1])
    with pytest.raises(ProviderAway) as refused:
        await payer.begin()
    await stranger.close()
    assert "sk_" not in refused.value.message


def test_what_we_send_is_what_stripe_publishes() -> None:
    """Every parameter we send, and every member we read, is in the library's own types."""
    sent = {field.split("[")[0] for field in KNOWN_FIELDS}
    assert sent <= set(SessionCreateParams.__annotations__)
    read = {"id", "url", "status", "payment_status", "amount_total", "currency", "metadata"}
    assert read | {"payment_intent"} <= set(stripe_library.checkout.Session.__annotations__)
    intent = {"id", "amount_received", "currency", "metadata", "last_payment_error"}
    assert intent <= set(stripe_library.PaymentIntent.__annotations__)
