"""Usage: what a call's service lines have used so far.

Reports are running totals, never deltas, so merging them is taking the maximum: a report that is
lost, repeated, split or out of order changes nothing. Quantities are whole numbers of base units:
tokens, characters, and milliseconds for what is reported in seconds.

Of an LLM line, ``input_tokens`` includes ``cached_input_tokens``, ``cache_write_tokens`` and
``audio_input_tokens``, which do not overlap (cached audio counts as cached); ``output_tokens``
includes ``audio_output_tokens``.
"""

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Raw

from talktime.core.errors import (
    InvalidAmount,
    InvalidInput,
    InvalidQuantity,
    LineNotAllowed,
    TooMany,
)
from talktime.core.money import parse_usd
from talktime.core.ratecard import (
    CHANNEL_SERVICES,
    MS_PER_SECOND,
    SERVICE_QUANTITIES,
    SERVICES,
    TIME_QUANTITIES,
    Channel,
    Price,
    Service,
)

LINES_MAX: Final = 64
PROVIDER_LENGTH_MAX: Final = 100
MODEL_LENGTH_MAX: Final = 128
SOURCE_LENGTH_MAX: Final = 64
COUNT_MAX: Final = 10**12
SECONDS_MAX: Final = 31 * 24 * 3600

LineKey = tuple[str, str, str, str]
"""(service, provider in lower case, model or "", source or ""): what makes two lines the same."""

LOWER_TOTAL: Final = "lower_total"
"""Code of a note: a later report was below the total kept, as in "lower_total:output_tokens"."""


if TYPE_CHECKING:
    Quantities = dict[str, int | str | Decimal | Raw | None]
else:
    # Decoded as they were written: only so can "1_0" be told from 10, and 4.54 keep its digits.
    Quantities = dict[str, Raw]


class LineReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One service line as a request brings it.

    Decode JSON straight into this type: numbers then keep every digit, and parse_lines checks
    them. A quantity is a JSON number or a string of plain digits ("4.54"); one that came through a
    float is refused, null is as good as absent. ``provider_cost`` is the provider's own figure, a
    USD string.
    """

    service: str
    provider: str = ""
    model: str | None = None
    source: str | None = None
    quantities: Quantities = {}
    provider_cost: str | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One service line of a call: usage so far, the price pinned on it, what it costs.

    Kept as a JSON array (``msgspec.json``) beside the call; from it alone the cost can be
    recomputed. New fields go last and have defaults.
    """

    service: Service
    provider: str = ""
    """In lower case, as reported."""
    model: str = ""
    source: str = ""
    """Tells apart counters that began at zero each: a second leg, a restarted bot."""
    quantities: dict[str, int] = {}
    """Greatest total of each, in base units; not to be changed in place."""
    provider_cost_nanos: int | None = None
    """The provider's own figure (the greatest reported); it then prices the line."""
    price: Price | None = None
    """Pinned at the first rating that priced all of the line."""
    cost_nanos: int | None = None
    """None: not priced (yet), which is never shown as $0."""
    notes: tuple[str, ...] = ()

    @property
    def key(self) -> LineKey:
        # The plain value: an enum member would be hashed in Python, on the hot path.
        return (self.service._value_, self.provider, self.model, self.source)


