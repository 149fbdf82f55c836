import asyncio
import logging
from typing import Any

import pytest

from talktime_sdk import (
    CallOver,
    InsufficientCredits,
    InvalidUsage,
    RetryPolicy,
    TalktimeClient,
    Undelivered,
    Unreachable,
)

CALL: dict[str, Any] = {
    "account_id": "acme",
    "call_id": "CA1",
    "channel": "phone",
    "report_every": 0.05,
    "end_retries": RetryPolicy(attempts=4, first_delay=0.01, max_delay=0.02),
}
TTS = ("tts", "cartesia", "sonic", "")


async def until(true: Any) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - what is waited for is the server's doing
            await asyncio.sleep(0.005)


async def test_a_clean_call(server: Any, client: TalktimeClient) -> None:
    """A call is reported while it runs and ends as completed, with all that was counted."""
    async with client.call(**CALL) as call:
        assert call.admission.admitted
        call.add("tts", "cartesia", "sonic", characters=10)
        call.run_clock("sip", "twilio", "inbound")
        await until(lambda: server.of("usage"))
        await until(lambda: call.usage is not None)
        call.add("tts", "cartesia", "sonic", characters=5)
    assert call.receipt is not None
    assert call.receipt.outcome == "completed"
    assert call.undelivered is None
    assert server.totals[TTS] == {"characters": 15}
    end = server.ended
    assert float(end["lines"][1]["quantities"]["seconds"]) >= 0.05
    assert float(end["duration_seconds"]) >= 0.05


async def test_reports_are_coalesced(server: Any, client: TalktimeClient) -> None:
    """A thousand increments in a burst make one report, not a thousand."""
    async with client.call(**CALL | {"report_every": 0.2}) as call:
        for _ in range(1000):
            call.add("tts", "cartesia", "sonic", characters=1)
            await asyncio.sleep(0)
        await asyncio.sleep(0.3)
        assert server.totals[TTS] == {"characters": 1000}
    assert len(server.of("usage")) <= 2


async def test_heartbeats_keep_the_lease(server: Any, client: TalktimeClient) -> None:
    """A silent call is heard from three times per lease, with nothing in between."""
    server.lease_seconds = 0.3
    async with client.call(**CALL):
        await asyncio.sleep(0.55)
    assert 3 <= len(server.of("usage")) <= 6
    assert all(seen.body == {"lines": []} for seen in server.of("usage"))


async def test_an_exception_means_failed(server: Any, client: TalktimeClient) -> None:
    """A crashed bot's call ends as failed, told by the exception's class only; it still raises."""

    async def converse() -> None:
        async with client.call(**CALL) as call:
            call.add("tts", "cartesia", "sonic", characters=10)
            raise ZeroDivisionError("Incorrect key sk-123")

    with pytest.raises(ZeroDivisionError):
        await converse()
    assert (server.ended["outcome"], server.ended["reason"]) == ("failed", "ZeroDivisionError")
    assert server.totals[TTS] == {"characters": 10}


async def test_cancellation_means_canceled(server: Any, client: TalktimeClient) -> None:
    """A cancelled task's call ends as canceled before the cancellation goes on."""
    inside = asyncio.Event()

    async def converse() -> None:
        async with client.call(**CALL):
            inside.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(converse())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (server.ended["outcome"], server.ended["reason"]) == ("canceled", "CancelledError")


async def test_the_bot_knows_better(server: Any, client: TalktimeClient) -> None:
    """What end_as said wins, even over a cancellation: a hang-up is no cancelled call."""

    async def converse() -> None:
        async with client.call(**CALL) as call:
            call.end_as("voicemail", "a machine answered")
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await converse()
    assert server.ended["outcome"] == "voicemail"
    assert server.ended["reason"] == "a machine answered"


async def test_a_refused_call_never_begins(server: Any, client: TalktimeClient) -> None:
    """Entering raises what the gate says, and nothing runs or is sent afterwards."""
    server.script("start", (402, {"code": "insufficient_credits"}, {}))
    with pytest.raises(InsufficientCredits):
        async with client.call(**CALL):
            pytest.fail("the conversation began")
    assert [seen.act for seen in server.seen] == ["start"]


async def test_a_lost_start_is_repeated(server: Any, client: TalktimeClient) -> None:
    """When the answer to the start is lost, the call begins all the same, once."""
    server.script("start", "drop")
    async with client.call(**CALL) as call:
        call.add("tts", "cartesia", "sonic", characters=10)
    first, second = server.of("start")
    assert first.body == second.body
    assert sum(line["characters"] for line in server.totals.values()) == 10


