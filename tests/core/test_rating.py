from datetime import UTC, datetime
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from talktime.core.money import format_usd
from talktime.core.ratecard import (
    SERVICE_QUANTITIES,
    TIME_QUANTITIES,
    Channel,
    Price,
    PriceBook,
    Service,
    UnitPrice,
)
from talktime.core.rating import (
    BEYOND_BELIEF,
    explain_line,
    rate_call,
    rate_line,
    recompute_call,
    recompute_line,
)
from talktime.core.usage import Line, LineReport, merge_lines, parse_lines

NOW = datetime(2026, 11, 23, tzinfo=UTC)
MARGIN = 300_000


def price(service: Service, *unit_prices: UnitPrice, since: int = 2025) -> Price:
    return Price(
        service=service,
        provider="acme",
        model="",
        card=f"test-{since}",
        effective_from=datetime(since, 1, 1, tzinfo=UTC),
        unit_prices=unit_prices,
        source="test",
    )


def per_minute(service: Service, nanos: int, *, since: int = 2025, increment: int = 1) -> Price:
    quantity = SERVICE_QUANTITIES[service][-1]
    unit = UnitPrice(quantity=quantity, nanos=nanos, per=60_000, increment=increment)
    return price(service, unit, since=since)


def line(service: Service, provider: str = "acme", **quantities: int) -> Line:
    return Line(service=service, provider=provider, quantities=quantities)


def cost(subject: Line, *prices: Price) -> int | None:
    return rate_line(subject, PriceBook(prices), NOW).cost_nanos


def stated(*costs: str) -> tuple[Line, ...]:
    """Lines with the provider's own figures, in the order LLM, STT, TTS, SIP."""
    reports = [
        LineReport(service=service.value, provider_cost=cost)
        for service, cost in zip(Service, costs, strict=False)
    ]
    channel = Channel.PHONE if len(costs) == len(Service) else Channel.WEB
    return merge_lines((), parse_lines(reports, channel))


@pytest.mark.parametrize(
    ("costs", "cost", "margin", "charge"),
    [
        (("0.005", "0.006", "0.022", "0.007"), "0.04", "0.012", "0.052"),
        (("0.005", "0.006", "0.022"), "0.033", "0.0099", "0.0429"),
        (("0.018", "0.028", "0.036", "0.05"), "0.132", "0.0396", "0.1716"),
    ],
)
def test_the_worked_examples(costs: tuple[str, ...], cost: str, margin: str, charge: str) -> None:
    """The published examples come out to the nano: a minute by phone, by web, and five minutes."""
    _, bill = rate_call(stated(*costs), PriceBook([]), NOW, MARGIN)
    assert format_usd(bill.cost_nanos) == cost
    assert format_usd(bill.margin_nanos) == margin
    assert bill.charge_nanos is not None
    assert format_usd(bill.charge_nanos) == charge


def test_minutes_are_billed_in_the_increments_of_the_card() -> None:
    """With 60-second increments 61 seconds are two minutes; without, each millisecond counts."""
    call = line(Service.SIP, seconds=61_000)
    assert cost(call, per_minute(Service.SIP, 14_000_000, increment=60_000)) == 28_000_000
    assert cost(call, per_minute(Service.SIP, 14_000_000, increment=1_000)) == 14_233_333
    assert cost(call, per_minute(Service.SIP, 60_000_000)) == 61_000_000


LLM = price(
    Service.LLM,
    UnitPrice(quantity="input_tokens", nanos=10, per=1),
    UnitPrice(quantity="cached_input_tokens", nanos=1, per=1),
    UnitPrice(quantity="output_tokens", nanos=100, per=1),
    UnitPrice(quantity="audio_output_tokens", nanos=1000, per=1),
)


def test_no_token_is_billed_twice() -> None:
    """Cached tokens are taken out of the input and audio tokens out of the output they lie in."""
    used = line(
        Service.LLM, input_tokens=10, cached_input_tokens=4, output_tokens=5, audio_output_tokens=2
    )
    assert cost(used, LLM) == 6 * 10 + 4 * 1 + 3 * 100 + 2 * 1000


def test_a_used_quantity_without_a_price_makes_the_line_unpriced() -> None:
    """A line is priced wholly or not at all, and nothing is pinned halfway."""
    used = line(Service.LLM, input_tokens=10, cache_write_tokens=1)
    rated = rate_line(used, PriceBook([LLM]), NOW)
    assert (rated.cost_nanos, rated.price) == (None, None)
    unused = line(Service.LLM, input_tokens=10, cache_write_tokens=0)
    assert cost(unused, LLM) == 100


