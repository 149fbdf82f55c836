"""Bad input: a stable code, the field, and nothing written."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from talktime.ops.platform import Platform
from tests.api.caller import Caller, refused, told

MakeAccount = Callable[..., Awaitable[str]]


def llm(**quantities: object) -> dict[str, object]:
    return {
        "service": "llm",
        "provider": "openai",
        "model": "gpt-4o-mini",
        "quantities": quantities,
    }


def stt(seconds: object) -> dict[str, object]:
    return {"service": "stt", "provider": "deepgram", "quantities": {"audio_seconds": seconds}}


BAD_LINES = [
    pytest.param([llm(input_tokens=-1)], "invalid_quantity", "lines[0].quantities.input_tokens"),
    pytest.param([stt(-0.001)], "invalid_quantity", "lines[0].quantities.audio_seconds"),
    pytest.param([llm(output_tokens=1.5)], "invalid_quantity", "lines[0].quantities.output_tokens"),
    pytest.param(
        [llm(output_tokens=10**12 + 1)], "invalid_quantity", "lines[0].quantities.output_tokens"
    ),
    pytest.param(
        [llm(output_tokens=10**400)], "invalid_quantity", "lines[0].quantities.output_tokens"
    ),
    pytest.param([stt("1e9")], "invalid_quantity", "lines[0].quantities.audio_seconds"),
    pytest.param([stt("NaN")], "invalid_quantity", "lines[0].quantities.audio_seconds"),
    pytest.param([stt("Infinity")], "invalid_quantity", "lines[0].quantities.audio_seconds"),
    pytest.param([stt("ten")], "invalid_quantity", "lines[0].quantities.audio_seconds"),
    pytest.param([stt(True)], "invalid_quantity", "lines[0].quantities.audio_seconds"),
    pytest.param([stt([])], "invalid_quantity", "lines[0].quantities.audio_seconds"),
    pytest.param([llm(words=1)], "invalid_quantity", "lines[0].quantities.words"),
    pytest.param(
        [llm(input_tokens=10, cached_input_tokens=11)],
        "invalid_quantity",
        "lines[0].quantities.cached_input_tokens",
    ),
    pytest.param(
        [llm(), {"service": "llm", "provider_cost": "0.0000000001"}],
        "invalid_amount",
        "lines[1].provider_cost",
    ),
    pytest.param(
        [{"service": "llm", "provider_cost": "-1"}], "invalid_amount", "lines[0].provider_cost"
    ),
    pytest.param(
        [{"service": "llm", "provider_cost": 0.005}], "invalid_amount", "lines[0].provider_cost"
    ),
    pytest.param(
        [{"service": "llm", "provider_cost": "1e3"}], "invalid_amount", "lines[0].provider_cost"
    ),
    pytest.param(
        [{"service": "sip", "quantities": {"seconds": 1}}], "line_not_allowed", "lines[0].service"
    ),
    pytest.param([{"service": "fax"}], "invalid_input", "lines[0].service"),
    pytest.param([{"provider": "openai"}], "invalid_input", "lines[0].service"),
    pytest.param([{"service": "llm", "cost": "1"}], "invalid_input", "lines[0].cost"),
    pytest.param([{"service": "llm", "model": "x" * 129}], "invalid_input", "lines[0].model"),
    pytest.param(
        [{"service": "llm", "provider": "a\u0000b"}], "invalid_input", "lines[0].provider"
    ),
    pytest.param([llm()] * 65, "too_many", "lines"),
    pytest.param({"service": "llm"}, "invalid_input", "lines"),
]


@pytest.mark.parametrize(("lines", "code", "field"), BAD_LINES)
@pytest.mark.parametrize("act", ["usage", "end"])
async def test_a_bad_line(  # noqa: PLR0917 - a table has columns
    api: Caller, make_account: MakeAccount, lines: object, code: str, field: str, act: str
) -> None:
    """A report or an end with a bad line is refused as a whole; the call stays as it was."""
    account_id = await make_account(paid="1")
    told(await api.start(account_id, "c"), 201)
    before = await api.call(account_id, "c")
    response = await (api.usage if act == "usage" else api.end)(account_id, "c", lines=lines)
    refused(response, 400, code, field)
    assert await api.call(account_id, "c") == before
    account = await api.account(account_id)
    assert (account["available"], account["held"]) == ("1", "0.1")


BAD_STARTS = [
    pytest.param({"channel": "fax"}, 400, "invalid_input", "channel", id="unknown channel"),
    pytest.param({"channel": None}, 400, "invalid_input", "channel", id="no channel"),
    pytest.param({"direction": "up"}, 400, "invalid_input", "direction", id="unknown direction"),
    pytest.param({"call_id": ""}, 400, "invalid_input", "call_id", id="empty id"),
    pytest.param({"call_id": "x" * 256}, 400, "invalid_input", "call_id", id="long id"),
    pytest.param({"call_id": "a/b"}, 400, "invalid_input", "call_id", id="slash in id"),
    pytest.param({"call_id": ".."}, 400, "invalid_input", "call_id", id="dots as id"),
    pytest.param({"call_id": "a\nb"}, 400, "invalid_input", "call_id", id="control in id"),
    pytest.param({"call_id": 5}, 400, "invalid_input", "call_id", id="number as id"),
    pytest.param({"account_id": "a\u0000b"}, 400, "invalid_input", "account_id", id="zero byte"),
    pytest.param({"account_id": "nobody-4711"}, 404, "account_unknown", "account_id", id="nobody"),
    pytest.param({"agent_id": "x" * 256}, 400, "invalid_input", "agent_id", id="long agent"),
    pytest.param({"from": "\u0007"}, 400, "invalid_input", "from", id="control in from"),
    pytest.param({"to": "x" * 256}, 400, "invalid_input", "to", id="long to"),
    pytest.param({"metadata": []}, 400, "invalid_input", "metadata", id="list as metadata"),
    pytest.param({"metadata": {"x": "y" * 4096}}, 400, "invalid_input", "metadata", id="4 KiB"),
    pytest.param({"color": 1}, 400, "invalid_input", "color", id="unknown member"),
    pytest.param(
        {"started_at": "2026-11-23T12:00:00"}, 400, "invalid_input", "started_at", id="no offset"
    ),
    pytest.param({"started_at": 5}, 400, "invalid_input", "started_at", id="number as time"),
    pytest.param(
        {"started_at": "0001-01-01T00:00:00+14:00"}, 400, "invalid_input", "started_at", id="dawn"
    ),
    pytest.param(
        {"started_at": "2001-01-01T00:00:00Z"}, 400, "clock_off", "started_at", id="long ago"
    ),
]


@pytest.mark.parametrize(("facts", "status", "code", "field"), BAD_STARTS)
async def test_a_bad_start(  # noqa: PLR0917 - a table has columns
    api: Caller,
    make_account: MakeAccount,
    facts: dict[str, Any],
    status: int,
    code: str,
    field: str,
) -> None:
    """A start that cannot be right is refused by the field, and holds nothing."""
    account_id = await make_account(paid="1")
    body = {"account_id": account_id, "call_id": "c", "channel": "phone", **facts}
    refused(await api.ask("POST", "/v1/calls", body), status, code, field)
    assert (await api.calls(account_id))["items"] == []
    assert (await api.account(account_id))["held"] == "0"


async def test_what_would_be_right_is_said(api: Caller, make_account: MakeAccount) -> None:
    """Who misspells one of a few words is told them all, alone and in a batch."""
    start = {"account_id": await make_account(paid="1"), "call_id": "c", "channel": "fax"}
    alone = await api.ask("POST", "/v1/calls", start)
    batch = await api.ask("POST", "/v1/batch/start", {"items": [start]})
    for detail in (alone.json()["detail"], batch.json()["items"][0]["problem"]["detail"]):
        assert detail.endswith("use one of phone, web, whatsapp, chat")


async def test_a_clock_a_day_off(
    api: Caller, make_account: MakeAccount, platform: Platform
) -> None:
    """Times a day from ours are refused, before and after: wrong clocks are no facts."""
    account_id = await make_account(paid="1")
    now = platform.clock()
    for hours in (-24, 24):
        day_off = (now + timedelta(hours=hours)).isoformat()
        refused(
            await api.start(account_id, "c", started_at=day_off), 400, "clock_off", "started_at"
        )
    told(await api.start(account_id, "c"), 201)
    tomorrow = (now + timedelta(hours=24)).isoformat()
    refused(await api.end(account_id, "c", ended_at=tomorrow), 400, "clock_off", "ended_at")
    assert (await api.call(account_id, "c"))["status"] == "live"


async def test_an_end_before_the_start(
    api: Caller, make_account: MakeAccount, platform: Platform
) -> None:
    """A call cannot end before it began."""
    account_id = await make_account(paid="1")
    now = platform.clock()
    began = (now - timedelta(minutes=1)).isoformat()
    told(await api.start(account_id, "c", started_at=began), 201)
    earlier = (now - timedelta(minutes=2)).isoformat()
    refused(await api.end(account_id, "c", ended_at=earlier), 400, "end_before_start", "ended_at")
    assert (await api.call(account_id, "c"))["status"] == "live"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"outcome": "exploded"}, "outcome"),
        ({"outcome": None}, "outcome"),
        ({"duration_seconds": -1}, "duration_seconds"),
        ({"duration_seconds": "NaN"}, "duration_seconds"),
        ({"duration_seconds": 31 * 86400 + 1}, "duration_seconds"),
        ({"duration_seconds": 10**400}, "duration_seconds"),
        ({"duration_seconds": True}, "duration_seconds"),
        ({"duration_seconds": "1_0"}, "duration_seconds"),
        ({"duration_seconds": "1e1"}, "duration_seconds"),
        ({"duration_seconds": " 10"}, "duration_seconds"),
        ({"duration_seconds": "+10"}, "duration_seconds"),
        ({"duration_seconds": "\u0661"}, "duration_seconds"),
        ({"ended_at": "yesterday"}, "ended_at"),
        ({"ended_at": "2026-11-23T12:00:00"}, "ended_at"),
        ({"reason": "x" * 501}, "reason"),
        ({"reason": "a\nb"}, "reason"),
        ({"late": True}, "late"),
    ],
)
async def test_a_bad_end(
    api: Caller, make_account: MakeAccount, body: dict[str, object], field: str
) -> None:
    """An end that cannot be right is refused by the field; the call goes on."""
    account_id = await make_account(paid="1")
    told(await api.start(account_id, "c"), 201)
    refused(await api.end(account_id, "c", **body), 400, "invalid_input", field)
    assert (await api.call(account_id, "c"))["status"] == "live"


async def test_unknown_account_or_call(api: Caller, make_account: MakeAccount) -> None:
    """A report or an end of a call that was never started is a 404 that says so."""
    account_id = await make_account(paid="1")
    for owner in (account_id, "nobody-4711"):
        refused(await api.usage(owner, "c"), 404, "call_unknown", "call_id")
        refused(await api.end(owner, "c"), 404, "call_unknown", "call_id")


MALFORMED = [
    b"",
    b"{",
    b"not json",
    b'{"outcome": "completed",}',
    b'{"outcome": "completed"} x',
    b'{"outcome": "completed", "duration_seconds": NaN}',
    b'{"outcome": "completed", "duration_seconds": Infinity}',
    b'{"outcome": "completed", "reason": "\xff"}',
    b'{"outcome": "completed", "reason": "\\ud800"}',
    b'\xef\xbb\xbf{"outcome": "completed"}',
    b'{"lines": ' + b"[" * 100_000,
]


@pytest.mark.parametrize("body", MALFORMED, ids=lambda body: repr(body[:40]))
async def test_malformed_json(api: Caller, make_account: MakeAccount, body: bytes) -> None:
    """What is no JSON is refused as that, whatever is wrong with it."""
    account_id = await make_account(paid="1")
    told(await api.start(account_id, "c"), 201)
    path = f"/v1/accounts/{account_id}/calls/c/end"
    response = await api.ask("POST", path, body)
    assert response.status_code == 400
    assert response.json()["code"] in {"malformed_json", "invalid_input"}
    assert (await api.call(account_id, "c"))["status"] == "live"


async def test_a_body_over_the_limit(api: Caller, make_account: MakeAccount) -> None:
    """A body over 2 MiB is refused before it is read through, announced or not."""
    account_id = await make_account(paid="1")
    told(await api.start(account_id, "c"), 201)
    path = f"/v1/accounts/{account_id}/calls/c/end"
    body = b'{"outcome": "completed"' + b" " * (2 * 1024 * 1024) + b"}"
    refused(await api.ask("POST", path, body), 413, "body_too_large")
    assert (await api.call(account_id, "c"))["status"] == "live"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 201}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"status": "dead"}, "status"),
        ({"from_date": "23.11.2026"}, "from_date"),
        ({"agent_id": "\n"}, "agent_id"),
        ({"color": "red"}, "color"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "W10"}, "cursor"),
        ({"cursor": "é"}, "cursor"),
        ({"cursor": "A" * 5000}, "cursor"),
    ],
)
async def test_a_bad_question(
    api: Caller, make_account: MakeAccount, query: dict[str, object], field: str
) -> None:
    """A list is asked for with known filters, a limit of at most 200 and a cursor that we gave."""
    account_id = await make_account()
    response = await api.ask("GET", f"/v1/accounts/{account_id}/calls", params=query)
    refused(response, 400, "invalid_input", field)


async def test_a_question_asked_twice(api: Caller, make_account: MakeAccount) -> None:
    """A parameter given twice is refused: which one was meant cannot be told."""
    account_id = await make_account()
    response = await api.ask("GET", f"/v1/accounts/{account_id}/calls?limit=1&limit=2")
    refused(response, 400, "invalid_input", "limit")
