"""The watchdog through its own loop, with a clock that the story moves: who is ended, and how."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import msgspec
import psycopg
import pytest

from talktime.core.call import BillingStatus, Call, EndFacts, FreeReason, Outcome, StartFacts
from talktime.core.ratecard import Channel
from talktime.core.usage import LineReport
from talktime.ops.accounts import read_account
from talktime.ops.call_end import EndAnswer, EndRequest, end_calls
from talktime.ops.call_history import read_call
from talktime.ops.call_start import Admission, start_calls
from talktime.ops.call_usage import UsageReport, report_usage
from talktime.ops.health import beat_service
from talktime.ops.ledger_verify import verify_ledger
from talktime.ops.platform import Platform
from talktime.worker import longest_gap, watch_calls
from tests.conftest import AccountFactory

LINES = [LineReport(service="llm", provider="openai", provider_cost="0.4")]
CHARGED = 520_000_000


class World:
    """A platform whose time is moved by hand, and whose service beats while it is up."""

    def __init__(self, platform: Platform, account_id: str) -> None:
        self.now: datetime = platform.clock()
        self.platform = msgspec.structs.replace(platform, clock=lambda: self.now)
        self.account_id = account_id

    async def start(self, call_id: str, channel: Channel = Channel.WEB) -> None:
        facts = StartFacts(account_id=self.account_id, call_id=call_id, channel=channel)
        async with self.platform.connection() as connection:
            [answer] = await start_calls(
                connection, [facts], terms=self.platform.terms, now=self.now
            )
        assert isinstance(answer, Admission)

    async def report(self, call_id: str) -> None:
        report = UsageReport(account_id=self.account_id, call_id=call_id, lines=LINES)
        async with self.platform.connection() as connection:
            await report_usage(connection, [report], book=self.platform.prices.book, now=self.now)

    async def end(self, call_id: str, outcome: Outcome = Outcome.COMPLETED) -> EndAnswer:
        end = EndRequest(
            account_id=self.account_id, call_id=call_id, facts=EndFacts(outcome=outcome)
        )
        async with self.platform.connection() as connection:
            [answer] = await end_calls(
                connection,
                [end],
                book=self.platform.prices.book,
                terms=self.platform.terms,
                now=self.now,
            )
        assert isinstance(answer, EndAnswer)
        return answer

    async def pass_time(self, *, minutes: float, serving: bool = True) -> None:
        """Let time go by, second for second as far as the service's health is concerned."""
        until = self.now + timedelta(minutes=minutes)
        step = longest_gap(self.platform.terms.grace_ms)
        while self.now < until:
            self.now = min(until, self.now + step)
            if serving:
                await self.beat()

    async def beat(self) -> None:
        async with self.platform.connection() as connection:
            await beat_service(
                connection,
                longest_gap=longest_gap(self.platform.terms.grace_ms),
                now=self.now,
            )

    async def watch(self) -> None:
        await watch_calls(self.platform)

    async def call(self, call_id: str) -> Call:
        async with self.platform.connection() as connection:
            return await read_call(connection, self.account_id, call_id, now=self.now)

    async def held(self) -> int:
        async with self.platform.connection() as connection:
            return (await read_account(connection, self.account_id, now=self.now)).held_nanos


@pytest.fixture
async def world(
    platform: Platform, make_account: AccountFactory, database_url: str
) -> AsyncIterator[World]:
    with psycopg.connect(database_url) as owner:
        owner.execute("DELETE FROM service_health")  # other stories had clocks of their own
    made = World(platform, await make_account(paid="5"))
    await made.pass_time(minutes=20)  # long enough in service to judge silence
    yield made
    async with platform.connection() as connection:
        found = await verify_ledger(connection, account_id=made.account_id)
    assert found.faults == []


