"""Whose turn it is to be told: nobody's endpoint waits for ever behind a busy one."""

import asyncio
from datetime import timedelta

import pytest

from talktime.core.webhook import PLATFORM
from talktime.db import webhook_lanes
from talktime.db.pool import Connection
from talktime.db.webhook_lanes import LaneMove
from talktime.deliverer import LANES_PER_ENDPOINT, ROOM, Deliverer
from talktime.gateways.webhook import WebhookSender
from talktime.ops.platform import Platform
from talktime.ops.webhook_delivery import HELD_FOR, claim_lanes, renew_lanes
from talktime.ops.webhook_relay import RELAY_EVENTS, find_untold, relay_events
from talktime.ops.webhooks import EndpointChange, change_endpoint, delete_endpoint, read_endpoint
from tests.acting import Bots
from tests.conftest import AccountFactory
from tests.worker.listening import Listen


async def test_a_busy_account_leaves_room_for_others(
    platform: Platform, connection: Connection, make_account: AccountFactory, listen: Listen
) -> None:
    """With more to tell of one account than goes into one round, another's event goes along."""
    busy, quiet = [Bots(platform, await make_account(paid="500")) for _ in range(2)]
    crowd = await listen(busy.account_id, ["call.started"])
    lone = await listen(quiet.account_id, ["call.started"])
    for n in range(RELAY_EVENTS + 20):
        await busy.start(f"B{n}")
    await quiet.start("Q")
    untold = await find_untold(connection)
    assert {busy.account_id, quiet.account_id} <= set(untold)
    told = await relay_events(
        connection, untold, floor_nanos=platform.terms.floor_nanos, now=platform.clock()
    )
    assert told.events == RELAY_EVENTS, "what the quiet one leaves, the busy one has"
    assert not told.is_all
    assert len(await lone.deliveries()) == 1
    assert len(await crowd.deliveries()) == RELAY_EVENTS - 1


async def test_who_was_told_longest_ago_is_told_first(
    platform: Platform, connection: Connection, make_account: AccountFactory, listen: Listen
) -> None:
    """Where not all lanes fit into a round, they take turns, though each has more to tell."""
    accounts = [Bots(platform, await make_account(paid="5")) for _ in range(3)]
    for bots in accounts:
        await listen(bots.account_id, ["call.started"])
        for n in range(4):
            await bots.start(f"CA{n}")
    names = [bots.account_id for bots in accounts]
    turns = []
    for n in range(6):
        async with connection.transaction():
            [lane] = await webhook_lanes.claim_untold(connection, names, limit=1)
            move = LaneMove(
                account_id=lane.account_id,
                owner_id=lane.owner_id,
                endpoint_id=lane.endpoint_id,
                event_seq=lane.after + 1,
                delivery_seq=lane.delivery_seq,
            )
            now = platform.clock() + timedelta(seconds=n)
            await webhook_lanes.move_lanes(connection, [move], now=now)
        turns.append(lane.account_id)
    assert set(turns[:3]) == {bots.account_id for bots in accounts}
    assert turns[3:] == turns[:3]


async def test_a_change_happens_whole(
    platform: Platform, connection: Connection, bots: Bots, listen: Listen
) -> None:
    """A change that also enables is seen by nobody before it is all done."""
    heard = await listen(bots.account_id, ["call.started"])
    await heard.change(is_enabled=False)
    owner, endpoint_id = heard.endpoint.account_id, heard.endpoint.endpoint_id
    lane = (platform.clock() + timedelta(hours=1), owner, endpoint_id)
    due = "UPDATE webhook_lane SET due_at = %s WHERE owner_id = %s AND endpoint_id = %s"
    await connection.execute(due, lane)
    async with connection.transaction():
        await connection.execute(due, lane)
        change = asyncio.create_task(heard.change(description="CRM", is_enabled=True))
        await asyncio.sleep(0.3)
        async with platform.connection() as another:
            found = await read_endpoint(another, owner, endpoint_id)
        assert (found.description, found.is_enabled) == ("", False)
    changed = await change
    assert (changed.description, changed.is_enabled) == ("CRM", True)


async def test_lanes_follow_one_another_without_waiting_for_the_next_look(
    platform: Platform, make_account: AccountFactory, listen: Listen
) -> None:
    """With more accounts than an endpoint may have under way, one look tells of all of them."""
    crowd = [
        Bots(platform, await make_account(paid="5")) for _ in range(2 * LANES_PER_ENDPOINT + 3)
    ]
    heard = await listen(PLATFORM, ["call.started"])
    for bots in crowd:
        await bots.start("CA1")
    await heard.work(rounds=1)
    told = [body["data"]["account_id"] for body in heard.receiver.bodies]
    assert sorted(told) == sorted(bots.account_id for bots in crowd)
    assert heard.receiver.most_under_way <= LANES_PER_ENDPOINT


