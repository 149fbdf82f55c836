"""Where a list of calls goes on, as it stands in the address of the page."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from talktime.core.errors import InvalidInput
from talktime.ops.call_history import CallPlace

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ENTRY_MAX: Final = 2**62
_PLACE: Final = re.compile(r"([0-9]{1,17})(?:~(-?[0-9]{1,19}))?\.(.*)", re.ASCII)


def write_place(place: CallPlace) -> str:
    """Microseconds, what it is sorted by where that is not the time, a dot, the call's id."""
    micros = (place.admitted_at - _EPOCH) // timedelta(microseconds=1)
    rank = "" if place.rank is None else f"~{place.rank}"
    return f"{micros}{rank}.{place.call_id}"


def read_place(text: str) -> CallPlace:
    """The opposite, once the query string is decoded. Raises InvalidInput for anything else."""
    match = _PLACE.fullmatch(text)
    if match is None or not match[3].isprintable() or len(match[3]) > 300:
        raise InvalidInput("this page of the list is none that we gave out", field="before")
    micros, rank, call_id = match.groups()
    return CallPlace(
        _EPOCH + timedelta(microseconds=int(micros)),
        call_id,
        None if rank is None or abs(int(rank)) >= 2**63 else int(rank),
    )


def read_number(text: str) -> int:
    """An entry's or event's number. Raises InvalidInput for anything else."""
    if not text.isascii() or not text.isdigit() or len(text) > 18 or int(text) > _ENTRY_MAX:
        raise InvalidInput("this page of the list is none that we gave out", field="before")
    return int(text)
