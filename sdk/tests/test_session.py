import json
import math
from collections import defaultdict
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime_sdk import (
    AccountSuspended,
    CallOver,
    CallSession,
    CallState,
    Conflict,
    InsufficientCredits,
    InvalidUsage,
    Overloaded,
    Report,
    Response,
    RetryPolicy,
    UnexpectedAnswer,
    WrongState,
)

BALANCES = {"available": "5.5", "held": "0.1", "startable": "5.4"}
IDS = {"account_id": "acme", "call_id": "CA 1/é"}
LEASE = 60


def answer(status: int, /, **members: Any) -> Response:
    return Response(status=status, body=json.dumps(members).encode())


def admitted(status: int = 201, /, **more: Any) -> Response:
    told = {"admitted": True, "status": "live", "hold": "0.1", "lease_seconds": LEASE}
    return answer(status, **(IDS | BALANCES | told | more))


REPORTED = answer(200, **IDS, **BALANCES, status="live")
ENDED = answer(
    200, **IDS, channel="phone", status="ended", outcome="completed", billing_status="charged"
)


def running(**more: Any) -> CallSession:
    session = CallSession(**IDS, channel="phone", **more)  # type: ignore[arg-type]
    session.start()
    session.on_start(admitted(), now=0.0)
    return session


def test_a_whole_life() -> None:
    """A call is started, reported and ended by three requests that follow the wire contract."""
    session = CallSession(
        account_id="acme",
        call_id="CA 1/é",
        channel="phone",
        direction="inbound",
        from_="+15550100",
        started_at=datetime(2026, 11, 23, 13, tzinfo=timezone(timedelta(hours=1))),
    )
    start = session.start()
    assert (start.method, start.path) == ("POST", "/v1/calls")
    assert start.body == {
        "account_id": "acme",
        "call_id": "CA 1/é",
        "channel": "phone",
        "direction": "inbound",
        "from": "+15550100",
        "started_at": "2026-11-23T12:00:00Z",
    }
    admission = session.on_start(admitted(), now=0.0)
    assert (admission.hold, admission.talk_time_left_seconds) == (Decimal("0.1"), None)

    session.add("llm", "OpenAI", "gpt-4o-mini", input_tokens=16, cached_input_tokens=8)
    session.add("llm", "openai", "gpt-4o-mini", input_tokens=40, output_tokens=11)
    session.add("stt", "openai", "gpt-4o-transcribe", audio_seconds=4.54)
    session.add("sip", provider_cost="0.007")
    report = session.report(now=5.0)
    call = "/v1/accounts/acme/calls/CA%201%2F%C3%A9"
    assert (report.method, report.path) == ("PUT", f"{call}/usage")
    lines = [
        {
            "service": "llm",
            "provider": "openai",
            "model": "gpt-4o-mini",
            "quantities": {"input_tokens": 56, "cached_input_tokens": 8, "output_tokens": 11},
        },
        {
            "service": "stt",
            "provider": "openai",
            "model": "gpt-4o-transcribe",
            "quantities": {"audio_seconds": "4.54"},
        },
        {"service": "sip", "provider_cost": "0.007"},
    ]
    assert report.body == {"lines": lines}
    assert session.on_report(report, REPORTED).startable == Decimal("5.4")

    end = session.end("completed", now=12.7, duration_seconds=12.7, reason="caller hung up")
    assert (end.method, end.path) == ("POST", f"{call}/end")
    assert end.body == {
        "outcome": "completed",
        "duration_seconds": "12.7",
        "lines": lines,
        "reason": "caller hung up",
    }
    assert session.on_end(ENDED).billing_status == "charged"
    assert session.state is CallState.ENDED


KEYS = [("stt", "deepgram", "audio_seconds"), ("llm", "openai", "input_tokens")]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from(KEYS), st.integers(0, 5000)),
        st.tuples(st.just("report"), st.sampled_from(["arrives", "lost", "answer lost"])),
        st.tuples(st.just("again"), st.integers(0, 30)),
    ),
    max_size=60,
)


