"""The life of a call as pure decisions: what a start, a report, an end or a silence makes of it.

Each is made over a call as read at one revision; the database writes it only if that revision
still stands.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from talktime.core.call import (
    BillingStatus,
    Call,
    EndedBy,
    EndFacts,
    FreeReason,
    Outcome,
    StartFacts,
    Status,
)
from talktime.core.errors import (
    CallAlreadyEnded,
    ClockOff,
    EndBeforeStart,
    InvalidInput,
    InvalidQuantity,
)
from talktime.core.money import MAX_NANOS, format_usd
from talktime.core.ratecard import Channel, PriceBook
from talktime.core.rating import BEYOND_BELIEF, Bill, rate_call
from talktime.core.usage import Line, merge_lines

CLOCK_TOLERANCE = timedelta(hours=12)
"""A stated time further than this from our own clock is taken for a wrong clock, not for a fact."""

SKEW_TOLERANCE = timedelta(minutes=5)
"""An end may lie this far before our own admission time where the caller stated no start."""

LONGEST_CALL_MS = 31 * 24 * 3600 * 1000
UNPRICED_PATIENCE = timedelta(days=7)

CHARGED_OUTCOMES = frozenset({Outcome.COMPLETED, Outcome.VOICEMAIL})


class Accrual(msgspec.Struct, frozen=True, kw_only=True):
    """What a live call has used and cost so far, and the hold that follows from it."""

    lines: tuple[Line, ...]
    bill: Bill
    hold_nanos: int


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """How a call ends, or how a price that arrived settles it."""

    account_id: str
    call_id: str
    revision: int
    billing_status: BillingStatus
    free_reason: FreeReason | None
    ended_by: EndedBy
    facts: EndFacts
    ended_at: datetime
    duration_ms: int
    lines: tuple[Line, ...]
    bill: Bill


def check_start(facts: StartFacts, now: datetime) -> None:
    """Refuse a start whose stated time cannot be right. Raises ClockOff."""
    if facts.started_at is not None and abs(facts.started_at - now) > CLOCK_TOLERANCE:
        raise ClockOff(
            f"started_at is more than 12 hours from our clock ({now.isoformat()}); "
            "send the time in UTC, or leave it out",
            field="started_at",
        )


def accrue(call: Call, reported: tuple[Line, ...], book: PriceBook) -> Accrual:
    """Merge running totals into a live call and rate it: hold = max(initial hold, accrued charge).

    Raises InvalidQuantity where the merged totals contradict each other, or where this report
    brings usage whose cost is beyond belief. What was taken before is never refused: it is left
    unpriced.
    """
    merged = merge_lines(call.lines, reported) if reported else call.lines
    lines, bill = rate_call(merged, book, call.admitted_at, call.margin_ppm)
    if reported:
        _check_belief(call, merged, lines, bill)
    return Accrual(
        lines=lines, bill=bill, hold_nanos=max(call.initial_hold_nanos, bill.accrued_nanos)
    )


def _check_belief(
    call: Call, merged: tuple[Line, ...], rated: tuple[Line, ...], bill: Bill
) -> None:
    """Refuse a report that brought a line, or a sum, no call can cost: its units are wrong."""
    for line, priced in zip(merged, rated, strict=True):
        is_new = line not in call.lines
        if is_new and (bill.is_beyond_belief or BEYOND_BELIEF in priced.notes):
            raise InvalidQuantity(
                f"the {line.service} line would cost more than {format_usd(MAX_NANOS)} USD; check "
                "the units of its quantities",
                field="lines",
            )


def decide_end(
    call: Call, facts: EndFacts, reported: tuple[Line, ...], book: PriceBook, now: datetime
) -> Settlement:
    """Turn the end of a live call into its settlement.

    Raises EndBeforeStart, ClockOff or InvalidInput for times that cannot be, InvalidQuantity for
    totals that contradict each other; nothing is decided then.
    """
    times = _end_times(call, facts, now)
    accrual = accrue(call, reported, book)
    return _settlement(call, facts, accrual, times, EndedBy.CALLER)


def decide_silence(call: Call, book: PriceBook) -> Settlement:
    """End a call that was not heard from for the whole grace: chat idled out, anything else died.

    It ends when it was last heard, so that nobody pays for the silence.
    """
    if call.channel is Channel.CHAT:
        facts = EndFacts(outcome=Outcome.COMPLETED, reason="idle")
    else:
        facts = EndFacts(outcome=Outcome.FAILED, reason="no sign of life")
    ended_at = max(call.last_heard_at, call.started_at)
    times = (ended_at, _milliseconds(ended_at - call.started_at))
    return _settlement(call, facts, accrue(call, (), book), times, EndedBy.WATCHDOG)


def decide_price(call: Call, book: PriceBook, now: datetime) -> Settlement | None:
    """Settle an ended, unpriced call: charged once every line has a price, free after seven days.

    None: it goes on waiting.
    """
    assert call.outcome is not None
    assert call.ended_at is not None
    assert call.ended_by is not None
    lines, bill = rate_call(call.lines, book, call.admitted_at, call.margin_ppm)
    overdue = now - call.ended_at >= UNPRICED_PATIENCE
    if bill.charge_nanos is None and not overdue:
        return None
    unpriced = bill.charge_nanos is None
    return Settlement(
        account_id=call.account_id,
        call_id=call.call_id,
        revision=call.revision,
        billing_status=BillingStatus.FREE if unpriced else BillingStatus.CHARGED,
        free_reason=FreeReason.NO_PRICE if unpriced else None,
        ended_by=call.ended_by,
        facts=EndFacts(
            outcome=call.outcome,
            ended_at=call.stated_ended_at,
            duration_ms=call.stated_duration_ms,
            reason=call.end_reason,
        ),
        ended_at=call.ended_at,
        duration_ms=call.duration_ms or 0,
        lines=lines,
        bill=bill,
    )


def reported(call: Call, accrual: Accrual, now: datetime) -> Call:
    """The call after its running totals were written."""
    return replace(
        call,
        **_billed(accrual.bill),
        lines=accrual.lines,
        hold_nanos=accrual.hold_nanos,
        revision=call.revision + 1,
        last_heard_at=max(call.last_heard_at, now),
        first_reported_at=call.first_reported_at or now,
    )


def settled(
    call: Call,
    settlement: Settlement,
    *,
    now: datetime,
    entry_seq: int | None,
    promo_charged_nanos: int,
    paid_charged_nanos: int,
) -> Call:
    """The call after its settlement was written, split as the ledger split it."""
    priced = settlement.billing_status is not BillingStatus.UNPRICED
    return replace(
        call,
        **_billed(settlement.bill),
        lines=settlement.lines,
        status=Status.ENDED,
        billing_status=settlement.billing_status,
        outcome=settlement.facts.outcome,
        free_reason=settlement.free_reason,
        ended_by=settlement.ended_by,
        revision=call.revision + 1,
        hold_nanos=0 if priced else call.hold_nanos,
        stated_ended_at=settlement.facts.ended_at,
        stated_duration_ms=settlement.facts.duration_ms,
        end_reason=settlement.facts.reason,
        ended_at=settlement.ended_at,
        duration_ms=settlement.duration_ms,
        settled_at=now if priced else None,
        entry_seq=entry_seq,
        promo_charged_nanos=promo_charged_nanos if priced else None,
        paid_charged_nanos=paid_charged_nanos if priced else None,
    )


def _billed(bill: Bill) -> dict[str, Any]:
    return {
        "cost_nanos": bill.cost_nanos,
        "margin_nanos": bill.margin_nanos,
        "charge_nanos": bill.charge_nanos,
        "llm_nanos": bill.llm_nanos,
        "stt_nanos": bill.stt_nanos,
        "tts_nanos": bill.tts_nanos,
        "sip_nanos": bill.sip_nanos,
    }


def is_late_end(call: Call, facts: EndFacts) -> bool:
    """Judge an end for a call that has ended already.

    True: the watchdog was first, so this end is late. False: the first end stands and this repeats
    it (a retry may tell other details). Raises CallAlreadyEnded for another outcome.
    """
    if call.ended_by is EndedBy.WATCHDOG:
        return True
    if call.outcome is not facts.outcome:
        raise CallAlreadyEnded(
            f"call {call.call_id} has ended as {call.outcome} already; that cannot change",
            field="outcome",
            outcome=str(call.outcome),
        )
    return False


def _settlement(
    call: Call,
    facts: EndFacts,
    accrual: Accrual,
    times: tuple[datetime, int],
    ended_by: EndedBy,
) -> Settlement:
    ended_at, duration_ms = times
    free_reason = None
    if facts.outcome not in CHARGED_OUTCOMES:
        billing = BillingStatus.FREE
        free_reason = (
            FreeReason.NO_SIGN_OF_LIFE
            if ended_by is EndedBy.WATCHDOG
            else FreeReason(facts.outcome.value)
        )
    elif accrual.bill.charge_nanos is None:
        billing = BillingStatus.UNPRICED
    else:
        billing = BillingStatus.CHARGED
    return Settlement(
        account_id=call.account_id,
        call_id=call.call_id,
        revision=call.revision,
        billing_status=billing,
        free_reason=free_reason,
        ended_by=ended_by,
        facts=facts,
        ended_at=ended_at,
        duration_ms=duration_ms,
        lines=accrual.lines,
        bill=accrual.bill,
    )


def _end_times(call: Call, facts: EndFacts, now: datetime) -> tuple[datetime, int]:
    """When the call ended and how long it lasted (ms): as stated, else by our clock."""
    started_at = call.started_at
    if facts.duration_ms is not None and not 0 <= facts.duration_ms <= LONGEST_CALL_MS:
        raise InvalidInput(
            "duration_seconds must be between 0 and 31 days", field="duration_seconds"
        )
    if facts.ended_at is None:
        if facts.duration_ms is None:
            return now, max(0, _milliseconds(now - started_at))
        return started_at + timedelta(milliseconds=facts.duration_ms), facts.duration_ms
    earliest = started_at if call.stated_started_at else started_at - SKEW_TOLERANCE
    if facts.ended_at < earliest:
        raise EndBeforeStart(
            f"ended_at lies before the call started ({started_at.isoformat()}); "
            "correct it or leave it out",
            field="ended_at",
        )
    if facts.ended_at - now > CLOCK_TOLERANCE:
        raise ClockOff(
            f"ended_at is more than 12 hours ahead of our clock ({now.isoformat()}); "
            "send the time in UTC, or leave it out",
            field="ended_at",
        )
    duration_ms = facts.duration_ms
    if duration_ms is None:
        duration_ms = max(0, _milliseconds(facts.ended_at - started_at))
    return facts.ended_at, duration_ms


def _milliseconds(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)
