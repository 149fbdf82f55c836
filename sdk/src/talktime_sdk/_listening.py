"""Follows an account's events over as many connections as it takes."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator

import httpx

from talktime_sdk._delivery import Delivery
from talktime_sdk._errors import Overloaded, UnexpectedAnswer, Unreachable
from talktime_sdk._events import Event, EventReader, read_event
from talktime_sdk._wire import Response, path, read_refusal

SETTLED_SECONDS = 10.0
"""A connection that stood this long was no failure, though nothing happened on it."""


async def follow(
    delivery: Delivery, account_id: str, *, last_event_id: str, idle_seconds: float
) -> AsyncGenerator[Event]:
    """What TalktimeClient.events promises."""
    policy = delivery.retries
    reader = EventReader(last_event_id)
    failures = 0
    while True:
        trouble: Exception = Unreachable("the event stream ended")
        retry_after = None
        fruitful = False
        opened_at = time.monotonic()
        try:
            async with contextlib.aclosing(
                _listen(delivery, account_id, reader, idle_seconds)
            ) as connection:
                async for event in connection:
                    fruitful = True
                    yield event
        except httpx.RequestError as error:
            trouble = Unreachable(f"the event stream broke off ({type(error).__name__})")
        except Overloaded as error:
            trouble, retry_after = error, error.retry_after
        settled = time.monotonic() - opened_at >= min(idle_seconds, SETTLED_SECONDS)
        failures = 0 if fruitful or settled else failures + 1
        if policy.gives_up(failures, retry_after=retry_after):
            raise trouble
        pause = policy.pause(max(failures, 1), dice=delivery.dice, retry_after=retry_after)
        await asyncio.sleep(max(pause, min(reader.retry_seconds, policy.max_delay)))


async def _listen(
    delivery: Delivery, account_id: str, reader: EventReader, idle_seconds: float
) -> AsyncGenerator[Event]:
    """One connection's worth of events."""
    headers = {"Accept": "text/event-stream"}
    if reader.last_event_id:
        headers["Last-Event-ID"] = reader.last_event_id
    reader.reconnected()
    async with delivery.http.stream(
        "GET",
        path("accounts", account_id, "events"),
        headers=headers,
        timeout=httpx.Timeout(delivery.timeout_seconds, read=idle_seconds),
    ) as answer:
        if answer.status_code != 200:
            told = {name.lower(): value for name, value in answer.headers.items()}
            body = await answer.aread()
            raise read_refusal(Response(status=answer.status_code, body=body, headers=told))
        kind = answer.headers.get("content-type", "")
        if not kind.startswith("text/event-stream"):
            raise UnexpectedAnswer(f"{kind or 'something'} instead of events", status=200)
        async for chunk in answer.aiter_bytes():
            for frame in reader.feed(chunk):
                if (event := read_event(frame)) is not None:
                    yield event
