"""Refunds on their way: sent once whatever is killed, and kept true to what Stripe says of them."""

from datetime import timedelta

import pytest

from talktime.core.refund import PartStatus, RefundStatus
from talktime.ops.refund_runs import CLAIM_LIFE
from tests.payments.dying import Dies
from tests.payments.refunding import Refunder, said

LATER = CLAIM_LIFE + timedelta(seconds=1)


async def test_a_refund_that_fails(refunder: Refunder) -> None:
    """Stripe says no, at once or later: the money is free again, and the refund says why."""
    await refunder.paid("10")
    refund = await refunder.approve(await refunder.ask("4"))
    await refunder.run()
    [sent] = refunder.stripe.back.refunds.values()
    told = refunder.stripe.back.end(sent["id"], "failed", failure_reason="expired_or_canceled_card")
    for _ in range(2):
        await refunder.tell(said(told))
    failed = await refunder.refund(refund)
    assert (failed.status, failed.parts[0].failure) == (
        RefundStatus.FAILED,
        "the card has expired or was canceled",
    )
    assert await refunder.balances() == ("10", "10")
    assert len(await refunder.entries()) == 1

    refunder.stripe.back.dispute(sent["payment_intent"], 1000)
    refused = await refunder.approve(await refunder.ask("4"))
    await refunder.run()
    assert (await refunder.refund(refused)).status is RefundStatus.FAILED
    assert await refunder.balances() == ("10", "10")
    assert await refunder.faults() == []


async def test_a_refund_that_comes_back(refunder: Refunder) -> None:
    """One that failed after it had succeeded is credited again, once, and can be tried again."""
    await refunder.paid("10")
    refund = await refunder.approve(await refunder.ask("4"))
    await refunder.run()
    [sent] = refunder.stripe.back.refunds.values()
    gone = said(refunder.stripe.back.end(sent["id"]))
    back = said(refunder.stripe.back.end(sent["id"], "failed"))
    for told in (gone, back, gone, back):
        await refunder.tell(told)
    assert (await refunder.entries())[1:] == [
        ("refund", sent["id"], "-4"),
        ("refund_reversed", sent["id"], "4"),
    ]
    assert (await refunder.refund(refund)).status is RefundStatus.FAILED
    assert await refunder.refundable() == "10"
    assert await refunder.faults() == []


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("forgotten", [True, False])
async def test_a_crash_around_the_request(
    refunder: Refunder, *, before: bool, forgotten: bool
) -> None:
    """Killed before Stripe was asked or after it had answered, and taken up within a day or when
    Stripe has forgotten the key: one refund."""
    await refunder.paid("10")
    refund = await refunder.approve(await refunder.ask("4"))
    whole = refunder.provider
    refunder.provider = Dies(whole, before=before)
    with pytest.raises(ConnectionAbortedError):
        await refunder.run()
    refunder.provider = whole
    assert await refunder.run() == 0
    if forgotten:
        refunder.stripe.back.forget_keys()
    assert await refunder.run(later=LATER) == 1
    [sent] = refunder.stripe.back.refunds.values()
    assert (await refunder.refund(refund)).parts[0].provider_refund_id == sent["id"]
    await refunder.tell(said(refunder.stripe.back.end(sent["id"])))
    assert await refunder.balances() == ("6", "6")


async def test_a_notice_that_overtakes_our_note(refunder: Refunder) -> None:
    """Told that it is gone before we noted Stripe's answer: debited once, and not sent again."""
    await refunder.paid("10")
    await refunder.approve(await refunder.ask("4"))
    whole = refunder.provider
    refunder.provider = Dies(whole, before=False)
    with pytest.raises(ConnectionAbortedError):
        await refunder.run()
    refunder.provider = whole
    [sent] = refunder.stripe.back.refunds.values()
    await refunder.tell(said(refunder.stripe.back.end(sent["id"])))
    assert await refunder.run(later=LATER) == 0
    assert refunder.stripe.back.asked == 1
    assert await refunder.balances() == ("6", "6")


async def test_an_outage_of_stripe(refunder: Refunder) -> None:
    """While Stripe is away the money stays set aside, and it is asked again, ever more rarely."""
    await refunder.paid("10")
    refund = await refunder.approve(await refunder.ask("4"))
    refunder.stripe.broken = True
    assert await refunder.run() == 0
    waiting = (await refunder.refund(refund)).parts[0]
    assert (waiting.status, waiting.attempts) == (PartStatus.RESERVED, 1)
    assert waiting.failure is not None
    refunder.stripe.broken = False
    assert await refunder.run(later=LATER) == 0
    assert await refunder.run(later=2 * LATER) == 1
    assert len(refunder.stripe.back.refunds) == 1


async def test_a_notice_that_never_came(refunder: Refunder) -> None:
    """Stripe is asked about refunds of which nothing was heard, whoever began them."""
    payment = await refunder.paid("10")
    assert payment.intent_id is not None
    await refunder.tell(said(refunder.stripe.back.from_dashboard(payment.intent_id, 100)))
    await refunder.approve(await refunder.ask("4"))
    await refunder.run()
    for sent in refunder.stripe.back.refunds:
        refunder.stripe.back.end(sent)
    await refunder.run(later=timedelta(hours=1, minutes=1))
    assert await refunder.balances() == ("5", "5")
    assert await refunder.faults() == []


async def test_a_reservation_that_crosses(refunder: Refunder) -> None:
    """The available balance falls when the money is set aside, so the crossings of warning level
    and floor are told then, and not again when it is gone."""
    await refunder.paid("5")
    refund = await refunder.approve(await refunder.ask())
    await refunder.run()
    [sent] = refunder.stripe.back.refunds.values()
    await refunder.tell(said(refunder.stripe.back.end(sent["id"])))
    async with refunder.platform.connection() as connection:
        cursor = await connection.execute(
            "SELECT kind, ref FROM event WHERE account_id = %s ORDER BY event_seq",
            [refunder.account_id],
        )
        told = [
            row
            for row in await cursor.fetchall()
            if row[0] == "refund.reserved" or row[0].startswith("balance.")
        ]
        cursor = await connection.execute(
            "SELECT kind, facts->>'available' FROM message WHERE account_id = %s ORDER BY kind",
            [refunder.account_id],
        )
        mail = await cursor.fetchall()
    assert told == [
        ("refund.reserved", refund.refund_id),
        ("balance.below_warning", refund.refund_id),
        ("balance.below_floor", refund.refund_id),
    ]
    assert mail == [
        ("below_floor", "0"), ("below_warning", "0"),
        ("refund_succeeded", "0"), ("top_up_succeeded", "5"),
    ]  # fmt: skip
