"""One call's billing without any I/O: it makes requests as values and takes answers as values.

Whoever drives it brings the network, the clock and the dice. Times are monotonic seconds, only
ever compared with each other.
"""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

from talktime_sdk._answers import Admission, CallReceipt, UsageAnswer
from talktime_sdk._errors import (
    AccountSuspended,
    CallOver,
    InsufficientCredits,
    InvalidUsage,
    WrongState,
)
from talktime_sdk._figures import Usd, seconds_nanos, seconds_text
from talktime_sdk._retry import RetryPolicy
from talktime_sdk._totals import Channel, LineKey, Quantity, RunningTotals, Service, read_figures
from talktime_sdk._wire import Request, Response, facts, path, read_answer

__all__ = ["CallSession", "CallState", "Channel", "Direction", "Outcome", "Report", "Service"]

Outcome = Literal["completed", "voicemail", "failed", "rejected", "busy", "no_answer", "canceled"]
Direction = Literal["inbound", "outbound"]
OUTCOMES = frozenset(
    {"completed", "voicemail", "failed", "rejected", "busy", "no_answer", "canceled"}
)

REASON_LENGTH_MAX = 500

CLOCKED = {"sip": "seconds", "stt": "audio_seconds"}
"""The services that can be billed by plain time, and the quantity that the time becomes."""


class CallState(StrEnum):
    """Where a call stands, seen from here."""

    NEW = "new"  # -> admitted, refused, ended (the id was used before)
    REFUSED = "refused"  # -> admitted, by another start
    ADMITTED = "admitted"  # -> ended
    ENDED = "ended"


class Report(Request, frozen=True, kw_only=True):
    """A usage report and what it was made from: its running totals and when it was made."""

    revision: int
    made_at: float


