"""Rate cards: dated unit prices, and the book that says which price counts when.

A price never changes: a new one is a new version with its own effective date, and old ones stay.
Reading files and tables is done elsewhere: ``parse_card`` gets the document, from YAML or JSON.

Which price the book finds, in this order:

1. a price of a card beats the fallback for LLMs (genai-prices);
2. the closest match of the model name: the name itself, then the name without its date
   (``gpt-4o-mini-2024-07-18`` is ``gpt-4o-mini``), then the pattern with the most letters
   (``aura-2-*``); no model name at all matches only a price without one, the provider's default;
3. the latest effective date that is not after the call's;
4. of equals the later in the book, so that an operator's card overrides a built-in one.

A card document:

    version: "builtin-stt-2026-11"      the name that receipts show
    currency: USD
    entries:
      - service: stt                    llm, stt, tts or sip
        provider: deepgram
        model: nova-3                   or a list, or a pattern: nova-3-*; left out: the default
        effective: 2025-02-01           a date (midnight UTC) or an RFC 3339 time
        source: where the figures were read, and when
        prices:
          - {quantity: audio_seconds, usd: "0.0077", per: 1, unit: minute, increment: 1}

``per`` units cost ``usd``; the unit is token, character, second, minute or hour. ``increment`` is
what usage is rounded up to before it is billed, in seconds, tokens or characters; without it every
millisecond, token or character counts by itself.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from enum import StrEnum
from functools import lru_cache
from typing import Final

import msgspec

from talktime.core.errors import InvalidInput, TooMany
from talktime.core.money import parse_usd
from talktime.core.providers import provider_id


class Service(StrEnum):
    """What a service line is for. Lines are always shown in this order."""

    LLM = "llm"
    STT = "stt"
    TTS = "tts"
    SIP = "sip"


SERVICES: Final[Mapping[str, Service]] = {service.value: service for service in Service}


class Channel(StrEnum):
    """Where a call takes place."""

    PHONE = "phone"
    WEB = "web"
    WHATSAPP = "whatsapp"
    CHAT = "chat"


_VOICE: Final = frozenset({Service.LLM, Service.STT, Service.TTS})

CHANNEL_SERVICES: Final[Mapping[Channel, frozenset[Service]]] = {
    Channel.PHONE: _VOICE | {Service.SIP},
    Channel.WEB: _VOICE,
    Channel.WHATSAPP: _VOICE,
    Channel.CHAT: frozenset({Service.LLM}),
}
"""Rule R3: the service lines that a call on each channel can have."""


UNDATED: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Effective date of a price whose source gives none: it counts for as long as nothing newer."""


