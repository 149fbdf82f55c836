"""What the three acts on a call take: bodies on the wire, checked, as facts for ops."""

from decimal import ROUND_HALF_EVEN
from typing import Literal

import msgspec

from talktime.api.bodies import Moment, in_utc
from talktime.core.call import NO_METADATA, EndFacts, Outcome, StartFacts, read_metadata
from talktime.core.errors import InvalidInput
from talktime.core.figure import Figure, exact_figure
from talktime.core.one_line import NUMBER_LENGTH_MAX, check_id, check_text
from talktime.core.ratecard import Channel
from talktime.core.settlement import LONGEST_CALL_MS
from talktime.core.usage import LineReport
from talktime.ops.call_end import EndRequest
from talktime.ops.call_usage import UsageReport

_LONGEST_SECONDS = LONGEST_CALL_MS // 1000


class StartBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A call that wants to begin. All but ``metadata`` are the facts that a repeat must match."""

    account_id: str
    call_id: str
    """Chosen by the caller, unique per account; a Twilio SID will do."""
    channel: Channel
    direction: Literal["inbound", "outbound"] | None = None
    agent_id: str | None = None
    from_number: str | None = msgspec.field(name="from", default=None)
    to_number: str | None = msgspec.field(name="to", default=None)
    started_at: Moment | None = None
    metadata: msgspec.Raw = msgspec.field(default_factory=lambda: NO_METADATA)
    """A JSON object of up to 4 KiB without its white space, given back with the call."""


class UsageReportBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Running totals, never deltas. Without lines it is a heartbeat."""

    lines: list[LineReport] | None = None


class EndBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the call ended, with its final running totals if they were not reported yet."""

    outcome: Outcome
    ended_at: Moment | None = None
    duration_seconds: Figure | None = None
    lines: list[LineReport] | None = None
    reason: str | None = None


class UsageItem(UsageReportBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One report of a batch."""

    account_id: str
    call_id: str


class EndItem(EndBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One end of a batch."""

    account_id: str
    call_id: str


def start_facts(body: StartBody) -> StartFacts:
    """The facts of a start. Raises InvalidInput naming the field."""
    return StartFacts(
        account_id=check_id(body.account_id, "account_id"),
        call_id=check_id(body.call_id, "call_id"),
        channel=body.channel,
        direction=body.direction,
        agent_id=body.agent_id and check_id(body.agent_id, "agent_id"),
        from_number=check_text(body.from_number, "from", most=NUMBER_LENGTH_MAX),
        to_number=check_text(body.to_number, "to", most=NUMBER_LENGTH_MAX),
        started_at=in_utc(body.started_at, "started_at"),
        metadata=read_metadata(body.metadata),
    )


def usage_report(account_id: str, call_id: str, body: UsageReportBody) -> UsageReport:
    """The report for ops. Raises InvalidInput for ids that cannot be."""
    return UsageReport(
        account_id=check_id(account_id, "account_id"),
        call_id=check_id(call_id, "call_id"),
        lines=body.lines or (),
    )


def end_request(account_id: str, call_id: str, body: EndBody) -> EndRequest:
    """The end for ops. Raises InvalidInput naming the field."""
    return EndRequest(
        account_id=check_id(account_id, "account_id"),
        call_id=check_id(call_id, "call_id"),
        facts=EndFacts(
            outcome=body.outcome,
            ended_at=in_utc(body.ended_at, "ended_at"),
            duration_ms=_duration_ms(body.duration_seconds),
            reason=check_text(body.reason, "reason"),
        ),
        lines=body.lines or (),
    )


def _duration_ms(value: Figure | None) -> int | None:
    if value is None:
        return None
    number = exact_figure(value, field="duration_seconds")
    if not number.is_finite() or not 0 <= number <= _LONGEST_SECONDS:
        raise InvalidInput(
            "duration_seconds must be between 0 and 31 days", field="duration_seconds"
        )
    return int((number * 1000).to_integral_value(ROUND_HALF_EVEN))
