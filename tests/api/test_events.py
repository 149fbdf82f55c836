"""Server-sent events over a real connection."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx
import msgspec
import pytest
from litestar import Litestar

from talktime.api import events
from talktime.api.app import create_app
from talktime.api.events import event_stream, render_event
from talktime.config import Settings
from talktime.core.usage import LineReport
from talktime.ops import live
from talktime.ops.live_events import CallChanged, LiveEvent, Reset
from talktime.ops.platform import Platform
from tests.acting import Bots
from tests.api.caller import OPERATOR_KEY, WORKED_EXAMPLE, Caller, Json, listening, refused, told

MakeAccount = Callable[..., Awaitable[str]]
PATIENCE = 20.0  # on a busy machine; what comes is awaited, never timed


class Message(msgspec.Struct, kw_only=True):
    event: str = ""
    id: str | None = None
    data: Json = {}


@pytest.fixture
async def served(platform: Platform, settings: Settings) -> AsyncIterator[tuple[Litestar, Caller]]:
    """A real server, and a caller of it."""
    app = create_app(platform, settings)
    async with listening(app) as url, httpx.AsyncClient(base_url=url, timeout=10) as client:
        yield app, Caller(client, OPERATOR_KEY)


@asynccontextmanager
async def listen(
    api: Caller, account_id: str, **headers: str
) -> AsyncIterator[AsyncIterator[Message]]:
    """Follow an account's events."""
    async with api.client.stream(
        "GET",
        f"/v1/accounts/{account_id}/events",
        headers={"authorization": f"Bearer {api.key}", **headers},
    ) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield messages(response)


async def messages(response: httpx.Response) -> AsyncIterator[Message]:
    message = Message()
    async for line in response.aiter_lines():
        name, _, value = line.partition(": ")
        if name == "event":
            message.event = value
        elif name == "id":
            message.id = value
        elif name == "data":
            message.data = msgspec.json.decode(value)
        elif not line and message.event:
            yield message
            message = Message()


async def until(
    told_so_far: AsyncIterator[Message], holds: Callable[[Message], bool]
) -> list[Message]:
    """Messages up to the first that fits, however busy the machine."""
    seen: list[Message] = []
    async with asyncio.timeout(PATIENCE):
        async for message in told_so_far:
            seen.append(message)
            if holds(message):
                return seen
    raise AssertionError(seen)


async def test_a_call_is_told_as_it_goes(
    served: tuple[Litestar, Caller], make_account: MakeAccount
) -> None:
    """A listener hears the call begin, tick, end, its entry and the balance, and can resume."""
    _, api = served
    account_id = await make_account(paid="1")
    async with listen(api, account_id) as stream:
        first = await until(stream, lambda message: message.event == "balance")
        assert first[-1].data["available"] == "1"
        told(await api.start(account_id, "e", channel="phone"), 201)
        await until(stream, lambda m: m.event == "call" and m.data["status"] == "live")
        told(await api.usage(account_id, "e", lines=WORKED_EXAMPLE[:1]))
        await until(stream, lambda m: m.event == "call" and m.data["charge"] == "0.0065")
        told(await api.end(account_id, "e", lines=WORKED_EXAMPLE))
        seen = await until(stream, lambda m: m.event == "balance" and m.id is not None)
    kinds = {message.event for message in seen}
    assert {"call", "entry", "balance"} <= kinds
    assert seen[-1].data["available"] == "0.948"
    (entry,) = [message.data for message in seen if message.event == "entry"]
    assert (entry["kind"], entry["amount"], entry["available_after"]) == ("call", "-0.052", "0.948")

    resume = {"last-event-id": str(seen[-1].id)}
    refused(
        await api.start(account_id, "x", channel="phone", metadata=5),
        400,
        "invalid_input",
        "metadata",
    )
    told(await api.start(account_id, "e2", channel="phone"), 201)
    async with listen(api, account_id, **resume) as stream:
        replayed = await until(stream, lambda m: m.event == "call")
    assert replayed[-1].data["call_id"] == "e2"


async def test_who_goes_is_forgotten(
    served: tuple[Litestar, Caller], make_account: MakeAccount
) -> None:
    """A listener that hangs up leaves nothing behind."""
    app, api = served
    account_id = await make_account()
    async with listen(api, account_id) as stream:
        await until(stream, lambda message: message.event == "balance")
        assert not app.state.live.is_idle
    async with asyncio.timeout(PATIENCE):
        while not app.state.live.is_idle:  # noqa: ASYNC110 - nothing tells it
            await asyncio.sleep(0.05)


async def test_refusals_before_the_stream(
    served: tuple[Litestar, Caller], make_account: MakeAccount
) -> None:
    """An unknown account, a wrong Last-Event-ID and a missing scope are ordinary problems."""
    _, api = served
    account_id = await make_account()
    path = f"/v1/accounts/{account_id}/events"
    refused(
        await api.ask("GET", "/v1/accounts/nobody-4711/events"),
        404,
        "account_unknown",
        "account_id",
    )
    wrong = {"last-event-id": "x"}
    refused(await api.ask("GET", path, headers=wrong), 400, "invalid_input", "Last-Event-ID")
    deaf = api.using(await api.make_key("calls:read"))
    refused(await deaf.ask("GET", path), 403, "forbidden")


