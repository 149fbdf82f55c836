"""The life of a call over HTTP."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from talktime.ops.call_silence import end_silent_calls
from talktime.ops.platform import Platform
from tests.api.caller import WORKED_EXAMPLE, Caller, refused, told

MakeAccount = Callable[..., Awaitable[str]]


async def test_the_worked_example(api: Caller, make_account: MakeAccount) -> None:
    """A 60-second phone call with costs of $0.04 is charged $0.052, promo first."""
    account_id = await make_account(promo="0.02", paid="1")
    admitted = told(await api.start(account_id, "CA1", channel="phone"), 201)
    assert admitted == {
        "account_id": account_id,
        "call_id": "CA1",
        "admitted": True,
        "status": "live",
        "hold": "0.1",
        "available": "1.02",
        "held": "0.1",
        "startable": "0.92",
        "talk_time_left_seconds": None,
        "lease_seconds": 60,
    }
    ended = told(await api.end(account_id, "CA1", lines=WORKED_EXAMPLE, duration_seconds=60))
    expected = {
        "status": "ended",
        "outcome": "completed",
        "billing_status": "charged",
        "free_reason": None,
        "duration_seconds": 60,
        "provider_cost": "0.04",
        "margin": "0.012",
        "charge": "0.052",
        "promo_charged": "0.02",
        "paid_charged": "0.032",
        "hold": "0",
        "margin_rate": "0.3",
        "late": False,
    }
    assert {name: ended[name] for name in expected} == expected
    assert [line["cost"] for line in ended["lines"]] == ["0.005", "0.006", "0.022", "0.007"]
    assert {line["priced_by"] for line in ended["lines"]} == {"provider"}
    assert await api.call(account_id, "CA1") == ended
    account = await api.account(account_id)
    assert (account["available"], account["held"]) == ("0.968", "0")


async def test_on_the_web(api: Caller, make_account: MakeAccount) -> None:
    """The same call on the web has no SIP line and is charged $0.0429."""
    account_id = await make_account(paid="1")
    told(await api.start(account_id, "w"), 201)
    ended = told(await api.end(account_id, "w", lines=WORKED_EXAMPLE[:3]))
    assert (ended["provider_cost"], ended["margin"], ended["charge"]) == (
        "0.033",
        "0.0099",
        "0.0429",
    )


async def test_a_receipt_adds_up(api: Caller, make_account: MakeAccount) -> None:
    """Every part is billed x unit_price / per, the parts make the line, the lines the cost."""
    account_id = await make_account(paid="1")
    told(await api.start(account_id, "r"), 201)
    lines = [
        {
            "service": "llm",
            "provider": "openai",
            "model": "gpt-4o-mini",
            "quantities": {
                "input_tokens": 1001,
                "cached_input_tokens": 301,
                "output_tokens": 77,
            },
        },
        {
            "service": "stt",
            "provider": "deepgram",
            "model": "nova-3",
            "quantities": {"audio_seconds": 4.54},
        },
    ]
    call = told(await api.end(account_id, "r", lines=lines))
    total = Decimal(0)
    for line in call["lines"]:
        cost = Decimal(0)
        for part in line["parts"]:
            exact = Decimal(part["billed"]) * Decimal(part["unit_price"]) / Decimal(part["per"])
            assert abs(exact - Decimal(part["cost"])) < Decimal("1e-12")
            cost += exact
        assert abs(cost - Decimal(line["cost"])) <= Decimal("5e-10")
        assert line["rate_card"]
        assert line["rate_card_source"]
        total += Decimal(line["cost"])
    assert Decimal(call["provider_cost"]) == total
    assert Decimal(call["charge"]) == total + Decimal(call["margin"])
    assert call["lines"][1]["quantities"] == {"audio_seconds": "4.54"}
    assert [part["quantity"] for part in call["lines"][0]["parts"]] == [
        "input_tokens",
        "cached_input_tokens",
        "output_tokens",
    ]
    assert call["lines"][0]["parts"][0]["used"] == 700


async def test_running_totals(api: Caller, make_account: MakeAccount) -> None:
    """Reports are totals: a higher one moves charge and hold, a lower one is noted."""
    account_id = await make_account(paid="1")
    told(await api.start(account_id, "u", channel="phone"), 201)

    def report(cost: str) -> list[dict[str, object]]:
        return [{"service": "sip", "provider": "twilio", "provider_cost": cost}]

    first = told(await api.usage(account_id, "u", lines=report("0.01")))
    assert (first["accrued_charge"], first["startable"]) == ("0.013", "0.9")
    grown = told(await api.usage(account_id, "u", lines=report("0.2")))
    assert (grown["accrued_charge"], grown["held"], grown["startable"]) == ("0.26", "0.26", "0.74")
    lower = told(await api.usage(account_id, "u", lines=report("0.1")))
    assert lower["accrued_charge"] == "0.26"
    assert [note["note"] for note in lower["notes"]] == ["lower_total:provider_cost"]
    heartbeat = told(await api.usage(account_id, "u"))
    assert (heartbeat["accrued_charge"], heartbeat["status"]) == ("0.26", "live")
    assert told(await api.end(account_id, "u"))["charge"] == "0.26"


async def test_a_number_keeps_every_digit(api: Caller, make_account: MakeAccount) -> None:
    """Seconds sent as JSON numbers are not taken through a float on the way in."""
    account_id = await make_account(paid="1")
    told(await api.start(account_id, "d", channel="phone"), 201)
    body = (
        b'{"lines": [{"service": "sip", "provider": "x", "source": "a", "quantities":'
        b' {"seconds": 0.0005000000000000000000000001}},'
        b' {"service": "sip", "provider": "x", "source": "b", "quantities": {"seconds": "2.5"}}]}'
    )
    told(await api.ask("PUT", f"/v1/accounts/{account_id}/calls/d/usage", body))
    lines = (await api.call(account_id, "d"))["lines"]
    # Above half a millisecond rounds up; the nearest float would be rounded half-even, down.
    assert [line["quantities"]["seconds"] for line in lines] == ["0.001", "2.5"]


async def test_unpriced_is_never_zero(api: Caller, make_account: MakeAccount) -> None:
    """A model without a price makes charge null, keeps the hold, and is told by name."""
    account_id = await make_account(paid="1")
    told(await api.start(account_id, "n"), 201)
    line = {"service": "tts", "provider": "nobody", "model": "x", "quantities": {"characters": 9}}
    report = told(await api.usage(account_id, "n", lines=[line]))
    assert report["accrued_charge"] is None
    assert report["unpriced"] == [
        {"service": "tts", "provider": "nobody", "model": "x", "source": ""}
    ]
    call = told(await api.end(account_id, "n"))
    assert (call["billing_status"], call["charge"], call["provider_cost"]) == (
        "unpriced",
        None,
        None,
    )
    assert call["lines"][0]["cost"] is None
    assert call["hold"] == "0.1"
    assert call["paid_charged"] is None


async def test_a_free_call_says_why(api: Caller, make_account: MakeAccount) -> None:
    """A call nobody answered costs the customer nothing and writes no entry."""
    account_id = await make_account(paid="1")
    told(await api.start(account_id, "f", channel="phone"), 201)
    call = told(await api.end(account_id, "f", outcome="no_answer", lines=WORKED_EXAMPLE))
    assert (call["billing_status"], call["free_reason"]) == ("free", "no_answer")
    assert (call["charge"], call["provider_cost"], call["entry_seq"]) == ("0", "0.04", None)
    account = await api.account(account_id)
    assert (account["available"], account["held"]) == ("1", "0")


async def test_repeats_answer_the_same(api: Caller, make_account: MakeAccount) -> None:
    """The same start and the same end again change nothing; the start then says 200."""
    account_id = await make_account(paid="1")
    facts = {
        "channel": "phone",
        "direction": "inbound",
        "agent_id": "a1",
        "from": "+15550001",
        "to": "sip:bot@example.com",
        "started_at": "2026-01-01T00:00:00Z",
    }
    facts["started_at"] = (datetime.now(UTC) - timedelta(minutes=3)).isoformat()
    first = told(await api.start(account_id, "again", **facts), 201)
    assert told(await api.start(account_id, "again", **facts), 200) == first
    refused(
        await api.start(account_id, "again", **(facts | {"to": None})),
        409,
        "call_id_conflict",
        "call_id",
    )
    ended = told(await api.end(account_id, "again", lines=WORKED_EXAMPLE))
    assert told(await api.end(account_id, "again", lines=WORKED_EXAMPLE)) == ended
    assert told(await api.start(account_id, "again", **facts), 200)["status"] == "ended"
    problem = refused(
        await api.end(account_id, "again", outcome="failed"), 409, "call_already_ended", "outcome"
    )
    assert problem["outcome"] == "completed"
    call = await api.call(account_id, "again")
    assert (call["from"], call["to"], call["direction"]) == (
        "+15550001",
        "sip:bot@example.com",
        "inbound",
    )


async def test_the_gate_says_no(api: Caller, make_account: MakeAccount) -> None:
    """Below the floor a start is answered 402 with the figures, and nothing is written."""
    account_id = await make_account(paid="0.199999999")
    told(await api.start(account_id, "one"), 201)
    problem = refused(await api.start(account_id, "two"), 402, "insufficient_credits")
    assert {name: problem[name] for name in ("available", "held", "startable", "floor")} == {
        "available": "0.199999999",
        "held": "0.1",
        "startable": "0.099999999",
        "floor": "0.1",
    }
    assert "$0.099999999 can be started with, a new call needs $0.1;" in problem["detail"]
    poor = await make_account()
    problem = refused(await api.start(poor, "one"), 402, "insufficient_credits")
    assert "$0.00 can be started with, a new call needs $0.10;" in problem["detail"]
    refused(
        await api.ask("GET", f"/v1/accounts/{account_id}/calls/two"), 404, "call_unknown", "call_id"
    )


async def test_metadata_comes_back_as_given(api: Caller, make_account: MakeAccount) -> None:
    """Metadata keeps every digit and character; white space between them is not kept."""
    account_id = await make_account(paid="1")
    metadata = b'{"n":12345678901234567890.10,"s":"\\u0000\\u00e9  ","l":[null,{}]}'
    spaced = metadata.replace(b",", b" ,\n" + b" " * 5000).replace(b":", b":\r\n")
    body = b'{"account_id": "%s", "call_id": "m", "channel": "web", "metadata": %s}' % (
        account_id.encode(),
        spaced,
    )
    told(await api.ask("POST", "/v1/calls", body), 201)
    found = await api.ask("GET", f"/v1/accounts/{account_id}/calls/m")
    assert metadata in found.content


async def test_strange_ids(api: Caller, make_account: MakeAccount) -> None:
    """An id may hold anything printable but a slash; it is itself in paths."""
    account_id = await make_account(paid="1")
    call_id = "Ruf 1 % ?#&+;=:@~ü𝄞"
    told(await api.start(account_id, call_id), 201)
    path = "Ruf%201%20%25%20%3F%23%26%2B%3B%3D%3A%40~%C3%BC%F0%9D%84%9E"
    assert told(await api.end(account_id, path))["call_id"] == call_id


async def test_late(api: Caller, make_account: MakeAccount, platform: Platform) -> None:
    """An end after the watchdog's is answered with the settled call, marked late; usage too."""
    account_id = await make_account(paid="1")
    told(await api.start(account_id, "l", channel="phone"), 201)
    later = platform.clock() + timedelta(hours=1)
    async with platform.connection() as connection:
        await end_silent_calls(
            connection,
            healthy_since=later - timedelta(days=1),
            book=platform.prices.book,
            terms=platform.terms,
            now=later,
        )
    report = told(await api.usage(account_id, "l", lines=WORKED_EXAMPLE))
    assert (report["late"], report["status"], report["available"]) == (True, "ended", "1")
    ended = told(await api.end(account_id, "l", lines=WORKED_EXAMPLE))
    assert (ended["late"], ended["outcome"], ended["charge"]) == (True, "failed", "0")
    assert ended["free_reason"] == "no_sign_of_life"
    assert (await api.call(account_id, "l"))["late"] is True


