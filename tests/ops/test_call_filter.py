"""Lists of calls: what the database finds is what the predicate admits, in every order."""

import random
from datetime import datetime, timedelta

import psycopg
import pytest
from msgspec.structs import replace

from talktime.core.call import BillingStatus, Call, Outcome, Status
from talktime.core.call_filter import CallFilter, CallOrder, CallSearch, search_for
from talktime.core.errors import InvalidInput, RangeTooWide
from talktime.core.ratecard import Channel
from talktime.core.usage import LineReport
from talktime.db.pool import Connection
from talktime.ops import call_history
from talktime.ops.call_history import CallPlace, list_calls, recent_agents
from talktime.ops.platform import Platform
from tests.acting import Bots
from tests.conftest import AccountFactory

NUMBERS = (None, "+12025550123", "0049 30 1234567", "sip:+49301234567@10.0.0.1", "104", "sip:bo@x")
AGENTS = (None, "front-desk", "night")
SEEDS = range(6)


@pytest.fixture
async def clerk(platform: Platform, make_account: AccountFactory) -> Bots:
    return Bots(platform, await make_account(paid="500"))


async def some_calls(bots: Bots, chance: random.Random, count: int = 40) -> None:
    """Calls of every kind, some running, started up to eleven hours from their admission."""
    for number in range(count):
        channel = chance.choice(list(Channel))
        call_id = f"{chance.choice(['CA', 'ca', '2025', 'x_%'])}{number}"
        await bots.start(
            call_id,
            channel=channel,
            agent_id=chance.choice(AGENTS),
            from_number=chance.choice(NUMBERS),
            to_number=chance.choice(NUMBERS),
            started_at=chance.choice(
                [None, bots.platform.clock() - timedelta(hours=chance.randrange(12))]
            ),
        )
        cost = f"0.{chance.randrange(1000):03d}"
        lines = [
            LineReport(service="llm", provider="acme", model="mind", provider_cost=cost),
            LineReport(service="llm", provider="nobody", quantities={"input_tokens": 5}),
        ][: 1 if chance.random() < 0.85 else 2]
        if chance.random() < 0.2:
            await bots.report(call_id, *lines)
        else:
            await bots.end(
                call_id,
                *lines,
                outcome=chance.choice(list(Outcome)),
                seconds=chance.randrange(5) * 30,
            )


def some_filter(chance: random.Random, now: datetime) -> CallFilter:
    def maybe(*values: object) -> object:
        return chance.choice([None, None, None, *values])

    def hours() -> datetime:
        return now - timedelta(hours=chance.randrange(13), microseconds=chance.randrange(9))

    search = maybe(
        "CA", "ca1", "2025", "x_%", "_", "0123", "30 1234567", "+49 (30) 123-4567", "104"
    )
    is_masked = chance.random() < 0.5
    return CallFilter(
        status=maybe(*Status),  # type: ignore[arg-type]
        channel=maybe(*Channel),  # type: ignore[arg-type]
        outcome=maybe(*Outcome),  # type: ignore[arg-type]
        billing_status=maybe(*BillingStatus),  # type: ignore[arg-type]
        agent_id=maybe("front-desk", "night", "nobody"),  # type: ignore[arg-type]
        from_time=maybe(hours(), hours()),  # type: ignore[arg-type]
        to_time=maybe(hours(), hours()),  # type: ignore[arg-type]
        min_nanos=maybe(0, 1, 300_000_000),  # type: ignore[arg-type]
        max_nanos=maybe(0, 500_000_000),  # type: ignore[arg-type]
        search=None if search is None else search_for(str(search), is_masked=is_masked),
    )


def sort_key(order: CallOrder, call: Call, now: datetime) -> int:
    """What a call is sorted by, ascending: of unknown cost last, after the free."""
    if order in {CallOrder.DEAREST, CallOrder.CHEAPEST}:
        value = call.charge_nanos
        if call.billing_status is BillingStatus.FREE:
            return 2**63 - 2
        if value is None:
            return 2**63 - 1
        return -value if order is CallOrder.DEAREST else value
    ms = call.duration_ms
    if ms is None:
        until = call.last_heard_at if call.status_at(now) is Status.SILENT else now
        ms = (until - call.started_at) // timedelta(seconds=1) * 1000
    return -ms if order is CallOrder.LONGEST else ms


async def everything(
    connection: Connection, account_id: str, wanted: CallFilter, order: CallOrder, now: datetime
) -> list[Call]:
    """The whole list, by pages of three."""
    calls: list[Call] = []
    below: CallPlace | None = None
    while True:
        page, below = await list_calls(
            connection, account_id, wanted, before=below, limit=3, now=now, order=order
        )
        calls += page
        if below is None:
            return calls


