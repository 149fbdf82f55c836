"""Why a call cost more than calls usually do: compared with the calls before it, factor by factor.

Everything is whole numbers and fractions. "Usually" is the median (of an even number of calls the
lower middle one), which a few odd calls do not move.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from fractions import Fraction
from typing import Final

import msgspec

from talktime.core.call import Call
from talktime.core.money import MARGIN_SCALE
from talktime.core.ratecard import TIME_QUANTITIES, Channel, Service
from talktime.core.rating import explain_line
from talktime.core.usage import Line

CALLS_MIN: Final = 5
"""From fewer calls nobody can say what is usual."""

CALLS_MAX: Final = 200
DEAR: Final = Fraction(3, 2)
"""A call is dear from so many times the median."""

SECOND_CAUSE: Final = Fraction(3, 10)
"""A second cause is told where it explains this part of the excess."""

MS_PER_MINUTE: Final = 60_000
_ALIKE: Final = Fraction(6, 5)
"""Figures within a fifth of each other are alike."""

_TOTALS: Final = TIME_QUANTITIES | {"input_tokens", "output_tokens", "characters"}
_NOTHING: Final = (0, Fraction(0))


class Factor(StrEnum):
    """What can make a call dear."""

    DURATION = "duration"
    NEW_LINE = "new_line"  # a service line that most calls lack
    MODEL = "model"  # another model than usual, at a higher price
    PRICE = "price"  # the same model at a higher unit price
    QUANTITY = "quantity"  # more of a quantity per minute
    LINE = "line"  # a service line cost more per minute, and nothing tells why
    MARGIN = "margin"


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """One factor with its figures: this call's, and the usual one."""

    factor: Factor
    service: Service | None = None
    quantity: str | None = None
    this: int = 0
    """Milliseconds (duration), units per minute (quantity; milliseconds of audio), nanos per minute
    (line, model, price), nanos (new line) or parts per million (margin)."""
    usual: int = 0
    this_model: str = ""
    usual_model: str = ""
    excess_nanos: int = 0
    """How much of the charge it explains."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A dear call beside the calls before it."""

    tenths: int
    """Tenths of the median: 42 is 4.2 times it."""
    median_nanos: int
    calls: int
    """How many calls the median is of."""
    is_of_agent: bool
    """They are the same agent's, and not just on the same channel."""
    is_timed: bool
    """Figures are per minute; those of a chat, which mostly waits, are of the whole of it."""
    causes: tuple[Cause, ...]
    """The one that explains most, and a second where it explains much; may be empty."""


def compare_call(call: Call, usual: Sequence[Call], *, is_of_agent: bool) -> Comparison | None:
    """Why a charged call is dear beside ``usual``: charged calls of its channel, at most CALLS_MAX.

    None where it is not dear, or where fewer than CALLS_MIN calls are known.
    """
    charge = call.charge_nanos
    charges = [other.charge_nanos for other in usual if other.charge_nanos]
    if not charge or len(charges) < CALLS_MIN:
        return None
    median_nanos = median(charges)
    if charge < DEAR * median_nanos:
        return None
    excess = charge - median_nanos
    causes = [cause for cause in _causes(call, usual) if cause.excess_nanos > 0]
    causes.sort(key=lambda cause: cause.excess_nanos, reverse=True)
    told = [cause for cause in causes if cause.excess_nanos >= SECOND_CAUSE * excess][:2]
    return Comparison(
        tenths=charge * 10 // median_nanos,
        median_nanos=median_nanos,
        calls=len(charges),
        is_of_agent=is_of_agent,
        is_timed=call.channel is not Channel.CHAT,
        causes=tuple(told or causes[:1]),
    )


def median(values: Iterable[int]) -> int:
    """The middle value, of an even number the lower one; 0 of none."""
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) // 2] if ordered else 0


def _causes(call: Call, usual: Sequence[Call]) -> list[Cause]:
    """Every factor that made the call dearer, with what it explains of the excess.

    Duration: what the usual pace would have cost for this call's length, above the usual length.
    A line: what it cost above its usual cost per minute. The margin: what the rate's rise adds.
    """
    causes = []
    usual_ms = median(other.duration_ms or 0 for other in usual)
    this_ms = call.duration_ms or 0
    markup = Fraction(MARGIN_SCALE + call.margin_ppm, MARGIN_SCALE)
    if this_ms > usual_ms > 0 and call.channel is not Channel.CHAT:
        pace = Fraction(median(other.charge_nanos or 0 for other in usual), usual_ms)
        causes.append(
            Cause(
                factor=Factor.DURATION,
                this=this_ms,
                usual=usual_ms,
                excess_nanos=int(pace * (this_ms - usual_ms)),
            )
        )
    for service in Service:
        cause = _line_cause(call, usual, service, markup)
        if cause is not None:
            causes.append(cause)
    usual_ppm = median(other.margin_ppm for other in usual)
    if call.margin_ppm > usual_ppm:
        rise = Fraction(call.margin_ppm - usual_ppm, MARGIN_SCALE)
        causes.append(
            Cause(
                factor=Factor.MARGIN,
                this=call.margin_ppm,
                usual=usual_ppm,
                excess_nanos=int(call.cost_nanos * rise),
            )
        )
    return causes


