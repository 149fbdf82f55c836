"""The scenes of the story that are more than a call from its start to its end."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, cast

from talktime.demo import timetable
from talktime.demo.recordings import Recording
from talktime.demo.timetable import Booking
from talktime.demo.troupe import Troupe, count
from talktime_sdk import Channel, NotFound, Outcome, RunningCall, Service, UsageLine

BURST: Final = 40
FLOOR_USD: Final = Decimal("0.10")
OVERTIME_USD: Final = Decimal("0.02")
"""How far the last call talks beyond the money, so that everybody sees that it may."""

WATCHDOG_SECONDS: Final = 60.0
"""Real seconds, not the story's: how long the watchdog may take at most."""

# --- the recorded calls -----------------------------------------------------------------------


async def play_recording(troupe: Troupe, at: float, recording: Recording) -> None:
    """A recorded call, increment by increment, in its own time."""
    assert recording.ended is not None
    await troupe.until(at)
    troupe.tell(
        "calling",
        call_id=recording.call_id,
        about="a recorded call of a real bot begins, played in its own time",
    )
    async with troupe.client.call(
        account_id=troupe.account_id,
        call_id=recording.call_id,
        channel=cast("Channel", recording.channel),
        agent_id="recorded-bot",
        direction="inbound",
        report_every=max(0.2, 1.0 / troupe.speed),
    ) as call:
        answered = troupe.now
        for increment in recording.events:
            await troupe.until(answered + increment.t)
            count(call, increment)
        await troupe.until(answered + recording.ended.t)
        call.end_as(cast("Outcome", recording.ended.outcome), recording.ended.reason)
    if call.receipt is not None:
        await troupe.tell_end(call.receipt)


async def play_example(troupe: Troupe, at: float, recording: Recording) -> None:
    """The worked example: a minute whose providers tell their own figures as it goes."""
    await troupe.until(at)
    troupe.tell(
        "calling",
        call_id=recording.call_id,
        about="a minute on the phone, as in the price list's example: its lines cost $0.04, so "
        "with 30 % margin it must cost $0.052",
    )
    steps = 10
    async with troupe.client.call(
        account_id=troupe.account_id,
        call_id=recording.call_id,
        channel=cast("Channel", recording.channel),
        agent_id="worked-example",
        direction="inbound",
        report_every=max(0.2, 1.0 / troupe.speed),
    ) as call:
        answered = troupe.now
        for step in range(1, steps + 1):
            await troupe.until(answered + step * recording.duration_seconds / steps)
            for line in recording.final:
                so_far = Decimal(line.provider_cost) * step / steps
                call.set_totals(cast("Service", line.service), provider_cost=so_far)
        call.end_as("completed")
    if call.receipt is not None:
        await troupe.tell_end(call.receipt)


async def tell_afterwards(troupe: Troupe, at: float, recording: Recording) -> None:
    """The five-minute example: a call that Talktime hears of only when it is over."""
    await troupe.until(at)
    troupe.tell(
        "calling",
        call_id=recording.call_id,
        about="the example of a five-minute call, told of only now that it is over: its lines "
        "cost $0.132, so it must cost $0.1716",
    )
    call_id, client = recording.call_id, troupe.client
    duration = timedelta(seconds=recording.duration_seconds)
    await client.start_call(
        account_id=troupe.account_id,
        call_id=call_id,
        channel=cast("Channel", recording.channel),
        agent_id="worked-example",
        direction="inbound",
        started_at=datetime.now(UTC) - duration,
    )
    receipt = await client.end_call(
        troupe.account_id,
        call_id,
        cast("Outcome", recording.outcome),
        duration_seconds=recording.duration_seconds,
        lines=[
            UsageLine(
                service=cast("Service", line.service),
                provider=line.provider,
                model=line.model,
                provider_cost=line.provider_cost,
            )
            for line in recording.final
        ],
    )
    await troupe.tell_end(receipt)


# --- what goes wrong --------------------------------------------------------------------------


async def fall_silent(troupe: Troupe, at: float) -> None:
    """A chat that nobody ends: the visitor just leaves."""
    await troupe.until(at)
    call_id = "chat-2"
    troupe.tell("calling", call_id=call_id, about="a chat begins that nobody is going to end")
    await troupe.client.start_call(
        account_id=troupe.account_id, call_id=call_id, channel="chat", agent_id="chat-desk"
    )
    line = UsageLine(
        service="llm",
        provider="openai",
        model="gpt-4.1-mini",
        quantities={"input_tokens": 7_800, "cached_input_tokens": 5_000, "output_tokens": 310},
    )
    await troupe.client.report_usage(troupe.account_id, call_id, [line])
    await wait_for_end(troupe, call_id)


