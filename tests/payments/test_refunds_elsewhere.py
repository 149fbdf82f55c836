"""Refunds that were begun at Stripe itself, of our payments and of others."""

from datetime import timedelta

import pytest

from talktime.core.errors import PaymentMismatch
from talktime.core.refund import PartStatus, RefundNotice, RefundsChanged
from tests.acting import MINUTE_BY_PHONE as MINUTE
from tests.acting import Bots
from tests.payments.refunding import Refunder, said


async def test_begun_in_the_dashboard(refunder: Refunder) -> None:
    """A refund that somebody began at Stripe is debited once, whichever events tell of it, and in
    part; less can go back after it."""
    payment = await refunder.paid("10")
    assert payment.intent_id is not None
    refund = refunder.stripe.back.from_dashboard(payment.intent_id, 250)
    await refunder.tell(said(refund))
    assert await refunder.balances() == ("10", "10")
    done = refunder.stripe.back.end(refund["id"])
    for _ in range(2):
        await refunder.tell(said(done))
        assert await refunder.tell(RefundsChanged(intent_id=payment.intent_id))
    assert (await refunder.entries())[1:] == [("refund", refund["id"], "-2.5")]
    assert await refunder.refundable() == "7.5"
    assert await refunder.faults() == []


async def test_pages_hear_of_one_that_is_on_its_way(refunder: Refunder) -> None:
    """A refund begun at Stripe is an event when it is first heard of, and when it fails before any
    money went; the same word again is none, and the balance stays as it was."""
    payment = await refunder.paid("10")
    assert payment.intent_id is not None
    refund = refunder.stripe.back.from_dashboard(payment.intent_id, 250)
    for _ in range(2):
        await refunder.tell(said(refund))
    assert await told(refunder) == ["refund.begun"]
    failed = said(refunder.stripe.back.end(refund["id"], "failed"))
    for _ in range(2):
        await refunder.tell(failed)
        await refunder.tell(said(refund))
    assert await told(refunder) == ["refund.begun", "refund.ended"]
    assert await refunder.balances() == ("10", "10")


async def told(refunder: Refunder) -> list[str]:
    """The kinds of the account's events that are about refunds."""
    async with refunder.platform.connection() as connection:
        cursor = await connection.execute(
            "SELECT kind FROM event WHERE account_id = %s AND kind ~ '^refund' ORDER BY event_seq",
            [refunder.account_id],
        )
        return [str(row[0]) for row in await cursor.fetchall()]


async def test_all_of_it_in_the_dashboard_after_it_was_used(
    refunder: Refunder,
) -> None:
    """Money that went back though calls had used it makes paid negative; nothing can go back."""
    payment = await refunder.paid("5")
    await Bots(refunder.platform, refunder.account_id).call("CA1", *MINUTE)
    assert payment.intent_id is not None
    refund = refunder.stripe.back.from_dashboard(payment.intent_id, 500)
    await refunder.tell(said(refunder.stripe.back.end(refund["id"])))
    assert (await refunder.balances())[0].startswith("-0.0")
    assert await refunder.refundable() == "0"


async def test_somebody_elses_payment(refunder: Refunder) -> None:
    """Refunds of payments that other shops took on the same Stripe account are left alone."""
    other = RefundNotice(
        provider_refund_id="re_x",
        intent_id="pi_of_another_shop",
        amount_cents=500,
        currency="usd",
        status=PartStatus.SUCCEEDED,
    )
    assert await refunder.tell(other) is False


async def test_a_word_that_does_not_fit(refunder: Refunder) -> None:
    """Another currency, more than was paid, or another amount than before: nothing is moved."""
    payment = await refunder.paid("10")
    assert payment.intent_id is not None
    refund = refunder.stripe.back.from_dashboard(payment.intent_id, 250)
    for wrong in ({"currency": "eur"}, {"amount": 1001}, {"amount": 0}):
        with pytest.raises(PaymentMismatch):
            await refunder.tell(said(refund, status="succeeded", **wrong))
    await refunder.tell(said(refund))
    with pytest.raises(PaymentMismatch):
        await refunder.tell(said(refund, status="succeeded", amount=300))
    assert await refunder.balances() == ("10", "10")


async def test_one_misfit_among_others(refunder: Refunder) -> None:
    """Asked for all refunds of a payment, Stripe names one that does not fit: it is refused, and
    the others are debited all the same."""
    payment = await refunder.paid("10")
    assert payment.intent_id is not None
    back = refunder.stripe.back
    odd, right = [back.from_dashboard(payment.intent_id, 100) for _ in range(2)]
    back.end(odd["id"], currency="eur")
    back.end(right["id"])
    with pytest.raises(PaymentMismatch, match=odd["id"]):
        await refunder.tell(RefundsChanged(intent_id=payment.intent_id))
    assert await refunder.entries() == [
        ("top_up", payment.payment_id, "10"),
        ("refund", right["id"], "-1"),
    ]


async def test_it_waits_for_the_payment(refunder: Refunder) -> None:
    """Told before the payment itself was: nothing is debited until that is credited."""
    payment = await refunder.payer.begin("10")
    intent_id = refunder.charge(payment)
    refund = refunder.stripe.back.from_dashboard(intent_id, 250)
    await refunder.tell(said(refunder.stripe.back.end(refund["id"])))
    assert await refunder.entries() == []
    await refunder.payer.reconcile(now=payment.created_at + timedelta(minutes=3))
    assert [kind for kind, _, _ in await refunder.entries()] == ["top_up", "refund"]
    assert await refunder.balances() == ("7.5", "7.5")


async def test_money_that_was_never_credited(refunder: Refunder) -> None:
    """A second payment of one top-up is refunded at Stripe: the balance never had it."""
    payment = await refunder.paid("10")
    notice = RefundNotice(
        provider_refund_id="re_second",
        intent_id="pi_second",
        amount_cents=1000,
        currency="usd",
        status=PartStatus.SUCCEEDED,
        account_id=payment.account_id,
        payment_id=payment.payment_id,
    )
    await refunder.tell(notice)
    assert await refunder.balances() == ("10", "10")
