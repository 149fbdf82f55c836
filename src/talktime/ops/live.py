"""The one live feed of a process: what the API's event stream and the open pages are told.

One poller per process, running only while somebody listens, asks for all listened accounts at
once; so a change made by any other process is told as well, and nobody listening costs nothing.
Ten times a second it compares each account's last event; twice a second it looks for running
calls that moved or fell silent.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, aclosing
from datetime import datetime, timedelta
from typing import Final, Protocol

from talktime.core.call import Status
from talktime.core.errors import Overloaded
from talktime.db import live
from talktime.db.calls import read_calls
from talktime.db.pool import Connection
from talktime.ops.accounts import account_unknown
from talktime.ops.live_events import (
    BalanceChanged,
    CallChanged,
    LiveEvent,
    Reset,
    Span,
    read_span_events,
)

POLL_SECONDS: Final = 0.1
REST_SECONDS: Final = 0.02
"""Between two rounds at least, where a round takes longer than it may."""
POLLS_PER_TICK: Final = 5
RETRY_SECONDS: Final = 1.0
QUEUE_MAX: Final = 512
"""What a listener may have before it; who is slower than that is told to read everything anew."""
LISTENERS_MAX: Final = 2_000
LISTENERS_PER_ACCOUNT_MAX: Final = 50
"""Open pages and streams of one account, so that none can take the connections of all."""
RUNNING_MAX: Final = 5_000
"""Running calls watched over all listened accounts."""
GREETING_MAX: Final = 100
"""Running calls told to a listener at its start."""

logger = logging.getLogger(__name__)


class Source(Protocol):
    """What the feed needs of a Platform."""

    @property
    def clock(self) -> Callable[[], datetime]: ...

    def connection(self) -> AbstractAsyncContextManager[Connection]: ...


class _Listener:
    """A bounded queue between the poller and one reader."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[LiveEvent | None] = asyncio.Queue(QUEUE_MAX)
        self._newest_balance: BalanceChanged | None = None

    async def hear(self) -> list[LiveEvent | None]:
        """All that waits, as soon as something does; but of several balances the last alone."""
        told = [await self.queue.get()]
        while not self.queue.empty():
            told.append(self.queue.get_nowait())
        return [
            event
            for event in told
            if not isinstance(event, BalanceChanged) or event is self._newest_balance
        ]

    def tell(self, events: Iterable[LiveEvent | None], *, event_seq: int) -> None:
        for event in events:
            if self.queue.full():
                while not self.queue.empty():
                    self.queue.get_nowait()
                self.queue.put_nowait(Reset(event_seq=event_seq))
                if event is not None:
                    return
            self.queue.put_nowait(event)
            if isinstance(event, BalanceChanged):
                self._newest_balance = event


class _Watched:
    """One account that somebody listens to."""

    def __init__(self, pulse: live.Pulse, calls: dict[str, tuple[int, bool]]) -> None:
        self.pulse = pulse
        self.calls = calls
        """By call id: revision and whether it was silent, as last told."""
        self.listeners: set[_Listener] = set()

    def tell(self, events: Iterable[LiveEvent]) -> None:
        told = list(events)
        for listener in self.listeners:
            listener.tell(told, event_seq=self.pulse.event_seq)


