"""Bringing in calls that took place elsewhere: no gate and no hold, settled like any other.

A file has one JSON object per line:

    {"account_id": "acme", "call_id": "CA1", "channel": "phone", "outcome": "completed",
     "started_at": "2026-11-01T10:00:00Z", "duration_seconds": 60,
     "lines": [{"service": "stt", "provider": "deepgram", "model": "nova-3",
                "quantities": {"audio_seconds": 31.5}}]}

``ended_at`` may stand for the duration; direction, agent_id, from, to, metadata and reason are
optional. The rate card in force at ``started_at`` prices the lines. A call that has ended already
is left as it is: importing a file twice changes nothing, and a line that tells it otherwise is a
conflict, which is answered and never written.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

import msgspec

from talktime.core.call import (
    NO_METADATA,
    Call,
    EndFacts,
    Outcome,
    StartFacts,
    Status,
    read_metadata,
)
from talktime.core.errors import (
    AccountSuspended,
    CallAlreadyEnded,
    CallIdConflict,
    Conflict,
    InvalidInput,
    TalktimeError,
)
from talktime.core.figure import Figure, exact_figure
from talktime.core.misfit import misfit
from talktime.core.one_line import NUMBER_LENGTH_MAX, check_id, check_text
from talktime.core.ratecard import Channel, PriceBook
from talktime.core.rating import rate_call
from talktime.core.settlement import CLOCK_TOLERANCE, LONGEST_CALL_MS
from talktime.core.usage import Line, LineKey, LineReport, merge_lines, parse_lines
from talktime.db import acts
from talktime.db.accounts import known_accounts
from talktime.db.calls import read_calls
from talktime.db.pool import Connection
from talktime.ops.accounts import account_unknown
from talktime.ops.attempts import CallKey
from talktime.ops.call_end import EndAnswer, EndRequest, end_calls
from talktime.ops.terms import Terms

BATCH: Final = 200
LINE_BYTES_MAX: Final = 1_000_000
NO_GATE: Final = -(2**63)
"""A floor that every balance is above: what has taken place is not refused any more."""
MILLISECOND: Final = Decimal("0.001")

Direction = Literal["inbound", "outbound"]


class ImportedCall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of the file, as it is read."""

    account_id: str = ""
    """Empty: the account that the whole import is for."""
    call_id: str
    channel: Channel
    outcome: Outcome
    started_at: datetime
    ended_at: datetime | None = None
    duration_seconds: Figure | None = None
    lines: list[LineReport] = []
    direction: Direction | None = None
    agent_id: str | None = None
    from_number: str | None = msgspec.field(name="from", default=None)
    to_number: str | None = msgspec.field(name="to", default=None)
    metadata: msgspec.Raw = msgspec.field(default_factory=lambda: NO_METADATA)
    reason: str | None = None

    @property
    def key(self) -> CallKey:
        return (self.account_id, self.call_id)

    @property
    def seconds(self) -> Decimal | None:
        """How long it took as it was written. Raises InvalidInput for what is no number."""
        written = self.duration_seconds
        return None if written is None else exact_figure(written, field="duration_seconds")

    @property
    def duration_ms(self) -> int | None:
        seconds = self.seconds
        return None if seconds is None else int(seconds.quantize(MILLISECOND) * 1000)


