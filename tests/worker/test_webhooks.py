"""Webhooks from the ledger to a receiver: signed, in order, at least once."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import structlog
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from talktime.core.call import Outcome
from talktime.core.coupon import Coupon
from talktime.core.errors import InsufficientCredits
from talktime.core.usage import LineReport
from talktime.core.webhook import PLATFORM, DeliveryState, DisabledReason
from talktime.db.pool import Connection
from talktime.gateways.webhook import signed_headers
from talktime.ops.coupons import create_coupon, redeem_coupon
from talktime.ops.platform import Platform
from talktime.ops.webhooks import list_failing_endpoints, rotate_secret
from talktime.telling import ENDPOINTS, Teller
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.conftest import AccountFactory
from tests.worker.listening import Listen, new_secret


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


async def test_gone_disables_at_once(
    platform: Platform, connection: Connection, bots: Bots, listen: Listen
) -> None:
    """An endpoint that answers 410 is not told anything more; an operator finds it in the log, with
    what to type, in /metrics and in the list of those that fail."""
    before = await counted_disabled(platform)
    heard = await listen(bots.account_id)
    heard.receiver.status = lambda _: 410
    await bots.call("CA1", *MINUTE_BY_PHONE)
    with structlog.testing.capture_logs() as logged:
        await heard.work()
    assert len(heard.receiver.refused) == 1
    health = await heard.health()
    assert health.disabled_reason is DisabledReason.GONE
    [said] = [
        one
        for one in logged
        if one["event"] == "webhook endpoint disabled" and one["endpoint_id"] == health.endpoint_id
    ]
    assert said["failure"] == "answered 410"
    owner = f"{health.endpoint_id} --account {bots.account_id}"
    assert said["next_step"] == f"talktime webhooks test {owner}; talktime webhooks enable {owner}"
    assert await counted_disabled(platform) == before + 1
    assert health in await list_failing_endpoints(connection, limit=1_000)
    await heard.change(is_enabled=True)
    assert health.endpoint_id not in {
        one.endpoint_id for one in await list_failing_endpoints(connection, limit=1_000)
    }


async def counted_disabled(platform: Platform) -> float:
    """How many endpoints were disabled for what they answered, as /metrics has it."""
    await Teller(platform).run()
    [metric] = ENDPOINTS.collect()
    [disabled] = [one.value for one in metric.samples if one.labels["state"] == "disabled"]
    return disabled


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