async def test_silence_is_filled(platform: Platform) -> None:
    """Where nothing happens a comment goes out, so that nobody takes the stream for dead."""

    async def nothing() -> AsyncIterator[LiveEvent]:
        await asyncio.sleep(60)
        yield Reset(event_seq=1)

    async def always() -> bool:
        return True

    stream = event_stream(
        Reset(event_seq=7), nothing(), platform, may_go_on=always, heartbeat_seconds=0.01
    )
    assert (await anext(stream)).startswith(b"retry:")
    assert await anext(stream) == b"id: 7\nevent: reset\ndata: {}\n\n"
    assert (await anext(stream)).startswith(b":")
    await stream.aclose()


def test_a_message() -> None:
    """A message is an event's name, its JSON on one line, and its place to resume from."""
    rendered = render_event(Reset(event_seq=3), datetime.now(UTC))
    assert rendered == b"id: 3\nevent: reset\ndata: {}\n\n"


async def test_metadata_breaks_no_message(
    served: tuple[Litestar, Caller], make_account: MakeAccount
) -> None:
    """Whatever white space a caller puts into its metadata, its events can be read."""
    _, api = served
    account_id = await make_account(paid="1")
    body = b'{"account_id": "%s", "call_id": "m", "channel": "web", "metadata": %s}' % (
        account_id.encode(),
        b'{"a":\n\n1,\r\n\r"b": "x y"}',
    )
    told(await api.ask("POST", "/v1/calls", body), 201)
    async with listen(api, account_id) as stream:
        seen = await until(stream, lambda m: m.event == "call")
    assert seen[-1].data["metadata"] == {"a": 1, "b": "x y"}


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\n\n"])
async def test_every_line_is_of_the_message(
    platform: Platform, make_account: MakeAccount, end: str
) -> None:
    """Also where kept metadata has lines, each line of a message is data of that message."""
    bots = Bots(platform, await make_account(paid="1"))
    await bots.start("m")
    call = await bots.report("m")
    call = msgspec.structs.replace(call, metadata=f'{{"a":{end}1}}')
    rendered = render_event(CallChanged(call=call, event_seq=3), datetime.now(UTC))
    assert b"\r" not in rendered
    head, event, *data, blank, rest = rendered.split(b"\n")
    assert (head, event, blank, rest) == (b"id: 3", b"event: call", b"", b"")
    assert all(line.startswith(b"data: ") for line in data)
    text = b"\n".join(line.removeprefix(b"data: ") for line in data)
    assert msgspec.json.decode(text)["metadata"] == {"a": 1}


async def test_a_busy_stream_ends_with_its_key(
    served: tuple[Litestar, Caller],
    make_account: MakeAccount,
    platform: Platform,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A stream outlives its key by moments, however much there is to tell."""
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 1.0)
    _, api = served
    account_id = await make_account(paid="1")
    made = {"name": "n", "scopes": ["events:read"], "account_id": account_id}
    key = told(await api.ask("POST", "/v1/keys", made), 201)
    bots = Bots(platform, account_id)
    await bots.start("c")

    async def go_on() -> None:
        for i in range(1, 10_000):
            cost = LineReport(service="llm", provider="p", provider_cost=f"0.{i:06d}")
            await bots.report("c", cost)
            await asyncio.sleep(0.05)

    going = asyncio.create_task(go_on())
    try:
        async with listen(api.using(key["key"]), account_id) as stream, asyncio.timeout(PATIENCE):
            await anext(stream)
            path = f"/v1/keys/{key['key_id']}"
            await api.ask("DELETE", path, params={"account_id": account_id})
            async for _ in stream:
                pass
    finally:
        going.cancel()


async def test_who_may_listen_is_asked_by_the_clock(platform: Platform) -> None:
    """Permission is asked for again after each interval, whether or not anything is told."""

    async def endless() -> AsyncIterator[LiveEvent]:
        while True:
            yield Reset(event_seq=1)
            await asyncio.sleep(0)

    asked = 0

    async def twice() -> bool:
        nonlocal asked
        asked += 1
        return asked < 3

    stream = event_stream(
        Reset(event_seq=7), endless(), platform, may_go_on=twice, heartbeat_seconds=0.05
    )
    async with asyncio.timeout(PATIENCE):
        async for _ in stream:
            await asyncio.sleep(0)
    assert asked == 3


async def test_one_account_cannot_take_every_connection(
    served: tuple[Litestar, Caller], make_account: MakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond its share of live connections an account is told so; others listen on."""
    monkeypatch.setattr(live, "LISTENERS_PER_ACCOUNT_MAX", 1)
    _, api = served
    busy, other = await make_account(), await make_account()
    async with listen(api, busy) as stream:
        await anext(stream)
        problem = refused(await api.ask("GET", f"/v1/accounts/{busy}/events"), 503, "overloaded")
        assert "live connections" in problem["detail"]
        async with listen(api, other) as theirs:
            await anext(theirs)
