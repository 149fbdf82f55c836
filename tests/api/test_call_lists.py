"""An account's calls in pages, found by what they are."""

import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from litestar import Litestar

from talktime.ops.platform import Platform
from tests.api.caller import WORKED_EXAMPLE, Caller, refused, told

MakeAccount = Callable[..., Awaitable[str]]


async def test_pages_of_calls(api: Caller, make_account: MakeAccount) -> None:
    """Pages follow each other without gap or repeat, newest first; filters narrow them."""
    account_id = await make_account(paid="10")
    for i in range(7):
        told(await api.start(account_id, f"p{i}", agent_id=f"agent{i % 2}"), 201)
    told(await api.end(account_id, "p0", lines=WORKED_EXAMPLE[:3]))
    told(await api.end(account_id, "p1", outcome="busy"))

    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await api.calls(account_id, limit=3, **cursor)
        seen += [call["call_id"] for call in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == [f"p{i}" for i in reversed(range(7))]

    async def ids(**query: object) -> list[str]:
        return [call["call_id"] for call in (await api.calls(account_id, **query))["items"]]

    today = datetime.now(UTC).date()
    assert await ids(status="ended") == ["p1", "p0"]
    assert await ids(outcome="busy") == ["p1"]
    assert await ids(billing_status="charged") == ["p0"]
    assert await ids(agent_id="agent1", status="live") == ["p5", "p3"]
    assert await ids(channel="phone") == []
    assert await ids(to_date=str(today - timedelta(days=1))) == []
    tomorrow = str(today + timedelta(days=1))
    assert len(await ids(from_date=str(today - timedelta(days=1)), to_date=tomorrow)) == 7
    nobody = await api.ask("GET", f"/v1/accounts/{uuid.uuid4()}/calls")
    refused(nobody, 404, "account_unknown", "account_id")


async def test_silent_is_told(
    app: Litestar,
    api: Caller,
    make_account: MakeAccount,
    platform: Platform,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A live call not heard from within its lease is told, and found, as silent."""
    account_id = await make_account(paid="1")
    told(await api.start(account_id, "s"), 201)
    late = platform.clock() + timedelta(seconds=61)
    later = msgspec.structs.replace(platform, clock=lambda: late)
    monkeypatch.setattr(app.state, "platform", later)
    assert (await api.call(account_id, "s"))["status"] == "silent"
    assert [
        call["call_id"] for call in (await api.calls(account_id, status="silent"))["items"]
    ] == ["s"]
    assert (await api.calls(account_id, status="live"))["items"] == []
