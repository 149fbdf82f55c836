"""The stream that keeps an open page up to date."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import httpx
import pytest

from talktime.core.account import NumberMask
from talktime.core.call import BillingStatus
from talktime.core.call_filter import CallFilter
from talktime.core.entry_filter import EntryFilter
from talktime.core.errors import InsufficientCredits, TooManyAttempts
from talktime.core.ledger import EntryKind
from talktime.core.member import Role
from talktime.core.usage import LineReport
from talktime.ops.accounts import AccountChange, change_account, read_account
from talktime.ops.live import LiveFeed
from talktime.ops.platform import Platform
from talktime.portal import live_pages
from talktime.portal.live_pages import PageWriter, page_stream
from talktime.portal.open_page import OpenPage
from talktime.portal.open_streams import STREAMS_MAX, OpenStreams
from talktime.portal.rendering import Pages
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.conftest import AccountFactory
from tests.portal.conftest import new_link, served_pages

PATIENCE = 20.0  # on a busy machine; what comes is awaited, never timed


@pytest.fixture
async def feed(platform: Platform) -> AsyncIterator[LiveFeed]:
    feed = LiveFeed(platform)
    yield feed
    async with asyncio.timeout(PATIENCE):
        await feed.finish()


async def frames_of(
    feed: LiveFeed, bots: Bots, page: OpenPage, *, signed_in: bool = True, after: int | None = None
) -> AsyncIterator[str]:
    """The frames that an open page of the account gets."""
    platform = bots.platform
    async with platform.connection() as connection:
        account = await read_account(connection, bots.account_id, now=platform.clock())
    writer = PageWriter(platform, Pages(platform.public_url), account, page)

    async def still_signed_in() -> bool:
        return signed_in

    bursts = feed.subscribe_bursts(bots.account_id, after=after)
    async for text in page_stream(bursts, writer, still_signed_in):
        for frame in text.split("\n\n")[:-1]:
            yield f"{frame}\n\n"


async def read_until(frames: AsyncIterator[str], text: str) -> str:
    async with asyncio.timeout(PATIENCE):
        async for frame in frames:
            if text in frame:
                return frame
    raise AssertionError(f"the stream ended without {text}")


async def test_billing_hears_of_its_deduction(feed: LiveFeed, bots: Bots) -> None:
    """Billing is told the new row, then the new balance, which carries the place to resume."""
    frames = frames_of(feed, bots, OpenPage(name="billing"))
    await read_until(frames, 'id="summary"')
    await bots.call("CA1", *MINUTE_BY_PHONE)
    row = await read_until(frames, 'id="entry-')
    assert 'data-into="history"' in row
    assert "CA1" in row
    summary = await read_until(frames, 'id="summary"')
    assert summary.startswith("id: ")
    assert '$5.44<span class="fine">8</span>' in summary


async def test_pictures_are_told_now_and_then(
    feed: LiveFeed, bots: Bots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many calls settle, the pictures are told once in a while, the last state included."""
    monkeypatch.setattr(live_pages, "LATE_SECONDS", 0.5)
    frames = frames_of(feed, bots, OpenPage(name="billing", days=7))
    first = await read_until(frames, 'id="spend"')
    assert "Nothing was spent in the last 7 days." in first
    for number in range(8):
        await bots.call(f"CA{number}", *MINUTE_BY_PHONE)
    told = []
    async with asyncio.timeout(PATIENCE):
        async for frame in frames:
            if 'id="spend"' in frame:
                told.append(frame)
                if "$0.416 in the last 7 days" in frame:
                    break
    assert len(told) <= 3
    table = await read_until(frames, 'id="spend-table"')
    assert "$0.416" in table


async def test_a_filtered_history_hears_of_what_matches(feed: LiveFeed, bots: Bots) -> None:
    """On a page of a part of the history only entries of that part are new rows."""
    page = OpenPage(name="billing", entries=EntryFilter(kind=EntryKind.CALL, text="CB"))
    frames = frames_of(feed, bots, page)
    await read_until(frames, 'id="summary"')
    await bots.call("CA1", *MINUTE_BY_PHONE)
    assert "data-into" not in await read_until(frames, 'id="entry-2"')
    await bots.call("CB1", *MINUTE_BY_PHONE)
    assert 'data-into="history"' in await read_until(frames, 'id="entry-3"')


CHARGED = CallFilter(billing_status=BillingStatus.CHARGED)


async def test_calls_hear_of_their_calls(feed: LiveFeed, bots: Bots) -> None:
    """Calls is told each call as it begins, moves and ends; only a page of the newest inserts."""
    frames = frames_of(feed, bots, OpenPage(name="calls"))
    older = frames_of(feed, bots, OpenPage(name="calls", is_newest=False))
    charged = frames_of(feed, bots, OpenPage(name="calls", wanted=CHARGED))
    for stream in (frames, older, charged):
        await read_until(stream, "side-balance")
    await bots.start("CA1")
    assert "data-into" in await read_until(frames, "Running")
    assert "data-into" not in await read_until(older, "Running")
    assert "data-into" not in await read_until(charged, "Running")
    await bots.end("CA1", *MINUTE_BY_PHONE, seconds=60)
    assert "data-into" in await read_until(charged, "Completed")