async def wait_for_end(troupe: Troupe, call_id: str) -> None:
    """Until the watchdog has ended a call that nobody else is going to end."""
    deadline = time.monotonic() + WATCHDOG_SECONDS + 60 / troupe.speed
    while time.monotonic() < deadline:
        with contextlib.suppress(NotFound):  # its bot has not come to starting it
            receipt = await troupe.client.get_call(troupe.account_id, call_id)
            if receipt.status == "ended":
                await troupe.tell_end(receipt)
                return
        await asyncio.sleep(0.5)
    troupe.tell("trouble", call_id=call_id, about="the watchdog did not end it in time")


async def crash(troupe: Troupe) -> None:
    """The part of the bot that gets killed: it talks until then."""
    booking = timetable.crash(troupe.dice)
    async with troupe.call(booking) as call:
        troupe.tell("calling", about=booking.about, call_id=booking.call_id)
        await troupe.talk(call, booking, troupe.now)


# --- the money runs out -----------------------------------------------------------------------


async def run_dry(
    troupe: Troupe, *, mishaps: Sequence[asyncio.Task[Any]], calls: Sequence[asyncio.Task[Any]]
) -> None:
    """One call goes on while forty others want to begin, and while there is nothing left."""
    booking = timetable.last_call(troupe.dice)
    rush_of_calls = timetable.burst(troupe.dice, BURST)
    await asyncio.gather(*mishaps)
    await troupe.until(booking.at)
    troupe.tell("calling", about=booking.about, call_id=booking.call_id)
    before = [one for one in booking.increments if one.t < timetable.LAST_CALL_BEFORE_BURST]
    async with troupe.call(booking) as call:
        talking = asyncio.create_task(troupe.count_all(call, before, troupe.now))
        await asyncio.gather(*calls, talking)
        await rush(troupe, rush_of_calls)
        troupe.tell("alone", call_id=booking.call_id)
        talking = asyncio.create_task(talk_into_the_red(troupe, call, booking, len(before)))
        left = await troupe.money_below(FLOOR_USD)
        troupe.tell("floor", call_id=booking.call_id, startable=left)
        await troupe.take(timetable.late_caller(1))
        await talking
        call.end_as("completed", "caller hung up")
    if call.receipt is not None:
        await troupe.tell_end(call.receipt)
    await troupe.take(timetable.late_caller(2))


async def talk_into_the_red(troupe: Troupe, call: RunningCall, booking: Booking, done: int) -> None:
    """The rest of a call, until it has cost OVERTIME_USD more than there was.

    The model is asked again only when its last answer is on the bill, so that the overdraft is
    one answer at most, however slow the machine and however fast the story.
    """
    rest = booking.increments[done:]
    began, seen = troupe.now - rest[0].t, Decimal(-1)
    for increment in rest:
        await troupe.until(began + increment.t)
        if increment.service == "llm":
            await troupe.wait_for(lambda: accrued(call) > seen)  # noqa: B023  (awaited at once)
            if accrued(call) > available(call) + OVERTIME_USD:
                return
            seen = accrued(call)
        count(call, increment)


async def rush(troupe: Troupe, bookings: Sequence[Booking]) -> None:
    """Many calls at the same moment: the gate counts each hold before it admits the next.

    None of them ends before all were judged, or its hold would let in one more.
    """
    account = await troupe.client.get_account(troupe.account_id)
    troupe.tell("rush", count=len(bookings), startable=account.startable)
    together = asyncio.Barrier(len(bookings))
    admitted = await asyncio.gather(
        *(troupe.take(one, quietly=True, together=together) for one in bookings)
    )
    after = await troupe.client.get_account(troupe.account_id)
    troupe.tell(
        "rushed",
        count=len(bookings),
        admitted=sum(admitted),
        startable=account.startable,
        available=after.available,
    )


def accrued(call: RunningCall) -> Decimal:
    """What a running call had cost at its last report."""
    usage = call.usage
    return Decimal(0) if usage is None else usage.accrued_charge or Decimal(0)


def available(call: RunningCall) -> Decimal:
    """The balance at a running call's last report."""
    return call.admission.available if call.usage is None else call.usage.available
