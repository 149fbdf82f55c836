"""Top-ups: credited once per payment, whoever says it and however often."""

import asyncio
import random
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from talktime.core.errors import (
    InvalidAmount,
    InvalidInput,
    PaymentMismatch,
    PaymentUnknown,
    ProviderAway,
    ReferenceConflict,
    TooManyAttempts,
)
from talktime.core.money import NANOS_PER_USD
from talktime.core.payment import (
    Checkout,
    CheckoutOrder,
    CheckoutProvider,
    NoticeKind,
    Payment,
    PaymentNotice,
    PaymentStatus,
)
from talktime.ops.top_ups import ASK_AFTER, ASK_YOUNG_AFTER, CHECKOUT_LIFE, GIVE_UP_AFTER, OPEN_MAX
from tests.acting import MINUTE_BY_PHONE as MINUTE
from tests.acting import Bots
from tests.payments.paying import Payer, notice
from tests.payments.stripe_checkouts import StripeCheckouts

ENDS = (NoticeKind.ATTEMPT_FAILED, NoticeKind.FAILED, NoticeKind.EXPIRED, NoticeKind.OPEN)


async def test_nothing_is_credited_before_it_is_paid(payer: Payer) -> None:
    """Opening a checkout, coming back from it, a failed attempt: the balance does not move."""
    payment = await payer.begin()
    for kind in (NoticeKind.OPEN, NoticeKind.ATTEMPT_FAILED):
        await payer.tell(notice(payment, kind, reason="Your card was declined."))
    assert (await payer.account()).paid_nanos == 0
    waiting = await payer.payment(payment.payment_id)
    assert waiting.status is PaymentStatus.WAITING
    assert waiting.failure == "Your card was declined."


async def test_one_payment_is_one_credit(payer: Payer) -> None:
    """The same money told by two events of other kinds, and again by each, is credited once."""
    payment = await payer.begin("10")
    for _ in range(3):
        paid = await payer.tell(notice(payment))
        assert paid.status is PaymentStatus.SUCCEEDED
    [entry] = await payer.top_ups()
    assert (entry.ref, entry.paid_delta_nanos) == (payment.payment_id, 10 * NANOS_PER_USD)
    assert entry.promo_delta_nanos == 0
    assert (await payer.account()).paid_nanos == 10 * NANOS_PER_USD


async def test_notices_of_one_instant(payer: Payer) -> None:
    """Eight connections that tell of the same money at once credit it once."""
    payment = await payer.begin()
    await asyncio.gather(*[payer.tell(notice(payment)) for _ in range(8)])
    assert len(await payer.top_ups()) == 1


@pytest.mark.parametrize("seed", range(20))
async def test_any_order_of_notices_ends_the_same(payer: Payer, seed: int) -> None:
    """Notices of several payments, repeated, reordered and interleaved with reconciliation, end
    with each paid payment credited once and no other."""
    chance = random.Random(seed)
    payments = [await payer.begin(str(chance.randrange(5, 50))) for _ in range(4)]
    paid = [payment for payment in payments if chance.random() < 0.6]
    told = [notice(payment) for payment in paid for _ in range(chance.randrange(1, 4))]
    told += [notice(chance.choice(payments), chance.choice(ENDS)) for _ in range(8)]
    chance.shuffle(told)
    half = len(told) // 2
    for one in told[:half]:
        await payer.tell(one)
    await payer.reconcile(now=payer.platform.clock() + ASK_AFTER + timedelta(seconds=1))
    await asyncio.gather(*[payer.tell(one) for one in told[half:]])
    credited = {entry.ref: entry.paid_delta_nanos for entry in await payer.top_ups()}
    assert credited == {payment.payment_id: payment.amount_nanos for payment in paid}, seed
    assert (await payer.account()).paid_nanos == sum(credited.values())


async def test_money_that_comes_late_is_credited(payer: Payer) -> None:
    """A payment given up as expired or failed is credited when its money comes all the same."""
    for kind in (NoticeKind.EXPIRED, NoticeKind.FAILED):
        payment = await payer.begin()
        assert (await payer.tell(notice(payment, kind))).settled_at is not None
        assert (await payer.tell(notice(payment))).status is PaymentStatus.SUCCEEDED
    assert len(await payer.top_ups()) == 2


