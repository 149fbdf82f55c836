"""Figures on the wire."""

from datetime import UTC, datetime
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.api.wire import call_body, exact_usd, seconds
from talktime.core.call import BillingStatus, Call
from talktime.core.ratecard import Channel

NOW = datetime(2026, 11, 23, 12, 0, 0, 123456, UTC)


@pytest.mark.parametrize(
    ("nanos", "per", "shown"),
    [
        (0, 1, "0"),
        (150, 1, "0.00000015"),
        (3, 2, "0.0000000015"),
        (1, 3, "0.000000000333"),
        (2, 3, "0.000000000667"),
        (10**9, 1, "1"),
        (1, 1000, "0.000000000001"),
        (1, 10**9, "0.000000000000000001"),
        (1, 10**10, "0"),
    ],
)
def test_parts_are_shown_exactly(nanos: int, per: int, shown: str) -> None:
    """A part's cost is exact where its decimals end soon enough, else cut to twelve."""
    assert exact_usd(nanos, per) == shown


@given(st.integers(0, 10**18), st.sampled_from([1, 10, 60_000, 10**6, 3_600_000, 7]))
def test_what_is_shown_is_near_enough(nanos: int, per: int) -> None:
    """What is shown is never more than half of the last decimal away from the truth."""
    shown = Fraction(exact_usd(nanos, per))
    assert abs(shown - Fraction(nanos, per * 10**9)) <= Fraction(1, 2 * 10**12)


@given(st.integers(0, 31 * 86_400_000))
def test_seconds_are_exact(milliseconds: int) -> None:
    """Seconds as JSON have the milliseconds they were made of, and no more digits."""
    text = msgspec.json.encode(seconds(milliseconds)).decode()
    assert Fraction(text) == Fraction(milliseconds, 1000)


def test_times_are_utc() -> None:
    """Times end in Z and keep their microseconds; metadata is passed on as it is."""
    call = Call(
        account_id="a",
        call_id="c",
        channel=Channel.WEB,
        metadata='{"n": 1.50}',
        admitted_at=NOW,
        margin_ppm=300_000,
        lease_ms=60_000,
        last_heard_at=NOW,
        initial_hold_nanos=100_000_000,
        hold_nanos=100_000_000,
    )
    text = msgspec.json.encode(call_body(call, NOW)).decode()
    assert '"admitted_at":"2026-11-23T12:00:00.123456Z"' in text
    assert '"metadata":{"n": 1.50}' in text
    assert '"from":null' in text
    assert '"billing_status":"pending"' in text
    assert call.billing_status is BillingStatus.PENDING
