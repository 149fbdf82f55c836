"""What a payment provider sends us: its signature verified, its words read.

The form is Stripe's (https://docs.stripe.com/api/events); the sandbox speaks it, too.
"""

from typing import Any, Final

import msgspec
import stripe

from talktime.core.errors import InvalidInput
from talktime.core.payment import NoticeKind, PaymentNotice
from talktime.core.refund import MoneyBackNotice
from talktime.core.saved_card import CardNotice
from talktime.gateways.money_back_notices import MONEY_BACK_TYPES, read_money_back
from talktime.gateways.told import ProviderId, name_in, whose, words_of

TOLERANCE_SECONDS: Final = 300
"""An older signature is refused: it may be a recording."""

NOTICE_BYTES_MAX: Final = 256 * 1024

EVENT_TYPES: Final = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    *MONEY_BACK_TYPES,
)
"""The events to subscribe to at the provider."""


class _Failure(msgspec.Struct, kw_only=True):
    message: str | None = None


class _Object(msgspec.Struct, kw_only=True):
    """The parts of a Checkout Session or PaymentIntent that we read."""

    id: ProviderId
    metadata: dict[str, Any] | None = None
    currency: ProviderId | None = None
    payment_status: str | None = None
    amount_total: int | None = None
    amount_received: int | None = None
    payment_intent: ProviderId | None = None
    last_payment_error: _Failure | None = None


class _Data(msgspec.Struct, kw_only=True):
    object: _Object


class _Event(msgspec.Struct, kw_only=True):
    id: str
    type: str
    data: _Data


class _RawData(msgspec.Struct, kw_only=True):
    object: msgspec.Raw


class _RawEvent(msgspec.Struct, kw_only=True):
    id: str
    data: _RawData


class _Head(msgspec.Struct, kw_only=True):
    type: str


def read_notice(
    body: bytes, signature: str | None, secret: str
) -> PaymentNotice | CardNotice | MoneyBackNotice | None:
    """A provider's notice of one of our payments or cards; None where it is about anything else.

    Raises InvalidInput for a wrong or old signature and for a body that is no such event.
    """
    if len(body) > NOTICE_BYTES_MAX:
        raise InvalidInput(f"a notice has at most {NOTICE_BYTES_MAX} bytes")
    try:
        text = body.decode()
        stripe.WebhookSignature.verify_header(text, signature, secret, TOLERANCE_SECONDS)
    # TypeError: a signature with signs beyond ASCII is not even compared.
    except (stripe.SignatureVerificationError, ValueError, TypeError) as error:
        raise InvalidInput(
            "this notice is not signed with the secret of this webhook, or too long ago: set "
            "TALKTIME_STRIPE_WEBHOOK_SECRET to the endpoint's own secret",
            field="Stripe-Signature",
        ) from error
    try:
        kind = msgspec.json.decode(text, type=_Head).type
        if kind not in EVENT_TYPES:
            return None
        if kind in MONEY_BACK_TYPES:
            raw = msgspec.json.decode(text, type=_RawEvent).data.object
            return read_money_back(kind, raw)
        event = msgspec.json.decode(text, type=_Event)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput(f"this notice cannot be read: {error}") from error
    return notice_of(event.type, event.data.object)


def notice_of(event_type: str, told: _Object) -> PaymentNotice | CardNotice | None:
    """What an event says of a payment or a card of ours; None where it is of somebody else's."""
    account_id, setup_id = name_in(told.metadata, "account_id"), name_in(told.metadata, "setup_id")
    if account_id is not None and setup_id is not None:
        is_done = event_type == "checkout.session.completed"
        return CardNotice(account_id=account_id, setup_id=setup_id) if is_done else None
    ours = whose(told.metadata)
    if ours is None:
        return None
    is_intent = event_type.startswith("payment_intent.")
    return PaymentNotice(
        kind=_kind(event_type, told),
        account_id=ours[0],
        payment_id=ours[1],
        amount_cents=told.amount_received if is_intent else told.amount_total,
        currency=told.currency or "",
        intent_id=told.id if is_intent else told.payment_intent,
        reason=words_of(told.last_payment_error.message) if told.last_payment_error else None,
    )


def _kind(event_type: str, told: _Object) -> NoticeKind:
    if event_type == "checkout.session.completed":
        # With a bank debit the session completes days before the money is there.
        return NoticeKind.PAID if told.payment_status == "paid" else NoticeKind.OPEN
    return {
        "checkout.session.async_payment_succeeded": NoticeKind.PAID,
        "checkout.session.async_payment_failed": NoticeKind.FAILED,
        "checkout.session.expired": NoticeKind.EXPIRED,
        "payment_intent.succeeded": NoticeKind.PAID,
        "payment_intent.payment_failed": NoticeKind.ATTEMPT_FAILED,
    }[event_type]
