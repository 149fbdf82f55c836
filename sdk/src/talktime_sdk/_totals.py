"""The running totals of one call, per service line."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

import msgspec

from talktime_sdk._errors import InvalidUsage
from talktime_sdk._figures import (
    NANOS_PER_SECOND,
    Usd,
    count,
    seconds_nanos,
    seconds_text,
    usd_nanos,
    usd_text,
)

Service = Literal["llm", "stt", "tts", "sip"]
Channel = Literal["phone", "web", "whatsapp", "chat"]
Quantity = Decimal | str | int | float

QUANTITIES: Mapping[str, frozenset[str]] = {
    "llm": frozenset({
        "input_tokens",
        "cached_input_tokens",
        "cache_write_tokens",
        "output_tokens",
        "audio_input_tokens",
        "audio_output_tokens",
    }),
    "stt": frozenset({"audio_seconds"}),
    "tts": frozenset({"characters", "audio_seconds"}),
    "sip": frozenset({"seconds"}),
}  # fmt: skip
"""What each service is measured in. ``input_tokens`` includes the cached ones."""

CHANNEL_SERVICES: Mapping[str, frozenset[str]] = {
    "phone": frozenset({"llm", "stt", "tts", "sip"}),
    "web": frozenset({"llm", "stt", "tts"}),
    "whatsapp": frozenset({"llm", "stt", "tts"}),
    "chat": frozenset({"llm"}),
}

PROVIDER_COST = "provider_cost"

# The server's own limits: one line beyond them would have a whole report refused.
LINES_MAX = 64
NAME_LENGTHS_MAX: Mapping[str, int] = {"provider": 100, "model": 128, "source": 48}
COUNT_MAX = 10**12
SECONDS_MAX = 31 * 24 * 3600
PROVIDER_COST_MAX = 10**16
PARTS: Mapping[str, tuple[str, ...]] = {
    "input_tokens": ("cached_input_tokens", "cache_write_tokens", "audio_input_tokens"),
    "output_tokens": ("audio_output_tokens",),
}
"""Totals that include their parts; the parts do not overlap (cached audio counts as cached)."""


class UsageLine(msgspec.Struct, frozen=True, kw_only=True):
    """One service line's running totals, for who keeps them without a session."""

    service: Service
    provider: str = ""
    model: str = ""
    source: str = ""
    """Tells apart counters that began at zero each: a second leg, a restarted process."""
    quantities: Mapping[str, Quantity] = {}
    provider_cost: Usd | None = None
    """USD, the provider's own figure so far; the line is then priced by it."""

    def wire(self) -> dict[str, Any]:
        """The line as the API takes it. Raises InvalidUsage."""
        figures = read_figures(self.service, self.quantities, self.provider_cost)
        _check(figures)
        key = line_key(self.service, self.provider, self.model, self.source)
        return _wire_line(key, figures, "")


class LineKey(msgspec.Struct, frozen=True):
    """What makes two lines the same line."""

    service: str
    provider: str
    model: str
    source: str


class RunningTotals:
    """Counts up and never down; ``revision`` moves whenever a total does.

    A line is fed either by increments (``add``) or by snapshots (``raise_to``), never by both:
    a snapshot already contains what the increments said.
    """

    def __init__(self, channel: str) -> None:
        if channel not in CHANNEL_SERVICES:
            raise InvalidUsage(f"channel: {channel!r} is none of {', '.join(CHANNEL_SERVICES)}")
        self._channel = channel
        self._lines: dict[LineKey, dict[str, int]] = {}
        self._fed_by_snapshots: dict[LineKey, bool] = {}
        self.revision = 0

    def line_key(self, service: str, provider: str, model: str, source: str) -> LineKey:
        """The line's key; refuses a line that the channel cannot have."""
        key = line_key(service, provider, model, source)
        if service not in CHANNEL_SERVICES[self._channel]:
            raise InvalidUsage(f"a {self._channel} call has no {service} line")
        return key

    def add(self, key: LineKey, figures: Mapping[str, int]) -> None:
        before = self._lines.get(key, {})
        after = before | {name: before.get(name, 0) + more for name, more in figures.items()}
        self._replace(key, after, by_snapshot=False)

    def raise_to(self, key: LineKey, figures: Mapping[str, int]) -> None:
        before = self._lines.get(key, {})
        after = before | {name: max(before.get(name, 0), to) for name, to in figures.items()}
        self._replace(key, after, by_snapshot=True)

    def _replace(self, key: LineKey, after: dict[str, int], *, by_snapshot: bool) -> None:
        if self._fed_by_snapshots.get(key, by_snapshot) != by_snapshot:
            raise InvalidUsage(
                f"the line {key.service}/{key.provider}/{key.model} is fed by increments and by "
                "snapshots, which would count twice: give one of them another source"
            )
        _check(after)
        if key not in self._lines and len(self._lines) == LINES_MAX:
            raise InvalidUsage(f"a call has at most {LINES_MAX} lines")
        self._fed_by_snapshots[key] = by_snapshot
        if after != self._lines.get(key):
            self._lines[key] = after
            self.revision += 1

    def wire_lines(self, process: str) -> list[dict[str, Any]]:
        """Every line as the API takes it, under sources that name this process too."""
        return [_wire_line(key, figures, process) for key, figures in self._lines.items()]


