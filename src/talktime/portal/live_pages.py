"""What an open page is told: each live event as the pieces of HTML that it changes."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from datetime import tzinfo
from typing import Final

import msgspec

from talktime.core.account import Account
from talktime.core.errors import NotFound, Overloaded
from talktime.ops.billing import read_billing
from talktime.ops.live_events import (
    BalanceChanged,
    CallChanged,
    EntryPosted,
    LiveEvent,
    Reset,
)
from talktime.ops.platform import Platform
from talktime.portal.billing.view import entry_row, summary_view
from talktime.portal.calls.view import Shown, call_row
from talktime.portal.figures import zone_of
from talktime.portal.rendering import Pages
from talktime.portal.shared_frames import SharedFrames

HEARTBEAT_SECONDS: Final = 15.0
RETRY_MS: Final = 1_000


class OpenPage(msgspec.Struct, frozen=True, kw_only=True):
    """Which page is open, so that it is told only what it shows.

    Pages of an account that are alike in all of this are told the same.
    """

    name: str
    """billing or calls."""
    shown: Shown = Shown.ALL
    is_newest: bool = True
    """Its list begins with what is newest, so that new rows belong on top."""


class PageWriter:
    """Turns events into server-sent events for one open page."""

    def __init__(
        self,
        platform: Platform,
        pages: Pages,
        account: Account,
        page: OpenPage,
        shared: SharedFrames | None = None,
    ) -> None:
        """``shared`` spares writing what another open page of the account was told already."""
        self._platform = platform
        self._pages = pages
        self._account = account
        self._page = page
        self._shared = shared or SharedFrames()

    async def frames(self, event: LiveEvent) -> list[str]:
        """Frames for one event: its pieces in order, the last of them with the place to resume."""
        if isinstance(event, Reset):
            return [frame("reset", "now", event.event_seq)]
        if isinstance(event, BalanceChanged):
            self._account = event.account
        return await self._shared.frames(event, self._page, lambda: self._written(event))

    async def _written(self, event: LiveEvent) -> list[str]:
        pieces = [piece async for piece in self._pieces(event)]
        if not pieces:
            return [] if event.event_seq is None else [f"id: {event.event_seq}\n\n"]
        *first, last = pieces
        return [frame("piece", piece, None) for piece in first] + [
            frame("piece", last, event.event_seq)
        ]

    async def _pieces(self, event: LiveEvent) -> AsyncIterator[str]:
        if isinstance(event, BalanceChanged):
            yield self._pages.html("pieces/side_balance.html", account=event.account)
            if self._page.name == "billing":
                yield await self._summary()
        elif isinstance(event, EntryPosted) and self._page.name == "billing":
            entry = entry_row(
                event.entry,
                event.call,
                time_zone=self._account.time_zone,
                base=self._pages.base,
            )
            yield self._pages.html("billing/entry.html", row=entry, is_new=self._page.is_newest)
        elif isinstance(event, CallChanged) and self._page.name == "calls":
            now = self._platform.clock()
            row = call_row(event.call, now=now, zone=self._zone, base=self._pages.base)
            is_new = self._page.is_newest and self._page.shown.admits(event.call)
            yield self._pages.html("calls/call.html", row=row, is_new=is_new)

    async def _summary(self) -> str:
        now = self._platform.clock()
        async with self._platform.connection() as connection:
            billing = await read_billing(connection, self._account.account_id, now=now)
        view = summary_view(billing, floor_nanos=self._platform.terms.floor_nanos, now=now)
        return self._pages.html("billing/summary.html", view=view)

    @property
    def _zone(self) -> tzinfo:
        return zone_of(self._account.time_zone)


async def page_stream(
    events: AsyncGenerator[LiveEvent, None],
    writer: PageWriter,
    still_signed_in: Callable[[], Awaitable[bool]],
) -> AsyncIterator[str]:
    """The body of the stream; it ends when the session does, which is asked by the clock: a page
    that always has something to hear must not outlive it.

    In quiet times a comment goes out now and then: proxies keep the connection, and a browser that
    went away is noticed.
    """
    yield f"retry: {RETRY_MS}\n\n"
    coming: asyncio.Future[LiveEvent] | None = None
    loop = asyncio.get_running_loop()
    due = loop.time() + HEARTBEAT_SECONDS
    try:
        while True:
            coming = coming or asyncio.ensure_future(anext(events))
            done, _ = await asyncio.wait({coming}, timeout=max(0.0, due - loop.time()))
            if loop.time() >= due:
                if not await still_signed_in():
                    return
                due = loop.time() + HEARTBEAT_SECONDS
            if not done:
                yield ": still here\n\n"
                continue
            try:
                event = coming.result()
            except StopAsyncIteration:
                return
            coming = None
            for text in await writer.frames(event):
                yield text
    except (NotFound, Overloaded):
        # The browser comes back by itself, and is told why when it reads the page.
        return
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.wait({coming})
        await events.aclose()


def frame(name: str, data: str, event_seq: int | None) -> str:
    """One server-sent event; without a number the browser keeps the last it had."""
    return "".join(_frame_lines(name, data, event_seq))


def _frame_lines(name: str, data: str, event_seq: int | None) -> Iterator[str]:
    if event_seq is not None:
        yield f"id: {event_seq}\n"
    yield f"event: {name}\n"
    for line in data.split("\n"):
        if stripped := line.replace("\r", " ").strip():
            yield f"data: {stripped}\n"
    yield "\n"
