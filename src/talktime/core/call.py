"""A call: what is recorded of it, and the words for its states.

What a start, a report, an end or a silence makes of it is decided in talktime.core.settlement.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from talktime.core.errors import InvalidInput
from talktime.core.ratecard import Channel
from talktime.core.usage import Line

METADATA_BYTES_MAX: Final = 4096
NO_METADATA: Final = msgspec.Raw(b"null")


class Status(StrEnum):
    LIVE = "live"  # -> silent, ended
    SILENT = "silent"  # its lease has lapsed -> live (a report), ended
    ENDED = "ended"


class BillingStatus(StrEnum):
    PENDING = "pending"  # the call runs -> charged, free, unpriced
    CHARGED = "charged"
    FREE = "free"  # the call says why
    UNPRICED = "unpriced"  # ended, a line has no price yet -> charged, free


class Outcome(StrEnum):
    COMPLETED = "completed"
    VOICEMAIL = "voicemail"
    FAILED = "failed"
    REJECTED = "rejected"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    CANCELED = "canceled"


class FreeReason(StrEnum):
    FAILED = "failed"
    REJECTED = "rejected"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    CANCELED = "canceled"
    NO_SIGN_OF_LIFE = "no_sign_of_life"
    NO_PRICE = "no_price"


class EndedBy(StrEnum):
    CALLER = "caller"
    WATCHDOG = "watchdog"


class StartFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a start says. A repeat must match all but ``metadata``, None being a value."""

    account_id: str
    call_id: str
    channel: Channel
    direction: str | None = None
    agent_id: str | None = None
    from_number: str | None = None
    to_number: str | None = None
    started_at: datetime | None = None
    metadata: str | None = None  # JSON text, kept as given


class EndFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What an end says, as sent."""

    outcome: Outcome
    ended_at: datetime | None = None
    duration_ms: int | None = None
    reason: str | None = None


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call as recorded at one revision, amounts in nanos.

    The order of the fields is that of the view call_record.
    """

    account_id: str
    call_id: str
    channel: Channel
    direction: str | None = None
    agent_id: str | None = None
    from_number: str | None = None
    to_number: str | None = None
    stated_started_at: datetime | None = None
    metadata: str | None = None
    admitted_at: datetime  # its rate card is the one in force then
    margin_ppm: int
    lease_ms: int
    last_heard_at: datetime
    status: Status = Status.LIVE  # live or ended; silence is told by status_at
    billing_status: BillingStatus = BillingStatus.PENDING
    outcome: Outcome | None = None
    free_reason: FreeReason | None = None
    ended_by: EndedBy | None = None
    revision: int = 1
    initial_hold_nanos: int
    hold_nanos: int
    lines: tuple[Line, ...] = ()
    cost_nanos: int = 0  # of the priced lines
    margin_nanos: int = 0
    charge_nanos: int | None = 0  # None: some line has no price
    llm_nanos: int = 0
    stt_nanos: int = 0
    tts_nanos: int = 0
    sip_nanos: int = 0
    stated_ended_at: datetime | None = None
    stated_duration_ms: int | None = None
    end_reason: str | None = None
    ended_at: datetime | None = None
    duration_ms: int | None = None
    settled_at: datetime | None = None
    entry_seq: int | None = None
    promo_charged_nanos: int | None = None
    paid_charged_nanos: int | None = None
    late_at: datetime | None = None
    late_outcome: str | None = None
    first_reported_at: datetime | None = None  # None: no usage report came, or none was noted then

    @property
    def key(self) -> tuple[str, str]:
        return (self.account_id, self.call_id)

    @property
    def started_at(self) -> datetime:
        return self.stated_started_at or self.admitted_at

    @property
    def is_late(self) -> bool:
        """Something new was told after its end: noted for the operator, never debited."""
        return self.late_at is not None

    def status_at(self, now: datetime) -> Status:
        """Live calls not heard from within their lease are silent."""
        if self.status is Status.LIVE and now - self.last_heard_at > timedelta(
            milliseconds=self.lease_ms
        ):
            return Status.SILENT
        return self.status


def read_metadata(raw: msgspec.Raw) -> str | None:
    """A start's metadata as kept: a JSON object of at most METADATA_BYTES_MAX without its white
    space, its digits and characters as they were sent; None for null. Raises InvalidInput."""
    if bytes(raw) == bytes(NO_METADATA):
        return None
    try:
        is_object = isinstance(msgspec.json.decode(raw), dict)
        compact = msgspec.json.format(bytes(raw), indent=-1)  # on one line, as live events want it
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        is_object, compact = False, b""
    if not is_object:
        raise InvalidInput("metadata must be a JSON object", field="metadata")
    if len(compact) > METADATA_BYTES_MAX:
        raise InvalidInput(f"metadata is larger than {METADATA_BYTES_MAX} bytes", field="metadata")
    return compact.decode()


def opened(
    facts: StartFacts,
    *,
    now: datetime,
    margin_ppm: int,
    lease_ms: int,
    hold_nanos: int,
) -> Call:
    """The call that an admitted start makes."""
    return Call(
        account_id=facts.account_id,
        call_id=facts.call_id,
        channel=facts.channel,
        direction=facts.direction,
        agent_id=facts.agent_id,
        from_number=facts.from_number,
        to_number=facts.to_number,
        stated_started_at=facts.started_at,
        metadata=facts.metadata,
        admitted_at=now,
        margin_ppm=margin_ppm,
        lease_ms=lease_ms,
        last_heard_at=now,
        initial_hold_nanos=hold_nanos,
        hold_nanos=hold_nanos,
    )
