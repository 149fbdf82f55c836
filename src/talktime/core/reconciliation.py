"""Comparing what is written here of a payment with what its provider says: pure, nothing is asked.

A difference that the provider's word would settle carries that word: it is acted on by whoever acts
on notices. One that carries none, or that stays, is an operator's to look at.
"""

from collections.abc import Iterator, Sequence

import msgspec

from talktime.core.dispute import Dispute, DisputeState
from talktime.core.money import display_usd
from talktime.core.payment import (
    CURRENCY,
    NANOS_PER_CENT,
    OPEN_STATUSES,
    NoticeKind,
    Payment,
    PaymentNotice,
    PaymentStatus,
)
from talktime.core.refund import DisputeNotice, PartStatus, RefundNotice, RefundPart
from talktime.core.saved_card import Charge, ChargeOutcome


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider says otherwise."""

    account_id: str
    payment_id: str
    words: str
    told: PaymentNotice | RefundNotice | DisputeNotice | None = None
    """The provider's word, where acting on it may settle this."""


def compare_page(payment: Payment, told: PaymentNotice | None) -> Iterator[Difference]:
    """A payment, and how its page stands; None where the provider knows of none."""
    is_credited = payment.status is PaymentStatus.SUCCEEDED
    if told is None or told.kind is not NoticeKind.PAID:
        if is_credited:
            yield _differs(payment, "credited here, and the provider says it was not paid")
        elif told is not None and told.kind in _ENDS and payment.status in OPEN_STATUSES:
            yield _differs(payment, "open here, and over at the provider", told)
        return
    yield from _compare_money(payment, told)


def compare_charge(payment: Payment, charge: Charge | None) -> Iterator[Difference]:
    """A payment by saved card, and how its charge stands; None where the provider has none."""
    if charge is None or charge.outcome is not ChargeOutcome.PAID:
        if payment.status is PaymentStatus.SUCCEEDED:
            yield _differs(payment, "credited here, and the provider says it was not charged")
        # What it says of an open one the worker hears: it asks the customer, or counts a failure.
        return
    paid = PaymentNotice(
        kind=NoticeKind.PAID,
        account_id=payment.account_id,
        payment_id=payment.payment_id,
        amount_cents=charge.amount_cents,
        currency=charge.currency,
        intent_id=charge.intent_id,
    )
    yield from _compare_money(payment, paid)


def compare_refunds(
    payment: Payment, parts: Sequence[RefundPart], told: Sequence[RefundNotice]
) -> Iterator[Difference]:
    """A payment's refunds here, and all that the provider has of it."""
    # What came besides the money that was credited was never a balance, and is not in this list.
    parts = [part for part in parts if part.intent_id == payment.intent_id]
    by_id = {part.provider_refund_id: part for part in parts if part.provider_refund_id}
    by_part = {part.part_id: part for part in parts}
    for one in told:
        part = by_id.get(one.provider_refund_id) or by_part.get(one.part_id or "")
        word = msgspec.structs.replace(
            one, account_id=payment.account_id, payment_id=payment.payment_id
        )
        name = f"refund {one.provider_refund_id} of {_usd(one.amount_cents)}"
        if one.currency != CURRENCY:
            yield _differs(payment, f"{name} is in {one.currency.upper()}", word)
        elif part is None:
            # One that failed before it was heard of has moved nothing.
            if one.status is not PartStatus.FAILED:
                yield _differs(payment, f"{name} ({one.status}) is not known here", word)
        elif part.amount_nanos != one.amount_cents * NANOS_PER_CENT:
            yield _differs(payment, f"{name} is of {display_usd(part.amount_nanos)} here")
        elif _step(part.status) != one.status:
            yield _differs(payment, f"{name} is {part.status} here and {one.status} there", word)
    listed = {one.provider_refund_id for one in told}
    for refund_id, part in by_id.items():
        if refund_id not in listed and part.status is not PartStatus.FAILED:
            yield _differs(payment, f"refund {refund_id} is {part.status} here and not there")


