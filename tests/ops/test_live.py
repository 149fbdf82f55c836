"""The live feed: what happens on an account is told, in order, to whoever listens."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec
import pytest

from talktime.core.call import BillingStatus, Status
from talktime.core.errors import AccountUnknown, InsufficientCredits, Overloaded
from talktime.core.ledger import EntryKind
from talktime.core.money import parse_usd
from talktime.core.usage import LineReport
from talktime.ops import live
from talktime.ops.adjustments import post_adjustment
from talktime.ops.live import LiveFeed
from talktime.ops.live_events import (
    BalanceChanged,
    CallChanged,
    CallRefused,
    EntryPosted,
    LiveEvent,
    Reset,
)
from talktime.ops.platform import Platform
from tests.acting import Bots
from tests.conftest import AccountFactory

SPEECH = LineReport(service="stt", provider="acme", model="ear", provider_cost="0.04")
Kind = TypeVar("Kind", bound=LiveEvent)
PATIENCE = 20.0  # on a busy machine; what comes is awaited, never timed


async def read_until(events: AsyncIterator[LiveEvent], kind: type[Kind]) -> Kind:
    """The next event of a kind; what comes before it is passed over."""
    async with asyncio.timeout(PATIENCE):
        async for event in events:
            if isinstance(event, kind):
                return event
    raise AssertionError("the feed ended")


@pytest.fixture
async def feed(platform: Platform) -> AsyncIterator[LiveFeed]:
    feed = LiveFeed(platform)
    yield feed
    async with asyncio.timeout(PATIENCE):
        await feed.finish()


@pytest.fixture
async def desk(platform: Platform, make_account: AccountFactory) -> Bots:
    return Bots(platform, await make_account(paid="5"))


async def test_greets_with_the_balance(feed: LiveFeed, desk: Bots) -> None:
    """Who begins to listen is told at once where the account stands."""
    async with contextlib.aclosing(feed.subscribe(desk.account_id)) as events:
        balance = await read_until(events, BalanceChanged)
        assert balance.account.available_nanos == parse_usd("5", field="paid")
        assert balance.event_seq is not None


async def test_tells_a_call_from_start_to_entry(feed: LiveFeed, desk: Bots) -> None:
    """A call's start, its cost so far, its entry and its settlement reach an open page."""
    async with contextlib.aclosing(feed.subscribe(desk.account_id)) as events:
        await read_until(events, BalanceChanged)

        await desk.start("c1")
        started = await read_until(events, CallChanged)
        assert (started.call.call_id, started.call.status) == ("c1", Status.LIVE)
        held = await read_until(events, BalanceChanged)
        assert held.account.held_nanos == parse_usd("0.1", field="hold")

        await desk.report("c1", SPEECH)
        ticked = await read_until(events, CallChanged)
        assert ticked.event_seq is None
        assert ticked.call.charge_nanos == parse_usd("0.052", field="charge")

        await desk.end("c1")
        posted = await read_until(events, EntryPosted)
        assert (posted.entry.kind, posted.entry.ref) == (EntryKind.CALL, "c1")
        ended = await read_until(events, CallChanged)
        assert ended.call.billing_status is BillingStatus.CHARGED
        assert ended.event_seq is not None
        settled = await read_until(events, BalanceChanged)
        assert settled.account.available_nanos == parse_usd("4.948", field="available")
        assert settled.account.held_nanos == 0
        assert settled.account.month_to_date_nanos == parse_usd("0.052", field="month")


async def test_settlement_is_told_quickly(feed: LiveFeed, desk: Bots) -> None:
    """A page sees the balance well within a second of hang-up (R11 allows five)."""
    await desk.start("c1")
    async with contextlib.aclosing(feed.subscribe(desk.account_id)) as events:
        await read_until(events, CallChanged)
        await desk.report("c1", SPEECH)
        await desk.end("c1")
        ended_at = asyncio.get_running_loop().time()
        await read_until(events, EntryPosted)
        assert asyncio.get_running_loop().time() - ended_at < 1.0


