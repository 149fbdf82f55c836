"""Where a list goes on, as text that stands in an address as it is.

A place is given out with a page and brought back for the next one. In lists ordered by time it is
``<microseconds since 1970>.<name>…``: the names, in hexadecimal, tell apart what shares a moment.
Both parts keep the order that the database has, which open pages use to put a row in its place.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from talktime.core.errors import InvalidInput

NAME_LENGTH_MAX: Final = 300

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PLACE: Final = re.compile(r"([0-9]{1,17})((?:\.(?:[0-9a-f]{2}){1,1200}){1,2})", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


def write_place(at: datetime, *names: str) -> str:
    """The place below what has this time and these names, of which there are one or two."""
    micros = (at - _EPOCH) // timedelta(microseconds=1)
    return ".".join((str(micros), *(name.encode().hex() for name in names)))


def read_place(text: str, *, names: int, field: str = "cursor") -> tuple[datetime, list[str]]:
    """The opposite, with that many names. Raises InvalidInput for anything else."""
    match = _PLACE.fullmatch(text)
    if match is None:
        raise unknown_place(field)
    try:
        found = [bytes.fromhex(name).decode() for name in match[2].split(".")[1:]]
    except UnicodeDecodeError as error:
        raise unknown_place(field) from error
    if len(found) != names or not all(
        name.isprintable() and len(name) <= NAME_LENGTH_MAX for name in found
    ):
        raise unknown_place(field)
    return _EPOCH + timedelta(microseconds=int(match[1])), found


def read_number(text: str, *, field: str = "cursor", least: int = 0) -> int:
    """A place in a list of what is numbered: a transaction, an event. Raises InvalidInput."""
    if not _NUMBER.fullmatch(text) or int(text) < least:
        raise unknown_place(field)
    return int(text)


def unknown_place(field: str) -> InvalidInput:
    """What is refused with where a place is none of that list."""
    return InvalidInput(
        "this place in the list is none that we gave out; begin without one", field=field
    )
