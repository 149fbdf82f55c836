"""Stripe keeps the cards: saved on its own Checkout page, charged while nobody is there.

Facts used: https://docs.stripe.com/payments/save-and-reuse (mode setup),
https://docs.stripe.com/api/payment_intents/create (off_session with confirm answers 402 where the
bank says no, with code authentication_required where it wants to hear the customer),
https://docs.stripe.com/declines/codes and https://docs.stripe.com/declines/card (which refusals are
for good), https://docs.stripe.com/error-codes (resource_missing names the parameter),
https://docs.stripe.com/api/customers/retrieve (a deleted customer is still told of, as deleted;
https://docs.stripe.com/api/payment_methods/object: a detached card is nobody's), and
https://docs.stripe.com/api/idempotent_requests (a key repeated within a day answers as it did the
first time, refusals included).
"""

from collections.abc import Awaitable
from datetime import timedelta
from typing import Final, TypeVar

import stripe
import structlog

from talktime.core.errors import PaymentUnknown, ProviderAway
from talktime.core.payment import CURRENCY, NANOS_PER_CENT, Checkout
from talktime.core.saved_card import (
    Card,
    Charge,
    ChargeOrder,
    ChargeOutcome,
    Gone,
    SavedCard,
    SetupOrder,
    last_day,
)
from talktime.gateways.stripe_keys import idempotency_key

log = structlog.get_logger("talktime.stripe_cards")

_Told = TypeVar("_Told")

LOOKED_THROUGH: Final = 100
"""Charges of one customer among which one is looked for; Stripe's own limit of a page."""

_CLOCKS: Final = timedelta(minutes=5)
"""By how much Stripe's clock and ours may differ."""

_AUTHENTICATION: Final = "authentication_required"
_CODES: Final = ("code", "decline_code", "advice_code")
_NOT_THERE: Final = "resource_missing"
_REFUSED: Final = "Stripe refused to charge the saved card."
_MISSING: Final = "The saved card was removed at Stripe, so it cannot be charged any more."

_FOR_GOOD: Final = frozenset(
    {
        "expired_card",
        "lost_card",
        "stolen_card",
        "pickup_card",
        "invalid_account",
        "incorrect_number",
        "do_not_try_again",
        "stop_payment_order",
        "revocation_of_authorization",
        "revocation_of_all_authorizations",
    }
)
"""Codes of errors, of declines and of advice after which the same card is asked in vain."""


