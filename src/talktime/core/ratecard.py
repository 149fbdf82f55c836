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

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from talktime.core.documents import (
    read_list,
    read_mapping,
    read_moment,
    read_text,
    read_whole,
)
from talktime.core.errors import InvalidInput, TooMany
from talktime.core.model_names import STAR, Patterns, without_date
from talktime.core.money import parse_usd
from talktime.core.providers import provider_id


class Service(StrEnum):
    """What a service line is for. Lines are always shown in this order."""

    LLM = "llm"
    STT = "stt"
    TTS = "tts"
    SIP = "sip"


SERVICES: Final[Mapping[str, Service]] = {service.value: service for service in Service}

SERVICE_NAMES: Final[Mapping[Service, str]] = {
    Service.LLM: "Language model",
    Service.STT: "Speech to text",
    Service.TTS: "Text to speech",
    Service.SIP: "Telephony",
}
"""What people read; proof.js says the same."""


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

_CACHED_LOOKUPS: Final = 4096


class _Versions(NamedTuple):
    """The prices of one model name, by effective date and, of equal ones, only the last."""

    dates: tuple[datetime, ...]
    prices: tuple[tuple[int, Price], ...]
    """With the place in the book, which decides between names that are equally close."""


class _Shelf(NamedTuple):
    """All prices of one service of one provider, by the model name of the card."""

    models: Mapping[str, _Versions]
    patterns: Patterns


_NO_SHELF: Final = _Shelf({}, Patterns(()))


class PriceBook:
    """All prices at one moment of knowledge; immutable, so that looking up may be cached."""

    __slots__ = ("_fallback", "_ranks", "_shelves", "prices")

    def __init__(self, prices: Iterable[Price], fallback: LlmFallback | None = None) -> None:
        """Later prices override earlier ones of the same name and effective date."""
        self.prices: Final = tuple(prices)
        self._fallback = fallback
        self._shelves = _shelves(self.prices)
        # Names come from outside, so the cache of what they resolve to is bounded. It keeps the
        # names that nothing matches too: an unknown model is looked for once, not at each report.
        self._ranks = lru_cache(_CACHED_LOOKUPS)(self._rank)

    def find(self, service: str, provider: str, model: str, at: datetime) -> Price | None:
        """The price in force at ``at`` (aware), or None: then the line is unpriced, never $0."""
        provider, model, ranks = self._ranks(service, provider, model)
        for rank in ranks:
            found = _in_force(rank[0], at) if len(rank) == 1 else _newest(rank, at)
            if found is not None:
                return found[1]
        if service == Service.LLM and self._fallback is not None:
            return self._fallback(provider, model, at)
        return None

    def _rank(
        self, service: str, provider: str, model: str
    ) -> tuple[str, str, tuple[tuple[_Versions, ...], ...]]:
        """What matches, the closest first; equally close names together."""
        provider, model = provider_id(provider), model.strip().lower()
        shelf = self._shelves.get((service, provider), _NO_SHELF)
        names = [model]
        if (undated := without_date(model)) not in ("", model):
            names.append(undated)
        ranks = [(shelf.models[name],) for name in names if name in shelf.models]
        by_letters: dict[int, list[_Versions]] = {}
        if model:
            for pattern in shelf.patterns.matching(model):
                by_letters.setdefault(pattern.letters, []).append(shelf.models[pattern.text])
        patterns = [tuple(by_letters[letters]) for letters in sorted(by_letters, reverse=True)]
        return provider, model, (*ranks, *patterns)


def _in_force(versions: _Versions, at: datetime) -> tuple[int, Price] | None:
    dates, prices = versions
    if dates[-1] <= at:  # nearly always: the newest price
        return prices[-1]
    begun = bisect_right(dates, at)
    return prices[begun - 1] if begun else None


def _newest(rank: tuple[_Versions, ...], at: datetime) -> tuple[int, Price] | None:
    found = [known for versions in rank if (known := _in_force(versions, at)) is not None]
    return max(found, key=lambda known: (known[1].effective_from, known[0]), default=None)


def _shelves(prices: Sequence[Price]) -> dict[tuple[str, str], _Shelf]:
    dated: dict[tuple[str, str], dict[str, dict[datetime, tuple[int, Price]]]] = {}
    for place, price in enumerate(prices):
        models = dated.setdefault((price.service.value, provider_id(price.provider)), {})
        models.setdefault(price.model, {})[price.effective_from] = (place, price)
    shelves = {}
    for key, models in dated.items():
        versions = {}
        for model, by_date in models.items():
            dates = tuple(sorted(by_date))
            versions[model] = _Versions(dates, tuple(by_date[since] for since in dates))
        shelves[key] = _Shelf(versions, Patterns(model for model in models if STAR in model))
    return shelves


