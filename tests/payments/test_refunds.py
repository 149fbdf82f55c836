"""Refunds: what can go back, who lets it go, and that nothing goes twice."""

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from talktime.core.errors import (
    InvalidAmount,
    InvalidInput,
    PaymentMismatch,
    ReferenceConflict,
    RefundDecided,
    RefundOpen,
    RefundTooMuch,
    RefundUnknown,
)
from talktime.core.money import parse_usd
from talktime.core.refund import (
    DisputeNotice,
    PartStatus,
    PaymentProvider,
    RefundNotice,
    RefundOrder,
    RefundsChanged,
    RefundStatus,
)
from talktime.ops.adjustments import post_adjustment
from talktime.ops.refund_runs import CLAIM_LIFE
from tests.acting import MINUTE_BY_PHONE as MINUTE
from tests.acting import Bots
from tests.payments.refunding import Refunder, said, taken

LATER = CLAIM_LIFE + timedelta(seconds=1)


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


async def test_all_of_it_in_the_dashboard_after_it_was_used(
    refunder: Refunder, bots_of_payer: Bots
) -> None:
    """Money that went back though calls had used it makes paid negative; nothing can go back."""
    payment = await refunder.paid("5")
    await bots_of_payer.call("CA1", *MINUTE)
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


class Dies:
    """A Stripe whose answer nobody lives to hear, or whose request is never sent."""

    def __init__(self, whole: PaymentProvider, *, before: bool) -> None:
        self._whole = whole
        self._before = before
        self.name = whole.name
        self.cards = whole.cards
        self.create_checkout = whole.create_checkout
        self.read_checkout = whole.read_checkout
        self.list_refunds = whole.refunds.list_refunds
        self.read_refund = whole.refunds.read_refund
        self.find_payment = whole.refunds.find_payment

    @property
    def refunds(self) -> "Dies":
        return self

    async def create_refund(self, order: RefundOrder) -> RefundNotice:
        if not self._before:
            await self._whole.refunds.create_refund(order)
        raise ConnectionAbortedError("the process was killed here")

    async def read_dispute(self, dispute_id: str, account_id: str, /) -> DisputeNotice:
        return await self._whole.refunds.read_dispute(dispute_id, account_id)


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
        told = [row for row in await cursor.fetchall() if row[0] != "entry.posted"]
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
