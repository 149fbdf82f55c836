import copy
import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talktime.core.errors import InvalidAmount, InvalidInput
from talktime.core.model_names import Patterns
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
        (("entries", 0, "effective"), "9999-12-31T23:59:59-14:00", f"{ENTRY}.effective"),
        (("entries", 0, "effective"), "0001-01-01T00:00:00+14:00", f"{ENTRY}.effective"),
        (("entries", 0, "model"), "a" + "*a" * 9, f"{ENTRY}.model"),
        (("entries", 0, "model"), ["m", "*" * 9], f"{ENTRY}.model[1]"),
        (("entries", 0, "model"), ["\ud800"], f"{ENTRY}.model[0]"),
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


def test_a_card_has_a_limited_number_of_patterns_per_provider() -> None:
    """What an unknown model is compared with stays bounded, whatever the provider is called."""
    entry: Any = CARD["entries"][0]
    names = ["Deepgram", "deepgram", "api.deepgram.com"]
    entries = [
        {**entry, "provider": name, "model": [f"{kind}-{i}*" for i in range(count)]}
        for kind, name, count in zip("abc", names, (50, 50, 1), strict=True)
    ]
    with pytest.raises(InvalidInput) as refusal:
        parse_card({**CARD, "entries": entries}, field="card")
    assert refusal.value.field == "card.entries[2].model"
    assert len(parse_card({**CARD, "entries": entries[:2]}, field="card")) == 100


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.datetimes(timezones=st.timezones() | st.none())
    | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
PLACES: list[tuple[str | int, ...]] = [
    (),
    *[(member,) for member in ("version", "currency", "entries", "other")],
    ("entries", 0),
    *[
        ("entries", 0, member)
        for member in ("service", "provider", "model", "effective", "source", "prices")
    ],
    ("entries", 0, "prices", 0),
    *[
        ("entries", 0, "prices", 0, member)
        for member in ("quantity", "usd", "per", "unit", "increment")
    ],
]
NEAR_MISSES = st.sampled_from(
    [
        *(10**30, -1, "1e5", "\u0663", "1_0", "\ud800", "*" * 300, "2025-W01-1"),
        *("9999-12-31T23:59:59-23:59", "0001-01-01T00:00+00:01"),
        *("2025-02-01T00:00:60Z", "2025-02-01T00:00:00+99:00"),
    ]
)


@given(st.lists(st.tuples(st.sampled_from(PLACES), NEAR_MISSES | JSON), min_size=1, max_size=3))
@settings(max_examples=300, deadline=None)
def test_any_document_is_prices_or_a_named_mistake(
    changes: list[tuple[tuple[str | int, ...], object]],
) -> None:
    """Whatever a document holds, reading it ends in prices or in a refusal that says where."""
    root: dict[str, object] = {"card": copy.deepcopy(CARD)}
    for path, value in changes:
        place: object = root
        try:
            for step in ("card", *path[:-1]) if path else ():
                place = place[step]  # type: ignore[index]
            place[path[-1] if path else "card"] = value  # type: ignore[index]
        except (TypeError, KeyError, IndexError, AttributeError):
            continue  # an earlier change removed the place
    assert read_or_refused(root["card"])


def read_or_refused(document: object) -> bool:
    """Whether there are prices, or a refusal with the path and of readable length."""
    try:
        return len(parse_card(document, field="card")) > 0
    except InvalidInput as refusal:
        return (refusal.field or "").startswith("card") and len(refusal.message) < 1000


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


@given(
    st.lists(st.text("ab*", min_size=1, max_size=6).filter(lambda text: "*" in text), max_size=5),
    st.text("ab", max_size=9),
)
@settings(max_examples=400, deadline=None)
def test_a_star_stands_for_any_characters(patterns: list[str], model: str) -> None:
    """A model fits a pattern where putting something for each star makes the one the other."""
    matching = {pattern.text for pattern in Patterns(set(patterns)).matching(model)}
    assert matching == {
        text for text in patterns if re.fullmatch(text.replace("*", ".*"), model) is not None
    }


def test_of_equally_close_patterns_the_newest_counts() -> None:
    """Among patterns with as many letters the date decides, and then the later in the book."""
    book = PriceBook([price("m-*", 1, 2026), price("*-x", 2, 2025), price("?-*", 9, 2026)])
    assert found(book, "m-x") == 1
    assert found(book, "m-x", datetime(2025, 6, 1, tzinfo=UTC)) == 2
    assert found(PriceBook([price("*-x", 1), price("m-*", 2)]), "m-x") == 2
    assert found(PriceBook([price("m-*", 2), price("*-x", 1)]), "m-x") == 1


def test_no_pattern_takes_forever() -> None:
    """A card at its limits answers at once for models that all but fit every pattern.

    A matcher that backtracks would not come back from the first of them.
    """
    pattern = [f"{'*a' * 6}*{'a' * 40}{i}b{'a' * (1 + i % 40)}*" for i in range(100)]
    entry: Any = CARD["entries"][0]
    book = PriceBook(parse_card({**CARD, "entries": [{**entry, "model": pattern}]}, field="card"))
    models = ["a" * (128 - len(str(i))) + str(i) for i in range(64)]
    assert [book.find("stt", "deepgram", model, NOW) for model in models] == [None] * 64


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
