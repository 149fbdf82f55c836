from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talktime.core.errors import InvalidAmount
from talktime.core.money import (
    MAX_NANOS,
    apply_margin,
    apportion,
    display_usd,
    div_half_even,
    format_usd,
    parse_usd,
)

amounts = st.integers(-MAX_NANOS, MAX_NANOS)


@given(amounts)
@settings(max_examples=200)
def test_wire_form_is_exact(nanos: int) -> None:
    """Every amount survives the way to the wire and back."""
    assert parse_usd(format_usd(nanos), field="amount") == nanos


@pytest.mark.parametrize(
    ("nanos", "wire"),
    [
        (0, "0"),
        (52_000_000, "0.052"),
        (40_000_000, "0.04"),
        (5_000_000_000, "5"),
        (-500_000_000, "-0.5"),
        (1, "0.000000001"),
        (MAX_NANOS, "10000000"),
    ],
)
def test_wire_form_is_the_shortest(nanos: int, wire: str) -> None:
    """The wire form has no digit that the amount does not need."""
    assert format_usd(nanos) == wire


@pytest.mark.parametrize(("text", "nanos"), [("5.00", 5 * 10**9), ("-0", 0), ("007", 7 * 10**9)])
def test_needless_digits_are_read(text: str, nanos: int) -> None:
    """Needless zeros in an amount that comes in change nothing."""
    assert parse_usd(text, field="amount") == nanos


@pytest.mark.parametrize(
    "text",
    [
        "0.0000000001",
        "0.0520000000",
        "NaN",
        "inf",
        "1e3",
        "1E-9",
        "1e999999999",
        " 1",
        "1 ",
        "1\n",
        "",
        "-",
        ".5",
        "5.",
        "+5",
        "$5",
        "1,000",
        "1_000",
        "٥",  # noqa: RUF001 - an Arabic five is a digit to Python
        "0x10",
        "--1",
        "10000000.000000001",
        "-10000000.000000001",
        "9" * 25,
        "9" * 10_000,
        5,
        5.0,
        True,
        None,
        b"5",
    ],
)
def test_what_is_no_amount_is_refused(text: object) -> None:
    """Anything but a plain decimal string in range is refused by the name of its field."""
    with pytest.raises(InvalidAmount) as refusal:
        parse_usd(text, field="lines[0].provider_cost")
    assert refusal.value.field == "lines[0].provider_cost"
    assert refusal.value.message.startswith("lines[0].provider_cost ")
    assert len(refusal.value.message) < 250


@pytest.mark.parametrize(
    ("nanos", "shown"),
    [
        (5_000_000_000, "$5.00"),
        (42_900_000, "$0.0429"),
        (-50_000_000, "\N{MINUS SIGN}$0.05"),
        (1_234_500_000_000, "$1,234.50"),
        (1_234_567, "$0.001235"),
        (500, "$0.00"),
        (1_500, "$0.000002"),
        (-400, "$0.00"),
    ],
)
def test_pages_show_the_decimals_that_matter(nanos: int, shown: str) -> None:
    """Pages show at least the cents and at most six decimals, with a real minus sign."""
    assert display_usd(nanos) == shown


@given(st.lists(st.integers(-(10**12), 10**12), max_size=12), st.integers(0, 9))
@settings(max_examples=200)
def test_a_shown_column_adds_up(parts: list[int], decimals: int) -> None:
    """What is shown of the lines adds up to what is shown of their total."""
    unit = 10 ** (9 - decimals)
    total = div_half_even(sum(parts), unit)
    column = apportion(parts, unit, total)
    assert sum(column) == total
    for shown, part in zip(column, parts, strict=True):
        assert abs(shown * unit - part) < unit


def test_the_largest_remainder_gets_the_missing_cent() -> None:
    """Thirds of a cent are shown as one cent and two nothings, never as a cent too few."""
    assert apportion([3_333_333, 3_333_333, 3_333_334], 10_000_000, 1) == [0, 0, 1]


def test_nothing_gets_no_cent() -> None:
    """Whatever a total was rounded to, what is nothing is shown as nothing; the others share it."""
    assert apportion([0, 5, 0], 10, 2) == [0, 2, 0]
    assert apportion([0, 15, 0], 10, 0) == [0, 0, 0]


@given(st.integers(-(10**30), 10**30), st.integers(1, 10**20))
@settings(max_examples=200)
def test_division_rounds_half_to_even(numerator: int, denominator: int) -> None:
    """Division rounds to the nearest integer, and from the middle to the even one."""
    assert div_half_even(numerator, denominator) == round(Fraction(numerator, denominator))


def test_division_by_nothing_or_less_is_a_mistake() -> None:
    """A denominator of zero or below is a mistake of ours, not an amount."""
    with pytest.raises(ValueError, match="above zero"):
        div_half_even(1, 0)


@pytest.mark.parametrize(
    ("cost", "ppm", "margin"),
    [
        (40_000_000, 300_000, 12_000_000),
        (33_000_000, 300_000, 9_900_000),
        (5, 300_000, 2),
        (15, 300_000, 4),
        (1, 0, 0),
    ],
)
def test_margin_is_rounded_half_even_once(cost: int, ppm: int, margin: int) -> None:
    """The margin is the rate on the cost, rounded half-even to the nano."""
    assert apply_margin(cost, ppm) == margin
