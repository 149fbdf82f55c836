"""LLM prices from genai-prices: its bundled, pinned data, never an update from the network.

What of it we take and what we leave is said in docs/decisions/llm-prices.md. In short: the base
tier; the price that its dates and times of day put in force; a model it does not know, or whose
price has a part that we cannot count, has no price here.

Its own calculator is not used for money: handed a usage key that it does not know it warns and
prices nothing. Here its prices become unit prices of our own quantities, by name, once.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Final

import genai_prices
from genai_prices import data_snapshot
from genai_prices.types import ModelInfo, ModelPrice, StartDateConstraint, TieredPrices

from talktime.core.money import NANOS_PER_USD, div_half_even
from talktime.core.ratecard import UNDATED, Price, Service, UnitPrice

CARD: Final = f"genai-prices {genai_prices.__version__}"
SOURCE: Final = f"bundled data of genai-prices {genai_prices.__version__}"

# Ours to theirs: the price of a quantity, and what counts where the model has no such price.
# Cached tokens are then ordinary input, never cheaper. Audio is not: for some audio models the
# data has only the text price, a tenth of the real one, so audio without a price is unpriced.
_PRICE_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "input_tokens": ("input_mtok",),
    "cached_input_tokens": ("cache_read_mtok", "input_mtok"),
    "cache_write_tokens": ("cache_write_mtok", "input_mtok"),
    "output_tokens": ("output_mtok",),
    "audio_input_tokens": ("input_audio_mtok",),
    "audio_output_tokens": ("output_audio_mtok",),
}
_TOKENS_PER_PRICE: Final = 1_000_000
_PER_REQUEST: Final = "requests_kcount"
_CACHED_MODELS: Final = 4096


def llm_price(provider: str, model: str, at: datetime) -> Price | None:
    """The list price in force at ``at`` (aware), or None where there is none: never $0 instead.

    ``provider`` is an id of talktime.core.providers; the model may carry its date.
    """
    found = _find(provider, model)
    if found is None:
        return None
    info, prices = found
    in_force = info.get_prices(at)
    for model_price, price in prices:
        if model_price is in_force:
            return price
    return None


def llm_models() -> Mapping[str, list[str]]:
    """The models that the data names, by provider, both in their order there."""
    return {
        provider.id: [model.id for model in provider.models]
        for provider in data_snapshot.get_snapshot().providers
    }


@lru_cache(_CACHED_MODELS)
def _find(
    provider: str, model: str
) -> tuple[ModelInfo, tuple[tuple[ModelPrice, Price | None], ...]] | None:
    if not provider or not model:
        return None
    snapshot = data_snapshot.get_snapshot()
    if snapshot.from_auto_update:
        raise RuntimeError("genai-prices was updated in this process; its prices are not reviewed")
    # Its own search also guesses providers by a part of their name, and remembers each name it was
    # ever asked for; a proxy is not the provider it is named after, and names come from outside.
    for found in snapshot.providers:
        if found.id == provider:
            break
    else:
        return None
    info = found.find_model(model, all_providers=snapshot.providers)
    if info is None:
        return None
    prices = []
    if isinstance(info.prices, ModelPrice):
        prices.append((info.prices, _price(provider, info, info.prices, UNDATED)))
    else:
        for dated in info.prices:
            since = UNDATED
            if isinstance(dated.constraint, StartDateConstraint):
                since = datetime.combine(dated.constraint.start_date, time.min, tzinfo=UTC)
            prices.append((dated.prices, _price(provider, info, dated.prices, since)))
    return info, tuple(prices)


def _price(
    provider: str, info: ModelInfo, model_price: ModelPrice, since: datetime
) -> Price | None:
    if getattr(model_price, _PER_REQUEST) is not None:
        return None  # a fee per request, and we are told tokens, not requests
    unit_prices = []
    for quantity, keys in _PRICE_KEYS.items():
        for key in keys:
            usd = getattr(model_price, key)
            if usd is not None:
                unit_prices.append(_unit_price(quantity, usd))
                break
    if not unit_prices:
        return None
    return Price(
        service=Service.LLM,
        provider=provider,
        model=info.id,
        card=CARD,
        effective_from=since,
        unit_prices=tuple(unit_prices),
        source=SOURCE,
    )


def _unit_price(quantity: str, usd: Decimal | TieredPrices) -> UnitPrice:
    """USD per million tokens in whole nanos; some figures of the data carry a float's noise."""
    base = usd.base if isinstance(usd, TieredPrices) else usd
    numerator, denominator = base.as_integer_ratio()
    nanos = div_half_even(numerator * NANOS_PER_USD, denominator)
    return UnitPrice(quantity=quantity, nanos=nanos, per=_TOKENS_PER_PRICE)
