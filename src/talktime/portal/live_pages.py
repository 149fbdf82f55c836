"""What an open page is told: each live event as the pieces of HTML that it changes."""

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from datetime import tzinfo
from typing import Final

from talktime.core.account import Account
from talktime.core.errors import NotFound, Overloaded
from talktime.core.number_mask import masked_call
from talktime.ops.accounts import read_account
from talktime.ops.billing import read_billing
from talktime.ops.live_events import (
    BalanceChanged,
    CallChanged,
    EntryPosted,
    LiveEvent,
    Reset,
)
from talktime.ops.platform import Platform
from talktime.ops.spend_days import last_days, list_closing_balances, list_spend_days
from talktime.portal.billing.spend_view import spend_view
from talktime.portal.billing.summary import summary_view
from talktime.portal.billing.view import entry_row
from talktime.portal.calls.view import call_row
from talktime.portal.figures import zone_of
from talktime.portal.open_page import OpenPage
from talktime.portal.rendering import Pages
from talktime.portal.shared_frames import SharedFrames
from talktime.portal.standing_pages import STANDING, standing_pieces

HEARTBEAT_SECONDS: Final = 15.0
RETRY_MS: Final = 1_000
LATE_SECONDS: Final = 1.0
WATCH_SECONDS: Final = 2.0
"""How long a page may go on listening after its session has ended or its role changed."""
LOOK_SECONDS: Final = 3.0
"""How often a page of STANDING looks by itself: not all that it tells comes with an event."""
FRESH_SECONDS: Final = 1.0
"""How long the account's settings, as what a page may show of numbers, are taken for what they
were."""


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
        self._late: BalanceChanged | None = None
        self._drawn: tuple[int, int] | None = None
        self._stands = page.name in STANDING
        self._shown: list[str] = []
        self._read_at = self._late_due = asyncio.get_running_loop().time()
        self._look_due = self._read_at + LOOK_SECONDS if self._stands else math.inf

    async def frames(self, event: LiveEvent) -> list[str]:
        """Frames for one event: its pieces in order, the last of them with the place to resume."""
        if isinstance(event, Reset):
            return [frame("reset", "now", event.event_seq)]
        if isinstance(event, BalanceChanged):
            drawn = (event.account.available_nanos, event.account.month_to_date_nanos)
            if self._stands or (self._page.name == "billing" and drawn != self._drawn):
                self._late, self._drawn = event, drawn
            self._account = event.account
        return await self._shared.frames(event, self._page, lambda: self._written(event))

    @property
    def next_due(self) -> float:
        """When due_frames has something to tell, by the loop's clock."""
        return min(self._look_due, math.inf if self._late is None else self._late_due)

    async def due_frames(self, seconds: float) -> list[str]:
        """Frames for what the last events changed that need not be told at once, and for what
        changed without an event, as by the time that passed."""
        if seconds < self.next_due:
            return []
        late, self._late = self._late, None
        self._late_due = seconds + LATE_SECONDS
        if self._stands:
            self._look_due = seconds + LOOK_SECONDS
            if late is None:
                return self._news(await self._standing())
            return self._news(await self._shared.frames(late, ("all", self._page), self._standing))
        assert late is not None
        return await self._shared.frames(late, ("spend", self._page.days), self._spend)

    async def is_as_before(self, seconds: float) -> bool:
        """Whether the account shows numbers and times as when the page was opened, otherwise the
        page had better begin anew; looked at FRESH_SECONDS apart, by the loop's clock."""
        if seconds < self._read_at + FRESH_SECONDS:
            return True
        self._read_at = seconds
        async with self._platform.connection() as connection:
            account = await read_account(
                connection, self._account.account_id, now=self._platform.clock()
            )
        shown = (account.number_mask, account.time_zone)
        return shown == (self._account.number_mask, self._account.time_zone)

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
                event.call and masked_call(event.call, self._account.number_mask),
                time_zone=self._account.time_zone,
                base=self._pages.base,
            )
            is_new = self._page.is_newest and self._page.entries.admits(event.entry)
            yield self._pages.html("billing/entry.html", row=entry, is_new=is_new)
        elif isinstance(event, CallChanged) and self._page.name == "calls":
            now = self._platform.clock()
            call = masked_call(event.call, self._account.number_mask)
            row = call_row(call, now=now, zone=self._zone, base=self._pages.base)
            is_new = self._page.is_newest and self._page.wanted.admits(event.call, now)
            yield self._pages.html("calls/call.html", row=row, is_new=is_new)

    async def _summary(self) -> str:
        now = self._platform.clock()
        async with self._platform.connection() as connection:
            billing = await read_billing(connection, self._account.account_id, now=now)
        view = summary_view(
            billing,
            floor_nanos=self._platform.terms.floor_nanos,
            now=now,
            may_spend=self._page.may_spend,
            base=self._pages.base,
        )
        return self._pages.html("billing/summary.html", view=view, may_spend=self._page.may_spend)

    async def _standing(self) -> list[str]:
        return await standing_pieces(
            self._platform, self._pages, self._account.account_id, self._page
        )

    def _news(self, pieces: list[str]) -> list[str]:
        """Frames for the pieces that are not as they were told before."""
        news = [piece for piece in pieces if piece not in self._shown]
        self._shown = pieces
        return [frame("piece", piece, None) for piece in news]

    async def _spend(self) -> list[str]:
        now = self._platform.clock()
        account = self._account
        async with self._platform.connection() as connection:
            days = last_days(account, days=self._page.days, now=now)
            spent = await list_spend_days(connection, account, days, now=now)
            closing = await list_closing_balances(connection, account, days, now=now)
        view = spend_view(account, spent, closing, now=now)
        return [
            frame("piece", self._pages.html(template, spend=view), None)
            for template in ("billing/spend.html", "billing/spend_table.html")
        ]

    @property
    def _zone(self) -> tzinfo:
        return zone_of(self._account.time_zone)


