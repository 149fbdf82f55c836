"""Rating: quantities times unit prices give the cost, exactly.

A line's cost is one exact fraction, rounded half-even to a nano-dollar once. The provider cost of
a call is the sum of its lines, the margin is its rate on that sum, the charge is both together:
so lines always add up, and the stored lines alone give the same numbers again.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from math import prod
from typing import Final

import msgspec
from msgspec.structs import replace

from talktime.core.money import MAX_NANOS, apply_margin, apportion, div_half_even
from talktime.core.ratecard import Price, PriceBook, Service, UnitPrice
from talktime.core.usage import Line, LineKey


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """What a call costs: the sums over its lines, in nanos.

    The sums hold what is priced; with an unpriced line there is no charge yet.
    """

    cost_nanos: int
    """Provider cost of the priced lines."""
    margin_nanos: int
    charge_nanos: int | None
    """Provider cost + margin; None while a line is unpriced, or if the sum is beyond belief."""
    llm_nanos: int
    stt_nanos: int
    tts_nanos: int
    sip_nanos: int
    unpriced: tuple[LineKey, ...] = ()
    """Keys of the lines that have usage but no price."""

    @property
    def accrued_nanos(self) -> int:
        """Provider cost + margin of the lines that are priced: what a live call holds."""
        return min(self.cost_nanos + self.margin_nanos, MAX_NANOS)

    @property
    def is_beyond_belief(self) -> bool:
        """The lines add up to more than any call can cost."""
        return self.cost_nanos > MAX_NANOS


class CostRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a receipt: ``billed`` times ``nanos``, divided by ``per``."""

    quantity: str
    used: int
    """Base units that this price applies to, its parts with a price of their own taken out."""
    billed: int
    """``used`` rounded up to the billing increment."""
    nanos: int
    per: int

    @property
    def cost_nanos(self) -> Fraction:
        """Exact; the rows add up to the line's cost before its one rounding."""
        return Fraction(self.billed * self.nanos, self.per)


BEYOND_BELIEF: Final = "beyond_belief"
"""Code of a note: by its price the line would cost more than MAX_NANOS, so it is not charged."""

_PARTS: Final = (
    ("input_tokens", ("cached_input_tokens", "cache_write_tokens", "audio_input_tokens")),
    ("output_tokens", ("audio_output_tokens",)),
)
"""Totals and what they include; each part is billed at its own price, the rest at the total's."""


def rate_line(line: Line, book: PriceBook, at: datetime) -> Line:
    """The line with its cost, and with its price pinned if this was the first rating.

    A cost the provider stated wins. Otherwise the pinned price, otherwise the book's at ``at``
    (aware; the call's admission). A line some of whose usage has no price is unpriced: no cost. So
    is one whose cost would be beyond belief, which is noted on it: no call may owe that unseen. A
    pinned price stays for what it prices; for a quantity that it lacks, the book's is added. A line
    without any usage costs nothing, priced or not. Characters and seconds of a TTS line measure the
    same speech, so only the first of them that the card prices is billed.
    """
    if line.provider_cost_nanos is not None:
        return _with(line, None, line.provider_cost_nanos)
    price = line.price
    cost = None if price is None else cost_of(line, price)
    if cost is None:
        found = book.find(line.service, line.provider, line.model, at)
        wider = found if price is None else _widened(price, found)
        cost = None if wider is None else cost_of(line, wider)
        if cost is not None:
            price = wider
    if cost is None:
        return _with(line, price, None if any(line.quantities.values()) else 0)
    if cost > MAX_NANOS:
        return _with(line, price, None, (BEYOND_BELIEF,))
    return _with(line, price, cost)


def _widened(pinned: Price, found: Price | None) -> Price | None:
    """The pinned price with another card's prices for the quantities that it lacks."""
    priced = {unit_price.quantity for unit_price in pinned.unit_prices}
    added = [] if found is None else [u for u in found.unit_prices if u.quantity not in priced]
    if found is None or not added or found.card == pinned.card:
        return None
    return replace(
        pinned,
        card=f"{pinned.card} + {found.card}",
        unit_prices=(*pinned.unit_prices, *added),
        source=f"{pinned.source}; {found.source}",
    )


def rate_call(
    lines: Sequence[Line], book: PriceBook, at: datetime, margin_ppm: int
) -> tuple[tuple[Line, ...], Bill]:
    """The lines rated, and their bill; ``margin_ppm`` is the call's own pinned margin rate."""
    rated = tuple([rate_line(line, book, at) for line in lines])
    return rated, bill(rated, margin_ppm)


