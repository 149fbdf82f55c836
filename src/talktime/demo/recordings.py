"""Calls recorded elsewhere, kept as data of this package and played back as they were."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Final

import msgspec

INSIDE_OTHERS: Final = frozenset({"reasoning_tokens"})
"""Quantities that a recording names and that are part of another one."""


class Increment(msgspec.Struct, frozen=True, kw_only=True):
    """What a service was used for, ``t`` seconds after the call was answered."""

    t: float
    service: str
    provider: str = ""
    model: str = ""
    quantities: dict[str, int | float] = {}

    def counted(self) -> dict[str, int | str]:
        """The quantities as the SDK takes them: seconds as text, for a float has no exact value."""
        return {
            name: amount if isinstance(amount, int) else str(amount)
            for name, amount in self.quantities.items()
            if name not in INSIDE_OTHERS
        }


class FinalLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a call of which only the end is known: the provider's own figure."""

    service: str
    provider_cost: str
    provider: str = ""
    model: str = ""


class End(msgspec.Struct, frozen=True, kw_only=True):
    t: float
    outcome: str
    reason: str = ""


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded call: either its increments, or its final lines."""

    call_id: str
    channel: str
    source: str
    events: tuple[Increment, ...] = ()
    ended: End | None = None
    final: tuple[FinalLine, ...] = ()
    duration_seconds: int = 0
    outcome: str = ""
    expected: dict[str, str] = {}
    """USD: provider_cost, margin and charge that must come out, to the nano-dollar."""


def read_recordings() -> Mapping[str, Recording]:
    """The recorded calls by their ids."""
    text = (files("talktime.demo") / "recorded_calls.jsonl").read_bytes()
    decoder = msgspec.json.Decoder(Recording)
    found = [decoder.decode(line) for line in text.splitlines() if line.strip()]
    return {recording.call_id: recording for recording in found}