@given(STEPS, st.sampled_from(["arrives", "answer lost"]))
def test_any_interleaving_ends_in_the_same_totals(steps: list[Any], first_end: str) -> None:
    """However adds, reports, losses, repeats and late arrivals mix, the server ends up with the
    plain sums, and every figure it ever saw was one of the sums on the way."""
    session = running()
    server: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    sums: dict[tuple[str, str, str], int] = defaultdict(int)
    sent: list[Report] = []

    def hear(body: dict[str, Any] | None) -> None:
        assert body is not None
        for line in body["lines"]:
            for name, figure in line["quantities"].items():
                key = (line["service"], line["provider"], name)
                server[key] = max(server[key], Decimal(figure))

    for step in steps:
        if step[0] == "add":
            (service, provider, name), amount = step[1], step[2]
            milli = Decimal(amount) / 1000
            figures: dict[str, Any] = {name: milli if service == "stt" else amount}
            session.add(service, provider, **figures)
            sums[step[1]] += amount
        elif step[0] == "report":
            report = session.report(now=1.0)
            sent.append(report)
            if step[1] != "lost":
                hear(report.body)
            if step[1] == "arrives":
                session.on_report(report, REPORTED)
        elif sent:
            hear(sent[step[1] % len(sent)].body)
        assert all(
            server[k] <= (Decimal(v) / 1000 if k[0] == "stt" else v) for k, v in sums.items()
        )

    end = session.end("completed", now=2.0)
    hear(end.body)
    if first_end == "answer lost":
        hear(session.end("completed", now=9.0).body)
    session.on_end(ENDED)
    assert not session.has_news
    for key, total in sums.items():
        assert server[key] == (Decimal(total) / 1000 if key[0] == "stt" else total)


@given(st.permutations([12, 37, 37, 61, 90]))
def test_snapshots_in_any_order(figures: list[int]) -> None:
    """Of snapshots the highest counts, in whatever order they come."""
    session = running()
    for figure in figures:
        session.set_totals("tts", "cartesia", "sonic", characters=figure)
    assert session.lines()[0]["quantities"] == {"characters": 90}


def test_increments_and_snapshots_do_not_mix() -> None:
    """Feeding one line both ways is refused, as it would count twice; another source is fine."""
    session = running()
    session.add("tts", "cartesia", "sonic", characters=10)
    with pytest.raises(InvalidUsage, match="another source"):
        session.set_totals("tts", "cartesia", "sonic", characters=10)
    session.set_totals("tts", "cartesia", "sonic", source="second", characters=10)
    assert [line.get("source") for line in session.lines()] == [None, "second"]


@pytest.mark.parametrize(
    ("service", "wrong"),
    [
        ("llm", {"reasoning_tokens": 3}),
        ("llm", {"characters": 3}),
        ("llm", {"input_tokens": 1, "cached_input_tokens": 2}),
        ("llm", {"output_tokens": 1, "audio_output_tokens": 2}),
        ("tts", {"characters": -1}),
        ("tts", {"characters": 10**12 + 1}),
        ("stt", {"audio_seconds": float("nan")}),
        ("stt", {}),
        ("stt", {"provider_cost": 0.006}),
        ("stt", {"provider_cost": "-0.006"}),
        ("fax", {"pages": 1}),
    ],
)
def test_what_cannot_be_sent_is_refused(service: Any, wrong: dict[str, Any]) -> None:
    """A line that would have the whole report refused is refused where it is given, uncounted."""
    session = running()
    with pytest.raises(InvalidUsage):
        session.add(service, "x", "y", **wrong)
    assert session.lines() == []


def test_channels_have_their_services() -> None:
    """A chat has no voice, and a web call has no carrier."""
    for channel, service in (("chat", "tts"), ("web", "sip")):
        session = CallSession(account_id="a", call_id="c", channel=channel)  # type: ignore[arg-type]
        with pytest.raises(InvalidUsage, match=f"{channel} call has no {service}"):
            session.add(service, provider_cost="0.1")  # type: ignore[arg-type]


def test_refusal_can_be_asked_again() -> None:
    """A refused call tells why in Decimals, counts nothing, and may be started anew."""
    session = CallSession(**IDS, channel="phone")  # type: ignore[arg-type]
    problem = {"code": "insufficient_credits", "title": "No", "floor": "0.1"}
    with pytest.raises(InsufficientCredits) as refusal:
        session.on_start(answer(402, **problem, **BALANCES), now=0.0)
    assert (refusal.value.startable, refusal.value.floor) == (Decimal("5.4"), Decimal("0.1"))
    assert session.state is CallState.REFUSED
    with pytest.raises(WrongState):
        session.report(now=1.0)
    with pytest.raises(WrongState):
        session.add("sip", seconds=1)
    session.start()
    session.on_start(admitted(), now=2.0)
    assert session.state is CallState.ADMITTED


@pytest.mark.parametrize(
    ("response", "error", "state"),
    [
        (answer(403, code="account_suspended"), AccountSuspended, CallState.REFUSED),
        (answer(409, code="call_id_conflict"), Conflict, CallState.NEW),
        (answer(503), Overloaded, CallState.NEW),
        (answer(500, code="internal"), UnexpectedAnswer, CallState.NEW),
        (answer(200, hello="world"), UnexpectedAnswer, CallState.NEW),
        (Response(status=200, body=b"<html>\xff"), UnexpectedAnswer, CallState.NEW),
        (admitted(200, status="ended"), CallOver, CallState.ENDED),
    ],
)
def test_start_that_does_not_admit(
    response: Response, error: type[Exception], state: CallState
) -> None:
    """Only a clear yes admits; a call id that was used up is not a yes."""
    session = CallSession(**IDS, channel="phone")  # type: ignore[arg-type]
    with pytest.raises(error):
        session.on_start(response, now=0.0)
    assert session.state is state


