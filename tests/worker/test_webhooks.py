"""Webhooks from the ledger to a receiver: signed, in order, at least once."""

import asyncio
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from talktime.core.call import Outcome
from talktime.core.coupon import Coupon
from talktime.core.errors import InsufficientCredits
from talktime.core.usage import LineReport
from talktime.core.webhook import PLATFORM, DeliveryState, DisabledReason
from talktime.deliverer import Deliverer
from talktime.gateways.webhook import WebhookSender, signed_headers
from talktime.ops.coupons import create_coupon, redeem_coupon
from talktime.ops.platform import Platform, open_platform
from talktime.ops.webhook_delivery import GO_MAX, HELD_FOR, claim_lanes
from talktime.ops.webhook_relay import relay_events
from talktime.ops.webhooks import rotate_secret
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.conftest import AccountFactory
from tests.worker.listening import Listen, new_secret, worker
from tests.worker.receiver import receiving


async def test_the_life_of_a_call_is_told_in_order(bots: Bots, listen: Listen) -> None:
    """An endpoint hears of a call's start, its settlement and the balance, with exact figures."""
    heard = await listen(bots.account_id)
    await bots.call("CA1", *MINUTE_BY_PHONE, direction="outbound", to_number="+4930")
    await bots.call("CA2", outcome=Outcome.NO_ANSWER)
    await heard.work()
    started, settled, balance, second, free = heard.receiver.bodies
    assert [body["type"] for body in heard.receiver.bodies] == [
        "call.started", "call.settled", "balance.updated", "call.started", "call.settled",
    ]  # fmt: skip
    assert started["data"]["call_id"] == "CA1"
    assert (started["data"]["hold"], started["data"]["to"]) == ("0.1", "+4930")
    told = settled["data"]
    assert (told["provider_cost"], told["margin"], told["charge"]) == ("0.04", "0.012", "0.052")
    assert (told["promo_charged"], told["paid_charged"], told["available"]) == (
        "0.052", "0", "5.448",
    )  # fmt: skip
    assert told["account_id"] == bots.account_id
    assert (balance["data"]["available"], balance["data"]["promo"], balance["data"]["paid"]) == (
        "5.448", "0.448", "5",
    )  # fmt: skip
    assert balance["data"]["entry"]["ref"] == "CA1"
    assert balance["data"]["entry"]["amount"] == "-0.052"
    assert second["data"]["call_id"] == "CA2"
    assert (free["data"]["billing_status"], free["data"]["charge"]) == ("free", "0")
    assert free["data"]["free_reason"] is not None
    assert len(set(heard.receiver.ids)) == 5


async def test_crossings_and_refusals_are_told(
    platform: Platform, make_account: AccountFactory, listen: Listen
) -> None:
    """Below the warning level, below the floor, and each refused start."""
    bots = Bots(platform, await make_account(paid="1.05"))
    heard = await listen(bots.account_id, types=["balance.low", "balance.refused", "call.refused"])
    dear = LineReport(service="llm", provider="acme", provider_cost="0.75")
    await bots.call("CA1", dear)
    with pytest.raises(InsufficientCredits):
        await bots.start("CA2")
    await heard.work()
    low, below, refused = heard.receiver.bodies
    assert (low["type"], low["data"]["available"], low["data"]["warning_level"]) == (
        "balance.low", "0.075", "1",
    )  # fmt: skip
    assert (below["type"], below["data"]["floor"]) == ("balance.refused", "0.1")
    assert (refused["type"], refused["data"]["call_id"]) == ("call.refused", "CA2")
    assert refused["data"]["startable"] == "0.075"


async def test_a_receiver_that_fails_for_a_while_gets_all_in_order(
    bots: Bots, listen: Listen, platform: Platform
) -> None:
    """What comes later waits for what failed; an attempt later everything comes, ids unchanged."""
    heard = await listen(bots.account_id, types=["call.settled"])
    heard.receiver.status = lambda _: 503
    for n in range(4):
        await bots.call(f"CA{n}", *MINUTE_BY_PHONE)
    await heard.work()
    assert len(heard.receiver.refused) == 1
    health = await heard.health()
    assert health.failing_since is not None
    assert health.last_failure == "answered 503"
    await heard.work()
    assert len(heard.receiver.refused) == 1, "not tried again before its time"
    heard.receiver.status = lambda _: 200
    await heard.work(at=platform.clock() + timedelta(seconds=7))
    assert [body["data"]["call_id"] for body in heard.receiver.bodies] == [
        "CA0", "CA1", "CA2", "CA3",
    ]  # fmt: skip
    assert await heard.deliveries() == [
        ("call.settled", 2), ("call.settled", 1), ("call.settled", 1), ("call.settled", 1),
    ]  # fmt: skip
    assert (await heard.health()).failing_since is None


