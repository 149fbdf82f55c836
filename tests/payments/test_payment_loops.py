"""The worker's loops of payments: whoever is not answered holds up nobody else."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import msgspec
import pytest
import structlog

from talktime.core.payment import PaymentStatus
from talktime.gateways.stripe_checkout import StripeCheckout
from talktime.loops import run_loops
from talktime.ops.platform import Payments, Platform
from talktime.ops.top_ups import ASK_AFTER
from talktime.payment_loops import AT_ONCE, payment_loops
from talktime.slots import ACTS, STOP_SECONDS
from talktime.worker import COLLECTORS
from tests.conftest import AccountFactory
from tests.payments.looping import do_once
from tests.payments.paying import SECRET, Payer
from tests.payments.refunding import Refunder
from tests.payments.reloading import Reloader, chosen
from tests.payments.stripe_checkouts import StripeCheckouts

CROWD = AT_ONCE + 4
"""More than are asked side by side."""


@pytest.fixture
def till(platform: Platform, provider: StripeCheckout) -> Platform:
    """An installation that takes payments by our model of Stripe."""
    return msgspec.structs.replace(
        platform, payments=Payments(provider=provider, notice_secret=SECRET)
    )


@asynccontextmanager
async def working(till: Platform, *names: str) -> AsyncIterator[None]:
    """A worker that does these loops."""
    stop = asyncio.Event()
    loops = [loop for loop in payment_loops(till) if loop.name in names]
    assert len(loops) == len(names)
    task = asyncio.create_task(run_loops(loops, stop))
    yield
    stop.set()
    await task


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await holds():  # noqa: ASYNC110 - nothing tells it
            await asyncio.sleep(0.02)


async def test_a_hanging_answer_holds_up_no_other_reload(
    till: Platform,
    provider: StripeCheckout,
    stripe: StripeCheckouts,
    make_account: AccountFactory,
) -> None:
    """While one account's charge is not answered, by Stripe or about one that stopped half-way,
    every other account's card is charged; and the worker stops all the same."""
    hung, *crowd = [
        Reloader(till, provider, stripe, await make_account(paid="10")) for _ in range(CROWD)
    ]
    for nth, one in enumerate([hung, *crowd]):
        saved = await one.save_card(f"pm_pays_{nth}")
        await one.choose()
        if one is hung:
            assert saved.customer_id is not None
            stripe.hangs.add(saved.customer_id)
        await one.spend("6")

    async def all_charged() -> bool:
        return all([len(await one.top_ups()) == 1 for one in crowd])

    async with working(till, "resumes", "reloads", "sweeps"):
        await until(all_charged)
        assert [one.status for one in await hung.reloads()] == [PaymentStatus.OPENING]
        stopping = time.monotonic()
    assert time.monotonic() - stopping < STOP_SECONDS + 5
    stripe.wakes.set()
    hung.passes(timedelta(minutes=5))
    await hung.resume()
    assert len(await hung.top_ups()) == 1


async def test_a_hanging_answer_holds_up_no_other_top_up(
    till: Platform,
    provider: StripeCheckout,
    stripe: StripeCheckouts,
    make_account: AccountFactory,
) -> None:
    """While one open payment cannot be asked about, all others that were paid are credited."""
    hung, *crowd = [Payer(till, provider, await make_account()) for _ in range(CROWD)]
    for one in [hung, *crowd]:
        payment = await one.begin()
        assert payment.checkout_id is not None
        stripe.pay(payment.checkout_id)
        if one is hung:
            stripe.hangs.add(payment.checkout_id)
    later = till.clock() + ASK_AFTER + timedelta(seconds=1)

    async def all_credited() -> bool:
        return all([len(await one.top_ups()) == 1 for one in crowd])

    async with working(msgspec.structs.replace(till, clock=lambda: later), "payments"):
        await until(all_credited)
        assert await hung.top_ups() == []
        stripe.wakes.set()


async def test_a_full_house_takes_the_next_as_soon_as_one_leaves(
    till: Platform,
    provider: StripeCheckout,
    stripe: StripeCheckouts,
    make_account: AccountFactory,
) -> None:
    """No more than AT_ONCE are asked side by side, and the next is when one of them is done."""
    crowd = [Reloader(till, provider, stripe, await make_account(paid="10")) for _ in range(CROWD)]
    for nth, one in enumerate(crowd):
        saved = await one.save_card(f"pm_pays_{nth}")
        assert saved.customer_id is not None
        stripe.hangs.add(saved.customer_id)
        await one.choose(chosen("5", "5"))
        await one.spend("6")

    async def begun() -> int:
        return sum([len(await one.reloads()) for one in crowd])

    async def full() -> bool:
        return await begun() >= AT_ONCE

    async def all_charged() -> bool:
        return all([len(await one.top_ups()) == 1 for one in crowd])

    async with working(till, "reloads", "sweeps"):
        await until(full)
        assert await begun() == AT_ONCE
        stripe.wakes.set()
        await until(all_charged)


