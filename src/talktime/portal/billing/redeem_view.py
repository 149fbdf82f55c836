"""Redeeming a coupon in words: what a code brings, or why it brings nothing."""

from typing import Final

import msgspec

from talktime.core.errors import (
    CouponAlreadyRedeemed,
    CouponExpired,
    CouponUnknown,
    CouponUsedUp,
    InvalidInput,
    TalktimeError,
    TooManyAttempts,
)
from talktime.core.ledger import Entry
from talktime.core.money import display_usd
from talktime.ops.coupons import CouponPreview
from talktime.portal import words
from talktime.portal.figures import moment, shown_change, zone_of


class OfferView(msgspec.Struct, frozen=True, kw_only=True):
    """What confirming does; as shown, now and bonus add up to after."""

    now: str
    bonus: str
    after: str


class RefusalView(msgspec.Struct, frozen=True, kw_only=True):
    """Why a code was not taken, and the one next step."""

    status_code: int
    tone: str
    """stop, or done where the customer has what the code brings."""
    title: str
    text: str


def offer_view(preview: CouponPreview) -> OfferView:
    after, bonus = preview.available_after_nanos, preview.bonus_nanos
    return OfferView(
        now=display_usd(after - bonus),
        bonus=display_usd(shown_change(after, bonus)),
        after=display_usd(after),
    )


REFUSALS: Final = (
    CouponUnknown,
    CouponAlreadyRedeemed,
    CouponUsedUp,
    CouponExpired,
    TooManyAttempts,
    InvalidInput,
)
"""What a code may be refused with; anything else is no matter of the code."""


def refusal_view(error: TalktimeError, *, earlier: Entry | None, time_zone: str) -> RefusalView:
    """One of REFUSALS in words; ``earlier`` is the entry of a coupon redeemed before."""
    if isinstance(error, CouponAlreadyRedeemed):
        brought = ""
        if earlier is not None:
            day = moment(earlier.recorded_at, zone_of(time_zone)).day
            brought = f"It brought you {display_usd(earlier.amount_nanos)} on {day}. "
        return RefusalView(
            status_code=409,
            tone="done",
            title="You have this coupon already",
            text=f"{brought}Each coupon counts once; enter another code, or go back to Billing.",
        )
    if isinstance(error, TooManyAttempts):
        minutes = words.counted(-(-error.retry_after // 60), "minute")
        return RefusalView(
            status_code=429,
            tone="stop",
            title="Too many codes were wrong",
            text=f"Wait {minutes}, then copy the code exactly as it was sent to you.",
        )
    status_code, title, text = next(told for kind, told in _WORDS if isinstance(error, kind))
    return RefusalView(status_code=status_code, tone="stop", title=title, text=text)


_WORDS: Final = (
    (
        CouponUnknown,
        (
            404,
            "There is no such coupon",
            "Codes are case-sensitive: enter it exactly as it was sent to you.",
        ),
    ),
    (
        CouponUsedUp,
        (
            409,
            "This coupon is used up",
            "It was redeemed as often as it may be. Ask who sent it to you for another one.",
        ),
    ),
    (
        CouponExpired,
        (410, "This coupon has expired", "Ask who sent it to you for a new one."),
    ),
    (InvalidInput, (400, "No code was entered", "Enter the code of your coupon.")),
)