def bill(lines: Sequence[Line], margin_ppm: int) -> Bill:
    """The sums of lines that are rated already."""
    llm = stt = tts = sip = 0
    unpriced: tuple[LineKey, ...] = ()
    for line in lines:
        line_cost, service = line.cost_nanos, line.service
        if line_cost is None:
            unpriced = (*unpriced, line.key)
        elif service is Service.LLM:
            llm += line_cost
        elif service is Service.STT:
            stt += line_cost
        elif service is Service.TTS:
            tts += line_cost
        else:
            sip += line_cost
    cost = llm + stt + tts + sip
    margin = apply_margin(cost, margin_ppm)
    return Bill(
        cost_nanos=cost,
        margin_nanos=margin,
        charge_nanos=None if unpriced or cost > MAX_NANOS else cost + margin,
        llm_nanos=llm,
        stt_nanos=stt,
        tts_nanos=tts,
        sip_nanos=sip,
        unpriced=unpriced,
    )


def recompute_line(line: Line) -> int | None:
    """What the line costs by what is stored on it, its ``cost_nanos`` left aside."""
    if line.provider_cost_nanos is not None:
        return line.provider_cost_nanos
    if line.price is not None:
        cost = cost_of(line, line.price)
        return None if cost is None or cost > MAX_NANOS else cost
    return None if any(line.quantities.values()) else 0


def recompute_call(lines: Sequence[Line], margin_ppm: int) -> Bill:
    """The bill by what is stored on the lines and the call's margin rate, and nothing else."""
    return bill([_with(line, line.price, recompute_line(line)) for line in lines], margin_ppm)


def cost_of(line: Line, price: Price) -> int | None:
    """The line's usage at a price, in nanos, rounded once; None if some of it has no price."""
    rows = _rows(line, price)
    if rows is None:
        return None
    numerator, denominator = 0, 1
    for unit_price, _, billed in rows:
        per = unit_price.per
        if per == denominator:
            numerator += billed * unit_price.nanos
        else:
            numerator = numerator * per + billed * unit_price.nanos * denominator
            denominator *= per
    return div_half_even(numerator, denominator)


def explain_line(line: Line) -> list[CostRow]:
    """The rows of the receipt: every priced quantity that was used, in the card's order.

    Empty for a line that is unpriced or priced by the provider's own figure.
    """
    if line.price is None or line.provider_cost_nanos is not None:
        return []
    return [
        CostRow(
            quantity=unit_price.quantity,
            used=used,
            billed=billed,
            nanos=unit_price.nanos,
            per=unit_price.per,
        )
        for unit_price, used, billed in _rows(line, line.price) or ()
    ]


def row_costs(rows: Sequence[CostRow], cost_nanos: int) -> list[int]:
    """What each row of a line cost, in whole nanos that add up to the line's cost."""
    if len(rows) == 1:
        return [cost_nanos]
    scale = prod(row.per for row in rows)
    parts = [row.billed * row.nanos * (scale // row.per) for row in rows]
    return apportion(parts, scale, cost_nanos)


def _rows(line: Line, price: Price) -> list[tuple[UnitPrice, int, int]] | None:
    """(unit price, used, billed) of each quantity used; None if one of them has no price."""
    usage = line.quantities
    if line.service is Service.LLM:
        usage = _apart(usage)
    rows = []
    left = len(usage)
    for unit_price in price.unit_prices:
        used = usage.get(unit_price.quantity)
        if used is None:
            continue
        left -= 1
        if used:
            increment = unit_price.increment
            billed = used if increment == 1 else -(-used // increment) * increment
            rows.append((unit_price, used, billed))
            if line.service is Service.TTS:
                return rows
    if left and any(usage.values()):
        priced = {unit_price.quantity for unit_price in price.unit_prices}
        if any(used for quantity, used in usage.items() if quantity not in priced):
            return None
    return rows


def _apart(quantities: Mapping[str, int]) -> dict[str, int]:
    """LLM quantities with the parts taken out of their totals, so that none is billed twice."""
    usage = dict(quantities)
    for total, parts in _PARTS:
        for part in parts:
            if part in usage:
                usage[total] = usage.get(total, 0) - usage[part]
        if usage.get(total, 0) < 0:
            raise ValueError(f"the parts of {total} exceed it: the line was not merged")
    return usage


def _with(
    line: Line, price: Price | None, cost_nanos: int | None, noted: tuple[str, ...] = ()
) -> Line:
    if line.cost_nanos == cost_nanos and line.price is price and not noted:
        return line
    return Line(
        service=line.service,
        provider=line.provider,
        model=line.model,
        source=line.source,
        quantities=line.quantities,
        provider_cost_nanos=line.provider_cost_nanos,
        price=price,
        cost_nanos=cost_nanos,
        notes=tuple(sorted({*line.notes, *noted})) if noted else line.notes,
    )