async def test_whoever_ran_low_while_no_worker_looked(
    till: Platform,
    provider: StripeCheckout,
    stripe: StripeCheckouts,
    make_account: AccountFactory,
) -> None:
    """Its card is charged when one looks again, however long that was."""
    one = Reloader(till, provider, stripe, await make_account(paid="10"))
    await one.save_card()
    await one.choose()
    await one.spend("6")
    later = till.clock() + timedelta(days=1)
    till = msgspec.structs.replace(till, clock=lambda: later)
    await do_once(till, "reloads")
    assert await one.reloads() == []
    await do_once(till, "sweeps", "reloads")
    assert len(await one.top_ups()) == 1


async def test_a_sweep_waits_for_no_other(
    till: Platform,
    provider: StripeCheckout,
    stripe: StripeCheckouts,
    make_account: AccountFactory,
) -> None:
    """What another worker holds is left to it, so that two sweeps never wait for each other."""
    held, free = [Reloader(till, provider, stripe, await make_account(paid="10")) for _ in range(2)]
    for one in (held, free):
        await one.save_card(f"pm_pays_{one.account_id}")
        await one.choose()
        await one.spend("6")
    later = till.clock() + timedelta(days=1)
    till = msgspec.structs.replace(till, clock=lambda: later)
    async with till.connection() as connection, connection.transaction():
        await connection.execute(
            "SELECT FROM auto_reload WHERE account_id = %s FOR UPDATE", [held.account_id]
        )
        async with asyncio.timeout(10):
            await do_once(till, "sweeps", "reloads")
    assert [len(await one.top_ups()) for one in (held, free)] == [0, 1]
    await do_once(till, "sweeps", "reloads")
    assert len(await held.top_ups()) == 1


async def test_a_dispute_of_which_no_notice_came(
    till: Platform,
    provider: StripeCheckout,
    stripe: StripeCheckouts,
    make_account: AccountFactory,
) -> None:
    """The worker finds it where Stripe lists it, and debits it once."""
    one = Refunder(Payer(till, provider, await make_account()), provider, stripe)
    payment = await one.paid("10")
    assert payment.intent_id is not None
    stripe.back.dispute(payment.intent_id, 600)
    for _ in range(2):
        await do_once(till, "unheard")
        assert await one.balances() == ("4", "4")


async def test_odd_disputes_hold_up_no_others(
    till: Platform,
    provider: StripeCheckout,
    stripe: StripeCheckouts,
    make_account: AccountFactory,
) -> None:
    """The worker passes over a dispute that cannot be read, which is an error in the log, and one
    of no payment, and debits those that Stripe lists before and after them."""
    payers = [
        Refunder(Payer(till, provider, await make_account()), provider, stripe) for _ in range(4)
    ]
    intents = [str((await one.paid("10")).intent_id) for one in payers]
    disputes = [stripe.back.dispute(intent_id, 600) for intent_id in intents]
    disputes[1]["amount"] = "six dollars"
    disputes[2]["payment_intent"] = None
    with structlog.testing.capture_logs() as logged:
        await do_once(till, "unheard")
    assert [await one.balances() for one in payers] == [("4", "4"), *[("10", "10")] * 2, ("4", "4")]
    errors = [line["dispute_id"] for line in logged if line["log_level"] == "error"]
    assert errors == [disputes[1]["id"]]


async def test_what_became_of_each_act_is_counted(
    till: Platform,
    provider: StripeCheckout,
    stripe: StripeCheckouts,
    make_account: AccountFactory,
) -> None:
    """While Stripe is away a loop's acts count as left for later, though the loop itself ran well;
    once it answers they are done. /metrics shows both."""
    assert ACTS in COLLECTORS
    payer = Payer(till, provider, await make_account())
    payment = await payer.begin()
    assert payment.checkout_id is not None
    stripe.pay(payment.checkout_id)
    before = counted("later"), counted("done")
    stripe.broken = True
    later = till.clock() + ASK_AFTER + timedelta(seconds=1)
    await do_once(msgspec.structs.replace(till, clock=lambda: later), "payments")
    assert counted("later") > before[0]
    assert counted("done") == before[1]
    stripe.broken = False
    again = later + ASK_AFTER + timedelta(seconds=1)
    await do_once(msgspec.structs.replace(till, clock=lambda: again), "payments")
    assert counted("done") > before[1]


def counted(result: str) -> float:
    """How many acts of asking about payments ended so in this process."""
    [metric] = ACTS.collect()
    wanted = {"loop": "payments", "result": result}
    return sum(
        one.value
        for one in metric.samples
        if one.name == "talktime_worker_acts_total" and one.labels == wanted
    )