def test_speech_is_billed_by_one_measure_only() -> None:
    """Characters and seconds of one speech are not both billed; the first the card lists counts."""
    by_time = UnitPrice(quantity="audio_seconds", nanos=7, per=1000)
    by_text = UnitPrice(quantity="characters", nanos=5, per=1)
    both = line(Service.TTS, characters=10, audio_seconds=3000)
    assert cost(both, price(Service.TTS, by_text)) == 50
    assert cost(both, price(Service.TTS, by_time)) == 21
    assert cost(both, price(Service.TTS, by_time, by_text)) == 21
    assert cost(line(Service.TTS, characters=10), price(Service.TTS, by_time, by_text)) == 50
    assert cost(line(Service.TTS, characters=10), price(Service.TTS, by_time)) is None


def test_the_providers_own_figure_wins() -> None:
    """A cost the provider stated is the cost, even beside quantities that a card prices."""
    used = Line(
        service=Service.STT,
        provider="acme",
        quantities={"audio_seconds": 60_000},
        provider_cost_nanos=5,
    )
    rated = rate_line(used, PriceBook([per_minute(Service.STT, 7)]), NOW)
    assert (rated.cost_nanos, rated.price) == (5, None)
    assert cost(Line(service=Service.STT, provider_cost_nanos=0)) == 0


def test_a_line_without_usage_costs_nothing() -> None:
    """A line that has used nothing yet is not unpriced, whoever the provider is."""
    assert cost(line(Service.LLM, provider="unknown")) == 0
    assert cost(line(Service.LLM, provider="unknown", input_tokens=0)) == 0
    assert cost(line(Service.LLM, provider="unknown", input_tokens=1)) is None


def test_the_price_is_pinned_at_the_first_rating() -> None:
    """A newer card never changes a line that was rated before, however much it grows."""
    first = rate_line(
        line(Service.STT, audio_seconds=60_000), PriceBook([per_minute(Service.STT, 7)]), NOW
    )
    newer = PriceBook([per_minute(Service.STT, 7), per_minute(Service.STT, 9, since=2026)])
    grown = merge_lines([first], [line(Service.STT, audio_seconds=120_000)])
    (rated,), _ = rate_call(grown, newer, NOW, MARGIN)
    assert rated.cost_nanos == 14
    assert rated.price == first.price


def test_an_unpriced_line_is_priced_when_a_price_arrives() -> None:
    """A card that comes later, dated back, prices what was unpriced and nothing else."""
    lines = merge_lines(
        (), [line(Service.STT, audio_seconds=60_000), line(Service.SIP, seconds=60_000)]
    )
    lines, before = rate_call(lines, PriceBook([per_minute(Service.STT, 7)]), NOW, MARGIN)
    assert before.charge_nanos is None
    assert before.unpriced == (("sip", "acme", "", ""),)
    assert (before.cost_nanos, before.accrued_nanos) == (7, 9)
    later = PriceBook([per_minute(Service.STT, 99, since=2026), per_minute(Service.SIP, 100)])
    _, after = rate_call(lines, later, NOW, MARGIN)
    assert (after.stt_nanos, after.sip_nanos) == (7, 100)
    assert (after.charge_nanos, after.unpriced) == (139, ())


def test_a_new_kind_of_usage_makes_a_priced_line_unpriced() -> None:
    """Usage that the pinned price does not cover leaves the line waiting for one that does."""
    rated = rate_line(line(Service.LLM, input_tokens=5), PriceBook([LLM]), NOW)
    (grown,) = merge_lines([rated], [line(Service.LLM, input_tokens=9, audio_input_tokens=2)])
    waiting = rate_line(grown, PriceBook([LLM]), NOW)
    assert (waiting.cost_nanos, waiting.price) == (None, LLM)


def test_a_pinned_price_is_widened_never_replaced() -> None:
    """A card that brings the missing price prices what was missing; the rest keeps its price."""
    pinned = price(Service.LLM, UnitPrice(quantity="input_tokens", nanos=1_000, per=1))
    later = replace(
        price(
            Service.LLM,
            UnitPrice(quantity="input_tokens", nanos=9_000, per=1),
            UnitPrice(quantity="output_tokens", nanos=2_000, per=1),
        ),
        card="later",
    )
    rated = rate_line(line(Service.LLM, input_tokens=10), PriceBook([pinned]), NOW)
    (grown,) = merge_lines([rated], [line(Service.LLM, input_tokens=10, output_tokens=3)])
    widened = rate_line(grown, PriceBook([later]), NOW)
    assert widened.cost_nanos == 10 * 1_000 + 3 * 2_000
    assert widened.price is not None
    assert widened.price.card == f"{pinned.card} + later"
    assert recompute_line(widened) == widened.cost_nanos


