"""Where the money of a period went: every way of adding it up comes to the ledger's own figure."""

from datetime import datetime, timedelta

import msgspec
import pytest

from talktime.core.call import FreeReason, Outcome
from talktime.core.errors import InvalidInput, RangeTooWide
from talktime.core.ledger import EntryKind
from talktime.core.ratecard import Channel, Service
from talktime.core.usage import LineReport
from talktime.db.pool import Connection
from talktime.ops import spend, spend_parts
from talktime.ops.accounts import read_account
from talktime.ops.entries import list_entries
from talktime.ops.platform import Platform
from talktime.ops.spend import Spend, check_period, read_spend
from talktime.ops.spend_days import day_start
from talktime.ops.spend_parts import DEAREST_MAX
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.conftest import AccountFactory

ZONE = "Pacific/Auckland"  # far from UTC, so that days differ


@pytest.fixture
async def bots(platform: Platform, make_account: AccountFactory) -> Bots:
    return Bots(platform, await make_account(promo="0.5", paid="50"))


def at(bots: Bots, moment: datetime) -> Bots:
    """The same account's bots with a clock that stands."""
    platform = msgspec.structs.replace(bots.platform, clock=lambda: moment)
    return Bots(platform, bots.account_id)


async def spent(
    connection: Connection, bots: Bots, first: datetime, last: datetime, now: datetime
) -> Spend:
    account = await read_account(connection, bots.account_id, now=now)
    account = msgspec.structs.replace(account, time_zone=ZONE)
    period = check_period(first.date(), last.date())
    return await read_spend(connection, account, period, now=now)


async def ledger_nanos(connection: Connection, bots: Bots, told: Spend) -> int:
    """What the call entries recorded in the period come to, read off the ledger itself."""
    found, _ = await list_entries(
        connection, bots.account_id, before=None, kind=EntryKind.CALL, limit=200
    )
    zone = day_start(told.period.first, told.zone)
    end = day_start(told.period.last + timedelta(days=1), told.zone)
    return -sum(entry.amount_nanos for entry in found if zone <= entry.recorded_at < end)


def assert_ties(told: Spend, nanos: int) -> None:
    assert told.breakdown is not None
    parts = told.breakdown
    rest = parts.other_agents.charge_nanos if parts.other_agents else 0
    assert told.charge_nanos == nanos
    assert sum(told.parts) == nanos
    assert sum(day.charge_nanos for day in told.days) == nanos
    assert sum(one.charge_nanos for one in parts.channels) == nanos
    assert sum(one.charge_nanos for one in parts.agents) + rest == nanos
    assert parts.total.calls == told.calls
    if parts.models is not None:
        assert sum(one.cost_nanos for one in parts.models) == nanos - told.parts[-1]


async def test_every_way_of_adding_up_comes_to_the_ledger(
    bots: Bots, connection: Connection, now: datetime
) -> None:
    """Days, lines with margin, channels, agents and models each add up to the period's entries."""
    llm = LineReport(service="llm", provider="acme", model="mind", provider_cost="0.0123456")
    for day in range(6):
        then = at(bots, now - timedelta(days=10 - day, hours=3 * day))
        await then.call(f"p{day}", *MINUTE_BY_PHONE, agent_id=f"agent-{day % 3}")
        await then.call(f"w{day}", *MINUTE_BY_PHONE[:3], channel=Channel.WEB, seconds=90)
        await then.call(f"c{day}", llm, channel=Channel.CHAT, agent_id="agent-0")
        await then.call(f"f{day}", *MINUTE_BY_PHONE, outcome=Outcome.BUSY)
    for first, last in ((30, 0), (9, 7), (8, 8), (40, 30)):
        told = await spent(
            connection, bots, now - timedelta(days=first), now - timedelta(days=last), now
        )
        assert_ties(told, await ledger_nanos(connection, bots, told))
    told = await spent(connection, bots, now - timedelta(days=30), now, now)
    assert told.breakdown is not None
    assert {one.agent_id for one in told.breakdown.agents} == {
        None,
        "agent-0",
        "agent-1",
        "agent-2",
    }
    assert told.breakdown.free == (spend.FreeCalls(reason=FreeReason.BUSY, calls=6),)
    assert told.breakdown.dearest[0].channel is Channel.PHONE
    assert len(told.breakdown.dearest) == DEAREST_MAX