async def test_resumes_after_an_event(feed: LiveFeed, desk: Bots) -> None:
    """Who comes back with the last event it saw is told what it missed, each call once as it is."""
    async with contextlib.aclosing(feed.subscribe(desk.account_id)) as events:
        seen = (await read_until(events, BalanceChanged)).event_seq
    await desk.start("c1")
    await desk.report("c1", SPEECH)
    await desk.end("c1")

    missed: list[LiveEvent] = []
    async with contextlib.aclosing(feed.subscribe(desk.account_id, after=seen)) as events:
        async with asyncio.timeout(PATIENCE):
            async for event in events:
                missed.append(event)
                if isinstance(event, BalanceChanged):
                    break
    assert [type(event) for event in missed] == [EntryPosted, CallChanged, BalanceChanged]
    assert [event.event_seq is None for event in missed] == [True, False, False]


async def test_running_calls_are_told_to_a_newcomer(feed: LiveFeed, desk: Bots) -> None:
    """A newcomer sees running calls as they are, without waiting for their next report."""
    await desk.start("c1")
    await desk.report("c1", SPEECH)
    async with contextlib.aclosing(feed.subscribe(desk.account_id)) as events:
        call = (await read_until(events, CallChanged)).call
        assert call.charge_nanos == parse_usd("0.052", field="charge")