async def test_after_three_days_it_is_given_up_and_the_next_is_sent(
    bots: Bots, listen: Listen, platform: Platform
) -> None:
    """One delivery that is never taken holds its account up for three days, not for ever."""
    heard = await listen(bots.account_id, types=["call.settled"])
    heard.receiver.status = lambda body: 500 if body["data"]["call_id"] == "CA0" else 200
    await bots.call("CA0", *MINUTE_BY_PHONE)
    await heard.work(rounds=1)
    at = platform.clock() + timedelta(days=2, hours=23)
    await heard.work(at=at)
    await bots.call("CA1", *MINUTE_BY_PHONE)
    await heard.work(at=at + timedelta(minutes=1))
    assert heard.receiver.bodies == []
    await heard.work(at=platform.clock() + timedelta(days=3, seconds=30))
    assert [body["data"]["call_id"] for body in heard.receiver.bodies] == ["CA1"]
    assert len(await heard.deliveries(DeliveryState.GIVEN_UP)) == 1


async def test_long_failure_disables_with_a_notice(
    bots: Bots, listen: Listen, platform: Platform
) -> None:
    """After five days without a success it is disabled, told by mail, and can be enabled again."""
    heard = await listen(bots.account_id, types=["call.settled"])
    heard.receiver.status = lambda _: 500
    for days in (0, 2, 4, 5.1):
        await bots.call(f"CA{days}", *MINUTE_BY_PHONE)
        await heard.work(at=platform.clock() + timedelta(days=days), rounds=2)
    health = await heard.health()
    assert health.disabled_reason is DisabledReason.FAILING
    async with platform.connection() as connection:
        rows = await connection.execute(
            "SELECT facts FROM message WHERE account_id = %s AND kind = 'endpoint_disabled'",
            [bots.account_id],
        )
        assert [row[0]["url"] for row in await rows.fetchall()] == [heard.endpoint.url]
    heard.receiver.status = lambda _: 200
    await bots.call("CA-while", *MINUTE_BY_PHONE)
    await heard.work(at=platform.clock() + timedelta(days=6))
    assert heard.receiver.bodies == []
    await heard.change(is_enabled=True)
    await heard.work()
    assert heard.receiver.bodies[-1]["data"]["call_id"] == "CA-while"


async def test_gone_disables_at_once(bots: Bots, listen: Listen) -> None:
    """An endpoint that answers 410 is not told anything more."""
    heard = await listen(bots.account_id)
    heard.receiver.status = lambda _: 410
    await bots.call("CA1", *MINUTE_BY_PHONE)
    await heard.work()
    assert len(heard.receiver.refused) == 1
    assert (await heard.health()).disabled_reason is DisabledReason.GONE


async def test_redirects_are_not_followed(bots: Bots, listen: Listen) -> None:
    """A redirect is a failure like any other, wherever it leads."""
    heard = await listen(bots.account_id)
    heard.receiver.status = lambda _: 302
    await bots.start("CA1")
    await heard.work()
    assert len(heard.receiver.refused) == 1
    assert (await heard.health()).last_failure == "answered 302; redirects are not followed"


async def test_both_secrets_sign_for_a_day(bots: Bots, listen: Listen, platform: Platform) -> None:
    """After a rotation the old secret and the new one verify; a day later the new one alone."""
    heard = await listen(bots.account_id)
    new = new_secret()
    async with platform.connection() as connection:
        await rotate_secret(
            connection,
            bots.account_id,
            heard.endpoint.endpoint_id,
            secret=new,
            now=platform.clock(),
        )
    heard.receiver.secrets.append(new)
    await bots.start("CA1")
    await heard.work()
    assert len(heard.receiver.bodies) == 1
    assert len(heard.receiver.headers[0]["webhook-signature"].split()) == 2
    heard.receiver.secrets = [new]
    await bots.start("CA2")
    await heard.work(at=platform.clock() + timedelta(hours=25))
    headers = heard.receiver.headers[1]
    assert len(headers["webhook-signature"].split()) == 1


def test_a_signature_is_of_this_body() -> None:
    """The convention's library refuses another body, another id and an old time."""
    secret, now = new_secret(), datetime.now(UTC)
    headers = dict(signed_headers("msg_1", "{}", [secret], now))
    assert Webhook(secret).verify("{}", headers) == {}
    old = dict(signed_headers("msg_1", "{}", [secret], now - timedelta(minutes=6)))
    for body, wrong in (("[]", headers), ("{}", headers | {"webhook-id": "msg_2"}), ("{}", old)):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, wrong)


async def test_the_platform_hears_of_all_accounts(
    platform: Platform, make_account: AccountFactory, listen: Listen
) -> None:
    """A platform's endpoint is told of every account, of those opened later too, each in order."""
    early = Bots(platform, await make_account(paid="5"))
    heard = await listen(PLATFORM, types=["call.settled", "balance.updated"])
    late = Bots(platform, await make_account(paid="5"))
    for n in range(3):
        await early.call(f"E{n}", *MINUTE_BY_PHONE)
        await late.call(f"L{n}", *MINUTE_BY_PHONE)
    await heard.work()
    of_early = [b for b in heard.receiver.bodies if b["data"]["account_id"] == early.account_id]
    of_late = [b for b in heard.receiver.bodies if b["data"]["account_id"] == late.account_id]
    assert [b["data"]["call_id"] for b in of_early if b["type"] == "call.settled"] == [
        "E0", "E1", "E2",
    ]  # fmt: skip
    assert [b["data"]["entry"]["kind"] for b in of_late if b["type"] == "balance.updated"] == [
        "adjustment", "call", "call", "call",
    ]  # fmt: skip


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


