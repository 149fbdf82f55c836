from datetime import UTC, datetime
from importlib.resources import files

import msgspec
import pytest
import yaml

from talktime.core.llm_prices import llm_price
from talktime.core.money import NANOS_PER_USD, format_usd, parse_usd
from talktime.core.providers import provider_id
from talktime.core.ratecard import Channel, Price, PriceBook, Service, UnitPrice, parse_card
from talktime.core.rating import rate_call, recompute_call
from talktime.core.usage import LineReport, merge_lines, parse_lines

CARDS = {
    entry.name: entry.read_text(encoding="utf-8")
    for entry in files("talktime").joinpath("ratecards").iterdir()
    if entry.name.endswith(".yaml")
}
PRICES = [
    price for name in sorted(CARDS) for price in parse_card(yaml.safe_load(CARDS[name]), field=name)
]
BOOK = PriceBook(PRICES, llm_price)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

# Per hour of audio, per million characters, per minute of a line: what is believable, in USD.
PLAUSIBLE = {
    (Service.STT, "audio_seconds"): (3_600_000, "0.05", "2"),
    (Service.TTS, "audio_seconds"): (3_600_000, "0.1", "20"),
    (Service.TTS, "characters"): (1_000_000, "1", "400"),
    (Service.SIP, "seconds"): (60_000, "0.001", "0.05"),
}


@pytest.mark.parametrize("name", sorted(CARDS))
def test_every_built_in_card_parses(name: str) -> None:
    """Each file is a whole card, named after what it is, of one service."""
    prices = parse_card(yaml.safe_load(CARDS[name]), field=name)
    assert {price.service.value for price in prices} == {name.removesuffix(".yaml")}
    assert {price.card for price in prices} == {f"builtin-{name.removesuffix('.yaml')}-2026-11"}


def test_no_price_stands_twice() -> None:
    """No model has two built-in prices from one day."""
    keys = [
        (price.service, provider_id(price.provider), price.model, price.effective_from)
        for price in PRICES
    ]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("price", PRICES, ids=lambda p: f"{p.service}-{p.provider}-{p.model}")
def test_every_built_in_price_is_believable(price: Price) -> None:
    """Each figure lies where such prices lie, says where it was read, and has begun by 2026."""
    for unit_price in price.unit_prices:
        units, least, most = PLAUSIBLE[price.service, unit_price.quantity]
        nanos = unit_price.nanos * units // unit_price.per
        assert parse_usd(least, field="least") <= nanos <= parse_usd(most, field="most")
    assert any(word in price.source for word in ("public", "derived", "unconfirmed", "notice"))
    assert datetime(2024, 1, 1, tzinfo=UTC) <= price.effective_from < NOW


@pytest.mark.parametrize(
    ("service", "provider", "model"),
    [
        ("stt", "DeepgramSTTService#0", "nova-3-general"),
        ("stt", "deepgram", "nova-2-phonecall"),
        ("stt", "AssemblyAISTTService", "universal-streaming-english"),
        ("stt", "api.openai.com", "whisper-1"),
        ("stt", "openai", "gpt-4o-mini-transcribe-2025-12-15"),
        ("stt", "google", "latest_long"),
        ("tts", "ElevenLabsTTSService", "eleven_flash_v2_5"),
        ("tts", "cartesia", "sonic-2-2025-06-11"),
        ("tts", "openai", "tts-1-hd"),
        ("tts", "deepgram", "aura-2-thalia-en"),
        ("tts", "azure", "en-US-JennyNeural"),
        ("tts", "azure", "en-US-Ava:DragonHDLatestNeural"),
        ("tts", "google", "en-US-Chirp3-HD-Kore"),
        ("sip", "twilio", ""),
        ("sip", "Telnyx", "inbound"),
        ("sip", "plivo", "outbound"),
        ("sip", "nexmo", "outbound"),
        ("llm", "OpenAILLMService", "gpt-4o"),
    ],
)
def test_names_as_frameworks_send_them_find_a_price(
    service: str, provider: str, model: str
) -> None:
    """Providers and models under the names that bots report are priced out of the box."""
    assert BOOK.find(service, provider, model, NOW) is not None


@pytest.mark.parametrize(
    ("service", "provider", "model"),
    [
        ("stt", "deepgram", "nova-4"),
        ("tts", "deepgram", "aura-3-thalia-en"),
        ("stt", "deepgram", ""),
        ("sip", "bandwidth", ""),
    ],
)
def test_names_we_do_not_know_find_none(service: str, provider: str, model: str) -> None:
    """A model or carrier without a built-in price is unpriced, not priced like its sibling."""
    assert BOOK.find(service, provider, model, NOW) is None


def test_the_notice_of_a_new_price_changes_it_from_its_day() -> None:
    """Azure's HD voices cost 30 dollars a million until March 2026 and 22 from then on."""

    def at(moment: datetime) -> tuple[UnitPrice, ...]:
        price = BOOK.find("tts", "azure", "en-US-Ava:DragonHDLatestNeural", moment)
        assert price is not None
        return price.unit_prices

    (before,) = at(datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC))
    (after,) = at(datetime(2026, 3, 1, tzinfo=UTC))
    assert (before.nanos, after.nanos) == (30 * NANOS_PER_USD, 22 * NANOS_PER_USD)


def test_the_recorded_call_comes_out_exactly() -> None:
    """A call recorded from a real pipeline costs what its cards say, to the nano.

    Its reports are increments; the running totals are 56 tokens in, 28 of them cached, 22 out,
    4.54 s heard and 74 characters spoken. Reasoning tokens lie within the output.
    """
    reports = msgspec.json.decode(
        """[
        {"service": "tts", "provider": "openai", "model": "gpt-4o-mini-tts",
         "quantities": {"characters": 74}},
        {"service": "llm", "provider": "openai", "model": "gpt-4o-mini",
         "quantities": {"input_tokens": 56, "cached_input_tokens": 28, "output_tokens": 22}},
        {"service": "stt", "provider": "openai", "model": "gpt-4o-transcribe",
         "quantities": {"audio_seconds": 4.54}}]""",
        type=list[LineReport],
    )
    lines, bill = rate_call(
        merge_lines((), parse_lines(reports, Channel.PHONE)), BOOK, NOW, 300_000
    )
    assert [(line.service.value, format_usd(line.cost_nanos or 0)) for line in lines] == [
        ("llm", "0.0000195"),
        ("stt", "0.000454"),
        ("tts", "0.00148"),
    ]
    assert format_usd(bill.cost_nanos) == "0.0019535"
    assert bill.charge_nanos is not None
    assert format_usd(bill.charge_nanos) == "0.00253955"
    assert recompute_call(lines, 300_000) == bill