@pytest.mark.parametrize("seed", SEEDS)
async def test_found_is_admitted(clerk: Bots, connection: Connection, seed: int) -> None:
    """Under any filter and in any order, paging finds exactly the calls that the filter admits."""
    chance = random.Random(seed)
    await some_calls(clerk, chance)
    now = clerk.platform.clock() + timedelta(seconds=chance.choice([0, 3_600]))
    every = await everything(connection, clerk.account_id, CallFilter(), CallOrder.NEWEST, now)
    assert len(every) == 40
    for _ in range(40):
        wanted = some_filter(chance, now)
        order = chance.choice(list(CallOrder))
        found = await everything(connection, clerk.account_id, wanted, order, now)
        admitted = [call for call in every if wanted.admits(call, now)]
        assert {call.call_id for call in found} == {call.call_id for call in admitted}, wanted
        assert len(found) == len(admitted)
        if order is CallOrder.NEWEST:
            assert found == admitted
        else:
            assert found == sorted(admitted, key=lambda call: sort_key(order, call, now))


async def test_longest_first(clerk: Bots, connection: Connection) -> None:
    """Sorted by duration, a running call stands where its time so far puts it."""
    now = clerk.platform.clock()
    await clerk.call("minute", seconds=60)
    await clerk.start("hour", started_at=now - timedelta(hours=1))
    await clerk.call("second", seconds=1)
    for order, names in (
        (CallOrder.LONGEST, ["hour", "minute", "second"]),
        (CallOrder.SHORTEST, ["second", "minute", "hour"]),
    ):
        found = await everything(connection, clerk.account_id, CallFilter(), order, now)
        assert [call.call_id for call in found] == names


async def test_too_many_to_sort(
    clerk: Bots, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More calls than can be sorted are refused, saying what to narrow; by time they are shown."""
    monkeypatch.setattr(call_history, "SORTED_MAX", 2)
    for number in range(3):
        await clerk.call(f"call-{number}")
    now = clerk.platform.clock()
    with pytest.raises(RangeTooWide, match="choose fewer days"):
        await everything(connection, clerk.account_id, CallFilter(), CallOrder.DEAREST, now)
    found = await everything(connection, clerk.account_id, CallFilter(), CallOrder.NEWEST, now)
    assert len(found) == 3


async def test_looking_takes_no_longer_than_allowed(
    clerk: Bots, connection: Connection, database_url: str
) -> None:
    """A list that takes the database too long is given up and refused, saying what to narrow."""
    await clerk.start("CA1")
    now = clerk.platform.clock()
    with psycopg.connect(database_url) as other:
        other.execute("LOCK TABLE call IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(RangeTooWide, match="choose fewer days"):
            await list_calls(
                connection,
                clerk.account_id,
                CallFilter(),
                before=None,
                limit=3,
                now=now,
                most_seconds=1,
            )
    page, _ = await list_calls(
        connection, clerk.account_id, CallFilter(), before=None, limit=3, now=now, most_seconds=1
    )
    assert [call.call_id for call in page] == ["CA1"]


async def test_a_place_of_another_order(clerk: Bots, connection: Connection) -> None:
    """A place given out in one order is refused in another."""
    now = clerk.platform.clock()
    for order, rank in ((CallOrder.NEWEST, 5), (CallOrder.DEAREST, None)):
        with pytest.raises(InvalidInput, match="another order"):
            await list_calls(
                connection,
                clerk.account_id,
                CallFilter(),
                before=CallPlace(now, "CA1", rank),
                limit=3,
                now=now,
                order=order,
            )


async def test_agents_to_choose_from(clerk: Bots, connection: Connection) -> None:
    """The agents of the last calls are listed once each, by name."""
    for number, agent in enumerate(["night", "front-desk", "night", None]):
        await clerk.start(f"call-{number}", agent_id=agent)
    assert await recent_agents(connection, clerk.account_id) == ["front-desk", "night"]


@pytest.mark.parametrize(
    ("typed", "is_masked", "digits"),
    [
        ("+49 30 1234567", False, "49301234567"),
        ("030 1234567", False, "301234567"),
        ("0123", False, "123"),
        ("12", False, ""),
        ("CA12345678", False, ""),
        ("4567", True, ""),
        ("+49 30 1234567", True, "49301234567"),
    ],
)
def test_what_a_search_means(typed: str, is_masked: bool, digits: str) -> None:
    """A text of a number's signs is a number too; where numbers are masked, only a whole one is."""
    assert search_for(typed, is_masked=is_masked) == CallSearch(
        text=typed, digits=digits, is_whole=is_masked
    )


def test_a_search_leaves_the_rest_alone() -> None:
    """A filter with a search keeps every other condition."""
    wanted = CallFilter(channel=Channel.WEB)
    assert replace(wanted, search=search_for("CA1", is_masked=False)).channel is Channel.WEB
