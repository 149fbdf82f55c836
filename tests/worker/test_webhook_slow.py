"""Receivers that take their time leave room for those that do not."""

from datetime import timedelta

from msgspec.structs import replace

from talktime.db.pool import Connection
from talktime.db.webhook_lanes import Room
from talktime.deliverer import LANES_PER_ACCOUNT
from talktime.ops.platform import Platform
from talktime.ops.webhook_delivery import claim_lanes
from talktime.ops.webhook_relay import relay_events
from tests.acting import Bots
from tests.conftest import AccountFactory
from tests.worker.listening import Listen, worker
from tests.worker.receiver import receiving
from tests.worker.test_webhook_workers import until


async def test_eighty_slow_endpoints_hold_up_nobody_else(
    platform: Platform, make_account: AccountFactory, listen: Listen
) -> None:
    """With eighty endpoints of eight accounts that answer after seconds each, and more to tell
    them than they get through, another account's twenty deliveries are there at once."""
    slow = [Bots(platform, await make_account(paid="5")) for _ in range(8)]
    honest = Bots(platform, await make_account(paid="5"))
    heard = await listen(honest.account_id, ["call.started"])
    async with receiving() as sluggish:
        sluggish.pause_seconds = 3.0
        for bots in slow:
            for _ in range(10):
                await listen(bots.account_id, ["call.started"], at=sluggish)
            for n in range(6):
                await bots.start(f"S{n}")
        async with worker(platform):
            await until(lambda: sluggish.under_way == len(slow) * LANES_PER_ACCOUNT)
            for n in range(20):
                await honest.start(f"CA{n:02d}")
            await heard.receiver.until(20, seconds=3)
        assert sluggish.most_under_way == len(slow) * LANES_PER_ACCOUNT
    assert [body["data"]["call_id"] for body in heard.receiver.bodies] == [
        f"CA{n:02d}" for n in range(20)
    ]


async def test_slow_endpoints_have_a_share_and_owners_too(
    platform: Platform, connection: Connection, make_account: AccountFactory, listen: Listen
) -> None:
    """Lanes are claimed oldest first, so many of an account, and so many of slow endpoints, what
    is under way among them; of one account the quick ones go first."""
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
    for (owner_id, endpoint_id), at in due.items():
        await connection.execute(
            "UPDATE webhook_lane SET due_at = %s WHERE owner_id = %s AND endpoint_id = %s",
            (at, owner_id, endpoint_id),
        )

    async def claim(
        room: Room,
        slow: set[tuple[str, str]],
        under_way: dict[tuple[str, str], int],
    ) -> set[tuple[str, str]]:
        async with connection.transaction(force_rollback=True):
            lanes = await claim_lanes(
                connection, claim="x", under_way=under_way, slow=slow, room=room, now=now
            )
        return {(lane.owner_id, lane.endpoint_id) for lane in lanes} & due.keys()

    wide = Room(lanes=64, slow=64, per_endpoint=8, per_account=8, for_platform=64)
    assert await claim(wide, set(), {}) == due.keys()
    assert await claim(replace(wide, lanes=1), set(), {}) == {(three, "c")}
    of_two = replace(wide, per_account=2)
    quick = {(one, "c"), (two, "c"), (three, "c")}
    slow = due.keys() - quick
    found = await claim(of_two, slow, {})
    assert len(found) == 6
    assert quick <= found
    found = await claim(replace(of_two, slow=1), slow, {})
    assert quick < found
    assert {owner_id for owner_id, _ in found - quick} == {one}
    assert await claim(replace(of_two, slow=0), slow, {}) == quick
    found = await claim(of_two, set(), {(one, "gone"): 2, (two, "gone"): 1})
    assert [sum(owner == name for owner, _ in found) for name in (one, two, three)] == [0, 1, 2]