async def test_lines_that_came_too_late_are_not_in_the_way(
    api: Caller, make_account: MakeAccount
) -> None:
    """An end sent again answers the settled call, also with totals that contradict each other."""
    account_id = await make_account(paid="1")
    told(await api.start(account_id, "l", channel="chat"), 201)
    told(await api.end(account_id, "l", lines=WORKED_EXAMPLE[:1]))
    contradictory = {"service": "llm", "provider": "o", "quantities": {"cached_input_tokens": 5}}
    fine = {"service": "llm", "provider": "p", "quantities": {"input_tokens": 5}}
    ended = told(await api.end(account_id, "l", lines=[contradictory]))
    assert (ended["charge"], ended["late"]) == ("0.0065", False)
    told(await api.usage(account_id, "l", lines=[contradictory]))
    ended = told(await api.end(account_id, "l", lines=[contradictory, fine]))
    assert (ended["charge"], ended["late"]) == ("0.0065", True)


async def test_more_than_can_be_counted(
    api: Caller, make_account: MakeAccount, platform: Platform
) -> None:
    """What would take an account beyond what is counted is refused, and hits no other item."""
    account_id, other = await make_account(paid="1"), await make_account(paid="1")
    keys = [{"account_id": account_id, "call_id": "c"}, {"account_id": other, "call_id": "c"}]
    starts = [key | {"channel": "phone"} for key in keys]
    told(await api.ask("POST", "/v1/batch/start", {"items": starts}))
    async with platform.connection() as connection:
        # No honest way leads there in the time that a test has.
        await connection.execute(
            "UPDATE account SET held_nanos = 9.22e18::bigint, paid_nanos = -9.22e18::bigint"
            " WHERE account_id = %s",
            [account_id],
        )
    dear = [{"service": "llm", "provider": "p", "provider_cost": "9000000"}]
    for act, more in (("usage", {}), ("end", {"outcome": "completed"})):
        items = [
            keys[0] | {"lines": dear, **more},
            keys[1] | {"lines": WORKED_EXAMPLE, **more},
        ]
        answers = told(await api.ask("POST", f"/v1/batch/{act}", {"items": items}))["items"]
        assert [answer["status"] for answer in answers] == [400, 200]
        assert answers[0]["problem"]["code"] == "invalid_amount"
    refused(await api.end(account_id, "c", lines=dear), 400, "invalid_amount")


