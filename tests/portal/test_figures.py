"""Figures as people see them."""

from datetime import UTC, datetime, timedelta

import pytest

from talktime.core.money import NANOS_PER_USD
from talktime.core.talk_time import spoken_duration
from talktime.portal.figures import (
    clock_words,
    duration,
    exact_column,
    exact_usd,
    moment,
    money,
    percent,
    signed_money,
    zone_of,
)


@pytest.mark.parametrize(
    ("nanos", "shown"),
    [
        (5 * NANOS_PER_USD, "$5.00"),
        (52_000_000, "$0.052"),
        (1, "$0.000000001"),
        (-42_900_000, "\N{MINUS SIGN}$0.0429"),
        (1_234_567 * NANOS_PER_USD, "$1,234,567.00"),
        (0, "$0.00"),
    ],
)
def test_exact_amounts_lose_nothing(nanos: int, shown: str) -> None:
    """A receipt shows an amount to the last nano-dollar, at least the cents, with a real minus."""
    assert exact_usd(nanos) == shown


def test_amounts_of_a_column_align_at_the_point() -> None:
    """Every amount of a column has the same number of decimals, counting those not shown."""
    column = exact_column([52_000_000, 5, 3 * NANOS_PER_USD])
    assert {len(one.text.split(".")[1]) + len(one.pad) for one in column} == {9}
    assert column[0].text == "$0.052"


@pytest.mark.parametrize("nanos", [0, 52_000_000, -1_000, 12_345_678_900])
def test_amounts_in_lists_align_at_the_point(nanos: int) -> None:
    """Amounts in lists keep six places after the point, shown or not, whatever their value."""
    shown = money(nanos)
    assert len(shown.text.split(".")[1]) + len(shown.pad) == 6


def test_signs_say_which_way_money_goes() -> None:
    """Money that comes in has a plus, money that goes out a real minus sign."""
    came, went = signed_money(5_000_000_000), signed_money(-52_000_000)
    assert (came.text, came.sign) == ("+$5.00", "in")
    assert (went.text, went.sign) == ("\N{MINUS SIGN}$0.052", "out")
    assert signed_money(0).sign == ""


@pytest.mark.parametrize(
    ("ms", "shown"),
    [
        (0, "0:00"),
        (7_499, "0:07"),
        (58_600, "0:59"),
        (760_000, "12:40"),
        (3_725_000, "1:02:05"),
        (-5, "0:00"),
    ],
)
def test_durations_are_whole_seconds(ms: int, shown: str) -> None:
    """A duration is shown to the nearest second, with hours only where there are any."""
    assert duration(ms) == shown


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (59_000, "less than a minute"),
        (60_000, "about 1 minute"),
        (42 * 60_000, "about 42 minutes"),
        (200 * 60_000, "about 3 hours"),
    ],
)
def test_talk_time_is_said_roughly(ms: int, said: str) -> None:
    """An estimate is said as one, never to the second."""
    assert spoken_duration(ms) == said


@pytest.mark.parametrize(
    ("ppm", "shown"),
    [(300_000, "30\xa0%"), (125_500, "12.55\xa0%"), (0, "0\xa0%"), (1, "0.0001\xa0%")],
)
def test_rates_are_exact(ppm: int, shown: str) -> None:
    """A margin rate is shown exactly, without zeros behind it."""
    assert percent(ppm) == shown


def test_times_are_the_accounts_own() -> None:
    """Times are those of the account's zone; the machine-readable form stays UTC."""
    at = datetime(2026, 11, 30, 23, 30, 5, tzinfo=UTC)
    shown = moment(at, zone_of("Europe/Berlin"))
    assert (shown.day, shown.clock, shown.seconds) == ("1 Dec 2026", "00:30", "00:30:05")
    assert shown.iso == "2026-11-30T23:30:05Z"


def test_another_day_is_named() -> None:
    """A time is a clock's while it is today where the account is, and has its day otherwise."""
    zone, now = zone_of("Europe/Berlin"), datetime(2026, 11, 23, 21, 0, tzinfo=UTC)
    until = datetime(2026, 11, 23, 22, 59, tzinfo=UTC)
    assert clock_words(until, zone, now=now) == "23:59"
    assert clock_words(until + timedelta(minutes=1), zone, now=now) == "00:00 on 24 Nov 2026"


def test_unknown_zones_are_utc() -> None:
    """A zone this machine does not know is shown in UTC instead of failing the page."""
    assert zone_of("Mars/Olympus") is UTC
