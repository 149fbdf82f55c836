"""Money, seconds and counts as integers inside, exact decimal strings on the wire."""

import operator
from decimal import Decimal, InvalidOperation

from talktime_sdk._errors import InvalidUsage

Usd = Decimal | str | int
"""An amount in USD as a caller may give it. Floats are refused."""

NANOS_PER_USD = 10**9
NANOS_PER_SECOND = 10**9
NANOS_PER_MILLISECOND = 10**6


def _decimal(value: object, field: str) -> Decimal:
    try:
        number = Decimal(value) if isinstance(value, Decimal | str | int) else Decimal(repr(value))
    except InvalidOperation:
        raise InvalidUsage(f"{field}: {value!r} is not a number") from None
    if not number.is_finite():
        raise InvalidUsage(f"{field}: {value!r} is not a finite number")
    # Keeps 10**exponent, and with it every later step, small: 1e999999 is no amount of anything.
    if number and not -30 <= number.adjusted() <= 18:
        raise InvalidUsage(f"{field}: {value!r} is out of any sensible range")
    return number


def _scaled(number: Decimal, scale: int) -> tuple[int, int, int]:
    """number * scale as whole part, remainder and denominator, without any rounding."""
    numerator, denominator = number.as_integer_ratio()
    return *divmod(numerator * scale, denominator), denominator


def _half_even(whole: int, remainder: int, denominator: int) -> int:
    twice = 2 * remainder
    up = twice > denominator or (twice == denominator and whole % 2 == 1)
    return whole + 1 if up else whole


def _text(units: int, places: int) -> str:
    sign, digits = ("-" if units < 0 else ""), str(abs(units)).rjust(places + 1, "0")
    fraction = digits[-places:].rstrip("0")
    return f"{sign}{digits[:-places]}.{fraction}" if fraction else f"{sign}{digits[:-places]}"


def usd_nanos(value: Usd, field: str) -> int:
    """An amount in USD as integer nano-dollars; a tenth decimal is an error, not a rounding."""
    if isinstance(value, bool | float):
        raise InvalidUsage(
            f"{field}: {value!r} is not money: a Decimal, string or int is, never a float"
        )
    whole, remainder, _ = _scaled(_decimal(value, field), NANOS_PER_USD)
    if remainder:
        raise InvalidUsage(f"{field}: {value} has more than nine decimals")
    return whole


def usd_text(nanos: int) -> str:
    """Shortest exact decimal string, as the API writes money: ``"0.052"``."""
    return _text(nanos, 9)


def seconds_nanos(value: Decimal | str | float, field: str) -> int:
    """A duration in seconds as integer nanoseconds.

    Frameworks measure in floats; one is read as the decimal it prints as, once, on its way in.
    Adding up happens in integers, so that a million short chunks do not drift.
    """
    if isinstance(value, bool):
        raise InvalidUsage(f"{field}: {value!r} is no duration")
    nanos = _half_even(*_scaled(_decimal(value, field), NANOS_PER_SECOND))
    if nanos < 0:
        raise InvalidUsage(f"{field}: {value} is negative")
    return nanos


def seconds_text(nanos: int) -> str:
    """Seconds to the millisecond, half-even, as a decimal string: ``"4.54"``."""
    whole, remainder = divmod(nanos, NANOS_PER_MILLISECOND)
    return _text(_half_even(whole, remainder, NANOS_PER_MILLISECOND), 3)


def count(value: object, field: str) -> int:
    """A number of tokens or characters: a whole number, not negative."""
    if isinstance(value, Decimal) and value == value.to_integral_value():
        value = int(value)
    if isinstance(value, bool):
        raise InvalidUsage(f"{field}: {value!r} is no count")
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise InvalidUsage(f"{field}: {value!r} is not a whole number") from None
    if number < 0:
        raise InvalidUsage(f"{field}: {number} is negative")
    return number