def line_key(service: str, provider: str, model: str, source: str) -> LineKey:
    """The key as the server compares it: the provider in lower case, nothing around the names."""
    if service not in QUANTITIES:
        raise InvalidUsage(f"service: {service!r} is none of {', '.join(QUANTITIES)}")
    provider, model, source = provider.strip().lower(), model.strip(), source.strip()
    for field, name in (("provider", provider), ("model", model), ("source", source)):
        if len(name) > NAME_LENGTHS_MAX[field] or not name.isprintable():
            raise InvalidUsage(f"{field}: {name[:40]!r} is too long or not plain text")
    return LineKey(service, provider, model, source)


def read_figures(
    service: str, quantities: Mapping[str, Quantity], provider_cost: Usd | None
) -> dict[str, int]:
    """What a caller gave as integers: counts, nanoseconds and, under ``provider_cost``, nanos."""
    if not quantities and provider_cost is None:
        raise InvalidUsage("a line needs a quantity or a provider_cost")
    figures: dict[str, int] = {}
    for name, value in quantities.items():
        if name not in QUANTITIES.get(service, ()):
            raise InvalidUsage(f"{name}: unknown for {service}. {_hint(service, name)}")
        figures[name] = seconds_nanos(value, name) if _is_seconds(name) else count(value, name)
    if provider_cost is not None:
        figures[PROVIDER_COST] = usd_nanos(provider_cost, PROVIDER_COST)
        if figures[PROVIDER_COST] < 0:
            raise InvalidUsage(f"{PROVIDER_COST}: {provider_cost} is negative")
    return figures


def _check(figures: Mapping[str, int]) -> None:
    for name, figure in figures.items():
        limit = SECONDS_MAX * NANOS_PER_SECOND if _is_seconds(name) else COUNT_MAX
        if figure > (PROVIDER_COST_MAX if name == PROVIDER_COST else limit):
            raise InvalidUsage(f"{name}: more than one call can use. Check the unit")
    for total, parts in PARTS.items():
        if sum(figures.get(part, 0) for part in parts) > figures.get(total, 0):
            raise InvalidUsage(f"{total} includes {', '.join(parts)}: it cannot be less")


def _is_seconds(name: str) -> bool:
    return name.endswith("seconds")


def _hint(service: str, name: str) -> str:
    if name == "reasoning_tokens":
        return "Reasoning is already inside output_tokens: leave it out"
    return f"Known are: {', '.join(sorted(QUANTITIES.get(service, ())))}"


def _wire_line(key: LineKey, figures: Mapping[str, int], process: str) -> dict[str, Any]:
    line: dict[str, Any] = {"service": key.service}
    if key.provider:
        line["provider"] = key.provider
    if key.model:
        line["model"] = key.model
    if source := "~".join(part for part in (key.source, process) if part):
        line["source"] = source
    quantities = {
        name: seconds_text(value) if _is_seconds(name) else value
        for name, value in figures.items()
        if name != PROVIDER_COST
    }
    if quantities:
        line["quantities"] = quantities
    if PROVIDER_COST in figures:
        line[PROVIDER_COST] = usd_text(figures[PROVIDER_COST])
    return line
