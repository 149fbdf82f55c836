"""Where a list of calls goes on, as it stands in the address of the page."""

from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote

from talktime.core.errors import InvalidInput
from talktime.ops.call_history import CallPlace

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ENTRY_MAX: Final = 2**62


def write_place(place: CallPlace) -> str:
    """Fit for a query string: microseconds, a dot, the call's id."""
    micros = (place.admitted_at - _EPOCH) // timedelta(microseconds=1)
    return f"{micros}.{quote(place.call_id, safe='')}"


def read_place(text: str) -> CallPlace:
    """The opposite, once the query string is decoded. Raises InvalidInput for anything else."""
    micros, dot, call_id = text.partition(".")
    if not dot or not micros.isascii() or not micros.isdigit() or len(micros) > 17:
        raise InvalidInput("this page of the list is none that we gave out", field="before")
    if not call_id.isprintable() or len(call_id) > 300:
        raise InvalidInput("this page of the list is none that we gave out", field="before")
    return CallPlace(_EPOCH + timedelta(microseconds=int(micros)), call_id)


def read_number(text: str) -> int:
    """An entry's or event's number. Raises InvalidInput for anything else."""
    if not text.isascii() or not text.isdigit() or len(text) > 18 or int(text) > _ENTRY_MAX:
        raise InvalidInput("this page of the list is none that we gave out", field="before")
    return int(text)