def compare_dispute(dispute: Dispute, told: DisputeNotice | None) -> Iterator[Difference]:
    """A dispute here, and what the provider says of it; None where it knows of none."""
    if dispute.state is DisputeState.NEVER_CREDITED:
        return
    name = f"dispute {dispute.dispute_id}"
    if told is None:
        yield _of(dispute, f"{name} is not known there")
        return
    if told.currency != CURRENCY:
        yield _of(dispute, f"{name} is in {told.currency.upper()}")
        return
    word = msgspec.structs.replace(
        told, account_id=dispute.account_id, payment_id=dispute.payment_id
    )
    figures = [("taken", dispute.withdrawn_nanos, told.withdrawn_cents)]
    if told.is_unclear:
        yield from _compare_unclear(dispute, word)
    else:
        figures.append(("given again", dispute.reinstated_nanos, told.reinstated_cents))
    for what, here, there in figures:
        if (here or 0) != (there or 0) * NANOS_PER_CENT:
            words = f"{name}: {display_usd(here or 0)} {what} here, {_usd(there or 0)} there"
            yield _of(dispute, words, word)


def unheard_dispute(payment: Payment, told: DisputeNotice) -> Difference:
    """A dispute that took money of a payment, and that is not known here."""
    name = f"dispute {told.dispute_id} of {_usd(told.withdrawn_cents or 0)}"
    word = msgspec.structs.replace(
        told, account_id=payment.account_id, payment_id=payment.payment_id
    )
    return _differs(payment, f"{name} is not known here", word)


_ENDS = frozenset({NoticeKind.FAILED, NoticeKind.EXPIRED})


def _compare_money(payment: Payment, paid: PaymentNotice) -> Iterator[Difference]:
    if paid.currency != CURRENCY or paid.amount_cents is None:
        yield _differs(payment, "paid at the provider, and not so many US dollars", paid)
    elif paid.amount_cents * NANOS_PER_CENT != payment.amount_nanos:
        words = f"{display_usd(payment.amount_nanos)} here, {_usd(paid.amount_cents)} there"
        yield _differs(payment, words, paid)
    elif payment.status is not PaymentStatus.SUCCEEDED:
        yield _differs(payment, f"paid at the provider, and {payment.status} here", paid)
    elif None not in (payment.intent_id, paid.intent_id) and payment.intent_id != paid.intent_id:
        words = f"credited for {payment.intent_id} here, paid by {paid.intent_id} there"
        yield _differs(payment, words, paid)


def _compare_unclear(dispute: Dispute, word: DisputeNotice) -> Iterator[Difference]:
    """Something was given again, and nobody can tell how much: an operator's word is all there is,
    unless it was taken once more."""
    name = f"dispute {dispute.dispute_id}"
    if dispute.reversal_seq is None:
        taken = display_usd(dispute.withdrawn_nanos or 0)
        yield _of(
            dispute,
            f"{name}: some of {taken} was given again, and how much the provider cannot say: "
            "credit it with `talktime disputes credit`",
            # That alone is news, and what puts it in doubt.
            None
            if dispute.state is DisputeState.GIVEN_AGAIN_UNCLEAR
            else msgspec.structs.replace(word, withdrawn_cents=None),
        )
    elif word.is_taken_again:
        yield _of(dispute, f"{name} was taken again there after it was given again", word)


def _step(status: PartStatus) -> PartStatus:
    """As far as a provider can tell: what is set aside here may be under way there."""
    return PartStatus.PENDING if status is PartStatus.RESERVED else status


def _differs(
    payment: Payment,
    words: str,
    told: PaymentNotice | RefundNotice | DisputeNotice | None = None,
) -> Difference:
    return Difference(
        account_id=payment.account_id, payment_id=payment.payment_id, words=words, told=told
    )


def _of(dispute: Dispute, words: str, told: DisputeNotice | None = None) -> Difference:
    return Difference(
        account_id=dispute.account_id, payment_id=dispute.payment_id, words=words, told=told
    )


def _usd(cents: int) -> str:
    return display_usd(cents * NANOS_PER_CENT)
