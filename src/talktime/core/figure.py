"""Numbers that are no money, such as seconds and percentages. Money is a string (core.money)."""

import re
from decimal import Decimal

from talktime.core.errors import InvalidInput

Figure = int | float | str
"""A JSON number, or a string of plain digits such as "4.54"."""

_PLAIN_DIGITS = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,30})?", re.ASCII)


def exact_figure(value: Figure, *, field: str) -> Decimal:
    """The figure as it was written, which may be negative or not finite.

    Raises InvalidInput for a string of anything but plain digits: Python would read more than
    people and other languages do ("1_0", "1e3", " 7").
    """
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, int):
        return Decimal(value)
    if not _PLAIN_DIGITS.fullmatch(value):
        raise InvalidInput(
            f'{field} must be a number, or a string of plain digits such as "4.54"', field=field
        )
    return Decimal(value)