async def test_refusals_reach_billing(
    feed: LiveFeed, platform: Platform, make_account: AccountFactory
) -> None:
    """A refused call changes what the notice says."""
    bots = Bots(platform, await make_account(paid="0.09"))
    frames = frames_of(feed, bots, OpenPage(name="billing"))
    await read_until(frames, 'id="summary"')
    with pytest.raises(InsufficientCredits):
        await bots.start("CA1")
    await read_until(frames, "1 new call was refused")


@pytest.mark.parametrize(
    ("role", "is_shown"), [(Role.OWNER, True), (Role.BILLING, True), (Role.VIEWER, False)]
)
async def test_an_open_page_offers_what_its_visitor_may_do(
    platform: Platform, make_account: AccountFactory, *, role: Role, is_shown: bool
) -> None:
    """As it was loaded and as it is told changes, Billing leads to spending only who may spend."""
    account_id = await make_account(paid="0.09")
    async with (
        served_pages(platform) as (site, _),
        httpx.AsyncClient(base_url=site.public_url) as browser,
    ):
        await browser.get(await new_link(site, account_id, role=role))
        page = (await browser.get("/billing")).text
        assert ("/billing/redeem" in page) == is_shown
        assert ("ask an owner or a billing member" in page) != is_shown
        async with (
            asyncio.timeout(PATIENCE),
            browser.stream("GET", "/live?page=billing") as answer,
        ):
            told = ""
            async for text in answer.aiter_text():
                told += text
                if "talk-time" in told:
                    break
        assert ("/billing/redeem" in told) == is_shown
        assert ("ask an owner or a billing member" in told) != is_shown


async def test_too_long_away(feed: LiveFeed, bots: Bots) -> None:
    """A page whose last event is of another history is told to read everything anew."""
    frames = frames_of(feed, bots, OpenPage(name="billing"), after=10**9)
    assert "event: reset" in await read_until(frames, "event")


async def test_stream_ends_with_the_session(
    feed: LiveFeed, bots: Bots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quiet stream says now and then that it is there, and ends once its session is closed."""
    monkeypatch.setattr(live_pages, "HEARTBEAT_SECONDS", 0.05)
    await read_until(frames_of(feed, bots, OpenPage(name="billing")), ": still here")
    async with asyncio.timeout(PATIENCE):
        told = [
            frame
            async for frame in frames_of(feed, bots, OpenPage(name="billing"), signed_in=False)
        ]
    assert ": still here\n\n" not in told


async def test_a_busy_stream_ends_with_the_session(
    feed: LiveFeed, bots: Bots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events that keep coming do not keep a stream open beyond its session."""
    monkeypatch.setattr(live_pages, "HEARTBEAT_SECONDS", 1.0)
    await bots.start("CA1")

    async def go_on() -> None:
        for i in range(1, 10_000):
            cost = LineReport(service="llm", provider="p", provider_cost=f"0.{i:06d}")
            await bots.report("CA1", cost)
            await asyncio.sleep(0.05)

    going = asyncio.create_task(go_on())
    try:
        async with asyncio.timeout(PATIENCE):
            async for _ in frames_of(feed, bots, OpenPage(name="calls"), signed_in=False):
                pass
    finally:
        going.cancel()


async def test_gone_browsers_are_forgotten(platform: Platform, bots: Bots) -> None:
    """When the browser goes away nothing goes on listening for it."""
    async with (
        served_pages(platform) as (site, feed),
        httpx.AsyncClient(base_url=site.public_url) as browser,
    ):
        await browser.get(await new_link(site, bots.account_id))
        async with browser.stream("GET", "/live?page=billing") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            async for line in answer.aiter_lines():
                if "summary" in line:
                    break
            assert not feed.is_idle
        async with asyncio.timeout(PATIENCE):
            await feed.stopped()
        assert feed.is_idle


async def test_a_changed_mask_reaches_open_pages(
    feed: LiveFeed, bots: Bots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once numbers are hidden an open page hears of no call as before; its stream ends."""
    monkeypatch.setattr(live_pages, "FRESH_SECONDS", 0.0)
    frames = frames_of(feed, bots, OpenPage(name="calls"))
    await read_until(frames, "side-balance")
    async with bots.platform.connection() as connection:
        await change_account(
            connection,
            bots.account_id,
            AccountChange(number_mask=NumberMask.HIDDEN),
            now=bots.platform.clock(),
        )
    await bots.call("CA-masked", *MINUTE_BY_PHONE)
    async with asyncio.timeout(PATIENCE):
        assert not [frame async for frame in frames if "CA-masked" in frame]


async def test_streams_of_a_session_are_counted() -> None:
    """A session has so many streams and no more; one that ends makes room."""

    async def body() -> AsyncGenerator[str, None]:
        while True:
            yield "x"

    streams = OpenStreams()
    kept = [streams.counted("s", body()) for _ in range(STREAMS_MAX)]
    for one in kept:
        assert await anext(one) == "x"
    with pytest.raises(TooManyAttempts):
        streams.check("s")
    assert [text async for text in streams.counted("s", body())] == []
    streams.check("another")
    await kept[0].aclose()
    streams.check("s")
