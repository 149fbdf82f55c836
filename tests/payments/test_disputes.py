"""Disputes, and all that Stripe says of money that goes back, in any order."""

import contextlib
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from talktime.core.errors import InsufficientCredits, PaymentMismatch
from talktime.core.refund import MoneyBackNotice, RefundsChanged
from talktime.ops.refund_runs import CLAIM_LIFE
from tests.acting import MINUTE_BY_PHONE as MINUTE
from tests.acting import Bots
from tests.payments.dying import Dies
from tests.payments.paying import notice
from tests.payments.refunding import Refunder, given, said, taken

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


async def crash(refunder: Refunder, chance: random.Random) -> None:
    """Runs of the worker that are killed before or after Stripe has answered."""
    back, whole = refunder.stripe.back, refunder.provider
    for nth in range(chance.randrange(3)):
        refunder.provider = Dies(whole, before=chance.random() < 0.5)
        # Where Stripe has all of it already, nothing is asked for that could be killed.
        with contextlib.suppress(ConnectionAbortedError):
            await refunder.run(later=(1 + 10 * nth) * LATER)
        refunder.provider = whole
        if chance.random() < 0.3:
            back.forget_keys()
    if chance.random() < 0.5:
        await refunder.run(later=30 * LATER)


def what_stripe_says(
    refunder: Refunder, chance: random.Random, intent_id: str
) -> tuple[list[MoneyBackNotice], dict[str, Any]]:
    """Notices in some order, with repeats: of the refunds so far, and of a refund and a dispute
    that one payment has at Stripe itself."""
    back = refunder.stripe.back
    told: list[MoneyBackNotice] = []
    direct = back.from_dashboard(intent_id, 100)
    told += [said(direct), said(back.end(direct["id"]))]
    if chance.random() < 0.5:
        told.append(said(back.end(direct["id"], "failed")))
    told.append(RefundsChanged(intent_id=intent_id))
    dispute = back.dispute(intent_id, chance.randrange(100, 400))
    told.append(taken(dispute))
    if chance.random() < 0.6:
        won = chance.randrange(1, dispute["amount"] + 1)
        back.give_again(dispute, won)
        told.append(given(dispute, won))
    for sent in [one for one in back.refunds.values() if one["id"] != direct["id"]]:
        told.append(said(sent))
        end = chance.choice(["succeeded", "failed", "came back"])
        if end != "failed":
            told.append(said(back.end(sent["id"])))
        if end != "succeeded":
            told.append(said(back.end(sent["id"], "failed")))
    told += [chance.choice(told) for _ in range(10)]
    chance.shuffle(told)
    return told, dispute


@pytest.mark.parametrize("seed", range(25))
async def test_any_interleaving_ends_the_same(refunder: Refunder, seed: int) -> None:
    """Payments told late, refunds of ours and of the dashboard that succeed, fail or come back,
    disputes lost, won and won in part: their notices repeated, delayed and in any order, between
    runs of the worker that are killed before and after Stripe answers, end in the balances that
    Stripe's own books give, with a clean ledger."""
    chance = random.Random(seed)
    payments = [await refunder.payer.begin(str(chance.randrange(5, 30))) for _ in range(4)]
    intents = [refunder.charge(payment) for payment in payments]
    late = chance.randrange(4)
    for nth, payment in enumerate(payments):
        if nth != late:
            await refunder.payer.tell(notice(payment, intent_id=intents[nth]))
    back = refunder.stripe.back

    refund = await refunder.approve(await refunder.ask())
    await crash(refunder, chance)
    told, dispute = what_stripe_says(refunder, chance, intents[late])

    acts: list[Callable[[], Awaitable[object]]] = [
        lambda one=one: refunder.tell(one)  # type: ignore[misc]
        for one in told
    ]
    acts.insert(
        chance.randrange(len(acts)),
        lambda: refunder.payer.tell(notice(payments[late], intent_id=intents[late])),
    )
    acts.insert(chance.randrange(len(acts)), lambda: refunder.run(later=40 * LATER))
    for act in acts:
        await act()
    # What the runs after the shuffle sent, and what was delayed till the end.
    await refunder.run(later=timedelta(days=1))
    for sent in list(back.refunds.values()):
        if sent["status"] == "pending":
            back.end(sent["id"])
        await refunder.tell(said(back.refunds[sent["id"]]))

    paid = sum(payment.amount_nanos for payment in payments) // 10**7
    gone = sum(one["amount"] for one in back.refunds.values() if one["status"] == "succeeded")
    moved = sum(one["amount"] for one in dispute["balance_transactions"])
    account = await refunder.payer.account()
    assert account.paid_nanos == (paid - gone + moved) * 10**7, seed
    assert account.available_nanos == account.paid_nanos, seed
    ours = [one for one in back.refunds.values() if one["metadata"]]
    assert len(ours) == len((await refunder.refund(refund)).parts), seed
    assert await refunder.faults() == [], seed