async def test_days_that_are_kept_say_what_their_calls_say(
    bots: Bots, connection: Connection, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Added up once and kept, days come to the same to the nano as looked through anew, with long
    calls in them, days without any, and one that is charged to a kept day afterwards."""
    first, last = now - timedelta(days=40), now
    early = at(bots, now - timedelta(days=35))
    await early.start("long", agent_id="marathon")
    await early.report("long", *MINUTE_BY_PHONE)
    for day in (33, 20, 4, 2, 1, 0):
        then = at(bots, now - timedelta(days=day))
        for number in range(3):
            line = LineReport(service="llm", provider="a", provider_cost=f"0.0{day}{number}333")
            await then.call(f"c{day}-{number}", line, channel=Channel.CHAT, seconds=9 * number)
        await then.call(f"p{day}", *MINUTE_BY_PHONE, agent_id=f"agent-{day % 3}")
        await then.call(f"f{day}", *MINUTE_BY_PHONE, outcome=Outcome.BUSY)
        if day == 4:
            await then.end("long", seconds=60)

    async def told_with(kept_from: int) -> Spend:
        monkeypatch.setattr(spend, "KEPT_FROM", kept_from)
        return await spent(connection, bots, first, last, now)

    monkeypatch.setattr(spend_parts, "CALLS_AT_ONCE", 6)
    looked_through = await told_with(1_000_000)
    assert looked_through.breakdown is not None
    with monkeypatch.context() as hurried:
        hurried.setattr(spend_parts, "SECONDS_MAX", 0)
        assert await told_with(0) == msgspec.structs.replace(looked_through, breakdown=None)
    assert await told_with(0) == looked_through
    assert await told_with(0) == looked_through
    await at(bots, now - timedelta(days=20)).call("one more", *MINUTE_BY_PHONE)
    assert (more := await told_with(0)).calls == looked_through.calls + 1
    assert more == await told_with(1_000_000)


async def test_a_call_settled_long_after_its_admission_is_found_by_its_entry(
    bots: Bots, connection: Connection, now: datetime
) -> None:
    """A call that began before the period and was settled within it is part of every sum."""
    early = at(bots, now - timedelta(days=25))
    await early.start("long", agent_id="marathon")
    await early.report("long", *MINUTE_BY_PHONE)
    late = at(bots, now)
    await late.call("short", *MINUTE_BY_PHONE, agent_id="sprint")
    await late.end("long", seconds=60)
    told = await spent(connection, bots, now - timedelta(days=1), now + timedelta(days=1), now)
    assert_ties(told, await ledger_nanos(connection, bots, told))
    assert told.breakdown is not None
    assert [one.agent_id for one in told.breakdown.agents] == ["marathon", "sprint"]
    assert told.calls == 2


async def test_agents_beyond_the_most_are_summed_up(
    bots: Bots, connection: Connection, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there are more agents than are listed, the rest stands as one sum."""
    monkeypatch.setattr(spend, "AGENTS_MAX", 2)
    for number in range(4):
        await bots.call(f"c{number}", *MINUTE_BY_PHONE, agent_id=f"agent-{number}")
    told = await spent(connection, bots, now - timedelta(days=1), now + timedelta(days=1), now)
    assert_ties(told, await ledger_nanos(connection, bots, told))
    assert told.breakdown is not None
    assert told.breakdown.other_agents is not None
    assert told.breakdown.other_agents.calls == 2


async def test_too_many_calls_leave_the_sums_of_the_days(
    bots: Bots, connection: Connection, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond what is looked through at once there is no breakdown, and the days still stand."""
    monkeypatch.setattr(spend, "CALLS_MAX", 1)
    for number in range(2):
        await bots.call(f"c{number}", *MINUTE_BY_PHONE)
    told = await spent(connection, bots, now - timedelta(days=1), now + timedelta(days=1), now)
    assert told.breakdown is None
    assert told.charge_nanos == 104_000_000
    assert told.calls == 2


async def test_models_are_named_by_their_provider_and_only_for_so_many_calls(
    bots: Bots, connection: Connection, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One provider under two names is one; lines are opened for MODELS_CALLS_MAX calls at most."""
    for name in ("OpenAILLMService#0", "openai"):
        line = LineReport(service="llm", provider=name, model="gpt-x", provider_cost="0.01")
        await bots.call(name.lower().replace("#", "-"), line, channel=Channel.CHAT)
    first, last = now - timedelta(days=1), now + timedelta(days=1)
    told = await spent(connection, bots, first, last, now)
    assert told.breakdown is not None
    assert told.breakdown.models == (
        spend.ModelSpend(
            service=Service.LLM, provider="openai", model="gpt-x", lines=2, cost_nanos=20_000_000
        ),
    )
    monkeypatch.setattr(spend, "MODELS_CALLS_MAX", 1)
    told = await spent(connection, bots, first, last, now)
    assert told.breakdown is not None
    assert told.breakdown.models is None


async def test_the_days_before_are_as_many_as_have_passed(
    bots: Bots, connection: Connection, now: datetime
) -> None:
    """A period is compared with as many days before it, until the same moment where it runs."""
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
    for name, hours in (("counts", 50), ("too late", 46), ("in it", 1)):
        await at(bots, noon - timedelta(hours=hours)).call(name, *MINUTE_BY_PHONE)
    account = await read_account(connection, bots.account_id, now=now)
    two_days = check_period((noon - timedelta(days=1)).date(), noon.date())
    told = await read_spend(connection, account, two_days, now=noon)
    assert (told.charge_nanos, told.before_nanos) == (52_000_000, 52_000_000)
    told = await read_spend(connection, account, two_days, now=noon + timedelta(days=5))
    assert (told.charge_nanos, told.before_nanos) == (52_000_000, 104_000_000)


async def test_another_account_is_never_part_of_it(
    bots: Bots, connection: Connection, now: datetime, make_account: AccountFactory
) -> None:
    """What others spent is in none of an account's sums."""
    other = Bots(bots.platform, await make_account(paid="5"))
    await other.call("theirs", *MINUTE_BY_PHONE)
    await other.call("their-free", *MINUTE_BY_PHONE, outcome=Outcome.BUSY)
    told = await spent(connection, bots, now - timedelta(days=3), now + timedelta(days=1), now)
    assert_ties(told, 0)
    assert told.breakdown == spend.Breakdown(
        channels=(), agents=(), other_agents=None, dearest=(), free=(), models=()
    )


def test_a_period_is_bounded(now: datetime) -> None:
    """A period that ends before it begins, or is longer than a year, is refused with its field."""
    today = now.date()
    with pytest.raises(InvalidInput) as refused:
        check_period(today, today - timedelta(days=1))
    assert refused.value.field == "to"
    with pytest.raises(RangeTooWide):
        check_period(today - timedelta(days=366), today)
    assert len(check_period(today - timedelta(days=365), today).days) == 366
