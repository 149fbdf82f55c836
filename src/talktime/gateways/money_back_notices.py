"""What a payment provider says of refunds and disputes, in Stripe's form.

Facts used: https://docs.stripe.com/api/refunds/object, https://docs.stripe.com/api/disputes/object,
https://docs.stripe.com/api/events/types. Refunds and disputes name their PaymentIntent and do not
carry its metadata; charges do. A refund that we asked for carries our own.

Amount and currency of a dispute are those of the payment; its balance transactions are in the
currency that the Stripe account settles in, converted at the rate of the day
(https://docs.stripe.com/currencies/disputes-refunds, https://docs.stripe.com/api/balance_transactions/object).
"""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import msgspec

from talktime.core.money import div_half_even
from talktime.core.refund import (
    DisputeNotice,
    MoneyBackNotice,
    PartStatus,
    RefundNotice,
    RefundsChanged,
)
from talktime.gateways.told import ProviderId, name_in, whose, words_of

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

    id: ProviderId
    amount: int
    currency: ProviderId
    status: str | None = None
    payment_intent: ProviderId | None = None
    metadata: dict[str, Any] | None = None
    failure_reason: str | None = None


class ToldTransaction(msgspec.Struct, kw_only=True):
    """What a dispute did to the provider's balance."""

    amount: int
    currency: ProviderId
    exchange_rate: Decimal | None = None
    """How much of this currency one of the payment's was worth; None where they are the same."""
    reporting_category: str | None = None


class ToldDispute(msgspec.Struct, kw_only=True):
    """The parts of a Dispute that we read."""

    id: ProviderId
    amount: int
    currency: ProviderId
    payment_intent: ProviderId | None = None
    balance_transactions: list[ToldTransaction] | None = None
    metadata: dict[str, Any] | None = None


class _Charge(msgspec.Struct, kw_only=True):
    id: ProviderId
    payment_intent: ProviderId | None = None
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
        account_id, payment_id = whose(charge.metadata) or (None, None)
        return RefundsChanged(
            intent_id=charge.payment_intent, account_id=account_id, payment_id=payment_id
        )
    dispute = msgspec.json.decode(told, type=ToldDispute)
    if dispute.payment_intent is None:
        return None
    account_id, payment_id = whose(dispute.metadata) or (None, None)
    is_back = event_type == "charge.dispute.funds_reinstated"
    given = given_again(dispute) if is_back else None
    return DisputeNotice(
        account_id=account_id,
        payment_id=payment_id,
        dispute_id=dispute.id,
        intent_id=dispute.payment_intent,
        currency=dispute.currency,
        withdrawn_cents=None if is_back else dispute.amount,
        reinstated_cents=given or None,
        is_unclear=is_back and given is None,
        is_taken_again=is_taken_again(dispute),
    )


def refund_notice(told: ToldRefund) -> RefundNotice | None:
    """What a refund says; None where it is of no PaymentIntent, as all of ours are."""
    if told.payment_intent is None:
        return None
    account_id, payment_id = whose(told.metadata) or (None, None)
    return RefundNotice(
        provider_refund_id=told.id,
        intent_id=told.payment_intent,
        amount_cents=told.amount,
        currency=told.currency,
        status=_STATUSES.get(told.status or "", PartStatus.PENDING),
        failure=_FAILURES.get(told.failure_reason or "", words_of(told.failure_reason)),
        account_id=account_id,
        payment_id=payment_id,
        part_id=name_in(told.metadata, "part_id"),
    )


def dispute_notice(told: ToldDispute) -> DisputeNotice:
    """What a dispute that was asked about did, by the provider's balance.

    Taken is what is disputed, in the payment's own currency, once the balance shows a taking.
    """
    moved = _moved(told)
    is_back = any(one.amount > 0 for one in moved)
    given = given_again(told) if is_back else None
    return DisputeNotice(
        dispute_id=told.id,
        intent_id=told.payment_intent or "",
        currency=told.currency,
        withdrawn_cents=told.amount if any(one.amount < 0 for one in moved) else None,
        reinstated_cents=given or None,
        is_unclear=is_back and given is None,
        is_taken_again=is_taken_again(told),
    )


def is_taken_again(told: ToldDispute) -> bool:
    """Whether a dispute was taken once more after it was given again, and is not given again since.

    Stripe documents at most one taking and one giving; that it is more is for an operator.
    """
    if _takings(told) < 2:
        return False
    net = given_again(told)
    return net is None or net == 0


def given_again(told: ToldDispute) -> int | None:
    """Cents of the payment's currency that a dispute gave again, less what it took again of it;
    None where that cannot be told.

    A balance in the payment's currency says it itself. In another one, as much of it as was taken
    is all of it; else it is converted at the rate of its own day, to whole cents half-even, where
    the taking shows that we read rates right: converted, it must be what is disputed. Within a cent
    of all of it is all of it, since a rate has six decimals.
    """
    moved = _moved(told)
    given = [one for one in moved if one.amount > 0]
    if not given:
        return None
    total = sum(one.amount for one in given)
    taken = [one for one in moved if one.amount < 0]
    takings = max(1, _takings(told))
    again = (takings - 1) * told.amount
    if all(one.currency == told.currency for one in given):
        return max(0, total - again)
    if not taken or len({one.currency for one in moved}) > 1:
        return None
    whole = -sum(one.amount for one in taken)
    for times in range(1, takings + 1):
        if total * takings == whole * times:
            return max(0, times * told.amount - again)
    checked, found = _converted(taken), _converted(given)
    if checked is None or found is None or abs(checked + again + told.amount) > takings:
        return None
    left = max(0, found - again)
    return told.amount if abs(left - told.amount) <= 1 else left


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


_FEES: Final = "fee"
"""The reporting category of a fee that is told apart: the platform's own, never the customer's."""

_RATE_MIN, _RATE_MAX, _RATE_DECIMALS_MAX = Decimal("0.000001"), Decimal(1_000_000), 12


def _moved(told: ToldDispute) -> list[ToldTransaction]:
    return [one for one in told.balance_transactions or () if one.reporting_category != _FEES]


def _takings(told: ToldDispute) -> int:
    """How often all that is disputed was taken."""
    taken = [one for one in _moved(told) if one.amount < 0]
    if len(taken) < 2:
        return len(taken)
    if all(one.currency == told.currency for one in taken):
        cents: int | None = sum(one.amount for one in taken)
    else:
        cents = _converted(taken)
    if cents is None:
        # Without a rate: those that are no mere part beside the largest.
        return sum(2 * one.amount <= min(one.amount for one in taken) for one in taken)
    # Each rate leaves a cent open.
    return max(1, min(len(taken), (len(taken) - 1 - cents) // max(1, told.amount)))


def _converted(moved: list[ToldTransaction]) -> int | None:
    """What went one way, in cents of the payment's currency, each at its own rate."""
    cents = Fraction()
    for one in moved:
        rate = one.exchange_rate
        if (
            rate is None
            or not rate.is_finite()
            or not _RATE_MIN <= rate <= _RATE_MAX
            or rate.normalize() != rate.quantize(Decimal(1).scaleb(-_RATE_DECIMALS_MAX))
        ):
            return None
        cents += Fraction(one.amount) / Fraction(rate)
    return div_half_even(cents.numerator, cents.denominator)
