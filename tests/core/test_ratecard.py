import copy
from datetime import UTC, date, datetime

import pytest

from talktime.core.errors import InvalidAmount, InvalidInput
from talktime.core.providers import provider_id
from talktime.core.ratecard import Price, PriceBook, Service, UnitPrice, parse_card

NOW = datetime(2026, 11, 23, tzinfo=UTC)

CARD = {
    "version": "test-1",
    "currency": "USD",
    "entries": [
        {
            "service": "stt",
            "provider": "Deepgram",
            "model": "Nova-3",
            "effective": date(2025, 2, 1),
            "source": "a page, read one day",
            "prices": [{"quantity": "audio_seconds", "usd": "0.0077", "per": 1, "unit": "minute"}],
        }
    ],
}


def price(
    model: str, usd_nanos: int, since: int = 2025, *, card: str = "c", provider: str = "acme"
) -> Price:
    return Price(
        service=Service.STT,
        provider=provider,
        model=model,
        card=card,
        effective_from=datetime(since, 1, 1, tzinfo=UTC),
        unit_prices=(UnitPrice(quantity="audio_seconds", nanos=usd_nanos, per=60_000),),
        source="test",
    )


def found(book: PriceBook, model: str, at: datetime = NOW, provider: str = "acme") -> int | None:
    result = book.find("stt", provider, model, at)
    return None if result is None else result.unit_prices[0].nanos


def test_a_card_document_becomes_prices_in_base_units() -> None:
    """A price per minute is kept per 60,000 milliseconds, names in lower case."""
    (read,) = parse_card(CARD, field="card")
    assert read == Price(
        service=Service.STT,
        provider="deepgram",
        model="nova-3",
        card="test-1",
        effective_from=datetime(2025, 2, 1, tzinfo=UTC),
        unit_prices=(UnitPrice(quantity="audio_seconds", nanos=7_700_000, per=60_000),),
        source="a page, read one day",
    )


@pytest.mark.parametrize(
    "effective", ["2025-02-01", "2025-02-01T00:00:00Z", "2025-02-01T01:00+01:00"]
)
def test_dates_read_the_same_from_yaml_and_json(effective: str) -> None:
    """A date is midnight UTC and a time carries its offset, whatever the format it came in."""
    document = copy.deepcopy(CARD)
    document["entries"][0]["effective"] = effective  # type: ignore[index]
    assert parse_card(document, field="card") == parse_card(CARD, field="card")


ENTRY = "card.entries[0]"
PRICE = f"{ENTRY}.prices[0]"


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ((), [], "card"),
        (("version",), "", "card.version"),
        (("version",), 3, "card.version"),
        (("currency",), "EUR", "card.currency"),
        (("notes",), "hm", "card.notes"),
        (("entries",), [], "card.entries"),
        (("entries", 0), "nova", ENTRY),
        (("entries", 0, "service"), "video", f"{ENTRY}.service"),
        (("entries", 0, "provider"), " ", f"{ENTRY}.provider"),
        (("entries", 0, "model"), 3, f"{ENTRY}.model"),
        (("entries", 0, "model"), [], f"{ENTRY}.model"),
        (("entries", 0, "model"), ["a", "a"], ENTRY),
        (("entries", 0, "effective"), "2025-02-30", f"{ENTRY}.effective"),
        (("entries", 0, "effective"), "2025-02-01T00:00:00", f"{ENTRY}.effective"),
        (("entries", 0, "effective"), 2025, f"{ENTRY}.effective"),
        (("entries", 0, "source"), None, f"{ENTRY}.source"),
        (("entries", 0, "source"), "x" * 301, f"{ENTRY}.source"),
        (("entries", 0, "price"), "1", f"{ENTRY}.price"),
        (("entries", 0, "prices", 0, "quantity"), "characters", f"{PRICE}.quantity"),
        (("entries", 0, "prices", 0, "usd"), 0.0077, f"{PRICE}.usd"),
        (("entries", 0, "prices", 0, "usd"), "-1", f"{PRICE}.usd"),
        (("entries", 0, "prices", 0, "usd"), "0.00000000001", f"{PRICE}.usd"),
        (("entries", 0, "prices", 0, "per"), 0, f"{PRICE}.per"),
        (("entries", 0, "prices", 0, "per"), True, f"{PRICE}.per"),
        (("entries", 0, "prices", 0, "unit"), "token", f"{PRICE}.unit"),
        (("entries", 0, "prices", 0, "unit"), ["minute"], f"{PRICE}.unit"),
        (("entries", 0, "prices", 0, "increment"), 0, f"{PRICE}.increment"),
        (("entries", 0, "prices", 0, "increment"), "60", f"{PRICE}.increment"),
    ],
)
def test_a_mistake_in_a_card_is_named_by_its_path(
    path: tuple[str | int, ...], value: object, field: str
) -> None:
    """A card with anything doubtful in it is refused whole, and the refusal says where."""
    document = {"card": copy.deepcopy(CARD)}
    place: object = document
    for step in ("card", *path[:-1]) if path else ():
        place = place[step]  # type: ignore[index]
    place[path[-1] if path else "card"] = value  # type: ignore[index]
    with pytest.raises(InvalidInput) as refusal:
        parse_card(document["card"], field="card")
    assert refusal.value.field == field


