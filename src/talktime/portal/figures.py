"""Amounts, durations and times as the pages show them. Money stays whole nano-dollars."""

import zoneinfo
from collections.abc import Sequence
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from typing import Final

import msgspec

from talktime.core.money import (
    DECIMALS,
    DISPLAY_DECIMALS,
    NANOS_PER_USD,
    apportion,
    display_usd,
    div_half_even,
)

_MINUS: Final = "\N{MINUS SIGN}"
_FINEST: Final[int] = 10 ** (DECIMALS - DISPLAY_DECIMALS)
"""The finest step that lists show, in nanos."""


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """An amount as shown, and the zeros that would follow it in a column of aligned points."""

    text: str
    pad: str = ""
    sign: str = ""
    """"in" or "out" for a signed amount, "" otherwise."""


def money(nanos: int) -> Money:
    """At least the cents, at most six decimals: for figures that stand alone or in lists."""
    text = display_usd(nanos)
    return Money(text=text, pad="0" * (DISPLAY_DECIMALS - _decimals(text)))


def signed_money(nanos: int) -> Money:
    """The same with its sign: money in is "+", money out a real minus sign."""
    plain = money(nanos)
    if nanos > 0:
        return Money(text="+" + plain.text, pad=plain.pad, sign="in")
    return Money(text=plain.text, pad=plain.pad, sign="out" if nanos < 0 else "")


def shown_nanos(nanos: int) -> int:
    """What money shows of an amount, again in nanos."""
    return div_half_even(nanos, _FINEST) * _FINEST


def told_usd(nanos: int) -> str:
    """An amount in a sentence: from $100 up to the cent, which nobody reads further."""
    if abs(nanos) < 100 * NANOS_PER_USD:
        return display_usd(nanos)
    cent = NANOS_PER_USD // 100
    return display_usd(div_half_even(nanos, cent) * cent)


def shown_change(after_nanos: int, change_nanos: int) -> int:
    """A change as the difference of the balances shown after and before it.

    So rows that are each rounded still lead from one balance shown to the next.
    """
    return shown_nanos(after_nanos) - shown_nanos(after_nanos - change_nanos)


def shown_split(parts: Sequence[int], total_nanos: int) -> list[int]:
    """Parts as shown, adding up to a total as shown, by the largest remainder; all in nanos."""
    return [units * _FINEST for units in apportion(parts, _FINEST, total_nanos // _FINEST)]


def exact_usd(nanos: int) -> str:
    """The exact amount, at least the cents: "$0.052", "$0.000003125"."""
    return exact_column([nanos])[0].text


def exact_column(amounts: Sequence[int]) -> list[Money]:
    """Exact amounts of one column, each padded to the decimals of the finest."""
    shown = [_exact(nanos) for nanos in amounts]
    finest = max((_decimals(text) for text in shown), default=2)
    return [Money(text=text, pad="0" * (finest - _decimals(text))) for text in shown]


def percent(ppm: int) -> str:
    """Parts per million as a percentage: 300,000 is "30 %", 125,500 is "12.55 %"."""
    whole, fraction = divmod(ppm, 10_000)
    decimals = f".{fraction:04d}".rstrip("0") if fraction else ""
    return f"{whole}{decimals}\N{NO-BREAK SPACE}%"


def duration(ms: int) -> str:
    """ "0:07", "12:40", "1:02:05"; to the nearest second."""
    minutes, seconds = divmod(div_half_even(max(ms, 0), 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A time in the account's zone, and its machine-readable form."""

    iso: str
    day: str
    """ "23 Nov 2026" """
    clock: str
    """ "13:05" """
    seconds: str
    """ "13:05:09" """


def moment(at: datetime, zone: tzinfo) -> Moment:
    local = at.astimezone(zone)
    return Moment(
        iso=at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        day=day_name(local.date()),
        clock=f"{local:%H:%M}",
        seconds=f"{local:%H:%M:%S}",
    )


def clock_words(at: datetime, zone: tzinfo, *, now: datetime) -> str:
    """ "13:05", and on another day than today "13:05 on 24 Nov 2026"."""
    one = moment(at, zone)
    is_today = at.astimezone(zone).date() == now.astimezone(zone).date()
    return one.clock if is_today else f"{one.clock} on {one.day}"


def day_name(day: date) -> str:
    """ "23 Nov 2026" """
    return f"{day_label(day)} {day.year}"


def day_title(day: date) -> str:
    """ "Mon 23 Nov 2026" """
    return f"{_WEEKDAYS[day.weekday()]} {day_name(day)}"


def day_label(day: date) -> str:
    """ "23 Nov" """
    return f"{day.day} {MONTHS[day.month - 1][:3]}"


@lru_cache(256)
def zone_of(name: str) -> tzinfo:
    """The account's time zone; UTC where this machine does not know it."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def _exact(nanos: int) -> str:
    whole, fraction = divmod(abs(nanos), NANOS_PER_USD)
    decimals = f"{fraction:0{DECIMALS}d}".rstrip("0").ljust(2, "0")
    return f"{_MINUS if nanos < 0 else ''}${whole:,}.{decimals}"


def _decimals(text: str) -> int:
    return len(text.partition(".")[2])