class StripeCards:
    """Saves and charges cards of one Stripe account."""

    name: Final = "stripe"

    def __init__(self, client: stripe.StripeClient) -> None:
        self._stripe = client

    async def create_customer(self, account_id: str, email: str, former: str | None) -> str:
        """A customer for an account, for a day the same one whenever it is asked for again."""
        names = (account_id,) if former is None else (account_id, former)
        try:
            customer = await self._stripe.v1.customers.create_async(
                {"email": email, "metadata": {"account_id": account_id}},
                {"idempotency_key": idempotency_key("customer", *names)},
            )
        except stripe.StripeError as error:
            raise _away(error) from error
        return customer.id

    async def create_setup(self, order: SetupOrder) -> Checkout | None:
        """A page to save a card on; the same order again answers the same page.

        None where Stripe has no such customer any more.
        """
        names = (order.account_id, order.setup_id, order.customer_id)
        metadata = {"account_id": order.account_id, "setup_id": order.setup_id}
        try:
            session = await self._stripe.v1.checkout.sessions.create_async(
                {
                    "mode": "setup",
                    "currency": CURRENCY,
                    "customer": order.customer_id,
                    "success_url": order.success_url,
                    "cancel_url": order.cancel_url,
                    "metadata": metadata,
                    "setup_intent_data": {"metadata": metadata},
                },
                {"idempotency_key": idempotency_key("setup", *names)},
            )
        except stripe.StripeError as error:
            if _is_missing(error) and getattr(error, "param", None) == "customer":
                return None
            raise _away(error) from error
        if session.url is None:
            raise ProviderAway("Stripe opened no page to save a card on; try again")
        return Checkout(checkout_id=session.id, url=session.url)

    async def read_setup(self, saved: SavedCard) -> Card | None:
        """The card that was saved on a page, or None as long as there is none."""
        if saved.setup_checkout_id is None:
            return None
        try:
            session = await self._stripe.v1.checkout.sessions.retrieve_async(
                saved.setup_checkout_id, {"expand": ["setup_intent.payment_method"]}
            )
        except stripe.StripeError as error:
            if error.http_status == 404:
                raise PaymentUnknown("Stripe knows of no such page") from error
            raise _away(error) from error
        intent = session.setup_intent
        if intent is None or isinstance(intent, str) or intent.status != "succeeded":
            return None
        method = intent.payment_method
        if method is None or isinstance(method, str):
            return None
        card = method.card
        return Card(
            card_id=method.id,
            brand=method.type if card is None else card.brand,
            last4="" if card is None else card.last4,
            expires_on=None if card is None else last_day(card.exp_month, card.exp_year),
        )

    async def forget_card(self, card_id: str) -> None:
        """Take a card from its customer; it cannot be charged any more."""
        try:
            await self._stripe.v1.payment_methods.detach_async(card_id)
        except stripe.StripeError as error:
            raise _away(error) from error

    async def charge_card(self, order: ChargeOrder) -> Charge:
        """Charge a card; for a day the same charge whenever it is ordered again."""
        try:
            intent = await self._stripe.v1.payment_intents.create_async(
                {
                    "amount": order.amount_nanos // NANOS_PER_CENT,
                    "currency": CURRENCY,
                    "customer": order.customer_id,
                    "payment_method": order.card_id,
                    "off_session": True,
                    "confirm": True,
                    "description": "Prepaid call credit, automatically",
                    "metadata": {"account_id": order.account_id, "payment_id": order.payment_id},
                },
                {"idempotency_key": idempotency_key("reload", order.account_id, order.payment_id)},
            )
        except stripe.CardError as error:
            charge = _refusal(error)
            if charge.intent_id is not None:
                await self._give_up(charge.intent_id)
            return charge
        except stripe.InvalidRequestError as error:
            if error.http_status not in {400, 404}:
                raise _away(error) from error
            # Nothing was begun.
            log.warning("a saved card cannot be charged", code=error.code, param=error.param)
            gone = await self._what_is_gone(order)
            return Charge(
                outcome=ChargeOutcome.DECLINED if gone is None else ChargeOutcome.UNUSABLE,
                intent_id=None,
                reason=_REFUSED if gone is None else _MISSING,
                gone=gone,
            )
        except stripe.StripeError as error:
            raise _away(error) from error
        return _charge(intent)

    async def read_charge(self, order: ChargeOrder, intent_id: str | None) -> Charge | None:
        """How a charge stands; without its id it is looked for among the customer's."""
        try:
            if intent_id is not None:
                return _charge(await self._stripe.v1.payment_intents.retrieve_async(intent_id))
            page = await self._stripe.v1.payment_intents.list_async(
                {
                    "customer": order.customer_id,
                    "created": {"gte": int((order.ordered_at - _CLOCKS).timestamp())},
                    "limit": LOOKED_THROUGH,
                }
            )
        except stripe.StripeError as error:
            if _is_missing(error):
                return None
            raise _away(error) from error
        for intent in page.data:
            if intent.metadata.to_dict().get("payment_id") == order.payment_id:
                return _charge(intent)
        return None

    async def _what_is_gone(self, order: ChargeOrder) -> Gone | None:
        """What of a refused charge Stripe has no longer, by its own word.

        A key of another account or mode sees nothing of ours, and that takes no card away from
        anybody: it is the operator's to set right. Raises ProviderAway.
        """
        reading = self._stripe.v1
        customer = await _found(reading.customers.retrieve_async(order.customer_id))
        if customer is None:
            log.error(
                "the Stripe key knows nothing of a customer whose card was saved: is it of the "
                "same account, and of the same mode, test or live?",
                account_id=order.account_id,
                customer_id=order.customer_id,
            )
            raise ProviderAway("the payment provider does not know this customer under our key")
        if getattr(customer, "deleted", False):
            return Gone.CUSTOMER
        card = await _found(reading.payment_methods.retrieve_async(order.card_id))
        is_theirs = card is not None and card.customer == order.customer_id
        return None if is_theirs else Gone.CARD

    async def _give_up(self, intent_id: str) -> None:
        """Nobody can finish it later: whoever pays after all does so on a page."""
        try:
            await self._stripe.v1.payment_intents.cancel_async(intent_id)
        except stripe.StripeError as error:
            log.warning("a failed charge could not be given up", error=type(error).__name__)


def _charge(intent: stripe.PaymentIntent) -> Charge:
    failure = intent.last_payment_error
    outcome = {
        "succeeded": ChargeOutcome.PAID,
        "processing": ChargeOutcome.PROCESSING,
        "requires_action": ChargeOutcome.NEEDS_AUTHENTICATION,
    }.get(intent.status, ChargeOutcome.DECLINED)
    if outcome is ChargeOutcome.DECLINED and failure:
        outcome = _declined(*[getattr(failure, name, None) for name in _CODES])
    return Charge(
        outcome=outcome,
        intent_id=intent.id,
        amount_cents=intent.amount_received,
        currency=intent.currency,
        reason=failure.message if failure else None,
    )


def _refusal(error: stripe.CardError) -> Charge:
    body = error.json_body if isinstance(error.json_body, dict) else {}
    told = body.get("error", {})
    return Charge(
        outcome=_declined(*[told.get(name) for name in _CODES]),
        intent_id=(told.get("payment_intent") or {}).get("id"),
        reason=error.user_message,
    )


def _declined(*codes: str | None) -> ChargeOutcome:
    if _AUTHENTICATION in codes:
        return ChargeOutcome.NEEDS_AUTHENTICATION
    return ChargeOutcome.DECLINED if _FOR_GOOD.isdisjoint(codes) else ChargeOutcome.UNUSABLE


async def _found(asking: Awaitable[_Told]) -> _Told | None:
    """What is asked for; None where Stripe has no such thing."""
    try:
        return await asking
    except stripe.StripeError as error:
        if _is_missing(error):
            return None
        raise _away(error) from error


def _is_missing(error: stripe.StripeError) -> bool:
    return error.http_status == 404 or error.code == _NOT_THERE


def _away(error: stripe.StripeError) -> ProviderAway:
    # Stripe's own words may quote parts of a key, so they go no further than the log.
    return ProviderAway(
        f"the payment provider did not answer as it should ({type(error).__name__}); try again in "
        "a moment"
    )
