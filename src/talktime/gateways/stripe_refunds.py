"""Stripe sends money back to the cards it came from.

Facts used: https://docs.stripe.com/api/refunds (a payment can be refunded in parts, never for more
than was paid), https://docs.stripe.com/api/idempotent_requests (a key repeated within a day answers
the first refund; later it may make another one), https://docs.stripe.com/api/disputes/list (newest
first, page by page, by when they were created).
"""

from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
import stripe
import structlog

from talktime.core.errors import PaymentUnknown, ProviderAway, RefundRefused, RefundUnknown
from talktime.core.payment import NANOS_PER_CENT
from talktime.core.refund import DisputeNotice, RefundNotice, RefundOrder
from talktime.gateways.money_back_notices import (
    ToldDispute,
    ToldRefund,
    dispute_notice,
    refund_notice,
)
from talktime.gateways.stripe_keys import idempotency_key
from talktime.gateways.told import whose

log = structlog.get_logger("talktime.stripe_refunds")

T = TypeVar("T", ToldRefund, ToldDispute)

LISTED_AT_ONCE: Final = 100
"""Stripe's own limit of a page, and of the refunds that one payment can have."""

DISPUTES_MAX: Final = 10_000
"""Read in one go; who has more of them in a month has other troubles."""

_REFUSALS: Final = frozenset({400, 402, 404})


class StripeRefunds:
    """Makes and reads refunds of one Stripe account."""

    keeps_disputes: Final = True

    def __init__(self, client: stripe.StripeClient) -> None:
        self._stripe = client

    async def create_refund(self, order: RefundOrder) -> RefundNotice:
        """A refund for the order, and for a day the same one whenever it is asked for again."""
        try:
            refund = await self._stripe.v1.refunds.create_async(
                {
                    "payment_intent": order.intent_id,
                    "amount": order.amount_nanos // NANOS_PER_CENT,
                    "reason": "requested_by_customer",
                    "metadata": {
                        "account_id": order.account_id,
                        "payment_id": order.payment_id,
                        "part_id": order.part_id,
                    },
                },
                {"idempotency_key": idempotency_key("refund", order.account_id, order.part_id)},
            )
        except stripe.StripeError as error:
            if isinstance(error, stripe.InvalidRequestError | stripe.CardError) and (
                error.http_status in _REFUSALS
            ):
                why = error.user_message or error.code or "it gave no reason"
                raise RefundRefused(f"Stripe will not send it back: {why}") from error
            raise _away(error) from error
        return _notice(refund)

    async def list_refunds(self, intent_id: str, _account_id: str, /) -> list[RefundNotice]:
        """All refunds of one payment, whoever began them."""
        try:
            page = await self._stripe.v1.refunds.list_async(
                {"payment_intent": intent_id, "limit": LISTED_AT_ONCE}
            )
        except stripe.StripeError as error:
            raise _away(error) from error
        return [_notice(refund) for refund in page.data]

    async def read_refund(self, provider_refund_id: str, _account_id: str, /) -> RefundNotice:
        """How a refund stands. Raises RefundUnknown."""
        try:
            refund = await self._stripe.v1.refunds.retrieve_async(provider_refund_id)
        except stripe.StripeError as error:
            if error.http_status == 404:
                raise RefundUnknown("Stripe knows of no such refund") from error
            raise _away(error) from error
        return _notice(refund)

    async def read_dispute(self, dispute_id: str, _account_id: str, /) -> DisputeNotice:
        """What was taken back and given again in a dispute. Raises PaymentUnknown."""
        try:
            dispute = await self._stripe.v1.disputes.retrieve_async(dispute_id)
        except stripe.StripeError as error:
            if error.http_status == 404:
                raise PaymentUnknown("Stripe knows of no such dispute") from error
            raise _away(error) from error
        return dispute_notice(_told(dispute, ToldDispute))

    async def list_disputes(self, since: datetime, /) -> list[DisputeNotice]:
        """Each dispute begun since then, whoever's payment it is of, DISPUTES_MAX at most.

        One that cannot be read is logged for an operator, and left out as those of no payment are.
        """
        found: list[DisputeNotice] = []
        try:
            page = await self._stripe.v1.disputes.list_async(
                {"created": {"gte": int(since.timestamp())}, "limit": LISTED_AT_ONCE}
            )
            read = 0
            async for dispute in page.auto_paging_iter():
                read += 1
                if (notice := _listed(dispute)) is not None:
                    found.append(notice)
                if read == DISPUTES_MAX:
                    break
        except stripe.StripeError as error:
            raise _away(error) from error
        return found

    async def find_payment(self, intent_id: str, /) -> tuple[str, str] | None:
        """(account_id, payment_id) as the PaymentIntent's own metadata says."""
        try:
            intent = await self._stripe.v1.payment_intents.retrieve_async(intent_id)
        except stripe.StripeError as error:
            if error.http_status == 404:
                return None
            raise _away(error) from error
        return whose(_plain(intent).get("metadata"))


def _notice(refund: stripe.Refund) -> RefundNotice:
    notice = refund_notice(_told(refund, ToldRefund))
    if notice is None:
        raise ProviderAway("Stripe answered with a refund of no payment; try again")
    return notice


def _listed(dispute: stripe.StripeObject) -> DisputeNotice | None:
    try:
        told = _told(dispute, ToldDispute)
    except ProviderAway:
        dispute_id = str(_plain(dispute).get("id"))
        log.exception("a dispute that Stripe lists cannot be read", dispute_id=dispute_id)
        return None
    return None if told.payment_intent is None else dispute_notice(told)


def _told(found: stripe.StripeObject, kind: type[T]) -> T:
    try:
        return msgspec.convert(_plain(found), kind)
    except msgspec.ValidationError as error:
        raise ProviderAway("Stripe answered with something we cannot read; try again") from error


def _plain(told: stripe.StripeObject) -> dict[str, Any]:
    plain: dict[str, Any] = told.to_dict()
    return plain


def _away(error: stripe.StripeError) -> ProviderAway:
    # Stripe's own words may quote parts of a key, so they go no further than the log.
    return ProviderAway(
        f"the payment provider did not answer about a refund ({type(error).__name__}); it is "
        "asked again"
    )
