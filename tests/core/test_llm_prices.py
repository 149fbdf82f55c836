from datetime import UTC, datetime

import genai_prices
import pytest
from genai_prices.data_snapshot import get_snapshot

from talktime.core.llm_prices import CARD, llm_price
from talktime.core.ratecard import SERVICE_QUANTITIES, PriceBook, Service
from talktime.core.rating import cost_of, rate_line
from talktime.core.usage import Line

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def cost(provider: str, model: str, quantities: dict[str, int], at: datetime = NOW) -> int | None:
    price = llm_price(provider, model, at)
    assert price is not None
    return cost_of(Line(service=Service.LLM, quantities=quantities), price)


@pytest.mark.parametrize(
    ("provider", "model", "nanos"),
    [
        ("openai", "gpt-4o-mini", 13_200_000),
        ("openai", "gpt-4o-mini-2024-07-18", 13_200_000),
        ("openai", "gpt-5-mini", 20_000_000),
        ("anthropic", "claude-sonnet-4-5", 222_000_000),
        ("anthropic", "claude-sonnet-4-5-20250929", 222_000_000),
    ],
)
def test_known_prices(provider: str, model: str, nanos: int) -> None:
    """100,000 tokens in, 40,000 of them cached, and 2,000 out cost what the price list says."""
    used = {"input_tokens": 100_000, "cached_input_tokens": 40_000, "output_tokens": 2_000}
    assert cost(provider, model, used) == nanos


def test_the_price_names_its_card() -> None:
    """A price from genai-prices carries the package's version, so that a receipt can be traced."""
    price = llm_price("openai", "gpt-4o-mini", NOW)
    assert price is not None
    assert price.card == CARD == "genai-prices 0.2.3"
    assert CARD in price.source


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "no-such-model"),
        ("no-such-provider", "gpt-4o"),
        ("my-openai-proxy", "gpt-4o"),
        ("", "gpt-4o"),
        ("openai", ""),
        ("openai", "whisper-1"),
        ("openai", "tts-1"),
    ],
)
def test_what_is_not_known_has_no_price(provider: str, model: str) -> None:
    """An unknown provider or model, or one that is not sold by the token, is unpriced, never $0."""
    assert llm_price(provider, model, NOW) is None
    line = Line(
        service=Service.LLM, provider=provider, model=model, quantities={"input_tokens": 1000}
    )
    assert rate_line(line, PriceBook([], llm_price), NOW).cost_nanos is None


def test_a_fee_per_request_makes_a_model_unpriced() -> None:
    """A model that also costs money per request is not priced by its tokens alone."""
    models = [
        (provider.id, model.id)
        for provider in get_snapshot().providers
        for model in provider.models
        if getattr(model.get_prices(NOW), "requests_kcount") is not None  # noqa: B009 - a data key
    ]
    assert models
    assert all(llm_price(provider, model, NOW) is None for provider, model in models)


def test_effective_dates_are_honoured() -> None:
    """A call is priced by the list of its own day; the price says since when it counts."""
    dated = [
        (provider.id, model.id, price.constraint.start_date)
        for provider in get_snapshot().providers
        for model in provider.models
        if isinstance(model.prices, list) and len(model.prices) == 2
        for price in model.prices
        if isinstance(price.constraint, genai_prices.types.StartDateConstraint)
    ]
    changed = 0
    for provider, model, start in dated:
        before = llm_price(provider, model, datetime(start.year - 1, 1, 1, tzinfo=UTC))
        after = llm_price(provider, model, datetime(start.year + 1, 1, 1, tzinfo=UTC))
        if before is None or after is None:
            continue
        assert (after.effective_from.date(), before.effective_from.year) == (start, 1970)
        changed += before.unit_prices != after.unit_prices
    assert changed > 50


def test_prices_by_the_time_of_day_follow_the_clock() -> None:
    """Where a provider is cheaper at night, the hour of the call's admission decides."""
    million = {"input_tokens": 10**6}
    night = cost("deepseek", "deepseek-chat", million, datetime(2026, 11, 23, 20, tzinfo=UTC))
    day = cost("deepseek", "deepseek-chat", million, datetime(2026, 11, 23, 12, tzinfo=UTC))
    assert (night, day) == (135_000_000, 270_000_000)