async def page_stream(
    bursts: AsyncGenerator[list[LiveEvent], None],
    writer: PageWriter,
    still_signed_in: Callable[[], Awaitable[bool]],
) -> AsyncGenerator[str, None]:
    """The body of the stream; it ends when the session does, which is asked by the clock: a page
    that always has something to hear must not outlive it.

    What need not be told at once is told LATE_SECONDS apart. In quiet times a comment goes out now
    and then: proxies keep the connection, and a browser that went away is noticed.
    """
    yield f"retry: {RETRY_MS}\n\n"
    coming: asyncio.Future[list[LiveEvent]] | None = None
    loop = asyncio.get_running_loop()
    due = loop.time() + HEARTBEAT_SECONDS
    watch_due = loop.time() + WATCH_SECONDS
    try:
        while True:
            coming = coming or asyncio.ensure_future(anext(bursts))
            wake = min(due, watch_due, writer.next_due)
            done, _ = await asyncio.wait({coming}, timeout=max(0.0, wake - loop.time()))
            if loop.time() >= min(due, watch_due):
                if not await still_signed_in():
                    return
                watch_due = loop.time() + WATCH_SECONDS
            if loop.time() >= due:
                due = loop.time() + HEARTBEAT_SECONDS
                yield ": still here\n\n"
            for text in await writer.due_frames(loop.time()):
                yield text
            if not done:
                continue
            try:
                burst = coming.result()
            except StopAsyncIteration:
                return
            coming = None
            if not await writer.is_as_before(loop.time()):
                return
            # In one piece: a busy account has ten changes for every message that its pages need.
            yield "".join([text for event in burst for text in await writer.frames(event)])
    except (NotFound, Overloaded):
        # The browser comes back by itself, and is told why when it reads the page.
        return
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.wait({coming})
        await bursts.aclose()


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