_SERVICE_ORDER: Final = tuple(Service)
_ALLOWED: Final = {
    channel: {service.value: service for service in Service if service in services}
    for channel, services in CHANNEL_SERVICES.items()
}
_KNOWN: Final = {name: frozenset(SERVICE_QUANTITIES[SERVICES[name]]) for name in SERVICES}
_MILLISECOND: Final = Decimal("0.001")
_WRITTEN_MAX: Final = 64
"""Characters of a quantity as it is written."""
_EXACT: Final = Context(prec=_WRITTEN_MAX, rounding=ROUND_HALF_EVEN)
_SCALE: Final = {
    name: MS_PER_SECOND if name in TIME_QUANTITIES else 1
    for names in SERVICE_QUANTITIES.values()
    for name in names
}
_DIGITS: Final = {
    name: len(str(SECONDS_MAX if name in TIME_QUANTITIES else COUNT_MAX)) - 1 for name in _SCALE
}
"""With so many digits a whole number is within the limit, whatever they are."""
_MILLISECONDS = re.compile(rb'"?([0-9]{1,6})\.([0-9]{1,3})"?')
_JSON_NUMBER = re.compile(rb"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_PLAIN_DIGITS = re.compile(r"[0-9]+(?:\.[0-9]+)?")


def parse_lines(
    reports: Sequence[LineReport], channel: Channel, *, field: str = "lines"
) -> tuple[Line, ...]:
    """The reported lines, checked one by one; two reports of one line are merged.

    Raises TooMany, LineNotAllowed, InvalidQuantity, InvalidAmount or InvalidInput, with the path
    of the member, such as ``lines[0].quantities.characters``.
    """
    if len(reports) > LINES_MAX:
        raise TooMany(
            f"{field} has {len(reports)} lines; a call has at most {LINES_MAX}.", field=field
        )
    allowed = _ALLOWED[channel]
    lines: dict[LineKey, Line] = {}
    for i, report in enumerate(reports):
        service = allowed.get(report.service)
        if service is None:
            raise _service_refused(report.service, channel, f"{field}[{i}].service")
        line = _parse_line(report, service, f"{field}[{i}]")
        key = line.key
        known = lines.get(key)
        lines[key] = line if known is None else _merge_line(known, line)
    return tuple(lines.values())


def merge_lines(
    current: Sequence[Line], reported: Sequence[Line], *, field: str = "lines"
) -> tuple[Line, ...]:
    """The call's lines after a report: the maximum of every quantity, in a fixed order.

    What the report leaves out stays; a lower total keeps the higher one and is noted. A line that
    grew has no cost until it is rated again. Raises InvalidQuantity where the parts of a total
    exceed it, TooMany where the call would have more than LINES_MAX lines.
    """
    merged = {line.key: line for line in current}
    for i, addition in enumerate(reported):
        key = addition.key
        known = merged.get(key)
        line = addition if known is None else _merge_line(known, addition)
        if line is not known:
            if line.service is Service.LLM:
                _check_parts(line, f"{field}[{i}].quantities")
            merged[key] = line
    if len(merged) > LINES_MAX:
        raise TooMany(
            f"With {field} the call would have {len(merged)} lines; it can have at most "
            f"{LINES_MAX}. Use the same source for the same counters.",
            field=field,
        )
    if len(merged) == 1:
        return tuple(merged.values())
    return tuple(sorted(merged.values(), key=_order))


def format_quantity(quantity: str, amount: int) -> str:
    """A quantity in wire form: seconds with up to three decimals, anything else a whole number."""
    if quantity not in TIME_QUANTITIES:
        return str(amount)
    seconds, ms = divmod(amount, MS_PER_SECOND)
    return f"{seconds}.{ms:03d}".rstrip("0") if ms else str(seconds)


def _order(line: Line) -> tuple[int, str, str, str]:
    return (_SERVICE_ORDER.index(line.service), line.provider, line.model, line.source)


def _parse_line(report: LineReport, service: Service, field: str) -> Line:
    known = _KNOWN[report.service]
    quantities = {}
    for name, value in report.quantities.items():
        if name not in known:
            raise InvalidQuantity(
                f"{field}.quantities.{name[:40]} is not known: {service} lines have "
                f"{', '.join(SERVICE_QUANTITIES[service])}.",
                field=f"{field}.quantities.{name[:40]}",
            )
        if type(value) is Raw:
            written = bytes(value)
            # Of bytes only ASCII is a digit, and a JSON number has no zeros before it.
            if written.isdigit() and len(written) <= _DIGITS[name]:
                quantities[name] = int(written) * _SCALE[name]
            elif written != b"null":
                quantities[name] = _read(written, name, f"{field}.quantities.{name}")
        elif value is not None:
            quantities[name] = _base_units(value, name, f"{field}.quantities.{name}")
    cost = report.provider_cost
    return Line(
        service=service,
        provider=_name(report.provider, PROVIDER_LENGTH_MAX, field, "provider").lower(),
        model=_name(report.model, MODEL_LENGTH_MAX, field, "model"),
        source=_name(report.source, SOURCE_LENGTH_MAX, field, "source"),
        quantities=quantities,
        provider_cost_nanos=None if cost is None else _cost(cost, f"{field}.provider_cost"),
    )


def _service_refused(name: str, channel: Channel, field: str) -> InvalidInput:
    service = SERVICES.get(name)
    allowed = list(_ALLOWED[channel])
    if service is None:
        return InvalidInput(
            f"{field} is {name[:40]!r}: use one of {', '.join(SERVICES)}.", field=field
        )
    return LineNotAllowed(
        f"{field}: a {channel} call cannot have a {service} line, only {', '.join(allowed)}.",
        field=field,
        channel=channel.value,
        allowed=allowed,
    )


def _base_units(value: object, name: str, field: str) -> int:
    """A reported quantity in base units; seconds are rounded half-even to the millisecond."""
    number = _decimal(value, field)
    if not number.is_finite():
        raise InvalidQuantity(f"{field} must be a finite number.", field=field)
    if number < 0:
        raise InvalidQuantity(f"{field} must not be negative.", field=field)
    is_time = name in TIME_QUANTITIES
    limit = SECONDS_MAX if is_time else COUNT_MAX
    if number > limit:
        raise InvalidQuantity(
            f"{field} is more than one call can use ({limit}): check the unit.", field=field
        )
    if is_time:
        return int(_EXACT.quantize(number, _MILLISECOND).scaleb(3))
    if number != number.to_integral_value():
        raise InvalidQuantity(f"{field} must be a whole number.", field=field)
    return int(number)


def _read(json: bytes, name: str, field: str) -> int:
    """A quantity as it is written in JSON, in base units."""
    if name in TIME_QUANTITIES and (usual := _MILLISECONDS.fullmatch(json)):
        return int(usual[1]) * MS_PER_SECOND + int(usual[2].ljust(3, b"0"))
    if json.startswith(b'"'):
        try:
            return _base_units(msgspec.json.decode(json), name, field)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:  # raw text was only skipped
            raise _no_number(field) from error
    if len(json) > _WRITTEN_MAX or not _JSON_NUMBER.fullmatch(json):
        raise _no_number(field)
    return _base_units(Decimal(json.decode()), name, field)


def _decimal(value: object, field: str) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, str) and len(value) <= _WRITTEN_MAX and _PLAIN_DIGITS.fullmatch(value):
        return Decimal(value)
    raise _no_number(field)


