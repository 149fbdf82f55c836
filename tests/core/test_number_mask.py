"""Phone numbers as an account shows them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.core.account import NumberMask
from talktime.core.call import Call
from talktime.core.number_mask import DIGITS_MIN, DOTS, HIDDEN, digits_of, mask_number, masked_call
from talktime.core.ratecard import Channel


@pytest.mark.parametrize(
    ("number", "last4"),
    [
        ("+12025550123", f"{DOTS} 0123"),
        ("+49 30 1234-5678", f"{DOTS} 5678"),
        ("sip:+12025550123@10.0.0.1:5060;transport=tls", f"{DOTS} 0123"),
        ("12025550123@sip.example.com", f"{DOTS} 0123"),
        ("sip:alice@example.com", DOTS),
        ("sip:alice@10.11.12.13", DOTS),
        ("104", DOTS),
        ("anonymous", DOTS),
    ],
)
def test_last_four(number: str, last4: str) -> None:
    """The last four digits of a long number are shown, of a name, host or short code nothing."""
    assert mask_number(number, NumberMask.LAST4) == last4
    assert mask_number(number, NumberMask.FULL) == number
    assert mask_number(number, NumberMask.HIDDEN) == HIDDEN


@given(st.text(max_size=40))
def test_masks_give_nothing_away(number: str) -> None:
    """Whatever the number, a mask leaves at most the last four digits of a long one."""
    shown = mask_number(number, NumberMask.LAST4)
    digits = digits_of(number)
    assert shown == (f"{DOTS} {digits[-4:]}" if len(digits) >= DIGITS_MIN else DOTS)
    assert mask_number(number, NumberMask.HIDDEN) == HIDDEN


def test_both_numbers_of_a_call() -> None:
    """A call's two numbers are masked, an absent one stays absent, and full changes nothing."""
    now = datetime(2026, 11, 23, tzinfo=UTC)
    call = Call(
        account_id="ada",
        call_id="CA1",
        channel=Channel.PHONE,
        from_number="+12025550123",
        admitted_at=now,
        margin_ppm=0,
        lease_ms=1,
        last_heard_at=now,
        initial_hold_nanos=0,
        hold_nanos=0,
    )
    assert masked_call(call, NumberMask.FULL) is call
    masked = masked_call(call, NumberMask.LAST4)
    assert (masked.from_number, masked.to_number) == (f"{DOTS} 0123", None)