async def test_a_call_whose_bot_died_fails_and_is_free(world: World) -> None:
    """No sign of life for the whole grace: failed, free, the hold released, and it says so."""
    await world.start("crashed")
    await world.report("crashed")
    heard_at = world.now
    await world.pass_time(minutes=14.9)
    await world.watch()
    assert (await world.call("crashed")).billing_status is BillingStatus.PENDING
    assert await world.held() == CHARGED
    await world.pass_time(minutes=0.2)
    await world.watch()
    call = await world.call("crashed")
    assert (call.outcome, call.billing_status) == (Outcome.FAILED, BillingStatus.FREE)
    assert call.free_reason is FreeReason.NO_SIGN_OF_LIFE
    assert call.end_reason == "no sign of life"
    assert call.ended_at == heard_at
    assert call.entry_seq is None
    assert await world.held() == 0


async def test_a_bot_that_was_cut_off_is_charged_as_usual(world: World) -> None:
    """Ten minutes without a network and then an end: an ordinary, charged call."""
    await world.start("cut-off")
    await world.report("cut-off")
    for _ in range(10):
        await world.pass_time(minutes=1)
        await world.watch()
    answer = await world.end("cut-off")
    assert (answer.call.is_late, answer.call.billing_status) == (False, BillingStatus.CHARGED)
    assert answer.call.charge_nanos == CHARGED


async def test_an_outage_of_ours_fails_no_call(world: World) -> None:
    """While nobody could reach us nobody was silent: the grace counts from when we were back."""
    await world.start("patient")
    await world.report("patient")
    await world.pass_time(minutes=60, serving=False)
    await world.watch()  # a worker alone, while the service is still down
    await world.beat()
    await world.watch()
    assert (await world.call("patient")).billing_status is BillingStatus.PENDING
    await world.pass_time(minutes=10)
    await world.watch()
    assert (await world.end("patient")).call.billing_status is BillingStatus.CHARGED


async def test_after_an_outage_the_dead_are_still_found(world: World) -> None:
    """A call that stays silent for a whole grace after we were back is ended then."""
    await world.start("dead")
    await world.pass_time(minutes=60, serving=False)
    await world.pass_time(minutes=15.5)
    await world.watch()
    assert (await world.call("dead")).free_reason is FreeReason.NO_SIGN_OF_LIFE


async def test_a_silent_chat_is_completed_and_charged(world: World) -> None:
    """Chats idle out: what was used by then is charged, the silence is not."""
    await world.start("chat", Channel.CHAT)
    await world.pass_time(minutes=2)
    await world.report("chat")
    await world.pass_time(minutes=15.1)
    await world.watch()
    call = await world.call("chat")
    assert (call.outcome, call.billing_status) == (Outcome.COMPLETED, BillingStatus.CHARGED)
    assert call.charge_nanos == CHARGED
    assert call.duration_ms == 120_000
    assert await world.held() == 0


async def test_an_end_after_the_watchdog_is_late(world: World) -> None:
    """The settled call is answered, and what the end said is kept for the operator."""
    await world.start("late")
    await world.report("late")
    await world.pass_time(minutes=16)
    await world.watch()
    answer = await world.end("late")
    assert answer.call.is_late
    assert answer.call.billing_status is BillingStatus.FREE
    call = await world.call("late")
    assert (call.late_outcome, call.late_at) == ("completed", world.now)
    assert call.entry_seq is None


async def test_a_heartbeat_is_a_sign_of_life(world: World) -> None:
    """A call that only says that it is there is never ended."""
    await world.start("quiet")
    for _ in range(4):
        await world.pass_time(minutes=10)
        async with world.platform.connection() as connection:
            await report_usage(
                connection,
                [UsageReport(account_id=world.account_id, call_id="quiet")],
                book=world.platform.prices.book,
                now=world.now,
            )
        await world.watch()
    assert (await world.call("quiet")).billing_status is BillingStatus.PENDING
    await world.end("quiet", Outcome.CANCELED)


async def test_a_clock_set_back_hides_no_outage(world: World) -> None:
    """Beats of a clock that ran two hours ahead do not count as health once it is put right."""
    await world.start("patient")
    right = world.now
    world.now = right + timedelta(hours=2)
    await world.beat()
    world.now = right
    await world.beat()
    await world.pass_time(minutes=60, serving=False)
    await world.beat()
    await world.watch()
    assert (await world.call("patient")).billing_status is BillingStatus.PENDING