def _no_number(field: str) -> InvalidQuantity:
    return InvalidQuantity(
        f'{field} must be a number, or a string of plain digits such as "4.54".', field=field
    )


def _cost(value: object, field: str) -> int:
    nanos = parse_usd(value, field=field)
    if nanos < 0:
        raise InvalidAmount(f"{field} must not be negative.", field=field)
    return nanos


def _name(value: str | None, limit: int, field: str, member: str) -> str:
    if not value:
        return ""
    if len(value) > limit:
        raise InvalidInput(
            f"{field}.{member} is longer than {limit} characters.", field=f"{field}.{member}"
        )
    if not value.isprintable() or value != value.strip():
        raise InvalidInput(
            f"{field}.{member} must be plain text without control characters or outer spaces.",
            field=f"{field}.{member}",
        )
    return value


def _merge_line(known: Line, line: Line) -> Line:
    """``known`` itself where the report adds nothing, so that its cost still stands."""
    quantities = known.quantities
    grown = None
    lower = None
    for name, amount in line.quantities.items():
        kept = quantities.get(name)
        if kept is None or amount > kept:
            if grown is None:
                grown = dict(quantities)
            grown[name] = amount
        elif amount < kept:
            lower = [*(lower or ()), f"{LOWER_TOTAL}:{name}"]
    cost = known.provider_cost_nanos
    if line.provider_cost_nanos is not None:
        if cost is None or line.provider_cost_nanos > cost:
            cost = line.provider_cost_nanos
        elif line.provider_cost_nanos < cost:
            lower = [*(lower or ()), f"{LOWER_TOTAL}:provider_cost"]
    notes = known.notes
    if lower or line.notes:
        notes = tuple(sorted({*notes, *line.notes, *(lower or ())}))
    priced = grown is None and cost == known.provider_cost_nanos
    if priced and notes == known.notes:
        return known
    return Line(
        service=known.service,
        provider=known.provider,
        model=known.model,
        source=known.source,
        quantities=quantities if grown is None else grown,
        provider_cost_nanos=cost,
        price=known.price,
        cost_nanos=known.cost_nanos if priced else None,
        notes=notes,
    )


def _check_parts(line: Line, field: str) -> None:
    used = line.quantities.get
    total = used("input_tokens", 0)
    parts = ("cached_input_tokens", "cache_write_tokens", "audio_input_tokens")
    if used(parts[0], 0) + used(parts[1], 0) + used(parts[2], 0) > total:
        raise _parts_exceed(line, parts, "input_tokens", field)
    if used("audio_output_tokens", 0) > used("output_tokens", 0):
        raise _parts_exceed(line, ("audio_output_tokens",), "output_tokens", field)


def _parts_exceed(line: Line, parts: tuple[str, ...], total: str, field: str) -> InvalidQuantity:
    reported = [part for part in parts if line.quantities.get(part)]
    name = f"{line.service} {line.provider} {line.model}".strip()
    return InvalidQuantity(
        f"{field}: {' + '.join(reported)} of the line {name} is more than its {total}, which "
        f"includes {'them' if len(reported) > 1 else 'it'}. Report {total} with all of its parts.",
        field=f"{field}.{reported[0]}",
    )
