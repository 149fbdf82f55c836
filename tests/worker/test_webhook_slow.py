"""Receivers that take their time leave room for those that do not."""

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from talktime import deliverer
from talktime.db.pool import Connection
from talktime.db.webhook_lanes import Room
from talktime.deliverer import LANES_PER_ACCOUNT, QUICK_SECONDS, ROOM
from talktime.ops.platform import Platform
from talktime.ops.webhook_delivery import claim_lanes
from talktime.ops.webhook_relay import relay_events
from tests.acting import Bots
from tests.conftest import AccountFactory
from tests.worker.listening import Listen, Listening, worker
from tests.worker.receiver import receiving
from tests.worker.test_webhook_workers import until


async def test_a_crowd_of_slow_receivers_holds_up_nobody_who_is_quick(
    platform: Platform,
    make_account: AccountFactory,
    listen: Listen,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While endpoints of forty accounts that nobody knew to be slow take all the room they can get,
    who answered quickly before is told all the same; and once they are late, who is new as well."""
    monkeypatch.setattr(deliverer, "QUICK_SECONDS", 60.0)
    crowd = [Bots(platform, await make_account(paid="5")) for _ in range(40)]
    proven, new = [Bots(platform, await make_account(paid="5")) for _ in range(2)]
    heard = await listen(proven.account_id, ["call.started"])
    await proven.start("CA0")
    await heard.work(rounds=1)
    async with receiving() as sluggish, receiving() as fresh:
        sluggish.held = asyncio.Event()
        for bots in crowd:
            for _ in range(LANES_PER_ACCOUNT):
                await listen(bots.account_id, ["call.started"], at=sluggish)
            await bots.start("S")
        await listen(new.account_id, ["call.started"], at=fresh)
        async with worker(platform, timeout_seconds=60):
            await until(lambda: sluggish.under_way == ROOM.unproven)
            for n in range(1, 5):
                await proven.start(f"CA{n}")
                await heard.receiver.until(n + 1)
            assert sluggish.under_way == ROOM.unproven, "none of them is late yet"
            await new.start("CA")
            monkeypatch.setattr(deliverer, "QUICK_SECONDS", 0.2)
            await fresh.until(1)
            await until(lambda: sluggish.under_way == len(crowd) * LANES_PER_ACCOUNT)
            sluggish.held.set()


async def is_quick(connection: Connection, heard: Listening) -> bool:
    rows = await connection.execute(
        "SELECT is_quick FROM webhook_endpoint WHERE endpoint_id = %s",
        (heard.endpoint.endpoint_id,),
    )
    [(found,)] = await rows.fetchall()
    return bool(found)


async def test_the_last_answer_tells_whether_an_endpoint_is_quick(
    platform: Platform, connection: Connection, bots: Bots, listen: Listen
) -> None:
    """A new endpoint has proved nothing; a quick no proves as much as a quick yes, and an answer
    that took longer takes it back."""
    heard = await listen(bots.account_id, ["call.started"])
    assert not await is_quick(connection, heard)
    heard.receiver.status = lambda _: 500
    await bots.start("CA1")
    await heard.work(rounds=1)
    assert await is_quick(connection, heard)
    heard.receiver.pause_seconds = QUICK_SECONDS + 0.05
    await heard.work(rounds=1, at=platform.clock() + timedelta(seconds=20))
    assert not await is_quick(connection, heard)


async def test_lanes_are_claimed_oldest_first_within_their_shares(
    platform: Platform, connection: Connection, make_account: AccountFactory, listen: Listen
) -> None:
    """So many of an account, the quick ones first and what is under way among them; of quick ones
    and of others so many each."""
    crowd = [Bots(platform, await make_account(paid="5")) for _ in range(3)]
    now = platform.clock()
    due = {}
    for nth, bots in enumerate(crowd):
        await bots.start("before anybody listens")
        for name in ("a", "b", "c"):
            due[bots.account_id, name] = now - timedelta(seconds=60 - nth)
            await listen(bots.account_id, ["call.started"], endpoint_id=name)
        await bots.start("CA1")
    one, two, three = (bots.account_id for bots in crowd)
    await relay_events(connection, [one, two, three], floor_nanos=0, now=now)
    due[three, "c"] = now - timedelta(seconds=90)
    quick = {(one, "c"), (two, "c"), (three, "c")}
    for (owner_id, endpoint_id), at in due.items():
        await connection.execute(
            "UPDATE webhook_lane SET due_at = %s WHERE owner_id = %s AND endpoint_id = %s",
            (at, owner_id, endpoint_id),
        )

    async def claim(
        room: Room, under_way: dict[tuple[str, str], int] | None = None
    ) -> set[tuple[str, str]]:
        async with connection.transaction(force_rollback=True):
            lanes = await claim_lanes(
                connection, claim="x", under_way=under_way or {}, room=room, now=now
            )
        return {(lane.owner_id, lane.endpoint_id) for lane in lanes} & due.keys()

    wide = Room(quick=64, unproven=64, per_endpoint=8, per_account=8, for_platform=64)
    assert await claim(wide) == due.keys()
    assert await claim(replace(wide, quick=0)) == due.keys(), "none has proved to be quick"
    assert await claim(replace(wide, unproven=1)) == {(three, "c")}
    of_two = replace(wide, per_account=2)
    found = await claim(of_two, {(one, "gone"): 2, (two, "gone"): 1})
    assert [sum(owner == name for owner, _ in found) for name in (one, two, three)] == [0, 1, 2]

    for owner_id, endpoint_id in quick:
        await connection.execute(
            "UPDATE webhook_endpoint SET is_quick = true "
            "WHERE account_id = %s AND endpoint_id = %s",
            (owner_id, endpoint_id),
        )
    found = await claim(of_two)
    assert len(found) == 6
    assert quick <= found
    found = await claim(replace(of_two, unproven=1))
    assert quick < found
    assert {owner_id for owner_id, _ in found - quick} == {one}
    assert await claim(replace(of_two, unproven=-1)) == quick
    assert await claim(replace(of_two, quick=1, unproven=0)) == {(three, "c")}
