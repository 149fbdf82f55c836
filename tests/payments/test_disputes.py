"""Disputes, and all that Stripe says of money that goes back, in any order."""

from datetime import timedelta

import pytest

from talktime.core.errors import InsufficientCredits, PaymentMismatch
from talktime.ops.refund_runs import CLAIM_LIFE
from tests.acting import MINUTE_BY_PHONE as MINUTE
from tests.acting import Bots
from tests.payments.refunding import Refunder, given, taken

LATER = CLAIM_LIFE + timedelta(seconds=1)


async def test_lost(refunder: Refunder) -> None:
    """A bank takes a payment back: debited once, paid may become negative, and new calls are
    refused; the next top-up repays it first (R6)."""
    bots = Bots(refunder.platform, refunder.account_id)
    payment = await refunder.paid("5")
    await bots.call("CA1", *MINUTE)
    assert payment.intent_id is not None
    dispute = refunder.stripe.back.dispute(payment.intent_id, 500)
    for _ in range(3):
        await refunder.tell(taken(dispute))
    used = (await refunder.rows())[1].paid_delta_nanos
    assert (await refunder.rows())[-1].paid_after_nanos == used
    assert (await refunder.entries())[2:] == [("chargeback", dispute["id"], "-5")]
    with pytest.raises(InsufficientCredits):
        await bots.start("CA2")
    await refunder.paid("10")
    assert (await refunder.rows())[-1].paid_after_nanos == 10 * 10**9 + used
    assert await refunder.faults() == []


async def test_won(refunder: Refunder) -> None:
    """What the bank gives again is credited once, and can go back to the card again."""
    payment = await refunder.paid("10")
    assert payment.intent_id is not None
    dispute = refunder.stripe.back.dispute(payment.intent_id, 1000)
    for told in (taken(dispute), given(dispute, 1000), taken(dispute), given(dispute, 1000)):
        await refunder.tell(told)
    assert (await refunder.entries())[1:] == [
        ("chargeback", dispute["id"], "-10"),
        ("chargeback_reversed", dispute["id"], "10"),
    ]
    assert await refunder.refundable() == "10"
    assert await refunder.faults() == []


async def test_in_part(refunder: Refunder) -> None:
    """Part of a payment is disputed, and part of that comes back."""
    payment = await refunder.paid("10")
    assert payment.intent_id is not None
    dispute = refunder.stripe.back.dispute(payment.intent_id, 600)
    await refunder.tell(taken(dispute))
    await refunder.tell(given(dispute, 150))
    assert await refunder.balances() == ("5.5", "5.5")
    assert await refunder.refundable() == "5.5"
    assert await refunder.faults() == []


async def test_the_giving_back_comes_first(refunder: Refunder) -> None:
    """Money told of as given again before it was told of as taken waits for that."""
    payment = await refunder.paid("10")
    assert payment.intent_id is not None
    dispute = refunder.stripe.back.dispute(payment.intent_id, 1000)
    await refunder.tell(given(dispute, 1000))
    assert await refunder.balances() == ("10", "10")
    assert len(await refunder.entries()) == 1
    await refunder.tell(taken(dispute))
    assert [kind for kind, _, _ in await refunder.entries()] == [
        "top_up",
        "chargeback",
        "chargeback_reversed",
    ]
    assert await refunder.balances() == ("10", "10")


async def test_a_taking_that_nobody_told(refunder: Refunder) -> None:
    """Where only the giving back is told, Stripe is asked what was taken."""
    payment = await refunder.paid("10")
    assert payment.intent_id is not None
    dispute = refunder.stripe.back.dispute(payment.intent_id, 1000)
    refunder.stripe.back.give_again(dispute, 400)
    await refunder.tell(given(dispute, 400))
    await refunder.run(later=timedelta(hours=1, minutes=1))
    assert await refunder.balances() == ("4", "4")
    assert await refunder.faults() == []


async def test_amounts_that_do_not_fit(refunder: Refunder) -> None:
    """More than was paid or taken, another amount than before: refused, and nothing is moved."""
    payment = await refunder.paid("10")
    assert payment.intent_id is not None
    dispute = refunder.stripe.back.dispute(payment.intent_id, 600)
    with pytest.raises(PaymentMismatch):
        await refunder.tell(taken(dispute, 1001))
    await refunder.tell(taken(dispute))
    for wrong in (taken(dispute, 500), given(dispute, 601)):
        with pytest.raises(PaymentMismatch):
            await refunder.tell(wrong)
    assert await refunder.balances() == ("4", "4")