async def test_nothing_is_read_where_nobody_listens(
    platform: Platform, database_url: str, bots: Bots
) -> None:
    """Without an endpoint no account, event or call is looked at, and nothing is kept."""
    await bots.call("CA1", *MINUTE_BY_PHONE)
    # One connection, so that what it has read is told by the statistics of its own backend.
    async with open_platform(
        database_url, terms=platform.terms, public_url="", pool_size=1
    ) as alone:
        deliverer = Deliverer(alone, WebhookSender(allow_private=True))
        await deliverer.run()
        before = await looked_at(alone)
        for _ in range(3):
            await deliverer.run()
        assert await looked_at(alone) == before
        await deliverer.close()
    async with platform.connection() as connection:
        for table in ("webhook_delivery", "webhook_lane"):
            rows = await connection.execute(
                f"SELECT count(*) FROM {table} WHERE account_id = %s", [bots.account_id]
            )
            assert await rows.fetchone() == (0,)


async def looked_at(platform: Platform) -> list[tuple[str, int]]:
    """How often each table of the money path was scanned."""
    async with platform.connection() as connection:
        await connection.execute("SELECT pg_stat_force_next_flush()")
        await connection.execute("SELECT 1")
        rows = await connection.execute(
            "SELECT relname, seq_scan + coalesce(idx_scan, 0) FROM pg_stat_user_tables "
            "WHERE relname IN ('account', 'call', 'entry') OR relname LIKE 'event%' ORDER BY 1"
        )
        return await rows.fetchall()


async def test_a_slow_endpoint_holds_up_no_other(
    platform: Platform, make_account: AccountFactory, listen: Listen
) -> None:
    """Endpoints and accounts go side by side: one that hangs leaves the others as quick as ever."""
    slow, quick = [Bots(platform, await make_account(paid="5")) for _ in range(2)]
    async with receiving() as hanging:
        hanging.pause_seconds = 30
        await listen(slow.account_id, url=hanging.url)
        heard = await listen(quick.account_id)
        async with worker(platform):
            await slow.start("CA1")
            await quick.start("CA1")
            await heard.receiver.until(1, seconds=3)


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
        [lane] = await claim_lanes(
            connection, claim="dies", busy=[], per_endpoint=8, limit=64, now=now
        )
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
    heard.receiver.pause_seconds = 0.01
    for n in range(60):
        await bots.call(f"CA{n:02d}", *MINUTE_BY_PHONE)
    killed = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", KILLED, database_url],
        env={**os.environ, "PYTHONPATH": os.getcwd()},  # noqa: PTH109
    )
    await heard.receiver.until(10, seconds=30)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert len(heard.receiver.bodies) < 60
    await heard.work(at=platform.clock() + HELD_FOR)
    told = dict(zip(heard.receiver.ids, heard.receiver.told("call.settled"), strict=True))
    calls = [body["data"]["call_id"] for body in told.values()]
    assert calls == [f"CA{n:02d}" for n in range(60)]
    assert len(heard.receiver.ids) - len(told) <= GO_MAX, "of one go alone may something come twice"


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


async def test_a_coupon_is_told(platform: Platform, bots: Bots, listen: Listen) -> None:
    """Its bonus and the balance after it; the balance's own message follows."""
    heard = await listen(bots.account_id)
    code = f"HELLO-{bots.account_id[-8:]}"
    coupon = Coupon(code=code, amount_nanos=2_000_000_000, created_at=platform.clock())
    async with platform.connection() as connection:
        await create_coupon(connection, coupon)
        await redeem_coupon(
            connection,
            account_id=bots.account_id,
            code=code,
            terms=platform.terms,
            now=platform.clock(),
        )
    await heard.work()
    redeemed, updated = heard.receiver.bodies
    assert (redeemed["type"], updated["type"]) == ("coupon.redeemed", "balance.updated")
    assert (redeemed["data"]["code"], redeemed["data"]["bonus"]) == (code, "2")
    assert redeemed["data"]["available"] == updated["data"]["available"] == "7.5"


async def test_an_event_that_cannot_be_told_silences_no_other(
    platform: Platform, database_url: str, bots: Bots, listen: Listen
) -> None:
    """A call whose row cannot be read, by a fault of ours, costs its own messages alone."""
    heard = await listen(bots.account_id, ["call.started", "call.settled"])
    for name in ("before", "broken", "after"):
        await bots.call(name, *MINUTE_BY_PHONE)
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(
            "UPDATE call SET admitted_at = 'infinity' WHERE account_id = %s AND call_id = 'broken'",
            [bots.account_id],
        )
    await heard.work()
    told = [(one["type"], one["data"]["call_id"]) for one in heard.receiver.bodies]
    assert told == [
        (kind, name) for name in ("before", "after") for kind in ("call.started", "call.settled")
    ]
