"""Refunds: what can go back, who lets it go, and that nothing goes twice."""

import asyncio

import pytest
from msgspec.structs import replace

from talktime.core.errors import (
    InvalidAmount,
    InvalidInput,
    ReferenceConflict,
    RefundDecided,
    RefundOpen,
    RefundTooMuch,
    RefundUnknown,
)
from talktime.core.money import parse_usd
from talktime.core.refund import (
    PartStatus,
    RefundStatus,
)
from talktime.ops.adjustments import post_adjustment
from tests.acting import MINUTE_BY_PHONE as MINUTE
from tests.acting import Bots
from tests.payments.refunding import Refunder, said, taken


async def test_from_asking_to_the_card(refunder: Refunder) -> None:
    """Asked, approved, sent, confirmed: nothing moves before it is approved, then it is set aside,
    and it leaves the ledger once Stripe says that it is gone."""
    await refunder.paid("10")
    asked = await refunder.ask("4")
    assert (asked.status, await refunder.balances()) == (RefundStatus.ASKED, ("10", "10"))
    await refunder.approve(asked)
    assert await refunder.balances() == ("10", "6")
    await refunder.run()
    [sent] = refunder.stripe.back.refunds.values()
    assert (sent["amount"], sent["status"]) == (400, "pending")
    assert await refunder.balances() == ("10", "6")

    await refunder.tell(said(refunder.stripe.back.end(sent["id"])))
    assert await refunder.balances() == ("6", "6")
    assert (await refunder.entries())[1:] == [("refund", sent["id"], "-4")]
    done = await refunder.refund(asked)
    assert (done.status, done.parts[0].status) == (RefundStatus.SUCCEEDED, PartStatus.SUCCEEDED)
    assert await refunder.faults() == []


async def test_what_can_go_back(refunder: Refunder, bots_of_payer: Bots) -> None:
    """Paid money that came by card and is left: never promo, never an adjustment, never what a
    running call has set aside, and in whole cents."""
    assert await refunder.refundable() == "0"
    await refunder.paid("10")
    assert await refunder.refundable() == "10"
    await adjust(refunder, paid="3", promo="2")
    assert await refunder.refundable() == "10"
    await bots_of_payer.call("CA1", *MINUTE)
    assert await refunder.refundable() == "10"
    await adjust(refunder, paid="-3", promo="-1.9")
    used = await refunder.balances()
    assert used[0] == "10"
    await adjust(refunder, paid="-0.001")
    assert await refunder.refundable() == "9.99"


async def test_a_running_call_keeps_its_money(refunder: Refunder, bots_of_payer: Bots) -> None:
    """What a call has set aside cannot be asked back while it runs."""
    await refunder.paid("5")
    await bots_of_payer.start("CA1")
    assert await refunder.refundable() == "4.9"
    with pytest.raises(RefundTooMuch) as refused:
        await refunder.ask("5")
    assert refused.value.facts == {"refundable": "4.9"}
    assert (await refunder.ask()).amount_nanos == 4_900_000_000


