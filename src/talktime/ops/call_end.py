"""Ending calls: one settlement each, whoever asks how often."""

import logging
from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace

from talktime.core.call import Call, EndFacts, Status
from talktime.core.errors import CallUnknown, TalktimeError
from talktime.core.ratecard import PriceBook
from talktime.core.settlement import Settlement, decide_end, is_late_end, settled
from talktime.core.usage import Line, LineReport, merge_lines, parse_lines
from talktime.db import acts
from talktime.db.pool import Connection
from talktime.ops.attempts import ATTEMPTS, CallKey, calls_for_attempt, still_contended
from talktime.ops.known_calls import KnownCalls
from talktime.ops.terms import Terms

logger = logging.getLogger(__name__)


class EndRequest(msgspec.Struct, frozen=True, kw_only=True):
    """How a call ended, with its final running totals if there are any."""

    account_id: str
    call_id: str
    facts: EndFacts
    lines: Sequence[LineReport] = ()

    @property
    def key(self) -> CallKey:
        return (self.account_id, self.call_id)


class EndAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The call as its end has left it, charged, free or waiting for a price."""

    call: Call
    repeated: bool = False
    """The call had ended before; the first end stands."""


async def end_calls(
    connection: Connection,
    ends: Sequence[EndRequest],
    *,
    book: PriceBook,
    terms: Terms,
    now: datetime,
    known: KnownCalls | None = None,
) -> list[EndAnswer | TalktimeError]:
    """End calls and settle them, each in one piece: entry, release of the hold, crossings, events.

    Of two ends of one call in a batch the first wins and the other is compared with it. Refusals:
    CallUnknown, CallAlreadyEnded, EndBeforeStart, ClockOff, the refusals of lines; Overloaded where
    others kept changing the call. A refused item writes nothing.
    """
    answers: list[EndAnswer | TalktimeError | None] = [None] * len(ends)
    # The nth end of a call is judged in the nth round: a refused first leaves it live for the next.
    rounds: list[list[int]] = []
    seen: dict[CallKey, int] = {}
    for item, end in enumerate(ends):
        nth = seen.get(end.key, 0)
        seen[end.key] = nth + 1
        if nth == len(rounds):
            rounds.append([])
        rounds[nth].append(item)
    for items in rounds:
        await _settle_items(
            connection, ends, items, answers, book=book, terms=terms, now=now, known=known
        )
    return [answer if answer is not None else still_contended() for answer in answers]


async def _settle_items(
    connection: Connection,
    ends: Sequence[EndRequest],
    items: list[int],
    answers: list[EndAnswer | TalktimeError | None],
    *,
    book: PriceBook,
    terms: Terms,
    now: datetime,
    known: KnownCalls | None,
) -> None:
    for attempt in range(ATTEMPTS):
        pending = [item for item in items if answers[item] is None]
        if not pending:
            return
        keys = [ends[item].key for item in pending]
        async with calls_for_attempt(connection, keys, attempt, known) as calls:
            decided: list[tuple[int, Call, Settlement]] = []
            for item in pending:
                end = ends[item]
                try:
                    call = calls.get(end.key)
                    if call is None:
                        raise call_unknown(end.call_id)
                    lines = parse_lines(end.lines, call.channel) if end.lines else ()
                    if call.status is Status.ENDED:
                        answers[item] = await _repeat(connection, call, end.facts, lines, now)
                    else:
                        settlement = decide_end(call, end.facts, lines, book, now)
                        decided.append((item, call, settlement))
                except TalktimeError as error:
                    if known is None or not known.forget(end.key):
                        answers[item] = error
            written = await write_settlements(
                connection, [(call, made) for _, call, made in decided], terms=terms, now=now
            )
            for (item, call, _), call_now in zip(decided, written, strict=True):
                if known is not None:
                    known.forget(call.key)
                if call_now is not None:
                    answers[item] = EndAnswer(call=call_now)


async def write_settlements(
    connection: Connection,
    decided: Sequence[tuple[Call, Settlement]],
    *,
    terms: Terms,
    now: datetime,
) -> list[Call | None]:
    """Write decided settlements; the calls as they are then, None where one had gone stale."""
    if not decided:
        return []
    verdicts = await acts.settle_calls(
        connection, [made for _, made in decided], now=now, floor_nanos=terms.floor_nanos
    )
    return [
        settled(
            call,
            made,
            now=now,
            entry_seq=verdict.entry_seq,
            promo_charged_nanos=verdict.promo_charged_nanos or 0,
            paid_charged_nanos=verdict.paid_charged_nanos or 0,
        )
        if verdict.verdict == "settled"
        else None
        for (call, made), verdict in zip(decided, verdicts, strict=True)
    ]


async def note_late(
    connection: Connection,
    call: Call,
    lines: tuple[Line, ...],
    *,
    outcome: str | None,
    now: datetime,
) -> Call:
    """Keep beside an ended call what was told afterwards, if it says anything new.

    Answers the call, marked late if anything new was ever told after its end.
    """
    merged = _merge_what_goes(call, lines)
    grown = tuple(line for line in merged if line not in call.lines and line.cost_nanos is None)
    if outcome is None and not grown:
        return call
    if grown:
        grown = merge_lines(await acts.read_late_lines(connection, call.key), grown)
    await acts.record_late(connection, call.key, now=now, outcome=outcome, lines=grown)
    return replace(call, late_at=now, late_outcome=outcome or call.late_outcome)


def _merge_what_goes(call: Call, lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """Late lines beside the call's own. One that contradicts them is dropped: the call is settled,
    and whoever asks how must be told."""
    merged = call.lines
    try:
        return merge_lines(merged, lines)
    except TalktimeError:
        pass
    for line in lines:
        try:
            merged = merge_lines(merged, (line,))
        except TalktimeError as error:
            logger.info("a late line of call %s was dropped: %s", call.call_id, error.code)
    return merged


def call_unknown(call_id: str) -> CallUnknown:
    """The refusal of what is said of a call that was never started."""
    return CallUnknown(
        f"there is no call {call_id} on this account; start it with POST /v1/calls",
        field="call_id",
    )


async def _repeat(
    connection: Connection, call: Call, facts: EndFacts, lines: tuple[Line, ...], now: datetime
) -> EndAnswer:
    outcome = facts.outcome.value if is_late_end(call, facts) else None
    noted = await note_late(connection, call, lines, outcome=outcome, now=now)
    return EndAnswer(call=noted, repeated=True)