async def test_money_that_is_not_what_was_asked_for(payer: Payer) -> None:
    """Another amount, another currency, or other money for a paid top-up: refused for an operator
    to look at, and nothing is credited."""
    payment = await payer.begin("10")
    wrongs: tuple[tuple[dict[str, Any], str], ...] = (
        ({"amount_cents": 1001}, "another amount was asked for"),
        ({"amount_cents": 999}, "another amount was asked for"),
        ({"amount_cents": 0}, "no payment can have this amount"),
        ({"amount_cents": None}, "how much was paid is not said"),
        ({"currency": "eur"}, "it is in EUR, not in USD"),
        ({"currency": ""}, "its currency is not said"),
    )
    for wrong, why in wrongs:
        with pytest.raises(PaymentMismatch, match=why):
            await payer.tell(notice(payment, **wrong))
    assert (await payer.account()).paid_nanos == 0
    await payer.tell(notice(payment))
    with pytest.raises(PaymentMismatch, match="other money"):
        await payer.tell(notice(payment, intent_id="pi_another"))
    assert len(await payer.top_ups()) == 1


async def test_a_payment_nobody_began(payer: Payer) -> None:
    """Money for a payment, or an account, that is not ours is refused."""
    payment = await payer.begin()
    for wrong in ({"payment_id": "top_other"}, {"account_id": "nobody"}):
        for kind in (NoticeKind.PAID, NoticeKind.EXPIRED):
            with pytest.raises(PaymentUnknown):
                await payer.tell(notice(payment, kind, **wrong))


@pytest.mark.parametrize("amount", ["4.99", "0", "-10", "2000.01", "10.001", "1e3", "ten", ""])
async def test_amounts_outside_the_limits(payer: Payer, amount: str) -> None:
    """What is no whole number of cents from 5 to 2,000 dollars is refused by its field."""
    with pytest.raises(InvalidAmount) as refused:
        await payer.begin(amount)
    assert refused.value.field == "amount"


async def test_the_same_id_is_the_same_top_up(payer: Payer) -> None:
    """An id again with the same amount is the same payment, with another amount a conflict."""
    first = await payer.begin("10", payment_id="top_a")
    assert await payer.begin("10", payment_id="top_a") == first
    with pytest.raises(ReferenceConflict):
        await payer.begin("11", payment_id="top_a")
    for wrong in ("x" * 65, "a/b", "a b", "ä"):
        with pytest.raises(InvalidInput) as refused:
            await payer.begin("10", payment_id=wrong)
        assert refused.value.field == "top_up_id"


async def test_a_notice_that_never_came(payer: Payer, stripe: StripeCheckouts) -> None:
    """The provider is asked about what nothing was heard of: paid is credited, once."""
    payment = await payer.begin()
    assert payment.checkout_id is not None
    stripe.pay(payment.checkout_id)
    soon = payment.created_at + timedelta(seconds=5)
    await payer.reconcile(now=soon)
    assert await payer.top_ups() == []
    for _ in range(2):
        await payer.reconcile(now=payment.created_at + ASK_YOUNG_AFTER + timedelta(seconds=1))
    await payer.tell(notice(payment, intent_id=payment.checkout_id.replace("cs_", "pi_")))
    assert len(await payer.top_ups()) == 1


async def test_nothing_waits_for_ever(payer: Payer, stripe: StripeCheckouts) -> None:
    """A checkout that expired, one that was never opened, and one the provider forgot all end."""
    expired = await payer.begin()
    assert expired.checkout_id is not None
    stripe.expire(expired.checkout_id)
    forgotten = await payer.begin()
    assert forgotten.checkout_id is not None
    del stripe.sessions[forgotten.checkout_id]
    stripe.broken = True
    with pytest.raises(ProviderAway):
        await payer.begin(payment_id="top_never")
    stripe.broken = False
    later = forgotten.expires_at + timedelta(minutes=5)
    await payer.reconcile(now=later)
    for payment_id in (expired.payment_id, forgotten.payment_id, "top_never"):
        assert (await payer.payment(payment_id)).status is PaymentStatus.EXPIRED
    assert CHECKOUT_LIFE < GIVE_UP_AFTER


async def test_an_outage_of_the_provider_ends_nothing(
    payer: Payer, stripe: StripeCheckouts
) -> None:
    """While the provider is away its payments stay open, and are asked about again."""
    payment = await payer.begin()
    assert payment.checkout_id is not None
    stripe.pay(payment.checkout_id)
    stripe.broken = True
    at = payment.created_at + ASK_AFTER + timedelta(seconds=1)
    assert await payer.reconcile(now=at) == 0
    stripe.broken = False
    await payer.reconcile(now=at + ASK_AFTER + timedelta(seconds=1))
    assert len(await payer.top_ups()) == 1