async def test_newest_payment_first(refunder: Refunder) -> None:
    """A refund over several payments takes all of the newest and the rest of the one before."""
    first, second, third = [await refunder.paid(amount) for amount in ("5", "6", "7")]
    refund = await refunder.approve(await refunder.ask("9"))
    shares = {part.payment_id: part.amount_nanos // 10**9 for part in refund.parts}
    assert shares == {third.payment_id: 7, second.payment_id: 2}
    await refunder.run()
    for sent in list(refunder.stripe.back.refunds.values()):
        await refunder.tell(said(refunder.stripe.back.end(sent["id"])))
    rest = await refunder.approve(await refunder.ask())
    assert [part.payment_id for part in rest.parts] == [second.payment_id, first.payment_id]
    assert [part.amount_nanos // 10**9 for part in rest.parts] == [4, 5]
    assert await refunder.faults() == []


async def test_a_double_click_is_one_refund(refunder: Refunder) -> None:
    """The same id again is the same refund, with other facts a conflict; another one while the
    first is open is refused."""
    await refunder.paid("10")
    first = await refunder.ask("4", refund_id="ref_a")
    assert await refunder.ask("4", refund_id="ref_a") == first
    with pytest.raises(ReferenceConflict):
        await refunder.ask("5", refund_id="ref_a")
    with pytest.raises(RefundOpen):
        await refunder.ask("1")
    asked = await asyncio.gather(*[refunder.approve(first) for _ in range(8)])
    assert {one.status for one in asked} == {RefundStatus.RUNNING}
    await asyncio.gather(*[refunder.run() for _ in range(4)])
    assert len(refunder.stripe.back.refunds) == 1
    assert await refunder.balances() == ("10", "6")


async def test_eight_clicks_at_once(refunder: Refunder) -> None:
    """Of eight different requests of one instant one is taken."""
    await refunder.paid("10")
    answers = await asyncio.gather(*[refunder.ask("2") for _ in range(8)], return_exceptions=True)
    assert sorted(type(one).__name__ for one in answers) == ["Refund"] + ["RefundOpen"] * 7


async def test_declined(refunder: Refunder) -> None:
    """No is said with a reason, once, and moves nothing; what is decided stays decided."""
    await refunder.paid("10")
    refund = await refunder.ask("4")
    with pytest.raises(InvalidInput, match="reason"):
        await refunder.decline(refund, "  ")
    declined = await refunder.decline(refund, "Used until Monday.")
    assert (declined.status, declined.answer) == (RefundStatus.DECLINED, "Used until Monday.")
    with pytest.raises(RefundDecided):
        await refunder.approve(refund)
    second = await refunder.approve(await refunder.ask("4"))
    with pytest.raises(RefundDecided):
        await refunder.decline(second, "Too late.")
    assert await refunder.balances() == ("10", "6")


async def test_used_before_it_was_approved(refunder: Refunder, bots_of_payer: Bots) -> None:
    """What calls used since it was asked cannot be let go; the operator is told what can."""
    await refunder.paid("5")
    refund = await refunder.ask()
    await bots_of_payer.call("CA1", *MINUTE)
    with pytest.raises(RefundTooMuch) as refused:
        await refunder.approve(refund)
    assert refused.value.facts["refundable"] == await refunder.refundable()
    assert (await refunder.balances())[0] == (await refunder.balances())[1]


@pytest.mark.parametrize("amount", ["0", "-1", "0.001", "1.005", "ten", ""])
async def test_amounts_that_no_refund_can_have(refunder: Refunder, amount: str) -> None:
    """What is no positive number of whole cents is refused by its field."""
    await refunder.paid("10")
    with pytest.raises(InvalidAmount) as refused:
        await refunder.ask(amount)
    assert refused.value.field == "amount"


async def test_other_bad_input(refunder: Refunder) -> None:
    """An odd id, too long a reason, an unknown refund: each says which."""
    for wrong in ("", "x" * 61, "a/b", "ä"):
        with pytest.raises(InvalidInput) as refused:
            await refunder.ask("1", refund_id=wrong or " ")
        assert refused.value.field == "refund_id"
    with pytest.raises(InvalidInput) as refused:
        await refunder.ask("1", reason="x" * 501)
    assert refused.value.field == "reason"
    with pytest.raises(RefundTooMuch):
        await refunder.ask()
    await refunder.paid("5")
    with pytest.raises(RefundUnknown):
        await refunder.approve(replace(await refunder.ask("1"), refund_id="ref_other"))


async def test_disputed_money_cannot_go_back(refunder: Refunder) -> None:
    """What a bank took back of a payment is not left of it."""
    first, second = await refunder.paid("5"), await refunder.paid("6")
    assert second.intent_id is not None
    dispute = refunder.stripe.back.dispute(second.intent_id, 600)
    await refunder.tell(taken(dispute))
    assert await refunder.refundable() == "5"
    refund = await refunder.approve(await refunder.ask())
    assert [part.payment_id for part in refund.parts] == [first.payment_id]


async def adjust(refunder: Refunder, *, paid: str = "0", promo: str = "0") -> None:
    async with refunder.platform.connection() as connection:
        await post_adjustment(
            connection,
            account_id=refunder.account_id,
            adjustment_id=f"{paid} {promo}",
            promo_nanos=parse_usd(promo, field="promo"),
            paid_nanos=parse_usd(paid, field="paid"),
            reason="a test",
            terms=refunder.platform.terms,
            now=refunder.platform.clock(),
        )


@pytest.fixture
def bots_of_payer(refunder: Refunder) -> Bots:
    return Bots(refunder.platform, refunder.account_id)
