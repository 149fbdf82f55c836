"""Endpoints of one id at several owners: the id is each owner's choice, and no more."""

from collections.abc import AsyncIterator

import pytest

from talktime.core.errors import DeliveryUnknown
from talktime.core.webhook import PLATFORM
from talktime.db.pool import Connection
from talktime.deliverer import ROOM
from talktime.ops.platform import Platform
from talktime.ops.webhook_delivery import claim_lanes
from talktime.ops.webhook_relay import relay_events
from talktime.ops.webhooks import delete_endpoint, read_delivery
from tests.acting import Bots
from tests.conftest import AccountFactory
from tests.worker.listening import Listen, Listening
from tests.worker.receiver import receiving


@pytest.fixture
async def mains(
    platform: Platform, make_account: AccountFactory, listen: Listen
) -> AsyncIterator[tuple[Bots, Bots, Listening, Listening, Listening]]:
    """Two accounts, and endpoints `main` of the platform and of each, at receivers of their own."""
    ada, bob = [Bots(platform, await make_account(paid="5")) for _ in range(2)]
    async with receiving() as here, receiving() as there, receiving() as elsewhere:
        heard = [
            await listen(owner, ["call.started"], endpoint_id="main", at=at)
            for owner, at in (
                (PLATFORM, here),
                (ada.account_id, there),
                (bob.account_id, elsewhere),
            )
        ]
        yield ada, bob, heard[0], heard[1], heard[2]


Mains = tuple[Bots, Bots, Listening, Listening, Listening]


async def test_endpoints_of_one_id_are_told_apart(connection: Connection, mains: Mains) -> None:
    """The platform and two accounts all have a `main`: each hears its own, and lists its own."""
    ada, bob, everyone, one, other = mains
    await ada.start("A")
    await bob.start("B")
    await everyone.work()
    assert {told["data"]["call_id"] for told in everyone.receiver.bodies} == {"A", "B"}
    assert [told["data"]["call_id"] for told in one.receiver.bodies] == ["A"]
    assert [told["data"]["call_id"] for told in other.receiver.bodies] == ["B"]
    assert len(await everyone.deliveries()) == 2
    assert len(await one.deliveries()) == 1
    [message_id] = one.receiver.ids
    with pytest.raises(DeliveryUnknown):
        await read_delivery(connection, PLATFORM, "main", message_id)


async def test_deleting_an_endpoint_leaves_its_namesakes_alone(
    connection: Connection, mains: Mains
) -> None:
    """What others' endpoints of the same id were sent stays, and they go on being told."""
    ada, bob, everyone, one, other = mains
    await bob.start("B1")
    await everyone.work()
    await delete_endpoint(connection, ada.account_id, "main")
    assert len(await other.deliveries()) == 1
    assert len(await everyone.deliveries()) == 1
    await ada.start("A")
    await bob.start("B2")
    await everyone.work()
    assert one.receiver.bodies == []
    assert [told["data"]["call_id"] for told in other.receiver.bodies] == ["B1", "B2"]
    assert len(everyone.receiver.bodies) == 3


async def test_a_busy_endpoint_holds_up_no_namesake(connection: Connection, mains: Mains) -> None:
    """While one owner's `main` has all it may have under way, the others' lanes are claimed."""
    ada, bob, everyone, one, other = mains
    await ada.start("A")
    await bob.start("B")
    now = everyone.platform.clock()
    accounts = [ada.account_id, bob.account_id]
    floor_nanos = everyone.platform.terms.floor_nanos
    await relay_events(connection, accounts, floor_nanos=floor_nanos, now=now)
    claimed = await claim_lanes(
        connection, claim="one", under_way={(PLATFORM, "main"): 8}, room=ROOM, now=now
    )
    owners = {lane.owner_id for lane in claimed}
    assert owners == {one.endpoint.account_id, other.endpoint.account_id}
