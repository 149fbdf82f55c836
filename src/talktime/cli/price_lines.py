"""Prices as lines of text: one a line, no name ever cut, and what to ask where there are none."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from talktime.core.llm_prices import llm_models
from talktime.core.money import format_usd
from talktime.core.providers import provider_id
from talktime.core.ratecard import (
    MS_PER_SECOND,
    TIME_QUANTITIES,
    UNDATED,
    Price,
    PriceBook,
    Service,
    UnitPrice,
)

_SHORT: Final = {
    "input_tokens": "in",
    "cached_input_tokens": "cached",
    "cache_write_tokens": "written",
    "output_tokens": "out",
    "audio_input_tokens": "audio in",
    "audio_output_tokens": "audio out",
}
_SAME_AS_INPUT: Final = frozenset({"cached_input_tokens", "cache_write_tokens"})
_MILLION: Final = 1_000_000


def prices_of(
    book: PriceBook,
    service: Service | None,
    provider: str | None,
    model: str | None,
    at: datetime,
) -> list[Price]:
    """The prices in force at ``at`` that a filter matches, in the order of the cards.

    With provider and model those that would price such a line; with the service llm and a
    provider, also those of genai-prices.
    """
    if provider is not None and model is not None:
        services = Service if service is None else (service,)
        candidates = (book.find(one, provider, model, at) for one in services)
        return [price for price in candidates if price is not None]
    in_force: dict[tuple[Service, str, str], Price] = {}
    for price in book.prices:
        key = (price.service, provider_id(price.provider), price.model)
        since = in_force[key].effective_from if key in in_force else UNDATED
        if since <= price.effective_from <= at and _matches(price, service, provider, model):
            in_force[key] = price
    found = list(in_force.values())
    if service is Service.LLM and provider is not None:
        named = {price.model for price in found}
        listed = llm_models().get(provider_id(provider), [])
        priced = (book.find(service, provider, one, at) for one in listed)
        found += [price for price in priced if price is not None and price.model not in named]
    return found


def _matches(
    price: Price, service: Service | None, provider: str | None, model: str | None
) -> bool:
    return (
        (service is None or price.service is service)
        and (provider is None or provider_id(price.provider) == provider_id(provider))
        and (model is None or price.model == model.strip().lower())
    )


def nothing_found(
    book: PriceBook, service: Service | None, provider: str | None, model: str | None
) -> str:
    """Why a filter matched nothing, and what could be asked instead."""
    if service is None and provider is None and model is not None:
        return (
            f"No card has a price of a model {model}. Ask for one service and provider, such as\n"
            f"  talktime prices show --service llm --provider openai --model {model}"
        )
    if service is Service.LLM or (service is None and provider_id(provider or "") in llm_models()):
        return _no_llm_price(provider, model)
    if provider is None and model is None:
        return "No price was in force at that time yet: ask for a later one with --at."
    known: dict[str, list[str]] = {}
    for price in book.prices:
        if service is None or price.service is service:
            known.setdefault(provider_id(price.provider), []).append(price.model or "(default)")
    what = "" if service is None else f"{service} "
    if provider is None or provider_id(provider) not in known:
        of = "" if provider is None else f" of {provider}"
        return f"There is no {what}price{of}. Providers with prices: {_listed(known)}.{_ADD}"
    models = known[provider_id(provider)]
    if model is None or model.lower() in models:
        return f"{provider} had no {what}price yet at that time: ask for a later one with --at."
    return (
        f"There is no {what}price of {provider} for a model {model}. Models with prices: "
        f"{_listed(models)}.{_ADD}"
    )


_ADD: Final = (
    "\nLines without a price stay unpriced, never $0, until a rate card brings one: "
    "talktime prices load FILE."
)


def _no_llm_price(provider: str | None, model: str | None) -> str:
    asked = (
        "LLM prices come from genai-prices and are asked by provider and model: "
        "--service llm --provider P --model M."
    )
    known = llm_models()
    models = known.get(provider_id(provider or ""))
    if models is None:
        of = "" if provider is None else f" It knows no provider {provider}."
        return f"{asked}{of} Providers: {_listed(known)}.{_ADD}"
    if model is None:
        return f"{asked} Models of {provider}: {_listed(models)}."
    return (
        f"There is no llm price of {provider} for a model {model}. Models of {provider}: "
        f"{_listed(models)}.{_ADD}"
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(set(names)))


def price_lines(prices: Sequence[Price], *, with_source: bool) -> list[str]:
    """Aligned columns: service, provider, model, unit prices."""
    names = [(price.service.value, price.provider, price.model or "(default)") for price in prices]
    widths = [max(map(len, column)) for column in zip(*names, strict=True)]
    lines = []
    for name, price in zip(names, prices, strict=True):
        cells = "  ".join(cell.ljust(width) for cell, width in zip(name, widths, strict=True))
        lines += [f"{cells}  {unit_price}" for unit_price in _unit_prices(price)]
        if with_source:
            undated = price.effective_from == UNDATED
            since = "" if undated else f", since {price.effective_from:%Y-%m-%d}"
            lines.append(f"     {price.card}{since}: {price.source}")
    return lines


def _unit_prices(price: Price) -> list[str]:
    if price.service is not Service.LLM:
        return list(map(_unit_price, price.unit_prices))
    by_quantity = {one.quantity: one for one in price.unit_prices}
    ordinary = by_quantity.get("input_tokens")
    shown = [
        one
        for one in price.unit_prices
        if one.quantity not in _SAME_AS_INPUT or ordinary is None or _rate(one) != _rate(ordinary)
    ]
    if all(one.per == _MILLION for one in shown):
        parts = (f"${format_usd(one.nanos)} {_SHORT[one.quantity]}" for one in shown)
        return [", ".join(parts) + " /M tokens"]
    return [f"{_unit_price(one)} {_SHORT[one.quantity]}" for one in shown]


def _rate(price: UnitPrice) -> tuple[int, int]:
    return price.nanos, price.per


def _unit_price(price: UnitPrice) -> str:
    if price.quantity not in TIME_QUANTITIES:
        unit = "character" if price.quantity == "characters" else "token"
        per = {1: unit, _MILLION: f"M {unit}s"}.get(price.per, f"{price.per:,} {unit}s")
        return f"${format_usd(price.nanos)}/{per}"
    seconds = price.per // MS_PER_SECOND
    per = {60: "minute", 3600: "hour", 1: "second"}.get(seconds, f"{seconds} seconds")
    steps = price.increment // MS_PER_SECOND
    rounding = f" by {steps} s" if steps > 1 else ""
    return f"${format_usd(price.nanos)}/{per}{rounding}"
