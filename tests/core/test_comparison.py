"""Why a call was dear."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.core.call import BillingStatus, Call, Outcome, Status
from talktime.core.comparison import CALLS_MIN, Cause, Factor, compare_call, median
from talktime.core.ratecard import Channel, PriceBook, Service
from talktime.core.rating import bill, rate_line
from talktime.core.usage import Line

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def llm(cost: int, *, model: str = "mind", tokens: int = 1_200) -> Line:
    return Line(
        service=Service.LLM,
        provider="acme",
        model=model,
        quantities={"input_tokens": tokens},
        cost_nanos=cost,
    )


def sip(cost: int) -> Line:
    return Line(service=Service.SIP, provider="acme", cost_nanos=cost)


def call(
    *lines: Line,
    seconds: int = 60,
    margin_ppm: int = 300_000,
    channel: Channel = Channel.PHONE,
) -> Call:
    sums = bill(lines, margin_ppm)
    return Call(
        account_id="ada",
        call_id="CA1",
        channel=channel,
        admitted_at=NOW,
        margin_ppm=margin_ppm,
        lease_ms=1,
        last_heard_at=NOW,
        status=Status.ENDED,
        billing_status=BillingStatus.CHARGED,
        outcome=Outcome.COMPLETED,
        initial_hold_nanos=0,
        hold_nanos=0,
        lines=lines,
        cost_nanos=sums.cost_nanos,
        margin_nanos=sums.margin_nanos,
        charge_nanos=sums.charge_nanos,
        duration_ms=seconds * 1000,
    )


USUAL = [call(llm(1_000_000), sip(500_000)) for _ in range(CALLS_MIN)]


@pytest.mark.parametrize(
    ("dear", "factor", "figures"),
    [
        (call(llm(4_000_000, tokens=4_800), sip(2_000_000), seconds=240), Factor.DURATION,
         {"this": 240_000, "usual": 60_000}),
        (call(llm(8_000_000, tokens=9_505), sip(500_000)), Factor.QUANTITY,
         {"quantity": "input_tokens", "this": 9_505, "usual": 1_200}),
        (call(llm(8_000_000, model="giant"), sip(500_000)), Factor.MODEL,
         {"this_model": "acme giant", "usual_model": "acme mind"}),
        (call(llm(8_000_000), sip(500_000)), Factor.PRICE, {"service": Service.LLM}),
        (call(llm(1_000_000), sip(9_000_000)), Factor.LINE, {"service": Service.SIP}),
        (call(llm(1_000_000), sip(500_000), margin_ppm=3_000_000), Factor.MARGIN,
         {"this": 3_000_000, "usual": 300_000}),
        (call(llm(1_000_000), sip(500_000), Line(service=Service.TTS, cost_nanos=5_000_000)),
         Factor.NEW_LINE, {"service": Service.TTS}),
    ],
)  # fmt: skip
def test_what_made_it_dear(dear: Call, factor: Factor, figures: dict[str, Any]) -> None:
    """The factor that explains most is named, with this call's figure and the usual one."""
    found = compare_call(dear, USUAL, is_of_agent=False)
    assert found is not None
    first = found.causes[0]
    assert first.factor is factor, found
    assert {name: getattr(first, name) for name in figures} == figures
    assert len(found.causes) == 1


def test_a_rise_that_costs_nothing_is_no_cause(book: PriceBook) -> None:
    """Of several quantities that rose, the one that cost most is named, not the steepest."""

    def priced(tokens: int, cached: int) -> Line:
        line = Line(
            service=Service.LLM,
            provider="openai",
            model="gpt-4o-mini",
            quantities={"input_tokens": tokens, "cached_input_tokens": cached},
        )
        return rate_line(line, book, NOW)

    usual = [call(priced(1_200, 0)) for _ in range(5)]
    found = compare_call(call(priced(95_050, 2_000)), usual, is_of_agent=True)
    assert found is not None
    [cause] = found.causes
    assert (cause.quantity, cause.this, cause.usual) == ("input_tokens", 93_050, 1_200)


