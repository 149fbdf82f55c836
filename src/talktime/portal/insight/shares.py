"""Rows that share a whole: amounts and percentages that add up as they are shown."""

from collections.abc import Sequence

import msgspec

from talktime.core.money import apportion, display_usd, div_half_even
from talktime.ops.spend import Part
from talktime.portal.figures import Money, duration, money, shown_split

MINUTE_MS = 60_000
_FEW_MINUTES_MS = 10 * MINUTE_MS
_A_CENT = 10_000_000
_FINE = 100_000
_MEAN_DECIMALS = 4


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What some calls have in common, and their part of the whole."""

    name: str
    href: str = ""
    """Such calls that began in these days, which are not quite those that were charged in them;
    empty where no list is of them."""
    detail: str = ""
    tone: str = "balance"
    """The colour of its bar, one of charts.css."""
    calls: str = ""
    minutes: str = ""
    per_minute: Money | None = None
    amount: Money
    percent: str
    """Of the whole; those of one table add up to 100."""
    width: str
    """The same as the width of a bar, to a tenth of a per cent."""


def part_row(name: str, part: Part, href: str, detail: str = "") -> Row:
    return Row(
        name=name,
        href=href,
        detail=detail,
        calls=f"{part.calls:,}",
        minutes=minutes(part.duration_ms),
        per_minute=per(part.charge_nanos * MINUTE_MS, part.duration_ms),
        amount=money(0),
        percent="",
        width="",
    )


def shared_rows(rows: Sequence[Row], amounts: Sequence[int], total: int) -> tuple[Row, ...]:
    """The rows with their amounts and shares, which add up as they are shown."""
    whole = sum(amounts)
    shown = shown_split(amounts, total)
    percents = apportion([100 * one for one in amounts], whole, 100) if whole else [0] * len(rows)
    return tuple(
        msgspec.structs.replace(
            row,
            amount=money(nanos),
            percent=_percent(percent, exact),
            width=_width(exact, whole),
        )
        for row, nanos, percent, exact in zip(rows, shown, percents, amounts, strict=True)
    )


def _percent(percent: int, nanos: int) -> str:
    return "<1\N{NO-BREAK SPACE}%" if not percent and nanos else f"{percent}\N{NO-BREAK SPACE}%"


def _width(nanos: int, whole: int) -> str:
    tenths = div_half_even(1_000 * nanos, whole) if whole else 0
    return f"{max(tenths, 5 if nanos else 0) // 10}.{max(tenths, 5 if nanos else 0) % 10}%"


def per(nanos: int, count: int) -> Money:
    """A mean to a hundredth of a cent, finer below a cent: no amount that anybody paid.

    A dash where there is nothing to divide by.
    """
    if not count:
        return Money(text="\N{EN DASH}")
    mean = div_half_even(nanos, count)
    text = display_usd(div_half_even(mean, _FINE) * _FINE if mean >= _A_CENT else mean)
    return Money(text=text, pad="0" * (_MEAN_DECIMALS - len(text.partition(".")[2])))


def minutes(ms: int) -> str:
    """ "42"; a few of them with their seconds, as "1:14" or "0:14"."""
    return duration(ms) if ms < _FEW_MINUTES_MS else f"{div_half_even(ms, MINUTE_MS):,}"