async def test_looks_side_by_side_take_no_more_than_an_endpoint_may_have(
    platform: Platform, connection: Connection, make_account: AccountFactory, listen: Listen
) -> None:
    """What is under way of an endpoint counts, whichever look took it up and however many look."""
    crowd = [
        Bots(platform, await make_account(paid="5")) for _ in range(2 * LANES_PER_ENDPOINT + 3)
    ]
    heard = await listen(PLATFORM, ["call.started"])
    heard.receiver.held = asyncio.Event()
    deliverer = Deliverer(platform, WebhookSender(allow_private=True, timeout_seconds=30))
    for bots in crowd[: LANES_PER_ENDPOINT - 1]:
        await bots.start("CA1")
    await deliverer.run()
    for bots in crowd[LANES_PER_ENDPOINT - 1 :]:
        await bots.start("CA1")
    await asyncio.gather(deliverer.run(), deliverer.run())
    claimed = await connection.execute(
        "SELECT count(*) FROM webhook_lane WHERE endpoint_id = %s AND claim IS NOT NULL",
        (heard.endpoint.endpoint_id,),
    )
    assert await claimed.fetchone() == (LANES_PER_ENDPOINT,)
    heard.receiver.held.set()
    await deliverer.finish()
    await deliverer.close()
    told = {body["data"]["account_id"] for body in heard.receiver.bodies}
    assert told == {bots.account_id for bots in crowd}
    assert heard.receiver.most_under_way <= LANES_PER_ENDPOINT


async def test_a_renewal_waits_for_nobody(
    platform: Platform, connection: Connection, make_account: AccountFactory, listen: Listen
) -> None:
    """A lane that somebody else writes just then is left out, and the others are kept: who waits
    for one with another in hand may be waited for."""
    crowd = [Bots(platform, await make_account(paid="5")) for _ in range(2)]
    heard = await listen(PLATFORM, ["call.started"])
    for bots in crowd:
        await bots.start("CA1")
    names = [bots.account_id for bots in crowd]
    now = platform.clock()
    await relay_events(connection, names, floor_nanos=platform.terms.floor_nanos, now=now)
    lanes = await claim_lanes(connection, claim="ours", under_way={}, room=ROOM, now=now)
    assert sorted(lane.account_id for lane in lanes) == sorted(names)
    later = now + timedelta(seconds=5)
    async with connection.transaction():
        await connection.execute(
            "SELECT FROM webhook_lane WHERE endpoint_id = %s AND account_id = %s FOR UPDATE",
            (heard.endpoint.endpoint_id, names[0]),
        )
        async with platform.connection() as another, asyncio.timeout(5):
            await renew_lanes(another, [(lane, "ours") for lane in lanes], now=later)
    rows = await connection.execute(
        "SELECT account_id, due_at FROM webhook_lane WHERE endpoint_id = %s AND due_at IS NOT NULL",
        (heard.endpoint.endpoint_id,),
    )
    assert dict(await rows.fetchall()) == {names[0]: now + HELD_FOR, names[1]: later + HELD_FOR}


@pytest.mark.parametrize("act", ["enable", "delete"])
async def test_who_takes_many_lanes_takes_them_in_their_order(
    platform: Platform,
    connection: Connection,
    make_account: AccountFactory,
    listen: Listen,
    act: str,
) -> None:
    """Enabling and deleting an endpoint wait for the first of its lanes with no other in hand,
    whichever is due first: two who do so cannot wait for one another."""
    first, second = sorted([await make_account(paid="5") for _ in range(2)])
    for account_id in (second, first):
        await Bots(platform, account_id).start("before anybody listens")
    heard = await listen(PLATFORM, ["call.started"])
    endpoint_id = heard.endpoint.endpoint_id
    for minutes, account_id in enumerate((second, first), start=1):
        await connection.execute(
            "UPDATE webhook_lane SET due_at = %s WHERE endpoint_id = %s AND account_id = %s",
            (platform.clock() + timedelta(minutes=minutes), endpoint_id, account_id),
        )
    of = "SELECT FROM webhook_lane WHERE endpoint_id = %s AND account_id = %s FOR UPDATE"

    async def act_on_all() -> None:
        async with platform.connection() as another:
            if act == "enable":
                change = EndpointChange(is_enabled=True)
                await change_endpoint(another, PLATFORM, endpoint_id, change, now=platform.clock())
            else:
                await delete_endpoint(another, PLATFORM, endpoint_id)

    async with connection.transaction():
        await connection.execute(of, (endpoint_id, first))
        acting = asyncio.create_task(act_on_all())
        await waits_for(connection)
        await connection.execute(f"{of} NOWAIT", (endpoint_id, second))
    await acting


async def waits_for(connection: Connection) -> None:
    """Wait until somebody waits for what a connection holds."""
    async with asyncio.timeout(5):
        while True:
            rows = await connection.execute(
                "SELECT FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
            )
            if await rows.fetchall():
                return
            await asyncio.sleep(0.01)