CARD_ENTRIES_MAX: Final = 5_000
_MODELS_MAX: Final = 100
_STARS_MAX: Final = 8
_PATTERNS_MAX: Final = 100
_PER_MAX: Final = 10**9
_INCREMENT_MAX: Final = 86_400
_MS_PER_UNIT: Final = {"second": 1_000, "minute": 60_000, "hour": 3_600_000}


def parse_card(document: object, *, field: str) -> tuple[Price, ...]:
    """The prices of one card document (see the top of this module).

    Strict: what is unknown, missing, doubtful or doubled raises InvalidInput with the path of the
    member, below ``field``. A price of zero must be written as "0".
    """
    card = read_mapping(document, field, {"version", "currency", "entries"}, set())
    version = read_text(card["version"], f"{field}.version")
    if card["currency"] != "USD":
        raise InvalidInput(f"{field}.currency must be USD.", field=f"{field}.currency")
    entries = read_list(card["entries"], f"{field}.entries", CARD_ENTRIES_MAX)
    prices: dict[tuple[str, str, str, datetime], Price] = {}
    patterns: dict[tuple[str, str], set[str]] = {}
    for i, entry in enumerate(entries):
        at = f"{field}.entries[{i}]"
        for price in _entry(entry, version, at):
            service, provider = price.service.value, provider_id(price.provider)
            key = (service, provider, price.model, price.effective_from)
            if key in prices:
                raise InvalidInput(
                    f"{at} prices {price.service}/{price.provider}/{price.model or '(default)'} "
                    "for the same effective date a second time: keep one of the two.",
                    field=at,
                )
            prices[key] = price
            if STAR in price.model:
                known = patterns.setdefault((service, provider), set())
                known.add(price.model)
                if len(known) > _PATTERNS_MAX:
                    raise TooMany(
                        f"{at}.model: the card has more than {_PATTERNS_MAX} patterns (names with "
                        f"a *) for {service}/{provider}: name the models, or use fewer patterns.",
                        field=f"{at}.model",
                    )
    return tuple(prices.values())


def _entry(document: object, version: str, field: str) -> list[Price]:
    required = {"service", "provider", "effective", "source", "prices"}
    entry = read_mapping(document, field, required, {"model"})
    name = read_text(entry["service"], f"{field}.service")
    service = SERVICES.get(name)
    if service is None:
        raise InvalidInput(
            f"{field}.service is {name!r}: use one of {', '.join(SERVICES)}.",
            field=f"{field}.service",
        )
    provider = read_text(entry["provider"], f"{field}.provider").lower()
    effective_from = read_moment(entry["effective"], f"{field}.effective")
    unit_prices: dict[str, UnitPrice] = {}
    rows = read_list(entry["prices"], f"{field}.prices", len(SERVICE_QUANTITIES[service]))
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
            source=read_text(entry["source"], f"{field}.source"),
        )
        for model in _models(entry.get("model", ""), f"{field}.model")
    ]


def _models(value: object, field: str) -> list[str]:
    if value == "":
        return [""]
    if not isinstance(value, list | tuple):
        return [_model(value, field)]
    models = read_list(value, field, _MODELS_MAX)
    return [_model(model, f"{field}[{i}]") if model != "" else "" for i, model in enumerate(models)]


def _model(value: object, field: str) -> str:
    model = read_text(value, field).lower()
    if model.count(STAR) > _STARS_MAX:
        raise InvalidInput(f"{field} has more than {_STARS_MAX} stars.", field=field)
    return model


def _unit_price(document: object, service: Service, field: str) -> UnitPrice:
    row = read_mapping(document, field, {"quantity", "usd", "per", "unit"}, {"increment"})
    quantity = read_text(row["quantity"], f"{field}.quantity")
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
        increment = (
            read_whole(row["increment"], f"{field}.increment", _INCREMENT_MAX) * increment_unit
        )
    per = read_whole(row["per"], f"{field}.per", _PER_MAX) * units[unit]
    return UnitPrice(quantity=quantity, nanos=nanos, per=per, increment=increment)


def _units(quantity: str) -> tuple[Mapping[str, int], int]:
    """The units a quantity may be priced in, and that of its increment, in base units."""
    if quantity in TIME_QUANTITIES:
        return _MS_PER_UNIT, MS_PER_SECOND
    return {"character" if quantity == "characters" else "token": 1}, 1