@pytest.mark.parametrize("member", ["version", "currency", "entries"])
def test_a_missing_member_is_named(member: str) -> None:
    """What a card lacks is named, not filled in."""
    document = {key: value for key, value in CARD.items() if key != member}
    with pytest.raises(InvalidInput) as refusal:
        parse_card(document, field="card")
    assert refusal.value.field == f"card.{member}"


def test_an_amount_in_a_card_is_refused_as_an_amount() -> None:
    """A unit price follows the rules of every amount that comes in."""
    document = copy.deepcopy(CARD)
    document["entries"][0]["prices"][0]["usd"] = "NaN"  # type: ignore[index]
    with pytest.raises(InvalidAmount):
        parse_card(document, field="card")


def test_the_latest_price_in_force_counts() -> None:
    """A call is priced by the newest price that had begun by then, and by none before the first."""
    book = PriceBook([price("m", 1, 2024), price("m", 3, 2027), price("m", 2, 2026)])
    assert found(book, "m") == 2
    assert found(book, "m", datetime(2026, 1, 1, tzinfo=UTC)) == 2
    assert found(book, "m", datetime(2025, 12, 31, 23, 59, tzinfo=UTC)) == 1
    assert found(book, "m", datetime(2023, 1, 1, tzinfo=UTC)) is None


def test_of_two_cards_with_one_date_the_later_counts() -> None:
    """An operator's card, which comes later in the book, overrides the built-in one."""
    book = PriceBook([price("m", 1, card="builtin"), price("m", 2, card="mine")])
    assert found(book, "m") == 2


def test_the_closest_name_counts() -> None:
    """The name itself beats the name without its date, and that the pattern with most letters."""
    book = PriceBook(
        [
            price("nova-*", 1),
            price("nova-3-*", 2),
            price("nova-3", 3),
            price("nova-3-2025-01-02", 4),
        ]
    )
    assert found(book, "nova-3-2025-01-02") == 4
    assert found(book, "NOVA-3-20250301") == 3
    assert found(book, "nova-3-latest") == 3
    assert found(book, "nova-3-medical") == 2
    assert found(book, "nova-2") == 1
    assert found(book, "whisper") is None


def test_a_closer_name_that_is_not_in_force_yet_does_not_hide_the_next() -> None:
    """Before a model's own price begins, the pattern that covers it still counts."""
    book = PriceBook([price("m-*", 1, 2024), price("m-1", 2, 2027)])
    assert found(book, "m-1") == 1


def test_the_default_is_for_lines_without_a_model() -> None:
    """A provider's default price is no guess at an unknown model."""
    book = PriceBook([price("", 1), price("m", 2)])
    assert found(book, "") == 1
    assert found(book, "unknown") is None


def test_a_card_beats_the_fallback() -> None:
    """genai-prices is asked only where no card has a price in force."""
    asked = []

    def fallback(provider: str, model: str, at: datetime) -> Price | None:
        asked.append((provider, model))
        return None

    llm = Price(
        service=Service.LLM,
        provider="openai",
        model="gpt-4o",
        card="mine",
        effective_from=NOW,
        unit_prices=(),
        source="test",
    )
    book = PriceBook([llm], fallback)
    assert book.find("llm", "OpenAILLMService#3", "GPT-4o-2024-08-06", NOW) is llm
    assert asked == []
    assert book.find("llm", "api.openai.com", "Other", NOW) is None
    assert book.find("stt", "openai", "other", NOW) is None
    assert asked == [("openai", "other")]


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("OpenAI", "openai"),
        ("OpenAILLMService", "openai"),
        ("OpenAITTSService#12", "openai"),
        ("openai_realtime", "openai"),
        ("OpenAIRealtimeLLMService", "openai"),
        ("api.openai.com", "openai"),
        ("https://api.openai.com:443/v1", "openai"),
        ("my-company.openai.azure.com", "azure"),
        ("AzureLLMService", "azure"),
        ("generativelanguage.googleapis.com", "google"),
        ("GeminiLiveLLMService#0", "google"),
        ("DeepgramSTTService", "deepgram"),
        ("CartesiaHttpTTSService", "cartesia"),
        ("ElevenLabsTTSService", "elevenlabs"),
        ("AnthropicLLMService", "anthropic"),
        ("bedrock-runtime.us-east-1.amazonaws.com", "aws"),
        ("AssemblyAISTTService", "assemblyai"),
        ("127.0.0.1:9100", "127.0.0.1:9100"),
        ("openai.com.example.net", "openai.com.example.net"),
        ("notopenai.com", "notopenai.com"),
        ("", ""),
    ],
)
def test_one_provider_has_one_id_whatever_a_framework_calls_it(name: str, provider: str) -> None:
    """Known names of a provider lead to its id; an unknown one is left alone, never guessed."""
    assert provider_id(name) == provider