def test_a_cost_beyond_belief_is_not_charged() -> None:
    """A line, or a sum of lines, dearer than ten million dollars is unpriced, and says so."""
    dear = price(Service.LLM, UnitPrice(quantity="input_tokens", nanos=10**9, per=1))
    rated = rate_line(line(Service.LLM, input_tokens=10**8), PriceBook([dear]), NOW)
    assert (rated.cost_nanos, rated.notes) == (None, (BEYOND_BELIEF,))
    assert recompute_line(rated) is None
    parts = [Line(service=Service.LLM, source=str(i), provider_cost_nanos=10**16) for i in range(2)]
    _, together = rate_call(parts, PriceBook([]), NOW, MARGIN)
    assert together.is_beyond_belief
    assert (together.charge_nanos, together.accrued_nanos) == (None, 10**16)


def test_lines_that_were_not_merged_are_not_rated() -> None:
    """Parts above their total cannot come out of merging, so rating takes them for our mistake."""
    with pytest.raises(ValueError, match="was not merged"):
        cost(line(Service.LLM, input_tokens=1, cached_input_tokens=2), LLM)


amounts = st.integers(0, 10**9)


@st.composite
def priced_lines(draw: st.DrawFn) -> tuple[list[Line], PriceBook]:
    lines, prices = [], []
    for service in draw(st.lists(st.sampled_from(Service), min_size=1, max_size=4, unique=True)):
        used = {name: draw(amounts) for name in SERVICE_QUANTITIES[service]}
        if service is Service.LLM:
            for part in ("cached_input_tokens", "cache_write_tokens", "audio_input_tokens"):
                used["input_tokens"] += used[part]
            used["output_tokens"] += used["audio_output_tokens"]
        lines.append(Line(service=service, provider="acme", quantities=used))
        prices.append(
            price(
                service,
                *[
                    UnitPrice(
                        quantity=name,
                        nanos=draw(st.integers(0, 10**6)),
                        per=draw(st.sampled_from([1, 1000, 60_000, 999_983])),
                        increment=draw(st.sampled_from([1, 6, 1000]))
                        if name in TIME_QUANTITIES
                        else 1,
                    )
                    for name in used
                ],
            )
        )
    return lines, PriceBook(prices)


@given(priced_lines(), st.integers(0, 2_000_000))
@settings(max_examples=60, deadline=None)
def test_anyone_can_recompute_a_call_from_its_stored_lines(
    example: tuple[list[Line], PriceBook], margin_ppm: int
) -> None:
    """Stored lines, read back, give the same bill, line by line, and the lines add up to it."""
    lines, book = example
    rated, bill = rate_call(lines, book, NOW, margin_ppm)
    stored = msgspec.json.decode(msgspec.json.encode(rated), type=tuple[Line, ...])
    assert stored == rated
    assert [recompute_line(line) for line in stored] == [line.cost_nanos for line in rated]
    assert recompute_call(stored, margin_ppm) == bill
    by_service = (bill.llm_nanos, bill.stt_nanos, bill.tts_nanos, bill.sip_nanos)
    assert sum(by_service) == bill.cost_nanos == sum(line.cost_nanos or 0 for line in rated)
    assert bill.charge_nanos == bill.cost_nanos + bill.margin_nanos == bill.accrued_nanos


@given(priced_lines())
@settings(max_examples=60, deadline=None)
def test_the_receipts_rows_add_up_to_the_line(example: tuple[list[Line], PriceBook]) -> None:
    """The exact rows of a receipt, rounded once together, are the line's cost."""
    rated, _ = rate_call(*example, NOW, MARGIN)
    for subject in rated:
        rows = explain_line(subject)
        assert round(sum((row.cost_nanos for row in rows), Fraction(0))) == subject.cost_nanos
        for row in rows:
            assert 0 < row.used <= row.billed
            assert row.cost_nanos == Fraction(row.billed * row.nanos, row.per)


def test_a_receipt_shows_what_was_billed() -> None:
    """A row names the quantity used, what it was rounded up to, and the unit price."""
    carrier = PriceBook([per_minute(Service.SIP, 14_000_000, increment=60_000)])
    (row,) = explain_line(rate_line(line(Service.SIP, seconds=12_730), carrier, NOW))
    assert (row.quantity, row.used, row.billed, row.nanos, row.per) == (
        "seconds",
        12_730,
        60_000,
        14_000_000,
        60_000,
    )
    assert row.cost_nanos == 14_000_000


def test_a_forged_cost_is_found() -> None:
    """Recomputing leaves the stored cost aside, so that a changed one does not pass."""
    rated = rate_line(
        line(Service.STT, audio_seconds=60_000), PriceBook([per_minute(Service.STT, 7)]), NOW
    )
    forged = msgspec.structs.replace(rated, cost_nanos=1)
    assert recompute_line(forged) == 7
    assert recompute_call([forged], MARGIN).cost_nanos == 7