async def test_talk_time_left(api: Caller, make_account: MakeAccount) -> None:
    """The estimate is the money left at the pace of the account's own calls on that channel."""
    account_id = await make_account(paid="1.052")
    told(await api.start(account_id, "t1", channel="phone"), 201)
    told(await api.end(account_id, "t1", lines=WORKED_EXAMPLE, duration_seconds=60))
    second = told(await api.start(account_id, "t2", channel="phone"), 201)
    assert second["talk_time_left_seconds"] == int(Decimal(1) / (Decimal("0.052") / 60))
    told(await api.end(account_id, "t2", lines=WORKED_EXAMPLE, duration_seconds=20))
    third = told(await api.start(account_id, "t3", channel="phone"), 201)
    assert third["talk_time_left_seconds"] == int(Decimal("0.948") / (Decimal("0.104") / 80))
    elsewhere = told(await api.start(account_id, "t4", channel="web"), 201)
    assert elsewhere["talk_time_left_seconds"] is None


async def test_a_thousand_starts_at_once(api: Caller, make_account: MakeAccount) -> None:
    """Of many simultaneous starts on $0.55, five are admitted and every other gets a 402."""
    account_id = await make_account(paid="0.55")
    answers = await asyncio.gather(*(api.start(account_id, f"b{i}") for i in range(200)))
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(201), statuses.count(402)) == (5, 195)
    assert (await api.account(account_id))["held"] == "0.5"


async def test_spelt_oddly(api: Caller, make_account: MakeAccount) -> None:
    """A slash too many leads to the same place by the ordinary way; a wrong method is told."""
    account_id = await make_account(paid="1")
    body = {"account_id": account_id, "call_id": "o", "channel": "web"}
    started = await api.ask("POST", "/v1/calls/", body)
    assert told(started, 201)["hold"] == "0.1"
    assert started.headers["x-content-type-options"] == "nosniff"
    path = f"/v1/accounts/{account_id}/calls/o"
    told(await api.ask("PUT", f"{path}/usage/", {}))
    refused(await api.using(None).ask("PUT", f"{path}/usage/", {}), 401, "unauthenticated")
    refused(await api.ask("PUT", f"{path}/usage/", b"{"), 400, "malformed_json")
    wrong = await api.ask("PUT", f"{path}/end", {})
    refused(wrong, 405, "method_not_allowed")
    assert "POST" in wrong.headers["allow"]
    told(await api.ask("POST", f"{path}/end/", {"outcome": "busy"}))
