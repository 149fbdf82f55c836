"""Stripe collects the payments, on its own Checkout pages.

Facts used: https://docs.stripe.com/api/checkout/sessions (mode payment; a session can be paid for
30 minutes to 24 hours; an Idempotency-Key repeated within 24 hours answers the first session).
"""

from typing import Final

import stripe

from talktime.core.errors import PaymentUnknown, ProviderAway
from talktime.core.payment import (
    CURRENCY,
    NANOS_PER_CENT,
    Checkout,
    CheckoutOrder,
    NoticeKind,
    Payment,
    PaymentNotice,
)
from talktime.gateways.stripe_cards import StripeCards
from talktime.gateways.stripe_keys import idempotency_key
from talktime.gateways.stripe_refunds import StripeRefunds

TIMEOUT_SECONDS: Final = 15.0
RETRIES: Final = 1


class StripeCheckout:
    """Opens and reads Checkout Sessions of one Stripe account."""

    name: Final = "stripe"

    def __init__(self, secret_key: str, *, api_base: str | None = None) -> None:
        self._http = stripe.HTTPXClient(timeout=TIMEOUT_SECONDS)
        self._stripe = stripe.StripeClient(
            secret_key,
            http_client=self._http,
            max_network_retries=RETRIES,
            base_addresses={"api": api_base} if api_base else None,
        )
        self.refunds: Final = StripeRefunds(self._stripe)
        self.cards: Final = StripeCards(self._stripe)

    async def close(self) -> None:
        """Let go of the connections to Stripe."""
        await self._http.close_async()  # type: ignore[no-untyped-call]

    async def create_checkout(self, order: CheckoutOrder) -> Checkout:
        """A session for the order, and the same one whenever it is asked for again."""
        metadata = {"account_id": order.account_id, "payment_id": order.payment_id}
        key = idempotency_key("checkout", order.account_id, order.payment_id)
        try:
            session = await self._stripe.v1.checkout.sessions.create_async(
                {
                    "mode": "payment",
                    "line_items": [
                        {
                            "quantity": 1,
                            "price_data": {
                                "currency": CURRENCY,
                                "unit_amount": order.amount_nanos // NANOS_PER_CENT,
                                "product_data": {"name": "Prepaid call credit"},
                            },
                        }
                    ],
                    # The amount credited is the amount charged: no conversion in between.
                    "adaptive_pricing": {"enabled": False},
                    "client_reference_id": order.payment_id,
                    "customer_email": order.email,
                    "success_url": order.success_url,
                    "cancel_url": order.cancel_url,
                    "expires_at": int(order.expires_at.timestamp()),
                    "metadata": metadata,
                    "payment_intent_data": {"metadata": metadata},
                },
                {"idempotency_key": key},
            )
        except stripe.StripeError as error:
            raise _away(error) from error
        if session.url is None:
            raise ProviderAway("Stripe opened a checkout without a page; try again")
        return Checkout(checkout_id=session.id, url=session.url)

    async def read_checkout(self, payment: Payment) -> PaymentNotice:
        """How a session stands. Raises PaymentUnknown where Stripe has none, ProviderAway."""
        if payment.checkout_id is None:
            raise PaymentUnknown("no checkout was opened for this payment")
        try:
            session = await self._stripe.v1.checkout.sessions.retrieve_async(payment.checkout_id)
        except stripe.InvalidRequestError as error:
            if error.http_status != 404:
                raise _away(error) from error
            raise PaymentUnknown("Stripe knows of no such checkout") from error
        except stripe.StripeError as error:
            raise _away(error) from error
        intent = session.payment_intent
        return PaymentNotice(
            kind=_kind(session),
            account_id=payment.account_id,
            payment_id=payment.payment_id,
            amount_cents=session.amount_total,
            currency=session.currency or "",
            intent_id=intent if intent is None or isinstance(intent, str) else intent.id,
        )


def _kind(session: stripe.checkout.Session) -> NoticeKind:
    if session.payment_status == "paid":
        return NoticeKind.PAID
    return NoticeKind.EXPIRED if session.status == "expired" else NoticeKind.OPEN


def _away(error: stripe.StripeError) -> ProviderAway:
    # Stripe's own words may quote parts of a key, so they go no further than the log.
    return ProviderAway(
        f"the payment provider did not open a checkout ({type(error).__name__}); nothing was "
        "charged, try again in a moment"
    )
