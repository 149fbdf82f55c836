"""Several workers at webhooks, workers that die, and receivers that take their time."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable

import msgspec

from talktime.deliverer import ROOM, Deliverer
from talktime.gateways.webhook import WebhookSender
from talktime.ops.platform import Platform
from talktime.ops.webhook_delivery import GO_SECONDS, HELD_FOR, RENEWED_AFTER, claim_lanes
from talktime.ops.webhook_relay import relay_events
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.conftest import AccountFactory
from tests.worker.listening import Listen, worker


async def test_two_workers_keep_the_order(platform: Platform, bots: Bots, listen: Listen) -> None:
    """A burst told by two workers at once comes whole, in order, one at a time, and none twice.

    A hundred calls are three messages each; once the balance falls below the warning level.
    """
    heard = await listen(bots.account_id)
    async with worker(platform), worker(platform):
        for n in range(100):
            await bots.call(f"CA{n:03d}", *MINUTE_BY_PHONE)
        await heard.receiver.until(301)
    told = [body["data"]["call_id"] for body in heard.receiver.told("call.settled")]
    assert told == [f"CA{n:03d}" for n in range(100)]
    seqs = [b["data"]["entry"]["seq"] for b in heard.receiver.told("balance.updated")]
    assert seqs == sorted(set(seqs))
    assert heard.receiver.most_under_way == 1
    assert len(set(heard.receiver.ids)) == len(heard.receiver.ids) == 301


async def test_a_worker_that_dies_leaves_its_lanes_to_others(
    platform: Platform, bots: Bots, listen: Listen
) -> None:
    """A lane whose worker went silent in the middle is taken by another, and nothing is lost."""
    heard = await listen(bots.account_id, types=["call.started"])
    await bots.start("CA1")
    async with platform.connection() as connection:
        now = platform.clock()
        floor_nanos = platform.terms.floor_nanos
        await relay_events(connection, [bots.account_id], floor_nanos=floor_nanos, now=now)
        [lane] = await claim_lanes(connection, claim="dies", under_way={}, room=ROOM, now=now)
    assert lane.account_id == bots.account_id
    await heard.work()
    assert heard.receiver.bodies == [], "still held"
    await heard.work(at=platform.clock() + HELD_FOR)
    assert [body["data"]["call_id"] for body in heard.receiver.bodies] == ["CA1"]


KILLED = """
import asyncio, sys
from talktime.ops.platform import open_platform
from talktime.ops.terms import Terms
from tests.worker.listening import worker

async def main():
    async with open_platform(sys.argv[1], terms=Terms(), public_url="https://talktime.test") as p:
        async with worker(p):
            await asyncio.sleep(3600)

asyncio.run(main())
"""


async def test_a_killed_worker_loses_nothing(
    platform: Platform, database_url: str, bots: Bots, listen: Listen
) -> None:
    """kill -9 in the middle of a burst: everything arrives, in order; a repeat keeps its id."""
    heard = await listen(bots.account_id, types=["call.settled"])
    heard.receiver.pause_seconds = 0.05
    in_one_go = int(GO_SECONDS / heard.receiver.pause_seconds) + 1
    for n in range(60):
        await bots.call(f"CA{n:02d}", *MINUTE_BY_PHONE)
    killed = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", KILLED, database_url],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    await heard.receiver.until(3 * in_one_go, seconds=30)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    await until(lambda: heard.receiver.under_way == 0)
    assert len(heard.receiver.bodies) < 60
    heard.receiver.pause_seconds = 0.0
    await heard.work(at=platform.clock() + HELD_FOR)
    told = dict(zip(heard.receiver.ids, heard.receiver.told("call.settled"), strict=True))
    calls = [body["data"]["call_id"] for body in told.values()]
    assert calls == [f"CA{n:02d}" for n in range(60)]
    repeated = len(heard.receiver.ids) - len(told)
    assert repeated <= in_one_go, "of one go alone may something come twice"


async def test_a_thousand_events_at_once(
    platform: Platform, make_account: AccountFactory, listen: Listen
) -> None:
    """A burst is told whole and in order, and quicker than a person would look."""
    bots = Bots(platform, await make_account(paid="100"))
    heard = await listen(bots.account_id, types=["call.started"])
    for n in range(1_000):
        await bots.start(f"CA{n:04d}")
    async with worker(platform), asyncio.timeout(30):
        await heard.receiver.until(1_000, seconds=30)
    assert [body["data"]["call_id"] for body in heard.receiver.bodies] == [
        f"CA{n:04d}" for n in range(1_000)
    ]


async def test_a_lane_stays_with_the_worker_that_is_at_it(
    platform: Platform, bots: Bots, listen: Listen
) -> None:
    """A worker that lives keeps its lane however long an attempt takes; one that is silent for as
    long as a lane is held loses it, and the message comes again under its id."""
    heard = await listen(bots.account_id, types=["call.started"])
    heard.receiver.is_elsewhen = True
    heard.receiver.held = asyncio.Event()
    await bots.start("CA1")
    at = [platform.clock()]
    stepped = msgspec.structs.replace(platform, clock=lambda: at[0])
    one, other = [
        Deliverer(stepped, WebhookSender(allow_private=True, timeout_seconds=30)) for _ in range(2)
    ]
    await one.run()
    await until(lambda: heard.receiver.under_way == 1)
    for _ in range(HELD_FOR // RENEWED_AFTER * 2):
        at[0] += RENEWED_AFTER
        await one.run()
        await other.run()
    assert heard.receiver.most_under_way == 1
    at[0] += HELD_FOR
    await other.run()
    await until(lambda: heard.receiver.under_way == 2)
    heard.receiver.held.set()
    for each in (one, other):
        await each.finish()
        await each.close()
    assert len(heard.receiver.ids) == 2
    assert len(set(heard.receiver.ids)) == 1
    assert await heard.deliveries() == [("call.started", 1)], "who lost the lane records nothing"


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - requests come by themselves
            await asyncio.sleep(0.01)


async def test_a_stop_in_the_middle_repeats_nothing(
    platform: Platform, bots: Bots, listen: Listen
) -> None:
    """What was taken before a worker was told to stop is kept, though its go was not over."""
    heard = await listen(bots.account_id, types=["call.started"])
    for n in range(20):
        await bots.start(f"CA{n:02d}")
    heard.receiver.held_after = 5
    heard.receiver.held = asyncio.Event()
    deliverer = Deliverer(platform, WebhookSender(allow_private=True, timeout_seconds=30))
    await deliverer.run()
    await until(lambda: len(heard.receiver.bodies) == 5 and heard.receiver.under_way == 1)
    await deliverer.close()
    heard.receiver.held.set()
    await heard.receiver.until(6)
    await heard.work()
    told = [body["data"]["call_id"] for body in heard.receiver.bodies]
    assert told == [*(f"CA{n:02d}" for n in range(6)), *(f"CA{n:02d}" for n in range(5, 20))], (
        "but for the one that was under way"
    )