class UnitPrice(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """``nanos`` USD-nanos per ``per`` base units of a quantity.

    The base unit is the token, the character and, for seconds, the millisecond. What is billed is
    the quantity rounded up to a multiple of ``increment`` base units (60,000 for whole minutes).
    """

    quantity: str
    nanos: int
    per: int
    increment: int = 1


class Price(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The dated unit prices of one model of one provider, with the card they come from.

    It is pinned on a line at its first rating, whole, so that the line can be recomputed alone.
    Stored as a JSON array: new fields go last and have defaults.
    """

    service: Service
    provider: str
    model: str
    """In lower case; "" is the provider's default, ``*`` stands for any run of characters."""
    card: str
    """The version of the rate card, or ``genai-prices`` and its version."""
    effective_from: datetime
    unit_prices: tuple[UnitPrice, ...]
    source: str
    """Where the figure was read, and when."""


LlmFallback = Callable[[str, str, datetime], Price | None]
"""(provider, model, at) → price, for LLMs that no card prices."""

SERVICE_QUANTITIES: Final[Mapping[Service, tuple[str, ...]]] = {
    Service.LLM: (
        "input_tokens",
        "cached_input_tokens",
        "cache_write_tokens",
        "output_tokens",
        "audio_input_tokens",
        "audio_output_tokens",
    ),
    Service.STT: ("audio_seconds",),
    Service.TTS: ("characters", "audio_seconds"),
    Service.SIP: ("seconds",),
}
"""What each service is measured in, in the order in which receipts show it."""

TIME_QUANTITIES: Final = frozenset({"audio_seconds", "seconds"})
"""Quantities that are reported in seconds and kept in milliseconds."""

MS_PER_SECOND: Final = 1000

_MODEL_DATE = re.compile(r"[-@](?:20\d{2}-\d{2}-\d{2}|20\d{6}|latest)$")
_CACHED_LOOKUPS: Final = 4096


class PriceBook:
    """All prices at one moment of knowledge; immutable, so that looking up may be cached."""

    __slots__ = ("_by_provider", "_fallback", "_ranks", "prices")

    def __init__(self, prices: Iterable[Price], fallback: LlmFallback | None = None) -> None:
        """Later prices override earlier ones of the same name and effective date."""
        self.prices: Final = tuple(prices)
        self._fallback = fallback
        self._by_provider: dict[tuple[str, str], list[Price]] = {}
        for price in self.prices:
            key = (price.service.value, provider_id(price.provider))
            self._by_provider.setdefault(key, []).append(price)
        # Names come from outside, so the cache of what they resolve to is bounded.
        self._ranks = lru_cache(_CACHED_LOOKUPS)(self._rank)

    def find(self, service: str, provider: str, model: str, at: datetime) -> Price | None:
        """The price in force at ``at`` (aware), or None: then the line is unpriced, never $0."""
        provider, model, dated = self._ranks(service, provider, model)
        for rank in dated:
            for price in rank:
                if price.effective_from <= at:
                    return price
        if service == Service.LLM and self._fallback is not None:
            return self._fallback(provider, model, at)
        return None

    def _rank(
        self, service: str, provider: str, model: str
    ) -> tuple[str, str, tuple[tuple[Price, ...], ...]]:
        """Matching prices: by closeness of the name, within that the newest first."""
        provider, model = provider_id(provider), model.strip().lower()
        known = self._by_provider.get((service, provider), ())
        ranks: dict[tuple[int, int], list[Price]] = {}
        for price in known:
            closeness = _closeness(price.model, model)
            if closeness is not None:
                ranks.setdefault(closeness, []).append(price)
        ordered = []
        for closeness in sorted(ranks, reverse=True):
            by_date = {price.effective_from: price for price in ranks[closeness]}
            ordered.append(tuple(by_date[date] for date in sorted(by_date, reverse=True)))
        return provider, model, tuple(ordered)


def _closeness(card_model: str, model: str) -> tuple[int, int] | None:
    """How close a card's model name is to the one asked for: greater is closer, None no match."""
    if card_model == model:
        return (3, 0)
    if not card_model or not model:
        return None
    if card_model == _MODEL_DATE.sub("", model):
        return (2, 0)
    if "*" in card_model and _pattern(card_model).fullmatch(model):
        return (1, len(card_model.replace("*", "")))
    return None


@lru_cache(1024)
def _pattern(card_model: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in card_model.split("*")))


CARD_ENTRIES_MAX: Final = 5_000
_MODELS_MAX: Final = 100
_PER_MAX: Final = 10**9
_INCREMENT_MAX: Final = 86_400
_TEXT_MAX: Final = 300
_MS_PER_UNIT: Final = {"second": 1_000, "minute": 60_000, "hour": 3_600_000}


def parse_card(document: object, *, field: str) -> tuple[Price, ...]:
    """The prices of one card document (see the top of this module).

    Strict: what is unknown, missing, doubtful or doubled raises InvalidInput with the path of the
    member, below ``field``. A price of zero must be written as "0".
    """
    card = _mapping(document, field, {"version", "currency", "entries"}, set())
    version = _text(card["version"], f"{field}.version")
    if card["currency"] != "USD":
        raise InvalidInput(f"{field}.currency must be USD.", field=f"{field}.currency")
    entries = _list(card["entries"], f"{field}.entries", CARD_ENTRIES_MAX)
    prices: dict[tuple[str, str, str, datetime], Price] = {}
    for i, entry in enumerate(entries):
        at = f"{field}.entries[{i}]"
        for price in _entry(entry, version, at):
            key = (price.service, provider_id(price.provider), price.model, price.effective_from)
            if key in prices:
                raise InvalidInput(
                    f"{at} prices {price.service}/{price.provider}/{price.model or '(default)'} "
                    "for the same effective date a second time: keep one of the two.",
                    field=at,
                )
            prices[key] = price
    return tuple(prices.values())


def _entry(document: object, version: str, field: str) -> list[Price]:
    required = {"service", "provider", "effective", "source", "prices"}
    entry = _mapping(document, field, required, {"model"})
    name = _text(entry["service"], f"{field}.service")
    service = SERVICES.get(name)
    if service is None:
        raise InvalidInput(
            f"{field}.service is {name!r}: use one of {', '.join(SERVICES)}.",
            field=f"{field}.service",
        )
    provider = _text(entry["provider"], f"{field}.provider").lower()
    effective_from = _moment(entry["effective"], f"{field}.effective")
    unit_prices: dict[str, UnitPrice] = {}
    rows = _list(entry["prices"], f"{field}.prices", len(SERVICE_QUANTITIES[service]))
    for i, row in enumerate(rows):
        at = f"{field}.prices[{i}]"
        unit_price = _unit_price(row, service, at)
        if unit_price.quantity in unit_prices:
            raise InvalidInput(f"{at} prices {unit_price.quantity} a second time.", field=at)
        unit_prices[unit_price.quantity] = unit_price
    return [
        Price(
            service=service,
            provider=provider,
            model=model,
            card=version,
            effective_from=effective_from,
            unit_prices=tuple(unit_prices.values()),
            source=_text(entry["source"], f"{field}.source"),
        )
        for model in _models(entry.get("model", ""), f"{field}.model")
    ]


def _models(value: object, field: str) -> list[str]:
    if value == "":
        return [""]
    if not isinstance(value, list | tuple):
        return [_text(value, field).lower()]
    models = _list(value, field, _MODELS_MAX)
    return [
        _text(model, f"{field}[{i}]").lower() if model != "" else ""
        for i, model in enumerate(models)
    ]


def _unit_price(document: object, service: Service, field: str) -> UnitPrice:
    row = _mapping(document, field, {"quantity", "usd", "per", "unit"}, {"increment"})
    quantity = _text(row["quantity"], f"{field}.quantity")
    if quantity not in SERVICE_QUANTITIES[service]:
        raise InvalidInput(
            f"{field}.quantity is {quantity!r}: {service} is measured in "
            f"{', '.join(SERVICE_QUANTITIES[service])}.",
            field=f"{field}.quantity",
        )
    nanos = parse_usd(row["usd"], field=f"{field}.usd")
    if nanos < 0:
        raise InvalidInput(f"{field}.usd must not be negative.", field=f"{field}.usd")
    units, increment_unit = _units(quantity)
    unit = row["unit"]
    if not isinstance(unit, str) or unit not in units:
        raise InvalidInput(
            f"{field}.unit must be {' or '.join(units)} for {quantity}.", field=f"{field}.unit"
        )
    increment = 1
    if "increment" in row:
        increment = _whole(row["increment"], f"{field}.increment", _INCREMENT_MAX) * increment_unit
    per = _whole(row["per"], f"{field}.per", _PER_MAX) * units[unit]
    return UnitPrice(quantity=quantity, nanos=nanos, per=per, increment=increment)


def _units(quantity: str) -> tuple[Mapping[str, int], int]:
    """The units a quantity may be priced in, and that of its increment, in base units."""
    if quantity in TIME_QUANTITIES:
        return _MS_PER_UNIT, MS_PER_SECOND
    return {"character" if quantity == "characters" else "token": 1}, 1


def _mapping(
    value: object, field: str, required: set[str], optional: set[str]
) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{field} must be an object.", field=field)
    for key in value:
        if key not in required and key not in optional:
            known = ", ".join(sorted(required | optional))
            raise InvalidInput(
                f"{field} has an unknown member {key!r}: known are {known}.",
                field=f"{field}.{key}",
            )
    for key in sorted(required):
        if key not in value:
            raise InvalidInput(f"{field}.{key} is missing.", field=f"{field}.{key}")
    return value


def _list(value: object, field: str, limit: int) -> Sequence[object]:
    if not isinstance(value, list | tuple) or not value:
        raise InvalidInput(f"{field} must be a list that is not empty.", field=field)
    if len(value) > limit:
        raise TooMany(f"{field} has {len(value)} members, at most {limit} are taken.", field=field)
    return value


def _text(value: object, field: str) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise InvalidInput(f"{field} must be a line of text that is not empty.", field=field)
    if len(value) > _TEXT_MAX:
        raise InvalidInput(f"{field} is longer than {_TEXT_MAX} characters.", field=field)
    return value.strip()


def _whole(value: object, field: str, limit: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= limit:
        raise InvalidInput(f"{field} must be a whole number from 1 to {limit}.", field=field)
    return value


def _moment(value: object, field: str) -> datetime:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value) if len(value) > 10 else date.fromisoformat(value)
        except ValueError:
            value = None
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            return value.astimezone(UTC)
    elif isinstance(value, date):
        return datetime.combine(value, time.min, tzinfo=UTC)
    raise InvalidInput(
        f"{field} must be a date (2025-02-01) or a time with its offset (2025-02-01T00:00:00Z).",
        field=field,
    )