async def test_billing_trouble_stays_out_of_the_conversation(
    server: Any, client: TalktimeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """However the reports fail, the conversation goes on; the end carries everything, once the
    trouble is over."""
    trouble = ["drop", "silence", "garbage", 503, "cut", (401, {"code": "unauthenticated"}, {})]
    server.script("usage", *trouble * 3)
    server.script("end", "refuse", 503, "drop")
    caplog.set_level(logging.WARNING, logger="talktime_sdk")
    async with client.call(**CALL) as call:
        for _ in range(20):
            call.add("tts", "cartesia", "sonic", characters=7)
            await asyncio.sleep(0.03)
    assert call.receipt is not None
    assert server.totals[TTS] == {"characters": 140}
    assert len(server.of("end")) == 4
    assert len({str(seen.body) for seen in server.of("end")}) == 1
    # Once per kind of trouble, however long it lasts.
    assert 2 <= len(caplog.records) <= 5


async def test_an_outage_in_the_middle_costs_nothing(server: Any, client: TalktimeClient) -> None:
    """A server that goes away and comes back finds the totals complete."""
    async with client.call(**CALL) as call:
        call.add("tts", "cartesia", "sonic", characters=10)
        await until(lambda: TTS in server.totals)
        await server.close()
        call.add("tts", "cartesia", "sonic", characters=10)
        await asyncio.sleep(0.2)
        await server.open()
        await until(lambda: server.totals[TTS] == {"characters": 20})
    assert call.receipt is not None


async def test_what_could_not_be_delivered_is_told(
    server: Any, client: TalktimeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """An end that nobody took raises nothing into the bot; it is logged whole, handed over, and
    can be delivered later."""
    server.script("end", *["drop"] * 4)
    handed_over: list[Undelivered] = []
    async with client.call(**CALL, on_undelivered=handed_over.append) as call:
        call.add("tts", "cartesia", "sonic", characters=10)
    assert call.receipt is None
    assert call.undelivered is handed_over[0]
    assert '"characters":10' in caplog.text
    assert "/v1/accounts/acme/calls/CA1/end" in caplog.text
    receipt = await client.deliver(call.undelivered.request)
    assert receipt.outcome == "completed"


async def test_a_refused_end_is_told_at_once(server: Any, client: TalktimeClient) -> None:
    """An end refused for good is not tried again, and hides no error of the bot's own."""
    server.script("end", (404, {"code": "call_unknown"}, {}))
    call = client.call(**CALL)
    with pytest.raises(KeyError):
        async with call:
            raise KeyError("x")
    assert call.undelivered is not None
    assert "call_unknown" in call.undelivered.why
    assert len(server.of("end")) == 1


async def test_an_end_from_elsewhere_stands(server: Any, client: TalktimeClient) -> None:
    """Where a carrier's callback ended the call otherwise, our totals still go on record, and the
    receipt shows what stands."""
    server.script("end", (409, {"code": "call_already_ended"}, {}))
    async with client.call(**CALL | {"report_every": 60}) as call:
        call.add("tts", "cartesia", "sonic", characters=10)
        server.ended = {"outcome": "busy"}
    assert call.receipt is not None
    assert call.receipt.outcome == "busy"
    assert call.undelivered is None
    assert server.totals[TTS] == {"characters": 10}


async def test_other_conflicts_are_no_end(server: Any, client: TalktimeClient) -> None:
    """A conflict that does not say that the call has ended leaves the end to be told."""
    server.script("end", (409, {"code": "conflict"}, {}))
    async with client.call(**CALL) as call:
        pass
    assert call.undelivered is not None
    assert call.receipt is None


async def test_an_outcome_is_checked_when_said(server: Any, client: TalktimeClient) -> None:
    """A misspelt outcome is refused in the conversation, where it can be seen; the end goes out."""
    async with client.call(**CALL) as call:
        with pytest.raises(InvalidUsage):
            call.end_as("hung_up")  # type: ignore[arg-type]
    assert server.ended["outcome"] == "completed"


async def test_a_restarted_bot_counts_on(server: Any, client: TalktimeClient) -> None:
    """A bot that died and starts again with the same facts adds to what was reported before."""
    first = client.call(**CALL)
    await first.__aenter__()
    first.add("tts", "cartesia", "sonic", characters=10)
    await until(lambda: TTS in server.totals)
    assert first._reporter is not None
    first._reporter.cancel()  # as good as kill -9: no end is ever told

    async with client.call(**CALL) as second:
        second.add("tts", "cartesia", "sonic", characters=4)
    assert sum(line["characters"] for line in server.totals.values()) == 14
    assert len(server.totals) == 2
    assert "duration_seconds" not in server.ended


async def test_a_used_up_id_is_no_new_call(server: Any, client: TalktimeClient) -> None:
    """A second conversation under the id of an ended one would be free: it is refused."""
    async with client.call(**CALL):
        pass
    with pytest.raises(CallOver):
        async with client.call(**CALL):
            pytest.fail("the conversation began")


async def test_a_second_cancellation_leaves_the_end_on_its_way(server: Any) -> None:
    """Cancelled again while the end is under way, the block gives way, and the client still
    delivers the end before it closes."""
    server.script("end", "silence")
    inside = asyncio.Event()
    async with TalktimeClient(server.url, "tt_x", timeout=0.3) as client:

        async def converse() -> None:
            async with client.call(**CALL) as call:
                call.add("tts", "cartesia", "sonic", characters=10)
                inside.set()
                await asyncio.sleep(60)

        task = asyncio.create_task(converse())
        await inside.wait()
        task.cancel()
        await until(lambda: server.of("end"))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not server.ended
    assert server.ended["outcome"] == "canceled"
    assert server.totals[TTS] == {"characters": 10}


async def test_nobody_answers_the_start() -> None:
    """Without an answer from the gate the call does not begin, and says so within the bounds."""
    async with TalktimeClient("http://127.0.0.1:9", "tt_x", dice=lambda: 0.0) as client:
        with pytest.raises(Unreachable):
            async with client.call(**CALL):
                pytest.fail("the conversation began")


async def test_duration_counts_from_the_pick_up(server: Any, client: TalktimeClient) -> None:
    """Time spent ringing is not talk time."""
    async with client.call(**CALL) as call:
        await asyncio.sleep(0.3)
        call.connected()
    assert float(server.ended["duration_seconds"]) < 0.2
