"""Usage of live calls: running totals in, accrued charge and hold out."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from talktime.core.call import Call, Status
from talktime.core.errors import TalktimeError
from talktime.core.ratecard import PriceBook
from talktime.core.settlement import Accrual, accrue, reported
from talktime.core.usage import Line, LineReport, parse_lines
from talktime.db import acts
from talktime.db.pool import Connection
from talktime.ops.attempts import ATTEMPTS, CallKey, calls_for_attempt, still_contended
from talktime.ops.call_end import call_unknown, note_late
from talktime.ops.known_calls import KnownCalls


class UsageReport(msgspec.Struct, frozen=True, kw_only=True):
    """Running totals of one call; without lines it is a heartbeat."""

    account_id: str
    call_id: str
    lines: Sequence[LineReport] = ()

    @property
    def key(self) -> CallKey:
        return (self.account_id, self.call_id)


class UsageAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The call after the report, and the account's balances in nanos."""

    call: Call
    available_nanos: int | None = None
    held_nanos: int | None = None


class _Folded(msgspec.Struct):
    """The reports of one call in this batch, merged one by one."""

    call: Call
    accrual: Accrual
    items: list[int] = []


async def report_usage(
    connection: Connection,
    reports: Sequence[UsageReport],
    *,
    book: PriceBook,
    now: datetime,
    known: KnownCalls | None = None,
) -> list[UsageAnswer | TalktimeError]:
    """Take running totals: merged into their calls by the maximum, rated at once, the hold moved.

    Refusals: CallUnknown, InvalidQuantity, LineNotAllowed and their like with the field; Overloaded
    where others kept changing the call.
    """
    answers: list[UsageAnswer | TalktimeError | None] = [None] * len(reports)
    for attempt in range(ATTEMPTS):
        pending = [item for item, answer in enumerate(answers) if answer is None]
        if not pending:
            break
        keys = list({reports[item].key: None for item in pending})
        async with calls_for_attempt(connection, keys, attempt, known) as calls:
            folded: dict[CallKey, _Folded] = {}
            for item in pending:
                report = reports[item]
                try:
                    call = calls.get(report.key)
                    if call is None:
                        raise call_unknown(report.call_id)
                    lines = parse_lines(report.lines, call.channel) if report.lines else ()
                    if call.status is Status.ENDED:
                        noted = await note_late(connection, call, lines, outcome=None, now=now)
                        answers[item] = UsageAnswer(call=noted)
                        continue
                    _fold(folded, call, lines, item, book)
                except TalktimeError as error:
                    if known is None or not known.forget(report.key):
                        answers[item] = error
            await _write(connection, folded, answers, now, known)
    return [answer if answer is not None else still_contended() for answer in answers]


def _fold(
    folded: dict[CallKey, _Folded], call: Call, lines: tuple[Line, ...], item: int, book: PriceBook
) -> None:
    known = folded.get(call.key)
    if known is None:
        folded[call.key] = _Folded(call=call, accrual=accrue(call, lines, book), items=[item])
        return
    so_far = msgspec.structs.replace(known.call, lines=known.accrual.lines)
    known.accrual = accrue(so_far, lines, book)
    known.items.append(item)


async def _write(
    connection: Connection,
    folded: dict[CallKey, _Folded],
    answers: list[UsageAnswer | TalktimeError | None],
    now: datetime,
    known: KnownCalls | None,
) -> None:
    if not folded:
        return
    rows = [
        acts.UsageRow(
            account_id=one.call.account_id,
            call_id=one.call.call_id,
            revision=one.call.revision,
            lines=one.accrual.lines,
            bill=one.accrual.bill,
            hold_nanos=one.accrual.hold_nanos,
        )
        for one in folded.values()
    ]
    verdicts = await acts.report_usage(connection, rows, now=now)
    for one, verdict in zip(folded.values(), verdicts, strict=True):
        if verdict.verdict == "taken":
            answer = UsageAnswer(
                call=reported(one.call, one.accrual, now),
                available_nanos=verdict.available_nanos,
                held_nanos=verdict.held_nanos,
            )
            if known is not None:
                known.take(answer.call)
            for item in one.items:
                answers[item] = answer
        elif known is not None:
            known.forget(one.call.key)