def test_tiers_count_by_their_base() -> None:
    """A running total over many requests never reaches the tier of one long request."""
    used = {"input_tokens": 300_000, "output_tokens": 1_000}
    total = cost("anthropic", "claude-sonnet-4-6", used, datetime(2026, 2, 1, tzinfo=UTC))
    assert total == 915_000_000


def test_audio_without_a_price_of_its_own_is_not_priced_as_text() -> None:
    """The data lacks the audio price of some audio models; their audio is unpriced, not cheap."""
    audio = {"input_tokens": 100, "audio_input_tokens": 100}
    assert cost("openai", "gpt-4o-audio-preview", audio) is None
    assert cost("openai", "gpt-realtime", audio) == 3_200_000


def test_no_quantity_can_be_priced_at_nothing_by_its_name() -> None:
    """The package prices a usage key it does not know at nothing; our quantities cannot meet that.

    Its trap is shown first; then that a price is a price of our own quantities and no others, so
    that a quantity without one is unpriced.
    """
    with pytest.warns(UserWarning, match="Unsupported usage key"):
        usage = genai_prices.Usage(cached_input_tokens=1_000_000)
    assert genai_prices.calc_price(usage, "gpt-4o-mini", provider_id="openai").total_price == 0

    price = llm_price("openai", "gpt-4o-mini", NOW)
    assert price is not None
    priced = [unit_price.quantity for unit_price in price.unit_prices]
    assert set(priced) <= set(SERVICE_QUANTITIES[Service.LLM])
    cached = {"input_tokens": 1_000_000, "cached_input_tokens": 1_000_000}
    assert cost("openai", "gpt-4o-mini", cached) == 75_000_000
    assert cost("openai", "gpt-4o-mini", {"input_tokens": 1, "mistyped_tokens": 1}) is None


def test_nothing_is_fetched() -> None:
    """Prices are those that came with the pinned package, never an update from the network."""
    found = genai_prices.calc_price(genai_prices.Usage(), "gpt-4o", provider_id="openai")
    assert found.auto_update_timestamp is None


def test_names_from_outside_are_not_kept_without_end() -> None:
    """However many names are asked for, known or not, the data of the package grows by none."""
    data = get_snapshot()
    caches = (data._provider_cache, data._provider_misses, data._lookup_cache)
    before = [len(cache) for cache in caches]
    for i in range(10, 30):
        assert llm_price("anthropic", f"claude-sonnet-5-202607{i}", NOW) is not None
        assert llm_price("openai", f"unheard-of-{i}", NOW) is None
        assert llm_price(f"nobody-{i}", "gpt-4o", NOW) is None
    assert [len(cache) for cache in caches] == before


OURS_TO_THEIRS = {
    "input_tokens": "input_tokens",
    "cached_input_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "output_tokens": "output_tokens",
    "audio_output_tokens": "output_audio_tokens",
}
USED = {
    "input_tokens": 10_000,
    "cached_input_tokens": 3_000,
    "cache_write_tokens": 1_000,
    "output_tokens": 2_000,
    "audio_output_tokens": 500,
}


def test_every_model_costs_what_the_package_says() -> None:
    """Our unit prices and the package's own calculator agree on every seventh model it knows."""
    compared = 0
    for provider in get_snapshot().providers:
        for model in provider.models[::7]:
            price = llm_price(provider.id, model.id, NOW)
            if price is None:
                continue
            priced = {unit_price.quantity for unit_price in price.unit_prices}
            if "input_tokens" not in priced:
                continue
            used = {name: amount for name, amount in USED.items() if name in priced}
            theirs = genai_prices.calc_price(
                genai_prices.Usage(**{OURS_TO_THEIRS[name]: used[name] for name in used}),
                model.id,
                provider_id=provider.id,
                genai_request_timestamp=NOW,
            )
            ours = cost_of(Line(service=Service.LLM, quantities=used), price)
            assert ours == int((theirs.total_price * 10**9).to_integral_value()), model.id
            compared += 1
    assert compared > 200
