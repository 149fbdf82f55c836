"""Disputes told of wrongly, twice, or in any order: what was taken, and the provider, win."""

from datetime import timedelta
from itertools import permutations

import pytest
import structlog.testing
from msgspec.structs import replace

from talktime.core.dispute import DisputeState
from talktime.core.errors import PaymentMismatch
from talktime.core.refund import DisputeNotice
from talktime.ops.refund_runs import DOUBT_LASTS
from tests.payments.refunding import Refunder, given, taken

AN_HOUR = timedelta(hours=1, minutes=1)


async def test_more_given_again_than_taken(refunder: Refunder) -> None:
    """A word that more came back than was taken does not keep the taking from the ledger: that is
    debited, and what came back is what Stripe says when it is asked."""
    payment = await refunder.paid("10")
    assert payment.intent_id is not None
    dispute = refunder.stripe.back.dispute(payment.intent_id, 600)
    await refunder.tell(given(dispute, 800))
    await refunder.tell(taken(dispute))
    assert await refunder.balances() == ("4", "4")
    [one] = await refunder.disputes()
    assert one.state is DisputeState.GIVEN_AGAIN_UNCLEAR
    refunder.stripe.back.give_again(dispute, 400)
    await refunder.run(later=AN_HOUR)
    assert await refunder.balances() == ("8", "8")
    [one] = await refunder.disputes()
    assert one.state is DisputeState.GIVEN_AGAIN_IN_PART
    assert await refunder.faults() == []


async def test_nothing_was_given_again(refunder: Refunder) -> None:
    """Where Stripe, asked about a doubtful word for three days, knows of nothing given again,
    nothing is: it is asked no more, and an operator hears of it and can credit it."""
    payment = await refunder.paid("10")
    assert payment.intent_id is not None
    dispute = refunder.stripe.back.dispute(payment.intent_id, 600)
    await refunder.tell(given(dispute, 800))
    await refunder.tell(taken(dispute))
    await refunder.run(later=AN_HOUR)
    assert await refunder.warnings() == []
    with structlog.testing.capture_logs() as lines:
        await refunder.run(later=DOUBT_LASTS + AN_HOUR)
    assert "error" in [line["log_level"] for line in lines]
    [one] = await refunder.disputes()
    assert (one.state, await refunder.balances()) == (
        DisputeState.GIVEN_AGAIN_UNCLEAR,
        ("4", "4"),
    )
    [warning] = await refunder.warnings()
    assert dispute["id"] in warning


async def test_an_answer_that_lags(refunder: Refunder) -> None:
    """One answer that does not show yet what was told to be given again does not lose it."""
    payment = await refunder.paid("10")
    assert payment.intent_id is not None
    dispute = refunder.stripe.back.dispute(payment.intent_id, 600)
    await refunder.tell(taken(dispute))
    await refunder.tell(replace(given(dispute, 1), reinstated_cents=None, is_unclear=True))
    await refunder.run()
    [one] = await refunder.disputes()
    assert one.state is DisputeState.GIVEN_AGAIN_UNCLEAR
    refunder.stripe.back.give_again(dispute, 600)
    await refunder.run(later=AN_HOUR)
    assert await refunder.balances() == ("10", "10")
    [one] = await refunder.disputes()
    assert one.state is DisputeState.GIVEN_AGAIN
    assert await refunder.warnings() == []


async def test_two_words_before_the_taking(refunder: Refunder) -> None:
    """Of two words on what came back neither is believed before Stripe is asked."""
    payment = await refunder.paid("10")
    assert payment.intent_id is not None
    dispute = refunder.stripe.back.dispute(payment.intent_id, 600)
    await refunder.tell(given(dispute, 300))
    await refunder.tell(given(dispute, 200))
    await refunder.tell(taken(dispute))
    assert await refunder.balances() == ("4", "4")
    refunder.stripe.back.give_again(dispute, 200)
    await refunder.run(later=AN_HOUR)
    assert await refunder.balances() == ("6", "6")


