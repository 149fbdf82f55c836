"""Server-sent events: what happens on an account, as it happens.

``balance``, ``call``, ``entry`` and ``refusal`` carry what other routes answer; ``reset`` says that
something was missed and everything is to be read anew. Where a message has an ``id``, sending it
back as Last-Event-ID resumes after it.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any, Final

import msgspec
from litestar import Request, get
from litestar.response import Stream

from talktime.api.account_wire import entry_body
from talktime.api.auth import KeyRing, bearer_token
from talktime.api.description import described
from talktime.api.problems import log_unexpected
from talktime.api.wire import call_body
from talktime.core.account import Account
from talktime.core.errors import AccountUnknown, InvalidInput, Overloaded
from talktime.core.money import format_usd
from talktime.core.ratecard import Channel
from talktime.core.refusal import Refusal
from talktime.ops.keys import Scope
from talktime.ops.live import LiveFeed
from talktime.ops.live_events import BalanceChanged, CallChanged, EntryPosted, LiveEvent, Reset
from talktime.ops.platform import Platform

HEARTBEAT_SECONDS: Final = 15.0
"""So often a quiet stream says that it is there, and any stream is asked whether its key is."""
_HEARTBEAT: Final = b": still here\n\n"
_RETRY: Final = b"retry: 1000\n\n"
_EVENT_ID_DIGITS_MAX: Final = 18


class BalanceBody(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An account's balances in USD."""

    available: str
    promo: str
    paid: str
    held: str
    startable: str
    month_to_date: str


class RefusalBody(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A start that the gate refused, with the figures it was judged by."""

    call_id: str
    channel: Channel
    reason: str
    available: str
    held: str
    startable: str
    floor: str
    refused_at: datetime


@get(
    "/v1/accounts/{account_id:str}/events",
    opt=described(
        scope=Scope.EVENTS_READ,
        answers={200: None},
        refusals=(AccountUnknown,),
        media={"text/event-stream": "balance, call, entry, refusal and reset, as they happen"},
    ),
)
async def get_events(request: Request[Any, Any, Any]) -> Stream:
    """Follow what happens on an account.

    The stream ends with the server, or when its key is revoked. With the header Last-Event-ID it
    resumes after that event.
    """
    platform: Platform = request.app.state.platform
    live: LiveFeed = request.app.state.live
    key_ring: KeyRing = request.app.state.key_ring
    account_id: str = request.path_params["account_id"]
    token = bearer_token(request.scope["headers"])

    async def may_go_on() -> bool:
        return await key_ring.still_may(token, Scope.EVENTS_READ, account_id)

    after = _last_event_id(request.headers.get("last-event-id"))
    events = live.subscribe(account_id, after=after)
    # Asked for before the answer begins: an unknown account is a 404, not a stream that breaks off.
    try:
        first = await anext(events)
    except StopAsyncIteration:
        raise Overloaded("this server is shutting down; connect again") from None
    return Stream(
        event_stream(
            first, events, platform, may_go_on=may_go_on, heartbeat_seconds=HEARTBEAT_SECONDS
        ),
        media_type="text/event-stream",
        headers={"x-accel-buffering": "no"},
    )


async def event_stream(
    first: LiveEvent,
    events: AsyncIterator[LiveEvent],
    platform: Platform,
    *,
    may_go_on: Callable[[], Awaitable[bool]],
    heartbeat_seconds: float,
) -> AsyncGenerator[bytes, None]:
    """The messages of a stream, with a comment where nothing happened for a while.

    It ends where ``may_go_on`` says no, which is asked by the clock: a stream that always has
    something to tell must not outlive its key.
    Only one event waits here: who reads slowly makes the feed's own bounded queue fill, and is
    told to read everything anew.
    """
    yield _RETRY
    yield render_event(first, platform.clock())
    queue: asyncio.Queue[LiveEvent | None] = asyncio.Queue(1)
    # The subscription belongs to a task of its own: a connection that breaks off in the middle of a
    # message is cancelled wherever it stands, and the feed must be left in order all the same.
    pump = asyncio.create_task(_pump(events, queue), name="event stream")
    loop = asyncio.get_running_loop()
    due = loop.time() + heartbeat_seconds
    try:
        while True:
            message = _HEARTBEAT
            try:
                async with asyncio.timeout_at(due):
                    event = await queue.get()
                if event is None:
                    return
                message = render_event(event, platform.clock())
            except TimeoutError:
                pass
            if loop.time() >= due:
                if not await may_go_on():
                    return
                due = loop.time() + heartbeat_seconds
            yield message
    finally:
        pump.cancel()


def render_event(event: LiveEvent, now: datetime) -> bytes:
    """One message, with an id where it is a place to resume from."""
    name, data = _told(event, now)
    # Metadata is given back as it is kept, and what was kept once may have lines of its own.
    text = msgspec.json.encode(data).replace(b"\r", b"\n").replace(b"\n", b"\ndata: ")
    head = b"" if event.event_seq is None else b"id: %d\n" % event.event_seq
    return b"%sevent: %s\ndata: %s\n\n" % (head, name, text)


async def _pump(events: AsyncIterator[LiveEvent], queue: asyncio.Queue[LiveEvent | None]) -> None:
    try:
        async for event in events:
            await queue.put(event)
    except Exception as error:  # noqa: BLE001 - the stream ends, the client connects again
        log_unexpected("GET", "event stream", error)
    finally:
        if isinstance(events, AsyncGenerator):
            await events.aclose()
    await queue.put(None)


def _told(event: LiveEvent, now: datetime) -> tuple[bytes, object]:
    if isinstance(event, CallChanged):
        return b"call", call_body(event.call, now)
    if isinstance(event, EntryPosted):
        return b"entry", entry_body(event.entry)
    if isinstance(event, BalanceChanged):
        return b"balance", _balance(event.account)
    if isinstance(event, Reset):
        return b"reset", {}
    return b"refusal", _refusal(event.refusal)


def _balance(account: Account) -> BalanceBody:
    return BalanceBody(
        available=format_usd(account.available_nanos),
        promo=format_usd(account.promo_nanos),
        paid=format_usd(account.paid_nanos),
        held=format_usd(account.held_nanos),
        startable=format_usd(account.startable_nanos),
        month_to_date=format_usd(account.month_to_date_nanos),
    )


def _refusal(refusal: Refusal) -> RefusalBody:
    return RefusalBody(
        call_id=refusal.call_id,
        channel=refusal.channel,
        reason=refusal.reason,
        available=format_usd(refusal.available_nanos),
        held=format_usd(refusal.held_nanos),
        startable=format_usd(refusal.startable_nanos),
        floor=format_usd(refusal.floor_nanos),
        refused_at=refusal.refused_at,
    )


def _last_event_id(text: str | None) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > _EVENT_ID_DIGITS_MAX:
        raise InvalidInput("Last-Event-ID is not one that we gave", field="Last-Event-ID")
    return int(text)
