import contextlib
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from talktime_sdk import (
    BalanceChanged,
    CallChanged,
    EntryWritten,
    NotFound,
    Reset,
    TalktimeClient,
    UnexpectedAnswer,
    Unreachable,
)
from talktime_sdk._events import EVENT_BYTES_MAX, EventReader

BALANCE = {
    "available": "5.5",
    "promo": "0.5",
    "paid": "5",
    "held": "0",
    "startable": "5.5",
    "month_to_date": "0.052",
}
CALL = {
    "account_id": "acme",
    "call_id": "CA\u20281",
    "channel": "chat",
    "status": "live",
    "billing_status": "pending",
}
ENTRY = {
    "account_id": "acme",
    "seq": 1,
    "kind": "call",
    "ref": "CA1",
    "promo_delta": "-0.052",
    "paid_delta": "0",
    "amount": "-0.052",
    "promo_after": "0.448",
    "paid_after": "5",
    "available_after": "5.448",
    "occurred_at": "2026-11-23T12:00:00Z",
    "recorded_at": "2026-11-23T12:00:00Z",
}


def sse(event: str, data: Any, event_id: str | None = None, end: str = "\n") -> bytes:
    lines = [f"event: {event}", f"data: {json.dumps(data, ensure_ascii=False)}"]
    lines += [f"id: {event_id}"] if event_id is not None else []
    return (end.join([*lines, "", ""])).encode()


STREAM = (
    b"\xef\xbb\xbf: hello\n\n"
    + sse("balance", BALANCE, "7")
    + sse("call", CALL, end="\r\n")
    + sse("entry", ENTRY, "8", end="\r")
    + b"retry: 1500\ndata: a\ndata: b\ndata\nunknown: x\n\nevent: empty\n\n"
    + sse("unfinished", 1, "9")[:-1]
)


@example(list(range(1, len(STREAM))))
@given(st.lists(st.integers(1, len(STREAM) - 1), max_size=40).map(sorted))
def test_any_cutting_reads_the_same(cuts: list[int]) -> None:
    """However the bytes are cut into chunks, the same frames come out: lines end at LF, CR and
    CRLF only, comments and empty events are nothing, and what is unfinished is not an event."""
    reader = EventReader()
    frames = []
    for start, end in zip([0, *cuts], [*cuts, len(STREAM)], strict=True):
        frames += reader.feed(STREAM[start:end])
    assert [(frame.event, frame.event_id) for frame in frames] == [
        ("balance", "7"),
        ("call", "7"),
        ("entry", "8"),
        ("message", "8"),
    ]
    assert json.loads(frames[1].data) == CALL
    assert frames[3].data == "a\nb\n"
    assert (reader.last_event_id, reader.retry_seconds) == ("8", 1.5)


def test_events_have_a_limit() -> None:
    """A stream that never ends an event is given up, not kept in memory."""
    reader = EventReader()
    for _ in range(EVENT_BYTES_MAX // 65536):
        reader.feed(b"x" * 65536)
    with pytest.raises(UnexpectedAnswer):
        reader.feed(b"x" * 65536)


async def test_resumed_where_it_broke_off(server: Any, client: TalktimeClient) -> None:
    """A stream cut in the middle of an event goes on after the last whole one; kinds that this
    version does not know are passed over."""
    second = sse("entry", ENTRY, "8")
    server.script(
        "GET events",
        [sse("balance", BALANCE, "7"), sse("news", 1), sse("call", CALL), second[:40]],
        "refuse",
        503,
        [second, sse("reset", {})],
    )
    async with contextlib.aclosing(client.events("acme")) as events:
        seen = [await anext(events) for _ in range(4)]
    assert [type(event) for event in seen] == [BalanceChanged, CallChanged, EntryWritten, Reset]
    assert [event.event_id for event in seen] == ["7", "7", "8", "8"]
    asked = [request.headers.get("last-event-id") for request in server.of("GET events")]
    assert asked == [None, "7", "7", "7"]
    assert server.seen[0].headers["accept"] == "text/event-stream"


async def test_a_saved_place_is_resumed(server: Any, client: TalktimeClient) -> None:
    """A process that kept the last event_id goes on from there."""
    server.script("GET events", [sse("balance", BALANCE, "12")])
    async with contextlib.aclosing(client.events("acme", last_event_id="11")) as events:
        assert (await anext(events)).event_id == "12"
    assert server.seen[0].headers["last-event-id"] == "11"


async def test_a_silent_connection_is_renewed(server: Any, client: TalktimeClient) -> None:
    """A connection on which nothing comes is given up after idle_seconds, without an error."""
    server.script("GET events", "silence", "silence", [sse("reset", {})])
    async with contextlib.aclosing(client.events("acme", idle_seconds=0.05)) as events:
        assert isinstance(await anext(events), Reset)


async def test_failing_streams_are_bounded(server: Any, client: TalktimeClient) -> None:
    """A stream that only fails raises after the attempts of the policy."""
    server.script("GET events", *["refuse"] * 3)
    with pytest.raises(Unreachable):
        await anext(client.events("acme"))
    assert len(server.seen) == 3


async def test_a_refused_stream(server: Any, client: TalktimeClient) -> None:
    """An account that is not there has no events, and that is said at once."""
    server.script("GET events", 404, 404)
    with pytest.raises(NotFound):
        await anext(client.events("acme"))
    assert len(server.seen) == 1