async def test_a_crash_after_the_provider_opened_its_page(
    payer: Payer, stripe: StripeCheckouts
) -> None:
    """Ours dies between Stripe's answer and our note of it: the request again finds that page."""
    whole = payer.provider
    payer.provider = DiesAfterwards(whole)
    with pytest.raises(ConnectionAbortedError):
        await payer.begin(payment_id="top_crash")
    assert (await payer.payment("top_crash")).status is PaymentStatus.OPENING
    payer.provider = whole
    payment = await payer.begin(payment_id="top_crash")
    [session_id] = stripe.sessions
    assert (payment.checkout_id, payment.status) == (session_id, PaymentStatus.WAITING)
    await payer.tell(notice(payment))
    assert len(await payer.top_ups()) == 1


async def test_a_notice_that_overtakes_our_note(payer: Payer) -> None:
    """Paid before we had noted the page, after a crash say: credited, and once."""
    whole = payer.provider
    payer.provider = DiesAfterwards(whole)
    with pytest.raises(ConnectionAbortedError):
        await payer.begin(payment_id="top_fast")
    await payer.tell(notice(await payer.payment("top_fast")))
    payer.provider = whole
    assert (await payer.begin(payment_id="top_fast")).status is PaymentStatus.SUCCEEDED
    assert len(await payer.top_ups()) == 1


class DiesAfterwards:
    """A provider whose answer nobody lives to hear."""

    def __init__(self, whole: CheckoutProvider) -> None:
        self._whole = whole

    @property
    def name(self) -> str:
        return self._whole.name

    async def create_checkout(self, order: CheckoutOrder) -> Checkout:
        await self._whole.create_checkout(order)
        raise ConnectionAbortedError("the process was killed here")

    async def read_checkout(self, payment: Payment) -> PaymentNotice:
        return await self._whole.read_checkout(payment)


async def test_a_top_up_repays_the_overdraft_first(payer: Payer) -> None:
    """What a call overdrew is repaid by the next top-up, and never by promo (R6)."""
    bots = Bots(payer.platform, payer.account_id)
    first = await payer.begin("5")
    await payer.tell(notice(first))
    dear = msgspec.structs.replace(MINUTE[0], provider_cost="6")
    await bots.call("CA1", dear)
    assert (await payer.account()).paid_nanos == -2_800_000_000
    second: Payment = await payer.begin("10")
    await payer.tell(notice(second))
    assert (await payer.account()).paid_nanos == 7_200_000_000


async def test_a_top_up_is_told_by_mail_once(payer: Payer) -> None:
    """The credit and the message of it are one transaction; a repeated notice writes no second."""
    payment = await payer.begin("25")
    for _ in range(2):
        await payer.tell(notice(payment))
    async with payer.platform.connection() as connection:
        cursor = await connection.execute(
            "SELECT kind, facts->>'amount', facts->>'top_up_id' FROM message WHERE account_id = %s",
            [payer.account_id],
        )
        told = await cursor.fetchall()
    assert told == [("top_up_succeeded", "25", payment.payment_id)]


async def test_whoever_was_asked_about_longest_ago_comes_first(
    payer: Payer, stripe: StripeCheckouts
) -> None:
    """Open payments of one account do not keep another's from being asked about."""
    crowd = [await payer.begin() for _ in range(3)]
    later = payer.platform.clock() + ASK_AFTER + timedelta(minutes=1)
    assert await payer.reconcile(now=later) >= len(crowd)
    paid = await payer.begin()
    assert paid.checkout_id is not None
    stripe.pay(paid.checkout_id)
    again = later + ASK_AFTER + timedelta(minutes=1)
    await payer.reconcile(now=again)
    assert (await payer.payment(paid.payment_id)).status is PaymentStatus.SUCCEEDED


async def test_top_ups_that_wait_have_a_bound(payer: Payer) -> None:
    """More than OPEN_MAX unpaid top-ups are refused, a repeated one is not; paying makes room."""
    opened = [await payer.begin(payment_id=f"top_{n}") for n in range(OPEN_MAX)]
    with pytest.raises(TooManyAttempts, match="wait to be paid"):
        await payer.begin(payment_id="top_more")
    assert (await payer.begin(payment_id="top_0")).checkout_id == opened[0].checkout_id
    await payer.tell(notice(opened[0]))
    assert (await payer.begin(payment_id="top_more")).checkout_id is not None


async def test_a_provider_that_is_gone(payer: Payer) -> None:
    """A payment of a provider that is not set up any more expires, and nobody else is asked."""
    payment = await payer.begin()
    after = payment.expires_at + GIVE_UP_AFTER + timedelta(minutes=1)
    payer.provider = Other(payer.provider)
    await payer.reconcile(now=after)
    gone = await payer.payment(payment.payment_id)
    assert (gone.status, gone.failure) == (
        PaymentStatus.EXPIRED,
        "its payment provider is not set up any more",
    )


class Other(DiesAfterwards):
    """Another provider than the one that opened the page."""

    @property
    def name(self) -> str:
        return "sandbox"