def test_a_restarted_process_takes_a_new_source() -> None:
    """When the start shows that the call was known before, the totals go under a new source, as
    they begin at zero; a source that was given is left alone."""
    session = CallSession(**IDS, channel="phone", source_if_resumed="b7")  # type: ignore[arg-type]
    session.add("tts", "cartesia", characters=5)
    session.add("tts", "cartesia", characters=7, source="transfer")
    session.on_start(admitted(200), now=0.0)
    assert [line["source"] for line in session.lines()] == ["b7", "transfer~b7"]

    named = CallSession(**IDS, channel="phone", source="worker-2")  # type: ignore[arg-type]
    named.add("tts", "cartesia", characters=5)
    named.on_start(admitted(200), now=0.0)
    assert [line["source"] for line in named.lines()] == ["worker-2"]


def test_due_times() -> None:
    """News are due after report_every, silence after a third of the lease, failures after their
    pause, and nothing is due outside of a running call."""
    session = CallSession(**IDS, channel="phone", report_every=5.0)  # type: ignore[arg-type]
    assert session.due_at == math.inf
    session.on_start(admitted(), now=100.0)
    assert session.due_at == 100 + LEASE / 3
    session.add("tts", "cartesia", characters=5)
    assert session.due_at == 105
    report = session.report(now=105.0)
    assert session.on_trouble(now=106.0, dice=lambda: 1.0, retry_after=9.0) == 9.0
    assert session.due_at == 115
    session.on_report(report, REPORTED)
    assert session.due_at == 105 + LEASE / 3
    session.end("completed", now=110.0)
    assert session.due_at == math.inf


def test_retry_after_cannot_outlast_the_lease_by_much() -> None:
    """A server that asks a running call to stay silent for a day is heard only up to the bound."""
    session = running(retries=RetryPolicy(max_retry_after=30))
    assert session.on_trouble(now=0.0, dice=lambda: 0.5, retry_after=86400.0) == 30


def test_an_older_answer_does_not_undo_a_newer_one() -> None:
    """Answers may come out of order: what was once confirmed stays confirmed."""
    session = running()
    session.add("tts", "cartesia", characters=5)
    older = session.report(now=1.0)
    session.add("tts", "cartesia", characters=5)
    newer = session.report(now=2.0)
    session.on_report(newer, REPORTED)
    session.on_report(older, REPORTED)
    assert not session.has_news
    assert session.due_at == 2 + LEASE / 3


def test_clock() -> None:
    """A clock counts plain time, to the millisecond, until the end, and keeps reports coming."""
    session = running(report_every=5.0)
    session.run_clock("sip", "twilio", "inbound", now=1.0)
    session.on_report(session.report(now=2.5), REPORTED)
    assert session.lines()[0]["quantities"] == {"seconds": "1.5"}
    assert session.due_at == 7.5
    end = session.end("completed", now=61.2501)
    assert end.body is not None
    assert end.body["lines"][0]["quantities"] == {"seconds": "60.25"}
    session.on_end(ENDED)
    assert not session.has_news
    with pytest.raises(InvalidUsage, match="plain time"):
        running().run_clock("llm", "openai", now=0.0)


def test_the_first_end_stands() -> None:
    """An end asked for again is the same request, bit by bit, and nothing is counted after it."""
    session = running()
    session.run_clock("sip", "twilio", now=0.0)
    first = session.end("completed", now=5.0, ended_at=datetime(2026, 11, 23, 12, tzinfo=UTC))
    assert session.end("failed", now=9.0, reason="x").json() == first.json()
    with pytest.raises(WrongState):
        session.add("sip", "twilio", source="x", seconds=1)


@pytest.mark.parametrize(
    ("reason", "sent"),
    [("a\n  b\x00c", "a b c"), ("", None), (" \n", None), ("x" * 900, "x" * 500)],
)
def test_a_reason_is_made_to_fit(reason: str, sent: str | None) -> None:
    """No reason, however odd, keeps a call from ending."""
    body = running().end("failed", now=1.0, reason=reason).body
    assert body is not None
    assert body.get("reason") == sent


def test_wrong_facts() -> None:
    """An unknown channel or outcome and a time without a zone are refused unsent."""
    with pytest.raises(InvalidUsage):
        CallSession(account_id="a", call_id="c", channel="fax")  # type: ignore[arg-type]
    with pytest.raises(InvalidUsage):
        running().end("hung_up", now=1.0)  # type: ignore[arg-type]
    with pytest.raises(InvalidUsage, match="zone"):
        running().end("completed", now=1.0, ended_at=datetime(2026, 11, 23))  # noqa: DTZ001
