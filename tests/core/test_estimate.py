"""What a planned agent would cost: worked out by the rating of real calls."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from talktime.core.errors import InvalidInput, LineNotAllowed
from talktime.core.estimate import Estimate, PastUsage, estimate_lines, models_of, talk_of
from talktime.core.llm_prices import llm_price
from talktime.core.plan import ASSUMPTIONS, Model, Plan, Talk, parse_model, planned_lines
from talktime.core.ratecard import CHANNEL_SERVICES, Channel, PriceBook, Service
from talktime.core.rating import explain_line
from talktime.core.usage import Line, LineReport, parse_lines
from talktime.ops.prices import builtin_prices

NOW = datetime(2026, 11, 23, tzinfo=UTC)
MODELS = {
    Service.LLM: Model(provider="openai", model="gpt-4.1-mini"),
    Service.STT: Model(provider="deepgram", model="nova-3"),
    Service.TTS: Model(provider="elevenlabs", model="eleven_flash_v2_5"),
    Service.SIP: Model(provider="twilio", model="inbound"),
}


@pytest.fixture(scope="module")
def prices() -> PriceBook:
    return PriceBook(builtin_prices(), llm_price)


def plan(channel: Channel = Channel.PHONE, minutes: str = "2.5", talk: Talk | None = None) -> Plan:
    return Plan(
        channel=channel,
        models={one: model for one, model in MODELS.items() if one in CHANNEL_SERVICES[channel]},
        minutes_per_call=Decimal(minutes),
        calls_per_month=1_000,
        talk=talk or Talk(),
    )


def estimated(planned: Plan, book: PriceBook, margin_ppm: int = 300_000) -> Estimate:
    return estimate_lines(
        planned_lines(planned),
        book=book,
        at=NOW,
        margin_ppm=margin_ppm,
        duration_ms=planned.duration_ms,
        calls_per_month=planned.calls_per_month,
    )


def test_a_plan_becomes_the_quantities_its_assumptions_say() -> None:
    """Two and a half minutes of the stated talk are these tokens, seconds and characters."""
    lines = {line.service: line.quantities for line in planned_lines(plan())}
    assert lines == {
        Service.LLM: {"input_tokens": 30_000, "cached_input_tokens": 15_000, "output_tokens": 600},
        Service.STT: {"audio_seconds": 150_000},
        Service.TTS: {"characters": 1013, "audio_seconds": 67_500},  # 1012.5, none left out
        Service.SIP: {"seconds": 150_000},
    }


def test_an_estimate_costs_what_its_receipt_would_say(prices: PriceBook) -> None:
    """Lines add up to the cost, the carrier bills begun minutes, and the margin comes on top."""
    found = estimated(plan(), prices)
    [sip] = [line for line in found.lines if line.service is Service.SIP]
    assert explain_line(sip)[0].billed == 180_000
    assert sip.cost_nanos == 25_500_000
    assert found.bill.cost_nanos == sum(line.cost_nanos or 0 for line in found.lines)
    assert found.charge_nanos == found.bill.cost_nanos + found.bill.margin_nanos
    assert found.month_nanos == found.charge_nanos * 1_000
    assert found.minute_nanos == found.charge_nanos * 2 // 5
    assert found.talk_time_ms(found.charge_nanos * 4) == 600_000
    assert found.talk_time_ms(-5) == 0


def test_the_accounts_own_margin_counts(prices: PriceBook) -> None:
    """Another margin rate changes the margin and nothing else."""
    usual, own = estimated(plan(), prices), estimated(plan(), prices, margin_ppm=100_000)
    assert own.bill.cost_nanos == usual.bill.cost_nanos
    assert own.bill.margin_nanos * 3 == usual.bill.margin_nanos


@pytest.mark.parametrize("channel", list(Channel))
def test_every_channel_has_the_lines_it_can_have(channel: Channel, prices: PriceBook) -> None:
    """A plan has a line for each model, and none that its channel cannot have."""
    assert {line.service for line in planned_lines(plan(channel))} == CHANNEL_SERVICES[channel]
    assert estimated(plan(channel), prices).charge_nanos
    for service in set(Service) - CHANNEL_SERVICES[channel]:
        wrong = msgspec.structs.replace(plan(channel), models={service: MODELS[service]})
        with pytest.raises(LineNotAllowed) as refused:
            planned_lines(wrong)
        assert refused.value.field == service.value


def test_what_has_no_price_is_unpriced_and_never_free(prices: PriceBook) -> None:
    """A model that no card knows leaves the estimate without a charge, not with a lower one."""
    models = {**MODELS, Service.TTS: Model(provider="nobody", model="voice")}
    found = estimated(msgspec.structs.replace(plan(), models=models), prices)
    assert found.bill.unpriced == (("tts", "nobody", "voice", ""),)
    figures = (found.charge_nanos, found.minute_nanos, found.month_nanos, found.talk_time_ms(1))
    assert figures == (None,) * 4


def test_every_assumption_is_bounded() -> None:
    """A figure below zero, beyond belief or too fine is refused with its name."""
    for name, assumption in ASSUMPTIONS.items():
        for wrong in ("-1", str(assumption.most + 1), "0.0001", "NaN", "Infinity"):
            with pytest.raises(InvalidInput) as refused:
                planned_lines(plan(talk=Talk(**{name: Decimal(wrong)})))
            assert refused.value.field == name
    for minutes in ("0", "-1", "1441", "NaN"):
        with pytest.raises(InvalidInput) as refused:
            planned_lines(plan(minutes=minutes))
        assert refused.value.field == "minutes_per_call"
    nothing = msgspec.structs.replace(plan(), models={})
    with pytest.raises(InvalidInput, match="at least one"):
        planned_lines(nothing)


@pytest.mark.parametrize(
    "talk",
    [
        {"cached_percent": "60", "cache_write_percent": "41"},
        {"cached_percent": "60", "audio_input_tokens_per_turn": "1201"},
        {"output_tokens_per_turn": "10", "audio_output_tokens_per_turn": "11"},
    ],
)
def test_parts_that_exceed_their_whole_are_refused(talk: dict[str, str]) -> None:
    """Cached and audio tokens are parts of the input, audio of the output: no part is greater."""
    with pytest.raises(InvalidInput):
        planned_lines(plan(talk=Talk(**{name: Decimal(value) for name, value in talk.items()})))


@pytest.mark.parametrize("minutes", ["0.001", "0.017", "0.333", "7.777", "1440"])
@pytest.mark.parametrize("cached", ["0", "33.3", "50", "99.9"])
def test_rounding_never_breaks_a_line(minutes: str, cached: str, prices: PriceBook) -> None:
    """However odd the figures, the planned parts fit into their totals and get a price."""
    odd = plan(
        minutes=minutes,
        talk=Talk(
            cached_percent=Decimal(cached),
            turns_per_minute=Decimal("3.7"),
            input_tokens_per_turn=Decimal(3333),
        ),
    )
    assert estimated(odd, prices).charge_nanos is not None


def test_past_calls_tell_how_calls_go(prices: PriceBook) -> None:
    """Assumptions taken from past calls estimate a call like them within a hundredth."""
    reports = [
        LineReport(
            service="llm",
            provider="openai",
            model="gpt-4.1-mini",
            quantities={"input_tokens": 25_311, "cached_input_tokens": 9_117, "output_tokens": 733},
        ),
        LineReport(
            service="stt",
            provider="deepgram",
            model="nova-3",
            quantities={"audio_seconds": Decimal("101.25")},
        ),
        LineReport(
            service="tts",
            provider="elevenlabs",
            model="eleven_flash_v2_5",
            quantities={"characters": 1_417},
        ),
        LineReport(
            service="sip",
            provider="twilio",
            model="inbound",
            quantities={"seconds": Decimal("192.4")},
        ),
    ]
    real = estimate_lines(
        parse_lines(reports, Channel.PHONE),
        book=prices,
        at=NOW,
        margin_ppm=300_000,
        duration_ms=192_400,
        calls_per_month=1,
    )
    past = [PastUsage(duration_ms=192_400, lines=real.lines)] * 3
    assert models_of(past) == MODELS
    alike = msgspec.structs.replace(plan(minutes="3.207"), talk=talk_of(past))
    assert real.charge_nanos is not None
    charge = estimated(alike, prices).charge_nanos
    assert charge is not None
    assert abs(charge - real.charge_nanos) * 100 < real.charge_nanos


def test_without_past_calls_the_stated_defaults_stand() -> None:
    """Nothing known leaves every default as it is; so does a service the past had no line of."""
    assert talk_of([]) == Talk()
    quiet = PastUsage(duration_ms=60_000, lines=(Line(service=Service.SIP),))
    assert talk_of([quiet]) == Talk()


def test_hearing_and_speaking_models_keep_their_audio_tokens() -> None:
    """What past calls used in audio tokens stands in the assumptions, as parts that still fit."""
    line = Line(
        service=Service.LLM,
        quantities={
            "input_tokens": 52,
            "cached_input_tokens": 22,
            "audio_input_tokens": 30,
            "output_tokens": 17,
            "audio_output_tokens": 17,
        },
    )
    talk = talk_of([PastUsage(duration_ms=75_000, lines=(line,))])
    assert talk.audio_input_tokens_per_turn == 6
    assert talk.audio_output_tokens_per_turn == 3
    planned_lines(plan(Channel.CHAT, talk=talk))


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("openai/gpt-4.1-mini", Model(provider="openai", model="gpt-4.1-mini")),
        (" Vonage ", Model(provider="vonage")),
        ("together/meta-llama/x", Model(provider="together", model="meta-llama/x")),
        ("", None),
    ],
)
def test_a_model_is_written_after_its_provider(text: str, model: Model | None) -> None:
    """Provider, slash, model; a provider alone is its default, and nothing is no model."""
    assert parse_model(text, field="llm") == model
    if model is not None:
        assert parse_model(model.text, field="llm") == model


@pytest.mark.parametrize("text", ["/gpt", "x" * 101, "a/" + "x" * 129, "a/b\x00c"])
def test_what_names_no_model_is_refused(text: str) -> None:
    """A model without provider, too long or with control characters is refused by its field."""
    with pytest.raises(InvalidInput) as refused:
        parse_model(text, field="llm")
    assert refused.value.field == "llm"


def test_the_defaults_are_the_documented_ones() -> None:
    """The how-to page names every default as it is."""
    page = Path(__file__).parents[2].joinpath("docs/how-to/estimate-a-call.md").read_text()
    for name, value in msgspec.structs.asdict(Talk()).items():
        assert f"| `{name}` | {value:,} |" in page
