"""Redeeming a coupon in words: what a code brings, or why it brings nothing."""

from datetime import datetime
from typing import Final

import msgspec

from talktime.core.errors import (
    CouponAlreadyRedeemed,
    CouponExpired,
    CouponNewAccountsOnly,
    CouponNotYetValid,
    CouponUnknown,
    CouponUsedUp,
    CouponWrongCase,
    InvalidInput,
    TalktimeError,
    TooManyAttempts,
)
from talktime.core.ledger import Entry
from talktime.core.money import display_usd, parse_usd
from talktime.ops.coupons import CouponPreview
from talktime.portal import words
from talktime.portal.figures import moment, shown_change, zone_of


class OfferView(msgspec.Struct, frozen=True, kw_only=True):
    """What confirming does; as shown, now and bonus add up to after."""

    now: str
    bonus: str
    after: str


class CreditView(msgspec.Struct, frozen=True, kw_only=True):
    """What was credited."""

    bonus: str
    after: str
    href: str


class RefusalView(msgspec.Struct, frozen=True, kw_only=True):
    """Why a code was not taken, and the one next step."""

    status_code: int
    tone: str = "stop"
    """stop, or done where the customer has what the code brings."""
    title: str
    text: str
    href: str = ""
    """Where the transaction of a coupon redeemed before stands."""


def offer_view(preview: CouponPreview) -> OfferView:
    after, bonus = preview.available_after_nanos, preview.bonus_nanos
    return OfferView(
        now=display_usd(after - bonus),
        bonus=display_usd(shown_change(after, bonus)),
        after=display_usd(after),
    )


def credit_view(entry: Entry, *, base: str) -> CreditView:
    after = entry.available_after_nanos
    return CreditView(
        bonus=display_usd(shown_change(after, entry.amount_nanos)),
        after=display_usd(after),
        href=entry_href(entry.seq, base=base),
    )


def entry_href(seq: int, *, base: str) -> str:
    """Where Billing shows an entry: first of those that it lists."""
    return f"{base}/billing?before={seq + 1}#entry-{seq}"


REFUSALS: Final = (
    CouponUnknown,
    CouponAlreadyRedeemed,
    CouponUsedUp,
    CouponExpired,
    CouponNotYetValid,
    CouponNewAccountsOnly,
    TooManyAttempts,
    InvalidInput,
)
"""What a code may be refused with; anything else is no matter of the code."""


def refusal_view(error: TalktimeError, *, time_zone: str, base: str) -> RefusalView:
    """One of REFUSALS in words."""
    if isinstance(error, CouponAlreadyRedeemed):
        return _already(error, time_zone=time_zone, base=base)
    if isinstance(error, CouponNotYetValid):
        return _not_yet(error, time_zone=time_zone)
    if isinstance(error, TooManyAttempts):
        if error.is_passing:
            return RefusalView(
                status_code=429,
                title="Other codes are being looked at",
                text="Enter it again in a moment.",
            )
        minutes = words.counted(-(-error.retry_after // 60), "minute")
        return RefusalView(
            status_code=429,
            title="Too many codes were wrong",
            text=f"Wait {minutes}, then copy the code exactly as it was sent to you.",
        )
    status_code, title, text = next(told for kind, told in _WORDS if isinstance(error, kind))
    return RefusalView(status_code=status_code, title=title, text=text)


def _already(error: CouponAlreadyRedeemed, *, time_zone: str, base: str) -> RefusalView:
    redeemed_at, seq = error.facts["redeemed_at"], error.facts["entry_seq"]
    assert isinstance(redeemed_at, datetime)
    assert isinstance(seq, int)
    at = moment(redeemed_at, zone_of(time_zone))
    amount = display_usd(parse_usd(error.facts["amount"], field="amount"))
    return RefusalView(
        status_code=409,
        tone="done",
        title="You have this coupon already",
        text=f"It brought you {amount} on {at.day} at {at.clock}. "
        "Each coupon counts once per account.",
        href=entry_href(seq, base=base),
    )


def _not_yet(error: CouponNotYetValid, *, time_zone: str) -> RefusalView:
    starts_at = error.facts["starts_at"]
    assert isinstance(starts_at, datetime)
    at = moment(starts_at, zone_of(time_zone))
    return RefusalView(
        status_code=409,
        title="This coupon is not valid yet",
        text=f"It counts from {at.day}, {at.clock} ({time_zone}) on. Enter it again then.",
    )


_WORDS: Final = (
    (
        CouponWrongCase,
        (
            404,
            "Only the letter case is wrong",
            "The code exists in other letter case; enter it exactly as you got it.",
        ),
    ),
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
        CouponNewAccountsOnly,
        (
            409,
            "This coupon is for new accounts",
            "This account is no longer new. Ask who sent it to you for another one.",
        ),
    ),
    (
        CouponExpired,
        (410, "This coupon has expired", "Ask who sent it to you for a new one."),
    ),
    (InvalidInput, (400, "No code was entered", "Enter the code of your coupon.")),
)
"""The first that fits tells; a subclass stands before its class."""