class LineFault(Exception):
    """A line that cannot be imported: which one, which field, and why."""

    def __init__(self, number: int, problem: str, field: str | None = None) -> None:
        super().__init__(f"line {number}: {problem}")
        self.number = number
        self.field = field


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one batch."""

    settled: list[Call]
    known: list[int]
    """By line number: were there already, and stay as they were."""
    conflicts: list[tuple[int, Conflict]]
    """By line number: the id was there already, and the line tells its call otherwise."""
    refused: list[tuple[int, TalktimeError]]
    """By line number."""


_decoder = msgspec.json.Decoder(ImportedCall)


def read_line(
    number: int, text: bytes, *, account_id: str | None, book: PriceBook, now: datetime
) -> ImportedCall:
    """One line of the file, checked whole. Raises LineFault naming the line and the field.

    ``account_id`` is for lines that name none; a line that names another one is refused.
    """
    if len(text) > LINE_BYTES_MAX:
        raise LineFault(number, f"is longer than {LINE_BYTES_MAX} bytes")
    try:
        read = _decoder.decode(text)
    except msgspec.ValidationError as error:
        refused = misfit(error, ImportedCall)
        raise LineFault(number, refused.message, refused.field) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LineFault(number, f"is no JSON object ({error})") from error
    try:
        return _checked(read, account_id, book, now)
    except TalktimeError as error:
        raise LineFault(number, error.message, error.field) from error


def _checked(
    read: ImportedCall, account_id: str | None, book: PriceBook, now: datetime
) -> ImportedCall:
    account = read.account_id or account_id
    if not account:
        raise InvalidInput(
            "account_id is missing: give it in each line, or for all of them", field="account_id"
        )
    if account_id is not None and account != account_id:
        raise InvalidInput(
            f"account_id is {account}, and the import is for {account_id}", field="account_id"
        )
    check_id(account, "account_id")
    check_id(read.call_id, "call_id")
    if read.agent_id:
        check_id(read.agent_id, "agent_id")
    # Empty cells of a table are no text that is wrong.
    check_text(read.from_number or None, "from", most=NUMBER_LENGTH_MAX)
    check_text(read.to_number or None, "to", most=NUMBER_LENGTH_MAX)
    check_text(read.reason or None, "reason")
    read_metadata(read.metadata)
    _check_times(read, now)
    # Merged and rated for what they may refuse; the amounts are settled later.
    rate_call(merge_lines((), parse_lines(read.lines, read.channel)), book, read.started_at, 0)
    return msgspec.structs.replace(read, account_id=account)


def _check_times(read: ImportedCall, now: datetime) -> None:
    for field, moment in (("started_at", read.started_at), ("ended_at", read.ended_at)):
        if moment is None:
            continue
        if moment.tzinfo is None:
            raise InvalidInput(
                f"{field} has no offset: write it in UTC, as in 2026-11-01T10:00:00Z", field=field
            )
        if moment - now > CLOCK_TOLERANCE:
            raise InvalidInput(f"{field} lies in the future", field=field)
    if read.ended_at is None and read.duration_seconds is None:
        raise InvalidInput(
            "ended_at is missing: give it, or duration_seconds instead", field="ended_at"
        )
    if read.ended_at is not None and read.ended_at < read.started_at:
        raise InvalidInput("ended_at lies before started_at", field="ended_at")
    seconds = read.seconds
    if seconds is not None and not (
        seconds.is_finite() and 0 <= seconds <= LONGEST_CALL_MS // 1000
    ):
        raise InvalidInput(
            "duration_seconds must be between 0 and 31 days", field="duration_seconds"
        )


async def unknown_accounts(connection: Connection, account_ids: Iterable[str]) -> set[str]:
    """Those of some accounts that do not exist."""
    wanted = set(account_ids)
    return wanted - await known_accounts(connection, sorted(wanted))


async def import_calls(
    connection: Connection,
    batch: Sequence[tuple[int, ImportedCall]],
    *,
    book: PriceBook,
    terms: Terms,
    now: datetime,
) -> Imported:
    """Bring in a batch of (line number, checked call) in one transaction, in the order given.

    Refused, by line: AccountUnknown, AccountSuspended, and what ending a running call may refuse.
    Conflicts: CallIdConflict where the id belongs to another call or to one with other usage,
    CallAlreadyEnded where it ended with another outcome.
    """
    done = Imported(settled=[], known=[], conflicts=[], refused=[])
    async with connection.transaction():
        before = await read_calls(connection, [call.key for _, call in batch])
        verdicts = await acts.start_calls(
            connection,
            [(_start(call), 0, call.started_at) for _, call in batch],
            now=now,
            floor_nanos=NO_GATE,
            margin_ppm=terms.margin_ppm,
            lease_ms=terms.lease_ms,
        )
        to_end = _to_end(batch, [verdict.verdict for verdict in verdicts], before, done)
        answers = await end_calls(
            connection, [_end(call) for _, call, _ in to_end], book=book, terms=terms, now=now
        )
        for (number, _, is_new), answer in zip(to_end, answers, strict=True):
            if isinstance(answer, EndAnswer):
                done.settled.append(answer.call)
            elif is_new:
                # Begun and not ended: the whole batch is undone, or it would stay open.
                raise LineFault(number, answer.message, answer.field) from answer
            else:
                done.refused.append((number, answer))
    return done


def _to_end(
    batch: Sequence[tuple[int, ImportedCall]],
    verdicts: Sequence[str],
    before: Mapping[CallKey, Call],
    done: Imported,
) -> list[tuple[int, ImportedCall, bool]]:
    """The lines whose calls are still to be ended, with whether they are new; the others are noted
    in ``done``."""
    to_end: list[tuple[int, ImportedCall, bool]] = []
    in_batch: dict[CallKey, ImportedCall] = {}
    for (number, call), verdict in zip(batch, verdicts, strict=True):
        there = before.get(call.key)
        if verdict == "call_id_conflict":
            facts = "channel, direction, agent, number or start"
            done.conflicts.append((number, _conflict(call, facts)))
        elif verdict not in {"admitted", "repeated"}:
            done.refused.append((number, _refusal(call, verdict)))
        elif call.key not in in_batch and (there is None or there.status is not Status.ENDED):
            in_batch[call.key] = call
            to_end.append((number, call, verdict == "admitted"))
        elif conflict := _contradiction(call, in_batch.get(call.key) or before[call.key]):
            done.conflicts.append((number, conflict))
        else:
            done.known.append(number)
    return to_end


def _contradiction(told: ImportedCall, there: Call | ImportedCall) -> Conflict | None:
    """What a line tells otherwise than the ended call that is there; what it leaves out, it does
    not deny."""
    if there.outcome is not told.outcome:
        return CallAlreadyEnded(
            f"call {told.call_id} of account {told.account_id} has ended as {there.outcome} "
            f"already; this line says {told.outcome}",
            field="outcome",
        )
    if isinstance(there, Call):
        reason, lines = there.end_reason, there.lines
        durations = {there.stated_duration_ms, there.duration_ms}
        ends = {there.stated_ended_at, there.ended_at}
    else:
        reason, lines = there.reason, parse_lines(there.lines, there.channel)
        durations, ends = {there.duration_ms}, {there.ended_at}
    if _usage(parse_lines(told.lines, told.channel)) != _usage(lines):
        return _conflict(told, "usage")
    if told.duration_ms is not None and told.duration_ms not in durations:
        return _conflict(told, "duration")
    if told.ended_at is not None and told.ended_at not in ends:
        return _conflict(told, "end")
    if told.reason is not None and told.reason != reason:
        return _conflict(told, "reason")
    return None


def _usage(lines: Iterable[Line]) -> dict[LineKey, tuple[dict[str, int], int | None]]:
    return {line.key: (line.quantities, line.provider_cost_nanos) for line in lines}


def _conflict(told: ImportedCall, what: str) -> CallIdConflict:
    return CallIdConflict(
        f"there is a call {told.call_id} on account {told.account_id} already, with another "
        f"{what}; it stays as it is",
        field="call_id",
    )


def _refusal(call: ImportedCall, verdict: str) -> TalktimeError:
    if verdict == "account_suspended":
        return AccountSuspended(f"account {call.account_id} is suspended; make it active first")
    return account_unknown(call.account_id)


def _start(call: ImportedCall) -> StartFacts:
    return StartFacts(
        account_id=call.account_id,
        call_id=call.call_id,
        channel=call.channel,
        direction=call.direction,
        agent_id=call.agent_id,
        from_number=call.from_number,
        to_number=call.to_number,
        started_at=call.started_at,
        metadata=read_metadata(call.metadata),
    )


def _end(call: ImportedCall) -> EndRequest:
    return EndRequest(
        account_id=call.account_id,
        call_id=call.call_id,
        facts=EndFacts(
            outcome=call.outcome,
            ended_at=call.ended_at,
            duration_ms=call.duration_ms,
            reason=call.reason,
        ),
        lines=call.lines,
    )
