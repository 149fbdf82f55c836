"""What a payment provider says of refunds and disputes, in Stripe's form.

Facts used: https://docs.stripe.com/api/refunds/object, https://docs.stripe.com/api/disputes/object,
https://docs.stripe.com/api/events/types. Refunds and disputes name their PaymentIntent and do not
carry its metadata; charges do. A refund that we asked for carries our own.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from talktime.core.payment import CURRENCY
from talktime.core.refund import (
    DisputeNotice,
    MoneyBackNotice,
    PartStatus,
    RefundNotice,
    RefundsChanged,
)

REFUND_TYPES: Final = (
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.refund.updated",
)
CHARGE_TYPES: Final = ("charge.refunded",)
DISPUTE_TYPES: Final = ("charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated")
"""All that moves money; that a dispute or an inquiry was opened or closed does not."""

MONEY_BACK_TYPES: Final = (*REFUND_TYPES, *CHARGE_TYPES, *DISPUTE_TYPES)


class ToldRefund(msgspec.Struct, kw_only=True):
    """The parts of a Refund that we read."""

    id: str
    amount: int
    currency: str
    status: str | None = None
    payment_intent: str | None = None
    metadata: dict[str, Any] | None = None
    failure_reason: str | None = None


class ToldTransaction(msgspec.Struct, kw_only=True):
    """What a dispute did to the provider's balance."""

    amount: int
    currency: str


class ToldDispute(msgspec.Struct, kw_only=True):
    """The parts of a Dispute that we read."""

    id: str
    amount: int
    currency: str
    payment_intent: str | None = None
    balance_transactions: list[ToldTransaction] = []
    metadata: dict[str, Any] | None = None


class _Charge(msgspec.Struct, kw_only=True):
    id: str
    payment_intent: str | None = None
    metadata: dict[str, Any] | None = None


def read_money_back(event_type: str, told: msgspec.Raw) -> MoneyBackNotice | None:
    """What an event of MONEY_BACK_TYPES says; None where no payment of ours can be meant.

    Raises msgspec.DecodeError.
    """
    if event_type in REFUND_TYPES:
        return refund_notice(msgspec.json.decode(told, type=ToldRefund))
    if event_type in CHARGE_TYPES:
        charge = msgspec.json.decode(told, type=_Charge)
        if charge.payment_intent is None:
            return None
        account_id, payment_id = _whose(charge.metadata)
        return RefundsChanged(
            intent_id=charge.payment_intent, account_id=account_id, payment_id=payment_id
        )
    dispute = msgspec.json.decode(told, type=ToldDispute)
    if dispute.payment_intent is None:
        return None
    account_id, payment_id = _whose(dispute.metadata)
    is_back = event_type == "charge.dispute.funds_reinstated"
    return DisputeNotice(
        account_id=account_id,
        payment_id=payment_id,
        dispute_id=dispute.id,
        intent_id=dispute.payment_intent,
        currency=dispute.currency,
        withdrawn_cents=None if is_back else dispute.amount,
        # Of a dispute won in part less comes back than was taken.
        reinstated_cents=(_moved(dispute, 1) or dispute.amount) if is_back else None,
    )


def refund_notice(told: ToldRefund) -> RefundNotice | None:
    """What a refund says; None where it is of no PaymentIntent, as all of ours are."""
    if told.payment_intent is None:
        return None
    account_id, payment_id = _whose(told.metadata)
    part_id = (told.metadata or {}).get("part_id")
    return RefundNotice(
        provider_refund_id=told.id,
        intent_id=told.payment_intent,
        amount_cents=told.amount,
        currency=told.currency,
        status=_STATUSES.get(told.status or "", PartStatus.PENDING),
        failure=_FAILURES.get(told.failure_reason or "", told.failure_reason),
        account_id=account_id,
        payment_id=payment_id,
        part_id=part_id if isinstance(part_id, str) else None,
    )


def dispute_notice(told: ToldDispute) -> DisputeNotice:
    """What a dispute that was asked about did, by the provider's balance."""
    return DisputeNotice(
        dispute_id=told.id,
        intent_id=told.payment_intent or "",
        currency=told.currency,
        withdrawn_cents=_moved(told, -1),
        reinstated_cents=_moved(told, 1),
    )


_STATUSES: Final[Mapping[str, PartStatus]] = {
    "pending": PartStatus.PENDING,
    "requires_action": PartStatus.PENDING,
    "succeeded": PartStatus.SUCCEEDED,
    "failed": PartStatus.FAILED,
    "canceled": PartStatus.FAILED,
}

_FAILURES: Final[Mapping[str, str]] = {
    "lost_or_stolen_card": "the card was reported lost or stolen",
    "expired_or_canceled_card": "the card has expired or was canceled",
    "charge_for_pending_refund_disputed": "the customer disputed the payment",
    "insufficient_funds": "the payment provider's balance did not cover it",
    "declined": "the bank declined it",
    "merchant_request": "it was called off in the payment provider's dashboard",
    "unknown": "the bank gave no reason",
}
"""Stripe's failure_reason in words."""


def _moved(dispute: ToldDispute, sign: int) -> int | None:
    """Cents that went one way; None where nothing did or it is not told in our currency."""
    moved = [
        abs(one.amount)
        for one in dispute.balance_transactions
        if one.currency == CURRENCY and one.amount * sign > 0
    ]
    return sum(moved) or None


def _whose(metadata: Mapping[str, Any] | None) -> tuple[str | None, str | None]:
    found = metadata or {}
    account_id, payment_id = found.get("account_id"), found.get("payment_id")
    if not isinstance(account_id, str) or not isinstance(payment_id, str):
        return None, None
    return account_id, payment_id
