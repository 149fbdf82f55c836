from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime_sdk import InvalidUsage
from talktime_sdk._figures import count, seconds_nanos, seconds_text, usd_nanos, usd_text


@pytest.mark.parametrize(
    ("given_amount", "text"),
    [
        ("0.052", "0.052"),
        (Decimal("5.00"), "5"),
        (-3, "-3"),
        ("-0.000000001", "-0.000000001"),
        (Decimal("1E+2"), "100"),
        (0, "0"),
    ],
)
def test_money_text(given_amount: Decimal | str | int, text: str) -> None:
    """Money goes out as the shortest exact decimal string."""
    assert usd_text(usd_nanos(given_amount, "paid")) == text


@given(st.integers(-(10**16), 10**16))
def test_money_round_trip(nanos: int) -> None:
    """Every amount of nano-dollars survives the wire."""
    assert usd_nanos(usd_text(nanos), "paid") == nanos


@pytest.mark.parametrize(
    "wrong", [0.05, True, "0.0000000001", "NaN", Decimal("Infinity"), "1e999999", "five", ""]
)
def test_money_is_refused(wrong: object) -> None:
    """A float, a tenth decimal or anything that is no finite number is never taken for money."""
    with pytest.raises(InvalidUsage):
        usd_nanos(wrong, "paid")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (4.54, "4.54"),
        (0.1, "0.1"),
        (60, "60"),
        ("0.0005", "0"),
        ("0.0015", "0.002"),
        ("12.3456", "12.346"),
        (1e-9, "0"),
    ],
)
def test_seconds_text(seconds: float | str, text: str) -> None:
    """Seconds go out to the millisecond, rounded half to even."""
    assert seconds_text(seconds_nanos(seconds, "audio_seconds")) == text


def test_short_chunks_do_not_drift() -> None:
    """A hundred thousand chunks of 1024 samples at 44.1 kHz add up to their true length."""
    total = sum(seconds_nanos(1024 / 44100, "audio_seconds") for _ in range(100_000))
    assert abs(Decimal(seconds_text(total)) - Decimal(1024 * 100_000) / 44100) < Decimal("0.001")


@pytest.mark.parametrize("wrong", [-0.001, float("nan"), float("inf"), True, "long"])
def test_seconds_are_refused(wrong: object) -> None:
    """Negative and nonsensical durations are refused where they come in."""
    with pytest.raises(InvalidUsage):
        seconds_nanos(wrong, "seconds")  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [-1, 1.5, 2.0, "3", True, Decimal("1.5"), None])
def test_counts_are_refused(wrong: object) -> None:
    """Tokens and characters are whole numbers, never negative, never text or float."""
    with pytest.raises(InvalidUsage):
        count(wrong, "characters")