async def test_what_is_posted_stands(refunder: Refunder) -> None:
    """Once it is in the ledger another amount is an operator's to look at, in both directions."""
    payment = await refunder.paid("10")
    assert payment.intent_id is not None
    dispute = refunder.stripe.back.dispute(payment.intent_id, 600)
    await refunder.tell(taken(dispute))
    await refunder.tell(given(dispute, 200))
    for wrong in (taken(dispute, 500), given(dispute, 300), given(dispute, 100)):
        with pytest.raises(PaymentMismatch):
            await refunder.tell(wrong)
    assert await refunder.balances() == ("6", "6")


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_every_order_of_right_and_wrong(
    refunder: Refunder, order: tuple[int, int, int, int]
) -> None:
    """The taking, the true giving back, one that says too much and one without an amount, in every
    order, with Stripe asked in the end: the same balance."""
    payment = await refunder.paid("10")
    assert payment.intent_id is not None
    dispute = refunder.stripe.back.dispute(payment.intent_id, 600)
    refunder.stripe.back.give_again(dispute, 400)
    unclear = DisputeNotice(
        dispute_id=dispute["id"],
        intent_id=payment.intent_id,
        currency="usd",
        withdrawn_cents=None,
        reinstated_cents=None,
        is_unclear=True,
    )
    words = [taken(dispute), given(dispute, 400), given(dispute, 800), unclear]
    for nth in order:
        try:
            await refunder.tell(words[nth])
        except PaymentMismatch:
            assert words[nth] is words[2]
    await refunder.run(later=AN_HOUR)
    assert await refunder.balances() == ("8", "8")
    [one] = await refunder.disputes()
    assert one.state is DisputeState.GIVEN_AGAIN_IN_PART
    assert await refunder.faults() == []


async def test_a_wrong_payment_first(refunder: Refunder) -> None:
    """A dispute told under another payment or other money is put right by the true word, as long
    as nothing of it is in the ledger."""
    first, second = await refunder.paid("10"), await refunder.paid("10")
    assert first.intent_id is not None
    dispute = refunder.stripe.back.dispute(first.intent_id, 600)
    for wrong in (
        {"account_id": second.account_id, "payment_id": second.payment_id},
        {"account_id": first.account_id, "payment_id": first.payment_id, "intent_id": "pi_other"},
    ):
        await refunder.tell(replace(taken(dispute), **wrong))
        assert await refunder.balances() == ("20", "20")
    await refunder.tell(taken(dispute))
    assert await refunder.balances() == ("14", "14")
    assert await refunder.warnings() == []


async def test_an_unclear_word(refunder: Refunder) -> None:
    """What came back in a currency whose worth nobody can tell credits nothing: Stripe is asked,
    and an operator hears of it where that does not help."""
    payment = await refunder.paid("10")
    assert payment.intent_id is not None
    dispute = refunder.stripe.back.dispute(payment.intent_id, 1000)
    dispute["balance_transactions"] = [
        {"amount": -900, "currency": "eur"},
        {"amount": 450, "currency": "eur"},
    ]
    await refunder.tell(
        replace(given(dispute, 1), reinstated_cents=None, is_unclear=True),
    )
    await refunder.run()
    [one] = await refunder.disputes()
    assert (one.state, one.withdrawn_nanos) == (DisputeState.GIVEN_AGAIN_UNCLEAR, 10 * 10**9)
    assert await refunder.balances() == ("0", "0")
    dispute["balance_transactions"] = [
        {"amount": -900, "currency": "eur", "exchange_rate": 0.9},
        {"amount": 440, "currency": "eur", "exchange_rate": 0.88},
    ]
    await refunder.run(later=AN_HOUR)
    assert await refunder.balances() == ("5", "5")
    assert await refunder.faults() == []
