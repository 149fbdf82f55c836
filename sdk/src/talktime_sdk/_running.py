"""A running call: reports in the background, and an end that carries everything."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import msgspec

from talktime_sdk._answers import Admission, CallReceipt, UsageAnswer
from talktime_sdk._delivery import Delivery
from talktime_sdk._errors import Conflict, InvalidUsage, Refusal, TalktimeError, WrongState
from talktime_sdk._figures import Usd
from talktime_sdk._retry import RetryPolicy
from talktime_sdk._totals import Quantity, Service
from talktime_sdk._wire import Request, path
from talktime_sdk.session import OUTCOMES, CallSession, Outcome

logger = logging.getLogger("talktime_sdk")

END_RETRIES = RetryPolicy(attempts=8, max_delay=10.0, statuses=frozenset({429, 500, 502, 503, 504}))
"""More patient than the rest: behind the end nothing is waiting but the money."""


class Undelivered(msgspec.Struct, frozen=True, kw_only=True):
    """An end that Talktime could not be told. ``client.deliver(request)`` tells it later."""

    request: Request
    why: str


class RunningCall:
    """One conversation between its start and its end; made by ``TalktimeClient.call``.

    Entering asks the gate, and raises what it says. Inside, nothing here raises for the network's
    sake: reports go out in the background, and trouble is logged. Leaving ends the call:

    * normally: ``completed``
    * by an exception: ``failed``, with the exception's class as the reason (its text may hold what
      a customer should not read)
    * by cancellation: ``canceled``
    * after ``end_as``: as said there

    Afterwards there is either a ``receipt``, or ``undelivered`` with what is still to be told.
    With the server away, leaving takes about a minute at most, as ``end_retries`` bounds it.

    To be used from the event loop's own thread.
    """

    def __init__(
        self,
        session: CallSession,
        delivery: Delivery,
        *,
        end_retries: RetryPolicy,
        on_undelivered: Callable[[Undelivered], None] | None,
        keep: Callable[[asyncio.Task[None]], None],
    ) -> None:
        self.session = session
        self.undelivered: Undelivered | None = None
        self._delivery = delivery
        self._end_retries = end_retries
        self._on_undelivered = on_undelivered
        self._keep = keep
        self._wake = asyncio.Event()
        self._reporter: asyncio.Task[None] | None = None
        self._connected_at = 0.0
        self._outcome: Outcome | None = None
        self._reason: str | None = None
        self._presumed: tuple[Outcome, str | None] | None = None
        self._complained_of: set[str] = set()

    @property
    def admission(self) -> Admission:
        """What the gate answered. Raises WrongState before the block is entered."""
        if self.session.admission is None:
            raise WrongState("the call has not been started: enter its block first")
        return self.session.admission

    @property
    def usage(self) -> UsageAnswer | None:
        """The last answer to a report: accrued charge, balances. None before the first."""
        return self.session.usage

    @property
    def receipt(self) -> CallReceipt | None:
        """The ended call with its breakdown; None while it runs, and when it is undelivered."""
        return self.session.receipt

    # --- counting -------------------------------------------------------------------------

    def add(
        self,
        service: Service,
        provider: str = "",
        model: str = "",
        *,
        source: str = "",
        provider_cost: Usd | None = None,
        **quantities: Quantity,
    ) -> None:
        """Count an increment, as in ``CallSession.add``. Returns at once."""
        self.session.add(
            service, provider, model, source=source, provider_cost=provider_cost, **quantities
        )
        self._wake.set()

    def set_totals(
        self,
        service: Service,
        provider: str = "",
        model: str = "",
        *,
        source: str = "",
        provider_cost: Usd | None = None,
        **quantities: Quantity,
    ) -> None:
        """Take a snapshot, as in ``CallSession.set_totals``. Returns at once."""
        self.session.set_totals(
            service, provider, model, source=source, provider_cost=provider_cost, **quantities
        )
        self._wake.set()

    def run_clock(
        self, service: Service, provider: str = "", model: str = "", *, source: str = ""
    ) -> None:
        """Count plain time from now until the end, as a carrier does: sip and stt lines only."""
        self.session.run_clock(service, provider, model, source=source, now=time.monotonic())
        self._wake.set()

    def connected(self) -> None:
        """The other side picked up: the duration counts from here, not from the admission."""
        self._connected_at = time.monotonic()

    def end_as(self, outcome: Outcome, reason: str | None = None) -> None:
        """Say how the call ended; it wins over what leaving the block would mean. ``voicemail``
        is charged like ``completed``, everything else is free."""
        if outcome not in OUTCOMES:
            raise InvalidUsage(f"outcome: {outcome!r} is none of {', '.join(sorted(OUTCOMES))}")
        self._outcome, self._reason = outcome, reason

    def presume(self, outcome: Outcome, reason: str) -> None:
        """What a framework's own end of the conversation means: it wins over what leaving the block
        would mean, and ``end_as`` over it. Of several the first that is ``failed`` counts."""
        if self._presumed is None or (outcome == "failed" != self._presumed[0]):
            self._presumed = outcome, reason

    # --- life -----------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self._delivery.deliver(
            self.session.start(),
            lambda response: self.session.on_start(response, now=time.monotonic()),
        )
        self._connected_at = time.monotonic()
        self._reporter = asyncio.create_task(self._keep_reporting())
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        outcome, reason = self._outcome_of(exc)
        now = time.monotonic()
        request = self.session.end(
            outcome,
            now=now,
            reason=reason,
            # A resumed call began in a process whose clock is gone; the server knows since when.
            duration_seconds=None if self.session.resumed else max(0.0, now - self._connected_at),
        )
        ending = asyncio.create_task(self._finish(request))
        # If we are cancelled (once more) while the end is under way, it goes on by itself, and
        # the client waits for it when it closes.
        self._keep(ending)
        await asyncio.shield(ending)

    def _outcome_of(self, exc: BaseException | None) -> tuple[Outcome, str | None]:
        if self._outcome is not None:
            return self._outcome, self._reason
        if self._presumed is not None:
            return self._presumed
        if exc is None:
            return "completed", None
        if isinstance(exc, Exception):
            return "failed", type(exc).__name__
        return "canceled", type(exc).__name__

    async def _keep_reporting(self) -> None:
        while True:
            self._wake.clear()
            pause = self.session.due_at - time.monotonic()
            if pause > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._wake.wait()
                continue
            await self._report_once()

    async def _report_once(self) -> None:
        report = self.session.report(now=time.monotonic())
        try:
            answer = self.session.on_report(report, await self._delivery.exchange(report))
        except TalktimeError as trouble:
            self.session.on_trouble(
                now=time.monotonic(),
                dice=self._delivery.dice,
                retry_after=trouble.retry_after if isinstance(trouble, Refusal) else None,
            )
            self._complain("a report failed, and is made again", trouble)
        else:
            if answer.status == "ended":
                self._complain("it was ended from elsewhere while the conversation goes on", None)

    def _complain(self, what: str, trouble: TalktimeError | None) -> None:
        """Once per kind of trouble; a long outage would fill the log otherwise."""
        kind = what + (trouble.code if isinstance(trouble, Refusal) else type(trouble).__name__)
        level = logging.DEBUG if kind in self._complained_of else logging.WARNING
        self._complained_of.add(kind)
        logger.log(level, "call %s: %s (%s)", self.session.call_id, what, trouble or "no error")

    async def _finish(self, request: Request) -> None:
        assert self._reporter is not None
        self._reporter.cancel()
        try:
            await asyncio.wait([self._reporter])
            if not self._reporter.cancelled() and (bug := self._reporter.exception()):
                logger.error("call %s: its reporter died", self.session.call_id, exc_info=bug)
            await self._delivery.deliver(request, self.session.on_end, retries=self._end_retries)
        except TalktimeError as trouble:
            if isinstance(trouble, Conflict) and trouble.code == "call_already_ended":
                await self._tell_late(request, trouble)
            else:
                self._leave_undelivered(request, trouble)
        except asyncio.CancelledError:
            self._leave_undelivered(request, TalktimeError("the process was shut down"))
            raise
        if self.receipt is not None and self.receipt.late:
            self._complain("some of it came after its end, is on record, but was not charged", None)

    async def _tell_late(self, request: Request, conflict: Conflict) -> None:
        """Somebody else ended the call otherwise (a carrier's callback, say), and that stands. Our
        totals still go on record, and the receipt shows how it ended."""
        self._complain("it had been ended otherwise, and that stands", conflict)
        session = self.session
        report = session.report(now=time.monotonic())
        call = path("accounts", session.account_id, "calls", session.call_id)
        try:
            await self._delivery.deliver(report, lambda answer: session.on_report(report, answer))
            await self._delivery.deliver(Request(method="GET", path=call), session.on_end)
        except TalktimeError as trouble:
            self._leave_undelivered(request, trouble)

    def _leave_undelivered(self, request: Request, trouble: TalktimeError) -> None:
        self.undelivered = Undelivered(request=request, why=str(trouble))
        logger.error(
            "call %s: its end could not be delivered (%s); still to be told: %s %s %s",
            self.session.call_id,
            trouble,
            request.method,
            request.path,
            request.json().decode(),
        )
        if self._on_undelivered is not None:
            try:
                self._on_undelivered(self.undelivered)
            except Exception:  # a stranger's code must not hide the bot's own error
                logger.exception("on_undelivered failed")
