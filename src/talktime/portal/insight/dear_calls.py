"""The dearest calls of a period, and why they cost more than others."""

from datetime import tzinfo

import msgspec

from talktime.core.call import Call
from talktime.core.money import div_half_even
from talktime.core.ratecard import Service
from talktime.ops.spend import Breakdown
from talktime.portal import words
from talktime.portal.calls.view import call_href
from talktime.portal.figures import Moment, Money, duration, moment, money

_TIMES = "\N{MULTIPLICATION SIGN}"


class DearRow(msgspec.Struct, frozen=True, kw_only=True):
    """One of the dearest calls, and why."""

    href: str
    title: str
    channel: str
    ended: Moment
    duration: str
    ratio: str
    """ "3.2x" the median of its channel; empty where it is about that."""
    why: str
    amount: Money


def dear_rows(parts: Breakdown, zone: tzinfo, base: str) -> tuple[DearRow, ...]:
    medians = {one.channel: one for one in parts.channels}
    rows = []
    for call in parts.dearest:
        usual = medians[call.channel]
        charge = call.charge_nanos or 0
        rows.append(
            DearRow(
                href=call_href(call.call_id, base),
                title=call.agent_id or words.CALL_NAMES[call.channel],
                channel=words.CHANNELS[call.channel],
                ended=moment(call.settled_at or call.admitted_at, zone),
                duration=duration(call.duration_ms or 0),
                ratio=_times(charge, usual.median_nanos),
                why=_why(call, usual.median_nanos, usual.median_ms),
                amount=money(charge),
            )
        )
    return tuple(rows)


def _times(part: int, whole: int) -> str:
    """ "3.2x"; empty below 1.1 times, where it says nothing."""
    if whole <= 0:
        return ""
    tenths = div_half_even(10 * part, whole)
    if tenths <= 10:
        return ""
    fine = f".{tenths % 10}" if tenths < 100 and tenths % 10 else ""
    return f"{tenths // 10:,}{fine}{_TIMES}"


def _why(call: Call, median_nanos: int, median_ms: int) -> str:
    """What made it dearer than the middle one: its length, its minutes, and the greatest line."""
    charge, ms = call.charge_nanos or 0, call.duration_ms or 0
    reasons = []
    if longer := _times(ms, median_ms):
        reasons.append(f"{longer} as long")
    if median_ms and ms and (dearer := _times(charge * median_ms, median_nanos * ms)):
        reasons.append(f"{dearer} as dear per minute")
    lines = (call.llm_nanos, call.stt_nanos, call.tts_nanos, call.sip_nanos)
    if call.cost_nanos and max(lines) * 2 > call.cost_nanos:
        share = div_half_even(100 * max(lines), call.cost_nanos)
        name = words.SERVICES[list(Service)[lines.index(max(lines))]].lower()
        reasons.append(f"{name} is {share}\N{NO-BREAK SPACE}% of its cost")
    text = ", ".join(reasons)
    return text[:1].upper() + text[1:]
