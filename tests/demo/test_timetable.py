"""The demo's afternoon, without anybody playing it: its prices, its length, its data."""

from datetime import UTC, datetime
from decimal import Decimal
from random import Random

import pytest

from talktime.core.money import format_usd
from talktime.core.ratecard import Channel, PriceBook
from talktime.core.rating import rate_call
from talktime.core.usage import LineReport, merge_lines, parse_lines
from talktime.demo import timetable
from talktime.demo.recordings import Increment, read_recordings
from talktime.demo.timetable import Booking
from talktime.ops.prices import Prices

MARGIN_PPM = 300_000
USD = 10**9
BUDGET_NANOS = 5_500_000_000


@pytest.fixture(scope="module")
def prices() -> PriceBook:
    return Prices().book


def charge(prices: PriceBook, increments: tuple[Increment, ...], channel: str) -> int:
    """What increments come to, in nanos, a minute of SIP left aside."""
    totals: dict[tuple[str, str, str], dict[str, Decimal]] = {}
    for one in increments:
        line = totals.setdefault((one.service, one.provider, one.model), {})
        for name, amount in one.counted().items():
            line[name] = line.get(name, Decimal(0)) + Decimal(amount)
    reports = [
        LineReport(service=service, provider=provider, model=model, quantities=dict(quantities))
        for (service, provider, model), quantities in totals.items()
    ]
    lines = merge_lines((), parse_lines(reports, Channel(channel)))
    _, bill = rate_call(lines, prices, datetime.now(UTC), MARGIN_PPM)
    assert bill.charge_nanos is not None, f"no price for {bill.unpriced}"
    return bill.charge_nanos


def costs(prices: PriceBook, bookings: list[Booking]) -> int:
    return sum(charge(prices, one.increments, one.agent.channel) for one in bookings)


def test_the_same_afternoon_every_time() -> None:
    """Two plays of the timetable are the same to the last token."""
    first, second = (timetable.campaign(Random(timetable.SEED)) for _ in range(2))
    assert first == second


def test_every_agent_has_its_prices(prices: PriceBook) -> None:
    """No line of the demo is unpriced, carriers included."""
    dice = Random(timetable.SEED)
    for booking in (*timetable.opening(dice), *timetable.campaign(dice), *timetable.burst(dice, 1)):
        charge(prices, booking.increments, booking.agent.channel)
        if (sip := booking.agent.sip) is not None:
            assert prices.find("sip", sip.provider, sip.model, datetime.now(UTC)) is not None


def test_the_busy_hour_leaves_something_for_the_end(prices: PriceBook) -> None:
    """After it there is enough for a burst, and little enough for one call to use up."""
    dice = Random(timetable.SEED)
    spent = costs(prices, timetable.opening(dice)) + costs(prices, timetable.campaign(dice))
    assert 0.6 * USD < BUDGET_NANOS - spent < 1.4 * USD
    last = timetable.last_call(dice)
    assert charge(prices, last.increments, last.agent.channel) > 2 * USD


def test_every_channel_and_outcome_is_on_stage() -> None:
    """All four channels, and the ways of ending that cost nothing."""
    dice = Random(timetable.SEED)
    played = [*timetable.opening(dice), *timetable.campaign(dice)]
    assert {one.agent.channel for one in played} == {channel.value for channel in Channel}
    assert {one.outcome for one in played} == {
        "completed",
        "voicemail",
        "busy",
        "no_answer",
        "rejected",
        "failed",
    }
    assert max(one.at + one.seconds for one in played) < 100


def test_the_recorded_calls_are_priced_to_the_nano_dollar(prices: PriceBook) -> None:
    """The worked examples come out as they were published, the recording as it is priced now."""
    recordings = read_recordings()
    for recording in recordings.values():
        if recording.expected:
            reports = [
                LineReport(service=line.service, provider_cost=line.provider_cost)
                for line in recording.final
            ]
            lines = parse_lines(reports, Channel(recording.channel))
            _, bill = rate_call(lines, prices, datetime.now(UTC), MARGIN_PPM)
            assert bill.charge_nanos is not None
            assert format_usd(bill.charge_nanos) == recording.expected["charge"]
            assert format_usd(bill.cost_nanos) == recording.expected["provider_cost"]
    recorded = recordings["CA1"]
    assert charge(prices, recorded.events, recorded.channel) > 0
    assert all("reasoning_tokens" not in one.counted() for one in recorded.events)
