"""What an operator hears of money that went back and does not fit, and where it stays listed."""

from typing import Any

import structlog.testing
from msgspec.structs import replace

from talktime.core.dispute import DisputeState
from talktime.core.payment import Payment
from talktime.core.refund import PartStatus, RefundNotice, RefundsChanged
from tests.payments.refunding import Refunder, given, said, taken


async def tell(refunder: Refunder, told: Any) -> list[tuple[str, str]]:
    """(level, event) of what was logged of it."""
    with structlog.testing.capture_logs() as lines:
        await refunder.tell(told)
    return [(line["log_level"], line["event"]) for line in lines]


async def test_refunded_and_disputed(refunder: Refunder) -> None:
    """A payment that was refunded and then disputed is debited twice, as Stripe did: it is logged
    as an error, the audit names it, and what is left of other payments can still go back."""
    other = await refunder.paid("5")
    payment = await refunder.paid("10")
    assert payment.intent_id is not None
    back = refunder.stripe.back
    refund = back.end(back.from_dashboard(payment.intent_id, 800)["id"])
    dispute = back.dispute(payment.intent_id, 1000)
    assert await tell(refunder, said(refund)) == []
    [(level, event)] = await tell(refunder, taken(dispute))
    assert (level, "more went back of a payment than was paid" in event) == ("error", True)
    assert await refunder.balances() == ("-3", "-3")
    [warning] = await refunder.warnings()
    assert payment.payment_id in warning
    assert "$18 of $10" in warning
    assert await refunder.faults() == []

    await refunder.paid("8")
    assert (await refunder.balances(), await refunder.refundable()) == (("5", "5"), "5")
    approved = await refunder.approve(await refunder.ask())
    assert payment.payment_id not in {part.payment_id for part in approved.parts}
    assert other.payment_id not in {part.payment_id for part in approved.parts}

    await refunder.tell(given(dispute, 1000))
    assert await refunder.warnings() == []


async def test_two_dashboard_refunds(refunder: Refunder) -> None:
    """Two refunds of the dashboard that are together more than was paid sound the same alarm."""
    payment = await refunder.paid("10")
    assert payment.intent_id is not None
    back = refunder.stripe.back
    first = back.end(back.from_dashboard(payment.intent_id, 600)["id"])
    assert await tell(refunder, said(first)) == []
    [(level, _)] = await tell(refunder, said(first | {"id": "re_second"}))
    assert (level, await refunder.balances()) == ("error", ("-2", "-2"))
    assert len(await refunder.warnings()) == 1


async def test_sent_again_after_it_bounced(refunder: Refunder) -> None:
    """A refund that came back and the one that was sent in its place, both heard of at once in
    whatever order, sound no alarm: more never went back than was paid."""
    payment = await refunder.paid("10")
    assert payment.intent_id is not None
    back = refunder.stripe.back
    first = back.end(back.from_dashboard(payment.intent_id, 800)["id"])
    assert await tell(refunder, said(first)) == []
    back.end(first["id"], "failed")
    second = back.end(back.from_dashboard(payment.intent_id, 800)["id"])
    back.refunds = {one["id"]: back.refunds[one["id"]] for one in (second, first)}
    assert await tell(refunder, RefundsChanged(intent_id=payment.intent_id)) == []
    assert await refunder.balances() == ("2", "2")


async def test_other_money(refunder: Refunder) -> None:
    """A refund or dispute of a second payment of one top-up touches no balance: it is logged as a
    warning, listed, and named by the audit; nothing of it waits in silence."""
    payment = await refunder.paid("10")
    [(level, event)] = await tell(refunder, second_payment_refunded(payment))
    assert (level, "never credited" in event) == ("warning", True)
    dispute = taken({"id": "dp_second", "payment_intent": "pi_second", "amount": 1000})
    whose = {"account_id": payment.account_id, "payment_id": payment.payment_id}
    [(level, _)] = await tell(refunder, replace(dispute, **whose))
    assert level == "warning"
    assert [one.state for one in await refunder.disputes()] == [DisputeState.NEVER_CREDITED]
    assert await refunder.balances() == ("10", "10")
    assert ["dp_second" in one or "re_second" in one for one in await refunder.warnings()] == [
        True,
        True,
    ]
    assert await refunder.faults() == []


async def test_what_waits_for_its_payment_is_no_alarm(refunder: Refunder) -> None:
    """Told before the payment itself: quiet, for it settles by itself."""
    payment = await refunder.payer.begin("10")
    intent_id = refunder.charge(payment)
    refund = refunder.stripe.back.from_dashboard(intent_id, 250)
    assert await tell(refunder, said(refunder.stripe.back.end(refund["id"]))) == []
    assert await refunder.warnings() == []


def second_payment_refunded(payment: Payment) -> RefundNotice:
    return RefundNotice(
        provider_refund_id="re_second",
        intent_id="pi_second",
        amount_cents=1000,
        currency="usd",
        status=PartStatus.SUCCEEDED,
        account_id=payment.account_id,
        payment_id=payment.payment_id,
    )