def _line_cause(
    call: Call, usual: Sequence[Call], service: Service, markup: Fraction
) -> Cause | None:
    cost = _cost(call, service)
    if not cost:
        return None
    minutes = _minutes(call)
    having = [other for other in usual if _cost(other, service)]
    if len(having) * 2 < len(usual):
        return Cause(
            factor=Factor.NEW_LINE, service=service, this=cost, excess_nanos=int(cost * markup)
        )
    usual_pace = median(int(_cost(other, service) / _minutes(other)) for other in having)
    excess = int((cost - usual_pace * minutes) * markup)
    if excess <= 0:
        return None
    pace = int(cost / minutes)
    cause = Cause(
        factor=Factor.LINE, service=service, this=pace, usual=usual_pace, excess_nanos=excess
    )
    return _explained(cause, call, having, service)


def _explained(cause: Cause, call: Call, having: Sequence[Call], service: Service) -> Cause:
    """The same with what made the line dear: another model, a higher price, or more used."""
    line = max(_lines(call, service), key=lambda line: line.cost_nanos or 0)
    before = [
        max(_lines(other, service), key=lambda line: line.cost_nanos or 0) for other in having
    ]
    models = Counter(_model(one) for one in before)
    usual_model = models.most_common(1)[0][0]
    this_model = _model(line)
    rise = _greatest_rise(call, having, service)
    price, usual_price = _unit_cost(line), median(map(_unit_cost, before))
    is_dearer = price > usual_price * _ALIKE
    if rise is not None and not (is_dearer and price * rise.usual > usual_price * rise.this):
        return msgspec.structs.replace(rise, service=service, excess_nanos=cause.excess_nanos)
    if is_dearer and this_model != usual_model:
        factor = Factor.MODEL
    elif is_dearer:
        factor = Factor.PRICE
    else:
        return cause
    return msgspec.structs.replace(
        cause, factor=factor, this_model=this_model, usual_model=usual_model
    )


def _greatest_rise(call: Call, having: Sequence[Call], service: Service) -> Cause | None:
    """The quantity whose rise, beyond a fifth, cost most; of those without prices the steepest."""
    minutes = _minutes(call)
    greatest: tuple[Fraction, Cause] | None = None
    for quantity, (amount, cost) in _used(call, service).items():
        this = int(amount / minutes)
        usual = median(
            int(_used(other, service).get(quantity, _NOTHING)[0] / _minutes(other))
            for other in having
        )
        if this <= usual * _ALIKE:
            continue
        weight = cost * Fraction(this - usual, this) if cost else Fraction(this, max(usual, 1))
        if greatest is None or weight > greatest[0]:
            cause = Cause(factor=Factor.QUANTITY, quantity=quantity, this=this, usual=usual)
            greatest = (weight, cause)
    return None if greatest is None else greatest[1]


def _lines(call: Call, service: Service) -> list[Line]:
    return [line for line in call.lines if line.service is service]


def _cost(call: Call, service: Service) -> int:
    return sum(line.cost_nanos or 0 for line in _lines(call, service))


def _used(call: Call, service: Service) -> dict[str, tuple[int, Fraction]]:
    """How much of each quantity was used, and what it cost, as the receipt's rows have it.

    Of lines that the provider priced only totals are told: what a part of them cost nobody knows.
    """
    used: dict[str, tuple[int, Fraction]] = {}
    for line in _lines(call, service):
        rows = [(row.quantity, row.used, row.cost_nanos) for row in explain_line(line)]
        if not rows:
            rows = [
                (name, amount, Fraction(0))
                for name, amount in line.quantities.items()
                if name in _TOTALS
            ]
        for name, amount, cost in rows:
            known = used.get(name, _NOTHING)
            used[name] = (known[0] + amount, known[1] + cost)
    return used


def _minutes(call: Call) -> Fraction:
    """How long the call took; a chat, and a call without any length, as if it were a minute."""
    if call.channel is Channel.CHAT:
        return Fraction(1)
    return Fraction(call.duration_ms or MS_PER_MINUTE, MS_PER_MINUTE)


def _model(line: Line) -> str:
    return " ".join(part for part in (line.provider, line.model) if part)


def _unit_cost(line: Line) -> int:
    """Pico-dollars per unit used (token, character, millisecond), to compare prices by."""
    used = sum(amount for name, amount in line.quantities.items() if name in _TOTALS)
    return (line.cost_nanos or 0) * 1000 // used if used else 0