@pytest.mark.parametrize("after", [0, 10**9])
async def test_resets_where_history_is_not_kept(
    platform: Platform, desk: Bots, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After more than 24 hours, or from another history, everything is to be read anew."""
    later = msgspec.structs.replace(platform, clock=lambda: platform.clock() + timedelta(hours=25))
    feed = LiveFeed(later)
    async with contextlib.aclosing(feed.subscribe(desk.account_id, after=after)) as events:
        async with asyncio.timeout(PATIENCE):
            assert isinstance(await anext(events), Reset)
            if after:
                assert isinstance(await anext(events), BalanceChanged)
    await feed.finish()


async def test_slow_listener_is_reset(
    feed: LiveFeed, desk: Bots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listener that does not keep up has a bounded queue, and is told to read everything anew."""
    monkeypatch.setattr(live, "QUEUE_MAX", 2)
    async with contextlib.aclosing(feed.subscribe(desk.account_id)) as events:
        await read_until(events, BalanceChanged)
        for number in range(3):
            await desk.start(f"c{number}")
        async with asyncio.timeout(PATIENCE):
            await asyncio.sleep(3 * live.POLL_SECONDS)
        assert isinstance(await read_until(events, Reset), Reset)


async def test_refusals_are_told(
    feed: LiveFeed, platform: Platform, make_account: AccountFactory
) -> None:
    """A start that the gate refuses is told with the figures it was judged by."""
    desk = Bots(platform, await make_account(paid="0.09"))
    async with contextlib.aclosing(feed.subscribe(desk.account_id)) as events:
        await read_until(events, BalanceChanged)
        with pytest.raises(InsufficientCredits):
            await desk.start("c1")
        refused = await read_until(events, CallRefused)
        assert refused.refusal.call_id == "c1"
        assert refused.refusal.startable_nanos == parse_usd("0.09", field="startable")


async def test_silence_is_told(platform: Platform, desk: Bots) -> None:
    """A call whose lease lapses is told as silent though nobody wrote anything."""
    now = platform.clock()

    class Clock:
        at: datetime = now

    clock = Clock()
    feed = LiveFeed(msgspec.structs.replace(platform, clock=lambda: clock.at))
    await desk.start("c1")
    async with contextlib.aclosing(feed.subscribe(desk.account_id)) as events:
        assert (await read_until(events, CallChanged)).call.status_at(clock.at) is Status.LIVE
        clock.at = platform.clock() + timedelta(minutes=2)
        assert (await read_until(events, CallChanged)).call.status_at(clock.at) is Status.SILENT
    await feed.finish()


async def test_other_accounts_are_not_told(
    feed: LiveFeed, platform: Platform, desk: Bots, make_account: AccountFactory
) -> None:
    """A listener is told of its own account and no other."""
    other = Bots(platform, await make_account(paid="5"))
    async with (
        contextlib.aclosing(feed.subscribe(desk.account_id)) as mine,
        contextlib.aclosing(feed.subscribe(other.account_id)) as theirs,
    ):
        await read_until(mine, BalanceChanged)
        await read_until(theirs, BalanceChanged)
        await other.start("theirs")
        await read_until(theirs, CallChanged)
        await desk.start("mine")
        assert (await read_until(mine, CallChanged)).call.call_id == "mine"


async def test_adjustment_is_told(feed: LiveFeed, platform: Platform, desk: Bots) -> None:
    """Money that comes in is told as an entry, then as the balance."""
    async with contextlib.aclosing(feed.subscribe(desk.account_id)) as events:
        await read_until(events, BalanceChanged)
        async with platform.connection() as connection:
            await post_adjustment(
                connection,
                account_id=desk.account_id,
                adjustment_id="sorry",
                promo_nanos=0,
                paid_nanos=parse_usd("2", field="paid"),
                reason="an apology",
                terms=platform.terms,
                now=platform.clock(),
            )
        assert (await read_until(events, EntryPosted)).entry.note == "an apology"
        balance = await read_until(events, BalanceChanged)
        assert balance.account.available_nanos == parse_usd("7", field="available")


async def test_costs_nothing_without_listeners(feed: LiveFeed, desk: Bots) -> None:
    """The poller stops when the last listener leaves, and starts again with the next."""
    assert feed.is_idle
    for _ in range(2):
        async with contextlib.aclosing(feed.subscribe(desk.account_id)) as events:
            await read_until(events, BalanceChanged)
            assert not feed.is_idle
        async with asyncio.timeout(PATIENCE):
            await feed.stopped()
        assert feed.is_idle


async def test_close_ends_subscriptions(platform: Platform, desk: Bots) -> None:
    """Closing the feed ends every stream, and lets nobody in any more."""
    feed = LiveFeed(platform)
    async with contextlib.aclosing(feed.subscribe(desk.account_id)) as events:
        await read_until(events, BalanceChanged)
        feed.close()
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(StopAsyncIteration):
                await anext(events)
    with pytest.raises(Overloaded):
        await anext(feed.subscribe(desk.account_id))


async def test_unknown_account(feed: LiveFeed) -> None:
    """Nobody can listen to an account that does not exist."""
    with pytest.raises(AccountUnknown):
        await anext(feed.subscribe("nobody"))


async def test_one_account_has_its_share(
    platform: Platform,
    desk: Bots,
    make_account: AccountFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An account's listeners are limited, also when they all come at once; who goes makes room."""
    monkeypatch.setattr(live, "LISTENERS_PER_ACCOUNT_MAX", 3)
    feed = LiveFeed(platform)
    streams = [feed.subscribe(desk.account_id) for _ in range(6)]
    first = await asyncio.gather(*(anext(stream) for stream in streams), return_exceptions=True)
    assert sum(isinstance(told, BalanceChanged) for told in first) == 3
    assert sum(isinstance(told, Overloaded) for told in first) == 3
    other = feed.subscribe(await make_account())
    assert isinstance(await anext(other), BalanceChanged)
    [kept, *_] = [
        s for s, told in zip(streams, first, strict=True) if not isinstance(told, Exception)
    ]
    await kept.aclose()
    again = feed.subscribe(desk.account_id)
    assert isinstance(await anext(again), BalanceChanged)
    for stream in (*streams, other, again):
        await stream.aclose()
    await feed.finish()


async def test_a_busy_listener_is_told_the_last_balance_only(feed: LiveFeed, desk: Bots) -> None:
    """Balances that wait while their reader is busy are replaced by the last, everything else is
    told."""
    async with contextlib.aclosing(feed.subscribe(desk.account_id)) as events:
        await read_until(events, BalanceChanged)
        for number in range(3):
            await desk.call(f"call-{number}", SPEECH)
            await asyncio.sleep(2.5 * live.POLL_SECONDS)
        told: list[LiveEvent] = []
        while not told or not isinstance(told[-1], BalanceChanged):
            told.append(await anext(events))
    assert sum(isinstance(event, EntryPosted) for event in told) == 3
    last = told[-1]
    assert isinstance(last, BalanceChanged)
    assert last.account.available_nanos == parse_usd("4.844", field="")