class LiveFeed:
    """Subscribe to what happens on an account; one of these per process and event loop."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._watched: dict[str, _Watched] = {}
        self._poller: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def is_idle(self) -> bool:
        """Nobody listens, and nothing runs."""
        return not self._watched and (self._poller is None or self._poller.done())

    async def subscribe(
        self, account_id: str, *, after: int | None = None
    ) -> AsyncGenerator[LiveEvent, None]:
        """As subscribe_bursts, one event after the other."""
        async with aclosing(self.subscribe_bursts(account_id, after=after)) as bursts:
            async for burst in bursts:
                for event in burst:
                    yield event

    async def subscribe_bursts(
        self, account_id: str, *, after: int | None = None
    ) -> AsyncGenerator[list[LiveEvent], None]:
        """Everything that happens on an account, from now on or from after one event.

        First comes what happened since ``after``, or a Reset where that is not kept any more (24
        hours); then the balance and the running calls as they are; then whatever happens, as it
        happens. What waits while its reader is busy comes in one piece. Ends when the feed is
        closed. Raises AccountUnknown; Overloaded where too many
        listen. Close the iterator (``contextlib.aclosing``) to stop listening.
        """
        listener, watched, newest = await self._join(account_id)
        upto = watched.pulse.event_seq
        try:
            if after is not None and after > newest:
                # Of another history: a database put back from a copy, say.
                yield [Reset(event_seq=upto)]
                after = None
            if greeting := await self._greeting(account_id, after, upto):
                yield greeting
            while True:
                told = await listener.hear()
                if events := [event for event in told if event is not None]:
                    yield events
                if None in told:
                    return
        finally:
            watched.listeners.discard(listener)
            if not watched.listeners and self._watched.get(account_id) is watched:
                del self._watched[account_id]

    def close(self) -> None:
        """End every subscription; for the shutdown of the process."""
        self._closed = True
        for watched in self._watched.values():
            for listener in watched.listeners:
                listener.tell([None], event_seq=watched.pulse.event_seq)
        # The poller ends with its next round, whether or not anybody reads on.
        self._watched.clear()

    async def finish(self) -> None:
        """Close, and wait until nothing of the feed runs any more."""
        self.close()
        await self.stopped()

    async def stopped(self) -> None:
        """Wait until the poller has found that nobody listens."""
        if self._poller is not None:
            await asyncio.wait([self._poller])

    async def _join(self, account_id: str) -> tuple[_Listener, _Watched, int]:
        """A listener that misses nothing after ``watched.pulse``; and the newest event's number.

        The poller may be a little behind the newest, never ahead of it.
        """
        self._check_room(account_id)
        async with self._source.connection() as connection:
            pulse = (await live.read_pulses(connection, [account_id])).get(account_id)
            if pulse is None:
                raise account_unknown(account_id)
            running = await live.read_running(connection, [account_id], limit=RUNNING_MAX)
        # From here to the end nothing is awaited, so neither the poller nor others who joined at
        # the same time can come between.
        self._check_room(account_id)
        watched = self._watched.get(account_id)
        if watched is None:
            now = self._source.clock()
            watched = _Watched(pulse, {one.call_id: _state(one, now) for one in running})
            self._watched[account_id] = watched
        listener = _Listener()
        watched.listeners.add(listener)
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._run(), name="talktime live feed")
        return listener, watched, max(pulse.event_seq, watched.pulse.event_seq)

    def _check_room(self, account_id: str) -> None:
        """Raise Overloaded where one more listener would be too many."""
        if self._closed or sum(len(w.listeners) for w in self._watched.values()) >= LISTENERS_MAX:
            raise Overloaded("too many live connections; try again shortly")
        watched = self._watched.get(account_id)
        if watched is not None and len(watched.listeners) >= LISTENERS_PER_ACCOUNT_MAX:
            raise Overloaded(
                f"this account has {LISTENERS_PER_ACCOUNT_MAX} live connections, the most there "
                "may be; close some of its pages or event streams, or share one stream"
            )

    async def _greeting(self, account_id: str, after: int | None, upto: int) -> list[LiveEvent]:
        now = self._source.clock()
        async with self._source.connection() as connection:
            told: list[LiveEvent] = []
            if after is not None and after < upto:
                span = Span(account_id=account_id, after=after, upto=upto)
                told += (await read_span_events(connection, [span], now=now))[account_id]
            else:
                account = (await live.read_accounts(connection, [account_id], now=now))[account_id]
                told.append(BalanceChanged(account=account, event_seq=upto))
            running = await live.read_running(connection, [account_id], limit=GREETING_MAX)
            if running:
                calls = await read_calls(connection, [(account_id, r.call_id) for r in running])
                told += [CallChanged(call=call) for call in calls.values()]
        return told

    async def _run(self) -> None:
        round_no = 0
        loop = asyncio.get_running_loop()
        while self._watched:
            due = loop.time() + POLL_SECONDS
            try:
                async with self._source.connection() as connection:
                    await self._tell_events(connection)
                    if round_no % POLLS_PER_TICK == 0:
                        await self._tell_ticks(connection)
            except Overloaded:
                logger.warning("the live feed cannot read the database; it tries again")
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:  # one bad round must not silence every page
                logger.exception("a round of the live feed failed; it goes on")
                await asyncio.sleep(RETRY_SECONDS)
            round_no += 1
            # So often in all, whatever the round took; but others get their turn.
            await asyncio.sleep(max(REST_SECONDS, due - loop.time()))

    async def _tell_events(self, connection: Connection) -> None:
        now = self._source.clock()
        pulses = await live.read_pulses(connection, list(self._watched))
        spans, moved = [], []
        for account_id, pulse in pulses.items():
            watched = self._watched.get(account_id)
            if watched is None or pulse == watched.pulse:
                continue
            if pulse.event_seq > watched.pulse.event_seq:
                after = watched.pulse.event_seq
                spans.append(Span(account_id=account_id, after=after, upto=pulse.event_seq))
            else:
                moved.append(account_id)
        told = await read_span_events(connection, spans, now=now) if spans else {}
        if moved:
            accounts = await live.read_accounts(connection, moved, now=now)
            told.update({name: [BalanceChanged(account=one)] for name, one in accounts.items()})
        for account_id, events in told.items():
            watched = self._watched.get(account_id)
            # An account joined anew meanwhile begins at a later event.
            if watched is None or watched.pulse.event_seq > pulses[account_id].event_seq:
                continue
            watched.pulse = pulses[account_id]
            for event in events:
                if isinstance(event, CallChanged):
                    call = event.call
                    watched.calls[call.call_id] = (
                        call.revision,
                        call.status_at(now) is Status.SILENT,
                    )
            watched.tell(events)

    async def _tell_ticks(self, connection: Connection) -> None:
        now = self._source.clock()
        asked = dict(self._watched)
        running = await live.read_running(connection, list(asked), limit=RUNNING_MAX)
        states: dict[str, dict[str, tuple[int, bool]]] = {name: {} for name in asked}
        for one in running:
            states[one.account_id][one.call_id] = _state(one, now)
        changed = [
            (name, call_id)
            for name, calls in states.items()
            for call_id, state in calls.items()
            if asked[name].calls.get(call_id) != state
        ]
        calls_now = await read_calls(connection, changed) if changed else {}
        for name, watched in asked.items():
            watched.calls = states[name]
        for (name, _), call in calls_now.items():
            # One that ended in between is told by its event.
            if call.status is Status.LIVE:
                asked[name].tell([CallChanged(call=call)])


def _state(one: live.Running, now: datetime) -> tuple[int, bool]:
    return (one.revision, now - one.last_heard_at > timedelta(milliseconds=one.lease_ms))
