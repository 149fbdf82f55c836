"""Bringing in calls that took place elsewhere: no gate and no hold, settled like any other.

A file has one JSON object per line:

    {"account_id": "acme", "call_id": "CA1", "channel": "phone", "outcome": "completed",
     "started_at": "2026-11-01T10:00:00Z", "duration_seconds": 60,
     "lines": [{"service": "stt", "provider": "deepgram", "model": "nova-3",
                "quantities": {"audio_seconds": 31.5}}]}

``ended_at`` may stand for the duration; direction, agent_id, from, to, metadata and reason are
optional. The rate card in force at ``started_at`` prices the lines. A call that is there already,
with the same facts, is left as it is: importing a file twice changes nothing.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from talktime.core.call import Call, EndFacts, Outcome, StartFacts
from talktime.core.errors import AccountSuspended, CallIdConflict, InvalidInput, TalktimeError
from talktime.core.ratecard import Channel, PriceBook
from talktime.core.rating import rate_call
from talktime.core.settlement import CLOCK_TOLERANCE, LONGEST_CALL_MS
from talktime.core.usage import LineReport, merge_lines, parse_lines
from talktime.db import acts
from talktime.db.call_import import known_accounts
from talktime.db.pool import Connection
from talktime.ops.accounts import account_unknown
from talktime.ops.call_end import EndAnswer, EndRequest, end_calls
from talktime.ops.terms import Terms

BATCH: Final = 200
LINE_BYTES_MAX: Final = 1_000_000
ID_MAX: Final = 200
NO_GATE: Final = -(2**63)
"""A floor that every balance is above: what has taken place is not refused any more."""
MILLISECOND: Final = Decimal("0.001")


class ImportedCall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of the file, as it is read."""

    account_id: str = ""
    """Empty: the account that the whole import is for."""
    call_id: str
    channel: Channel
    outcome: Outcome
    started_at: datetime
    ended_at: datetime | None = None
    duration_seconds: Decimal | None = None
    lines: list[LineReport] = []
    direction: str | None = None
    agent_id: str | None = None
    from_number: str | None = msgspec.field(name="from", default=None)
    to_number: str | None = msgspec.field(name="to", default=None)
    metadata: msgspec.Raw | None = None
    reason: str | None = None


class LineFault(Exception):
    """A line that cannot be imported: which one, which field, and why."""

    def __init__(self, number: int, problem: str, field: str | None = None) -> None:
        super().__init__(f"line {number}: {problem}")
        self.number = number
        self.field = field


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one batch."""

    settled: list[Call]
    known: int
    """Were there already, and stay as they were."""
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
        raise LineFault(number, *_named(str(error))) from error
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
    for field, value in (("account_id", account), ("call_id", read.call_id)):
        if not value.strip() or len(value) > ID_MAX or not value.isprintable():
            raise InvalidInput(f"{field} must have 1 to {ID_MAX} plain characters", field=field)
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
    seconds = read.duration_seconds
    if seconds is not None and not (
        seconds.is_finite() and 0 <= seconds <= LONGEST_CALL_MS // 1000
    ):
        raise InvalidInput(
            "duration_seconds must be between 0 and 31 days", field="duration_seconds"
        )


def _named(problem: str) -> tuple[str, str | None]:
    """msgspec's own words for a member that is wrong, and the member."""
    what, _, where = problem.partition(" - at `$")
    field = where.rstrip("`").lstrip(".") or None
    if field is None and "`" in what:
        field = what.split("`")[-2]
        return what, field
    return (f"{field}: {what}" if field else what), field


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

    Refused, by line: AccountUnknown, AccountSuspended, CallIdConflict where the id belongs to
    another call, CallAlreadyEnded where it ended with another outcome.
    """
    settled: list[Call] = []
    known = 0
    refused: list[tuple[int, TalktimeError]] = []
    async with connection.transaction():
        admitted: list[tuple[int, ImportedCall, bool]] = []
        verdicts = await acts.start_calls(
            connection,
            [(_start(call), 0, call.started_at) for _, call in batch],
            now=now,
            floor_nanos=NO_GATE,
            margin_ppm=terms.margin_ppm,
            lease_ms=terms.lease_ms,
        )
        for (number, call), verdict in zip(batch, verdicts, strict=True):
            if verdict.verdict in {"admitted", "repeated"}:
                admitted.append((number, call, verdict.verdict == "admitted"))
            else:
                refused.append((number, _refusal(call, verdict.verdict)))
        answers = await end_calls(
            connection, [_end(call) for _, call, _ in admitted], book=book, terms=terms, now=now
        )
        for (number, _, is_new), answer in zip(admitted, answers, strict=True):
            if isinstance(answer, EndAnswer):
                if answer.repeated:
                    known += 1
                else:
                    settled.append(answer.call)
            elif is_new:
                # Begun and not ended: the whole batch is undone, or it would stay open.
                raise LineFault(number, answer.message, answer.field) from answer
            else:
                refused.append((number, answer))
    return Imported(settled=settled, known=known, refused=refused)


def _refusal(call: ImportedCall, verdict: str) -> TalktimeError:
    if verdict == "account_suspended":
        return AccountSuspended(f"account {call.account_id} is suspended; make it active first")
    if verdict == "call_id_conflict":
        return CallIdConflict(
            f"there is another call {call.call_id} on account {call.account_id}; "
            "its channel, direction, agent, numbers or start differ",
            field="call_id",
        )
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
        metadata=None if call.metadata is None else bytes(call.metadata).decode(),
    )


def _end(call: ImportedCall) -> EndRequest:
    seconds = call.duration_seconds
    return EndRequest(
        account_id=call.account_id,
        call_id=call.call_id,
        facts=EndFacts(
            outcome=call.outcome,
            ended_at=call.ended_at,
            duration_ms=None if seconds is None else int(seconds.quantize(MILLISECOND) * 1000),
            reason=call.reason,
        ),
        lines=call.lines,
    )
