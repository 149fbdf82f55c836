"""Refunds and disputes together: whatever is told in whatever order, the books are Stripe's.

``TALKTIME_FULL=1`` tries a hundred courses of things instead of a dozen.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, Final, TypeAlias

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import given as drawn
from hypothesis import strategies as st

from talktime.core.errors import RefundOpen, RefundTooMuch
from talktime.core.refund import RefundStatus
from talktime.gateways.stripe_checkout import StripeCheckout
from talktime.ops.platform import Platform
from talktime.ops.refunds import list_refunds
from tests.conftest import AccountFactory
from tests.payments.dying import Dies
from tests.payments.paying import Payer
from tests.payments.refunding import Refunder
from tests.payments.stripe_checkouts import StripeCheckouts
from tests.payments.stripe_world import StripeWorld

Await: TypeAlias = Callable[[Coroutine[Any, Any, Any]], Any]


class Plan:
    """One drawn course of things, acted out step by step."""

    def __init__(self, world: StripeWorld, data: st.DataObject, wait: Await) -> None:
        self.world = world
        self.back = world.stripe.back
        self.data = data
        self.wait = wait
        self.day = 0

    def one_of(self, found: Any) -> Any:
        return self.data.draw(st.sampled_from(list(found)))

    def cents(self, most: int) -> int:
        return self.data.draw(st.integers(1, most) | st.just(most))

    def hear(self) -> None:
        self.wait(self.world.hear(self.one_of(self.world.told)))

    def hear_together(self) -> None:
        some = [self.one_of(self.world.told) for _ in range(3)]
        self.wait(together([self.world.hear(one) for one in some]))

    def refund(self) -> None:
        """Asked for, perhaps let go, and perhaps sent at once."""
        self.wait(asked(self.world.refunder, self.one_of((None, 1, 2, 3, 4))))
        if self.one_of((True, True, False)):
            self.wait(approved(self.world.refunder))
            self.one_of((self.work, self.work_and_die, self.hear))()

    def refund_in_dashboard(self) -> None:
        intent_id = self.one_of(self.world.intents)
        self.world.refund_in_dashboard(intent_id, self.cents(self.back.paid(intent_id)))

    def end_refund(self) -> None:
        if self.back.refunds:
            how = self.one_of(("succeeded", "failed"))
            self.world.end_refund(self.one_of(self.back.refunds), how)

    def dispute(self) -> None:
        intent_id = self.one_of(self.world.intents)
        currency = self.one_of(("usd", "eur"))
        self.world.dispute(intent_id, self.cents(self.back.paid(intent_id)), currency)
        if self.one_of((True, False)):
            self.give_again()

    def give_again(self) -> None:
        if self.back.disputes:
            dispute_id = self.one_of(self.back.disputes)
            self.world.give_again(dispute_id, self.cents(self.back.disputes[dispute_id]["amount"]))

    def lie(self) -> None:
        if self.back.disputes:
            self.world.lie(self.one_of(self.back.disputes))

    def pay_again(self) -> None:
        self.world.pay_again(self.one_of(self.world.payments))

    def work(self) -> None:
        self._work(is_killed=False)

    def work_and_die(self) -> None:
        self._work(is_killed=True)

    def _work(self, *, is_killed: bool) -> None:
        """The worker runs a day after the last time, and may be killed before or after Stripe has
        answered, which may have forgotten the keys of yesterday."""
        self.day += 1
        refunder = self.world.refunder
        whole = refunder.provider
        if is_killed:
            refunder.provider = Dies(whole, before=self.data.draw(st.booleans()))
        if self.data.draw(st.booleans()):
            refunder.stripe.back.forget_keys()
        # Where nothing is to be sent, nothing is asked for that could be killed.
        with contextlib.suppress(ConnectionAbortedError):
            self.wait(refunder.run(later=timedelta(days=self.day)))
        refunder.provider = whole

    def end(self) -> None:
        """Whatever is under way comes to an end and is told."""
        world, back = self.world, self.world.stripe.back
        for _ in range(2):
            for told in self.data.draw(st.permutations(world.told)):
                self.wait(world.hear(told))
            self.work()
            for refund_id, refund in list(back.refunds.items()):
                if refund["status"] == "pending":
                    world.end_refund(refund_id, "succeeded")
        for told in world.told:
            self.wait(world.hear(told))
        self.work()


ACTS: Final = (
    *(Plan.hear, Plan.hear, Plan.hear_together, Plan.work, Plan.work_and_die),
    *(Plan.refund, Plan.refund, Plan.refund_in_dashboard, Plan.end_refund, Plan.end_refund),
    *(Plan.dispute, Plan.give_again, Plan.lie, Plan.pay_again),
)


async def together(acts: list[Coroutine[Any, Any, None]]) -> None:
    await asyncio.gather(*acts)


async def asked(refunder: Refunder, dollars: int | None) -> None:
    with contextlib.suppress(RefundOpen, RefundTooMuch):
        await refunder.ask(None if dollars is None else str(dollars))


async def approved(refunder: Refunder) -> None:
    for refund in await of_status(refunder, RefundStatus.ASKED):
        with contextlib.suppress(RefundTooMuch):
            await refunder.approve(refund)


async def of_status(refunder: Refunder, status: RefundStatus) -> list[Any]:
    async with refunder.platform.connection() as connection:
        found, _ = await list_refunds(
            connection, account_id=refunder.account_id, status=status, before=None, limit=200
        )
    return found


@pytest.mark.timeout(600)
async def test_any_interleaving_ends_the_same(
    platform: Platform,
    provider: StripeCheckout,
    stripe: StripeCheckouts,
    make_account: AccountFactory,
) -> None:
    """Payments told late and paid twice, refunds of ours and of the dashboard that succeed, fail or
    come back, disputes lost, won and won in part, in dollars and in euros, words that are wrong:
    their notices in any order, repeated, delayed and several at once, between runs of the worker
    that are killed before and after Stripe answers, end in the balances that Stripe's own books
    give, with nothing left on its way and a clean ledger."""
    loop = asyncio.get_running_loop()

    def wait(act: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(act, loop).result(timeout=60)

    # A failing course is shown as it is: to make it shorter would take minutes.
    @settings(
        max_examples=100 if "TALKTIME_FULL" in os.environ else 12,
        deadline=None,
        phases=(Phase.reuse, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @drawn(
        amounts=st.lists(st.integers(5, 12), min_size=1, max_size=3),
        acts=st.lists(st.sampled_from(ACTS), min_size=10, max_size=30),
        data=st.data(),
    )
    def check(amounts: list[int], acts: list[Callable[[Plan], None]], data: st.DataObject) -> None:
        stripe.back.refunds.clear()
        stripe.back.disputes.clear()
        payer = Payer(platform, provider, wait(make_account()))
        refunder = Refunder(payer, provider, stripe)
        world = StripeWorld(refunder)
        for amount in amounts:
            wait(world.pay(str(amount)))
        plan = Plan(world, data, wait)
        for told in list(world.told):
            if plan.one_of((True, True, False)):
                wait(world.hear(told))
        for act in acts:
            act(plan)
        plan.end()

        paid, refundable = wait(world.owed())
        account = wait(payer.account())
        assert account.paid_nanos == paid * 10**7
        assert account.available_nanos == account.paid_nanos
        assert wait(refunder.refundable()) == f"{refundable / 100:.2f}".rstrip("0").rstrip(".")
        assert wait(of_status(refunder, RefundStatus.RUNNING)) == []
        ours = [one for one in stripe.back.refunds.values() if one["metadata"]]
        parts = [one["metadata"]["part_id"] for one in ours]
        assert len(parts) == len(set(parts))
        assert wait(refunder.faults()) == []

    await asyncio.to_thread(check)