def test_a_chat_is_not_timed() -> None:
    """A chat mostly waits: its figures are of the whole of it, and its length is no cause."""
    usual = [call(llm(1_000_000), seconds=60, channel=Channel.CHAT) for _ in range(5)]
    dear = call(llm(9_000_000, tokens=10_800), seconds=86_400, channel=Channel.CHAT)
    found = compare_call(dear, usual, is_of_agent=True)
    assert found is not None
    assert not found.is_timed
    [cause] = found.causes
    assert (cause.factor, cause.this, cause.usual) == (Factor.QUANTITY, 10_800, 1_200)


def test_two_causes() -> None:
    """Where two factors each explain much of the excess, both are told, the greater first."""
    dear = call(llm(7_000_000, tokens=9_000), sip(1_000_000), seconds=120)
    found = compare_call(dear, USUAL, is_of_agent=True)
    assert found is not None
    assert [cause.factor for cause in found.causes] == [Factor.QUANTITY]
    longer = call(llm(9_000_000, tokens=10_800), sip(1_500_000), seconds=180)
    found = compare_call(longer, USUAL, is_of_agent=True)
    assert found is not None
    assert [cause.factor for cause in found.causes] == [Factor.QUANTITY, Factor.DURATION]


def test_how_many_times() -> None:
    """The times of the median are told in tenths, rounded down: 1.99 times is never told as 2."""
    usual = [call(llm(1_000_000), margin_ppm=0) for _ in range(5)]
    found = compare_call(call(llm(1_990_000), margin_ppm=0), usual, is_of_agent=True)
    assert found is not None
    assert (found.tenths, found.median_nanos, found.calls) == (19, 1_000_000, 5)
    assert found.is_of_agent


@pytest.mark.parametrize(
    ("charge", "calls", "is_told"),
    [(1_499_999, 5, False), (1_500_000, 5, True), (9_000_000, 4, False), (9_000_000, 200, True)],
)
def test_from_one_and_a_half_times(charge: int, calls: int, is_told: bool) -> None:
    """A call is called dear from 1.5 times the median of at least five calls, and not before."""
    usual = [call(llm(1_000_000), margin_ppm=0) for _ in range(calls)]
    found = compare_call(call(llm(charge), margin_ppm=0), usual, is_of_agent=False)
    assert (found is not None) is is_told


amounts = st.integers(min_value=0, max_value=10**12)
lines = st.lists(
    st.builds(
        Line,
        service=st.sampled_from(Service),
        provider=st.sampled_from(["", "acme"]),
        model=st.sampled_from(["", "mind", "giant"]),
        quantities=st.dictionaries(st.sampled_from(["input_tokens", "seconds"]), amounts),
        cost_nanos=amounts,
    ),
    max_size=4,
)
calls = st.builds(
    lambda lines, seconds, margin: call(*lines, seconds=seconds, margin_ppm=margin),
    lines,
    st.integers(0, 100_000),
    st.integers(0, 10_000_000),
)


@given(calls, st.lists(calls, max_size=12))
def test_always_sound(dear: Call, usual: list[Call]) -> None:
    """Whatever the calls, each cause that is told is a rise and explains some of the excess."""
    found = compare_call(dear, usual, is_of_agent=False)
    if found is None:
        return
    assert found.tenths >= 15
    assert found.calls >= CALLS_MIN
    for cause in found.causes:
        assert isinstance(cause, Cause)
        assert cause.this >= cause.usual or cause.factor is Factor.MODEL
        assert cause.excess_nanos > 0
    excesses = [cause.excess_nanos for cause in found.causes]
    assert excesses == sorted(excesses, reverse=True)


@given(st.lists(st.integers(), min_size=1))
def test_the_median_is_one_of_them(values: list[int]) -> None:
    """The median is a value that occurs: at most half are below it and at most half above."""
    middle = median(values)
    assert middle in values
    assert 2 * sum(value < middle for value in values) <= len(values)
    assert 2 * sum(value > middle for value in values) <= len(values)
