"""Money: whole nano-dollars inside, decimal strings on the wire, dollars on pages.

One nano-dollar is 10⁻⁹ USD. Names of such amounts end in ``_nanos``; they are ``int`` here and
``bigint`` in the database. Nothing in this module, or near money anywhere, is a float.
"""

import re
from collections.abc import Sequence
from itertools import cycle, islice
from typing import Final

from talktime.core.errors import InvalidAmount

NANOS_PER_USD: Final = 1_000_000_000
MAX_NANOS: Final = 10**16
"""Ten million dollars: the largest amount (of either sign) that is believed when it comes in."""

MARGIN_SCALE: Final = 1_000_000
"""A margin rate is a whole number of parts per million: 30 % is 300,000."""

DECIMALS: Final = 9
DISPLAY_DECIMALS: Final = 6

_AMOUNT = re.compile(r"(-?)([0-9]{1,18})(?:\.([0-9]{1,9}))?", re.ASCII)
_TOO_FINE = re.compile(r"-?[0-9]+\.[0-9]{10,}", re.ASCII)
_MINUS = "\N{MINUS SIGN}"


def parse_usd(text: object, *, field: str) -> int:
    """Read a USD amount in wire form ("0.052", "-3", "5.00") as nano-dollars, exactly.

    Raises InvalidAmount naming ``field`` for anything else: not a string, an exponent, NaN, white
    space, a currency sign or thousands separator, more than nine decimals, more than MAX_NANOS.
    """
    if not isinstance(text, str):
        raise InvalidAmount(
            f"{field} must be a string with a USD amount, not {_kind(text)}: "
            'put the number in quotes, as in "0.052".',
            field=field,
        )
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise _malformed(text, field)
    sign, whole, fraction = match.groups()
    nanos = int(whole) * NANOS_PER_USD
    if fraction:
        nanos += int(fraction.ljust(DECIMALS, "0"))
    if nanos > MAX_NANOS:
        raise _out_of_range(field)
    return -nanos if sign else nanos


def format_usd(nanos: int) -> str:
    """The exact, shortest wire form: "0.052", "5", "-0.5", "0"."""
    if not nanos:
        return "0"
    if nanos < 0:
        return "-" + format_usd(-nanos)
    whole, fraction = divmod(nanos, NANOS_PER_USD)
    if not fraction:
        return str(whole)
    return f"{whole}.{fraction:09d}".rstrip("0")


def usd_or_none(nanos: int | None) -> str | None:
    """The wire form of an amount, where there is one."""
    return None if nanos is None else format_usd(nanos)


def display_usd(nanos: int) -> str:
    """An amount for people: "$5.00", "$0.0429"; below zero with a real minus sign.

    At least the cents, as many decimals as the amount needs, at most six; what lies beyond is
    rounded half-even. For exact values use format_usd.
    """
    millionths = div_half_even(nanos, 10 ** (DECIMALS - DISPLAY_DECIMALS))
    decimals = DISPLAY_DECIMALS
    while decimals > 2 and not millionths % 10:
        millionths //= 10
        decimals -= 1
    return _dollars(millionths, decimals)


def apportion(parts: Sequence[int], unit: int, total_units: int) -> list[int]:
    """Parts as whole units that add up to ``total_units``, by the largest remainder.

    Each is rounded down; the units then missing go to the largest remainders, those too many come
    from the smallest (of equals, the earlier part). A part that is nothing stays nothing.
    """
    shown = [part // unit for part in parts]
    missing = total_units - sum(shown)
    by_remainder = sorted(
        (i for i, part in enumerate(parts) if part),
        key=lambda i: parts[i] % unit,
        reverse=missing > 0,
    )
    # Round and round, where the total was rounded apart from its parts and few of them are left.
    for i in islice(cycle(by_remainder), abs(missing)):
        shown[i] += 1 if missing > 0 else -1
    return shown


def div_half_even(numerator: int, denominator: int) -> int:
    """``numerator / denominator`` (denominator above zero), rounded half-even to an integer."""
    if denominator <= 0:
        raise ValueError("the denominator must be above zero")
    quotient, rest = divmod(numerator, denominator)
    doubled = rest * 2
    if doubled > denominator or (doubled == denominator and quotient & 1):
        quotient += 1
    return quotient


def apply_margin(cost_nanos: int, margin_ppm: int) -> int:
    """The margin on a provider cost, in nanos, rounded half-even; the rate in parts per million."""
    return div_half_even(cost_nanos * margin_ppm, MARGIN_SCALE)


def _dollars(units: int, decimals: int) -> str:
    sign = _MINUS if units < 0 else ""
    whole, fraction = divmod(abs(units), 10**decimals)
    cents = f".{fraction:0{decimals}d}" if decimals else ""
    return f"{sign}${whole:,}{cents}"


def _malformed(text: str, field: str) -> InvalidAmount:
    if len(text) <= 64 and _TOO_FINE.fullmatch(text):
        return InvalidAmount(
            f"{field} has more than nine decimals: amounts are kept to the nano-dollar and never "
            "rounded on the way in, so round it first.",
            field=field,
        )
    if len(text) <= 64 and re.fullmatch(r"-?[0-9]{19,}(\.[0-9]{1,9})?", text, re.ASCII):
        return _out_of_range(field)
    return InvalidAmount(
        f"{field} is not a USD amount: send a plain decimal string of at most nine decimals, "
        'such as "0.052", without spaces, currency sign, separators or exponent.',
        field=field,
    )


def _out_of_range(field: str) -> InvalidAmount:
    return InvalidAmount(
        f"{field} is out of range: the largest amount is {format_usd(MAX_NANOS)} USD. "
        "Check the unit: amounts are in dollars.",
        field=field,
    )


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    return "a number" if isinstance(value, (int, float)) else f"a {type(value).__name__}"
