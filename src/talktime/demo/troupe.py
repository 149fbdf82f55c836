"""What all bots of the story share: the client, the clock, and how a call is talked through."""

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from random import Random
from typing import Any, Final, Literal, cast

import msgspec

from talktime.demo import timetable
from talktime.demo.recordings import Increment
from talktime.demo.timetable import Booking
from talktime_sdk import (
    CallReceipt,
    Channel,
    InsufficientCredits,
    Outcome,
    RunningCall,
    Service,
    TalktimeClient,
)

LOOK_SECONDS: Final = 0.3
LOOKS_MAX: Final = 1_000


class Troupe:
    """All bots of the story, on one clock."""

    def __init__(self, client: TalktimeClient, account_id: str, speed: float, at: float) -> None:
        self.client = client
        self.account_id = account_id
        self.speed = speed
        self.began = time.monotonic() - at / speed
        self.dice = Random(timetable.SEED)  # noqa: S311  (the same story every time)

    @property
    def now(self) -> float:
        """Seconds of the story."""
        return (time.monotonic() - self.began) * self.speed

    async def until(self, t: float) -> None:
        await asyncio.sleep(max(0.0, (t - self.now) / self.speed))

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        """Until something is so, or the story would be too long."""
        for _ in range(LOOKS_MAX):
            if condition():
                return
            await asyncio.sleep(LOOK_SECONDS / self.speed)

    async def money_below(self, floor: Decimal) -> Decimal:
        """Until less than that can be started with; answers how much it is then."""
        for _ in range(LOOKS_MAX):
            account = await self.client.get_account(self.account_id)
            if account.startable < floor:
                break
            await asyncio.sleep(LOOK_SECONDS / self.speed)
        return account.startable

    def tell(self, what: str, **facts: Any) -> None:
        """One line for the stage."""
        line = msgspec.json.encode({"t": self.now, "what": what, **facts})
        sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()

    async def tell_end(self, receipt: CallReceipt) -> None:
        account = await self.client.get_account(self.account_id)
        self.tell("ended", call=receipt, available=account.available)

    def call(self, booking: Booking) -> RunningCall:
        from_number, to_number = booking.numbers
        return self.client.call(
            account_id=self.account_id,
            call_id=booking.call_id,
            channel=cast("Channel", booking.agent.channel),
            direction=cast('Literal["inbound", "outbound"] | None', booking.agent.direction),
            agent_id=booking.agent.agent_id,
            from_=from_number,
            to=to_number,
            report_every=max(0.2, 1.0 / self.speed),
        )

    async def take(
        self, booking: Booking, *, quietly: bool = False, together: asyncio.Barrier | None = None
    ) -> bool:
        """One call from the gate to its end; False where the gate said no.

        It goes on only when the gate has answered all that are ``together`` with it.
        """
        await self.until(booking.at)
        if not quietly:
            self.tell("calling", about=booking.about, call_id=booking.call_id)
        try:
            async with self.call(booking) as call:
                if together is not None:
                    await together.wait()
                await self.talk(call, booking, self.now)
                call.end_as(cast("Outcome", booking.outcome), booking.reason)
        except InsufficientCredits as refusal:
            if together is not None:
                await together.wait()
            if not quietly:
                self.tell_refusal(booking.call_id, refusal)
            return False
        if call.receipt is not None and not quietly:
            await self.tell_end(call.receipt)
        return True

    async def talk(
        self,
        call: RunningCall,
        booking: Booking,
        answered: float,
    ) -> None:
        """Count what the booking says, when it says so, ``answered`` being when it began."""
        if booking.agent.sip is not None and booking.increments:
            call.run_clock("sip", booking.agent.sip.provider, booking.agent.sip.model)
        await self.count_all(call, booking.increments, answered)
        await self.until(answered + booking.seconds)

    async def count_all(
        self, call: RunningCall, increments: Sequence[Increment], answered: float
    ) -> None:
        """Count increments, each at its time."""
        for increment in increments:
            await self.until(answered + increment.t)
            count(call, increment)

    def tell_refusal(self, call_id: str, refusal: InsufficientCredits) -> None:
        self.tell(
            "refused",
            call_id=call_id,
            available=refusal.available,
            held=refusal.held,
            startable=refusal.startable,
            floor=refusal.floor,
        )


def count(call: RunningCall, increment: Increment) -> None:
    """Count one increment."""
    call.add(
        cast("Service", increment.service),
        increment.provider,
        increment.model,
        **cast("dict[str, Any]", increment.counted()),
    )