class CallSession:
    """The running totals of one call, and what to tell Talktime next.

    ``source`` tells apart the processes that report the same call, since each counts from zero.
    When it is left out, ``source_if_resumed`` (something random) is taken as soon as the answer to
    the start shows that the call was known before: a restarted bot then needs to do nothing.
    """

    def __init__(
        self,
        *,
        account_id: str,
        call_id: str,
        channel: Channel,
        direction: Direction | None = None,
        agent_id: str | None = None,
        from_: str | None = None,
        to: str | None = None,
        started_at: datetime | None = None,
        metadata: Mapping[str, Any] | None = None,
        source: str | None = None,
        source_if_resumed: str = "resumed",
        report_every: float = 5.0,
        retries: RetryPolicy | None = None,
    ) -> None:
        self.account_id = account_id
        self.call_id = call_id
        self.state = CallState.NEW
        self.admission: Admission | None = None
        self.usage: UsageAnswer | None = None
        self.receipt: CallReceipt | None = None
        self.resumed = False
        self.source = source or ""
        self._source_if_resumed = source_if_resumed if source is None else None
        self._totals = RunningTotals(channel)
        self._clocks: dict[LineKey, float] = {}
        self._report_every = report_every
        self._retries = retries or RetryPolicy()
        self._end: Request | None = None
        self._delivered_revision = 0
        self._reported_at = self._heard_at = self._not_before = -math.inf
        self._troubles = 0
        self._start = Request(
            method="POST",
            path=path("calls"),
            body=facts(
                account_id=account_id,
                call_id=call_id,
                channel=channel,
                direction=direction,
                agent_id=agent_id or None,
                **{"from": from_ or None},
                to=to or None,
                started_at=time_text(started_at, "started_at"),
                metadata=metadata,
            ),
        )

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
        """Count an increment: what was used since the last time.

        ``provider_cost`` is the provider's own figure in USD; a line that has one is priced by it.
        Raises InvalidUsage, and then nothing is counted.
        """
        key = self._key(service, provider, model, source)
        self._totals.add(key, read_figures(service, quantities, provider_cost))

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
        """Take a snapshot: what was used since the call began. A lower one changes nothing."""
        key = self._key(service, provider, model, source)
        self._totals.raise_to(key, read_figures(service, quantities, provider_cost))

    def run_clock(
        self, service: Service, provider: str = "", model: str = "", *, now: float, source: str = ""
    ) -> None:
        """From now until the end, count plain time as this line's seconds, as a carrier does."""
        key = self._key(service, provider, model, source)
        if service not in CLOCKED:
            raise InvalidUsage(f"{service} is not billed by plain time")
        self._totals.raise_to(key, {CLOCKED[service]: 0})
        self._clocks.setdefault(key, now)

    def lines(self) -> list[dict[str, Any]]:
        """The running totals as the API takes them."""
        return self._totals.wire_lines(self.source)

    def _key(self, service: str, provider: str, model: str, source: str) -> LineKey:
        if self._end is not None or self.state in (CallState.REFUSED, CallState.ENDED):
            raise WrongState(f"call {self.call_id} is over: nothing can be counted any more")
        return self._totals.line_key(service, provider, model, source)

    def _tick(self, now: float) -> None:
        for key, since in self._clocks.items():
            elapsed = seconds_nanos(max(0.0, now - since), "elapsed")
            self._totals.raise_to(key, {CLOCKED[key.service]: elapsed})

    # --- start ----------------------------------------------------------------------------

    def start(self) -> Request:
        """Ask the gate. After a refusal it may be asked again, and judges afresh."""
        if self.state not in (CallState.NEW, CallState.REFUSED):
            raise WrongState(f"call {self.call_id} has been started")
        return self._start

    def on_start(self, response: Response, *, now: float) -> Admission:
        """Raises InsufficientCredits or AccountSuspended when the call is refused, CallOver when
        its id was used up; on any other error the call is still to be started."""
        try:
            admission = read_answer(response, Admission)
        except (InsufficientCredits, AccountSuspended):
            self.state = CallState.REFUSED
            raise
        if admission.status == "ended":
            self.state = CallState.ENDED
            raise CallOver(f"call {self.call_id} has already ended: a new call needs a new id")
        self.resumed = response.status != 201
        if self.resumed and self._source_if_resumed is not None:
            self.source = self._source_if_resumed
        self.state = CallState.ADMITTED
        self.admission = admission
        self._heard_at = self._reported_at = now
        return admission

    # --- usage ----------------------------------------------------------------------------

    @property
    def has_news(self) -> bool:
        """Whether there is usage that Talktime has not confirmed."""
        return bool(self._clocks) or self._totals.revision > self._delivered_revision

    @property
    def due_at(self) -> float:
        """When the next report should go out: soon with news, else in time for the lease."""
        if self.state is not CallState.ADMITTED or self._end is not None:
            return math.inf
        assert self.admission is not None
        # A third, so that two heartbeats may get lost and the lease still holds.
        due = self._heard_at + float(self.admission.lease_seconds) / 3
        if self.has_news:
            due = min(due, self._reported_at + self._report_every)
        return max(due, self._not_before)

    def report(self, *, now: float) -> Report:
        """The running totals so far. Losing, repeating or reordering reports does no harm."""
        self._must_be_admitted()
        if self._end is None:
            self._tick(now)
        self._reported_at = now
        return Report(
            method="PUT",
            path=path("accounts", self.account_id, "calls", self.call_id, "usage"),
            body={"lines": self.lines()},
            revision=self._totals.revision,
            made_at=now,
        )

    def on_report(self, report: Report, response: Response) -> UsageAnswer:
        """Raises Refusal or UnexpectedAnswer, and then the totals count as not delivered."""
        answer = read_answer(response, UsageAnswer)
        self._delivered_revision = max(self._delivered_revision, report.revision)
        # The server heard us no earlier than this, and perhaps no later.
        self._heard_at = max(self._heard_at, report.made_at)
        self._troubles, self._not_before = 0, -math.inf
        self.usage = answer
        return answer

    def on_trouble(
        self, *, now: float, dice: Callable[[], float], retry_after: float | None = None
    ) -> float:
        """Note that a report failed; gives the pause in seconds that ``due_at`` now respects."""
        self._troubles += 1
        # Bounded, as the lease runs on meanwhile.
        wish = min(retry_after or 0.0, self._retries.max_retry_after)
        pause = self._retries.pause(self._troubles, dice=dice, retry_after=wish)
        self._not_before = now + pause
        return pause

    # --- end ------------------------------------------------------------------------------

    def end(
        self,
        outcome: Outcome,
        *,
        now: float,
        reason: str | None = None,
        ended_at: datetime | None = None,
        duration_seconds: Quantity | None = None,
    ) -> Request:
        """End the call, with its final totals, so that earlier losses do not matter.

        The first end stands: asked again, the same request comes back, whatever is said then.
        """
        self._must_be_admitted()
        if self._end is None:
            self._tick(now)
            self._clocks.clear()
            self._end = Request(
                method="POST",
                path=path("accounts", self.account_id, "calls", self.call_id, "end"),
                body=end_facts(
                    outcome,
                    lines=self.lines(),
                    ended_at=ended_at,
                    duration_seconds=duration_seconds,
                    reason=reason,
                ),
            )
        return self._end

    def on_end(self, response: Response) -> CallReceipt:
        """Raises Refusal or UnexpectedAnswer, and then the call counts as not ended."""
        self.receipt = read_answer(response, CallReceipt)
        self._delivered_revision = self._totals.revision
        self.state = CallState.ENDED
        return self.receipt

    def _must_be_admitted(self) -> None:
        if self.state is not CallState.ADMITTED:
            raise WrongState(f"call {self.call_id} is {self.state}, not admitted")


def end_facts(
    outcome: str,
    *,
    lines: list[dict[str, Any]],
    ended_at: datetime | None,
    duration_seconds: Quantity | None,
    reason: str | None,
) -> dict[str, Any]:
    """The body of an end. Raises InvalidUsage."""
    if outcome not in OUTCOMES:
        raise InvalidUsage(f"outcome: {outcome!r} is none of {', '.join(sorted(OUTCOMES))}")
    duration = None
    if duration_seconds is not None:
        duration = seconds_text(seconds_nanos(duration_seconds, "duration_seconds"))
    return facts(
        outcome=outcome,
        ended_at=time_text(ended_at, "ended_at"),
        duration_seconds=duration,
        lines=lines,
        reason=one_line(reason),
    )


def one_line(text: str | None) -> str | None:
    """A reason as the server takes it: one printable line of at most 500 characters, or None. It
    is made to fit, as a call must not stay open for the sake of its epitaph."""
    printable = "".join(c if c.isprintable() else " " for c in text or "")
    return " ".join(printable.split())[:REASON_LENGTH_MAX].strip() or None


def time_text(value: datetime | None, field: str) -> str | None:
    """RFC 3339 in UTC; a time without a zone is refused, not guessed."""
    if value is None:
        return None
    if value.tzinfo is None:
        raise InvalidUsage(f"{field}: a time needs its zone")
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
