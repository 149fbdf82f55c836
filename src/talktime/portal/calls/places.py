"""Where a list of calls goes on, as it stands in the address of the page."""

import re
from typing import Final

from talktime.core import place as places
from talktime.ops.call_history import CallPlace

_RANK: Final = re.compile(r"-?[0-9]{1,19}", re.ASCII)


def write_place(place: CallPlace) -> str:
    """The call's time and id; then a tilde and what the list is sorted by, if not by time."""
    rank = "" if place.rank is None else f"~{place.rank}"
    return places.write_place(place.admitted_at, place.call_id) + rank


def read_place(text: str) -> CallPlace:
    """The opposite. Raises InvalidInput for anything else."""
    below, tilde, rank = text.partition("~")
    at, (call_id,) = places.read_place(below, names=1, field="before")
    if not tilde:
        return CallPlace(at, call_id)
    if not _RANK.fullmatch(rank) or abs(int(rank)) >= 2**63:
        raise places.unknown_place("before")
    return CallPlace(at, call_id, int(rank))
