"""Coupons: a code, case-sensitive, that is promo credit once per account (R9)."""

import re
from datetime import datetime
from typing import Final

import msgspec

from talktime.core.errors import InvalidAmount, InvalidInput
from talktime.core.money import NANOS_PER_USD, format_usd

COUPON_MAX_NANOS: Final = 10_000 * NANOS_PER_USD
REDEMPTIONS_MAX: Final = 10**9
NEW_ACCOUNT_DAYS_MAX: Final = 3_650
NOTE_MAX: Final = 500

_CODE = re.compile(r"[A-Za-z0-9_-]{3,64}", re.ASCII)


class Coupon(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon as the operator issued it, and how often it was redeemed."""

    code: str
    amount_nanos: int
    max_redemptions: int | None = None
    """Over all accounts; None: without limit."""
    starts_at: datetime | None = None
    """The first instant at which it can be redeemed."""
    ends_at: datetime | None = None
    """The first instant at which it can no longer be redeemed."""
    note: str | None = None
    """For the operator; customers do not see it."""
    only_account_id: str | None = None
    """The one account that may redeem it; for every other there is no such coupon."""
    new_account_days: int | None = None
    """Only for accounts opened less than so many days (of 24 hours) ago."""
    redemptions: int = 0
    created_at: datetime

    @property
    def facts(self) -> tuple[object, ...]:
        """What a repeated creation must match."""
        return (
            self.amount_nanos,
            self.max_redemptions,
            self.starts_at,
            self.ends_at,
            self.note,
            self.only_account_id,
            self.new_account_days,
        )


class Redemption(msgspec.Struct, frozen=True, kw_only=True):
    """One use of a coupon: whose, and the entry that it is."""

    account_id: str
    entry_seq: int
    amount_nanos: int
    recorded_at: datetime


def is_code(text: str) -> bool:
    """Whether any coupon could have this code."""
    return _CODE.fullmatch(text) is not None


def check_coupon(coupon: Coupon) -> None:
    """Raise InvalidInput naming the field with which no coupon can be issued."""
    if not is_code(coupon.code):
        raise InvalidInput(
            "code must have 3 to 64 letters, digits, hyphens or underscores.", field="code"
        )
    if not 0 < coupon.amount_nanos <= COUPON_MAX_NANOS:
        raise InvalidAmount(
            f"amount must be above zero and at most {format_usd(COUPON_MAX_NANOS)}.", field="amount"
        )
    if coupon.max_redemptions is not None and not 1 <= coupon.max_redemptions <= REDEMPTIONS_MAX:
        raise InvalidInput(
            f"max_redemptions must be from 1 to {REDEMPTIONS_MAX}; leave it out for no limit.",
            field="max_redemptions",
        )
    if coupon.starts_at and coupon.ends_at and coupon.ends_at <= coupon.starts_at:
        raise InvalidInput("ends_at must come after starts_at.", field="ends_at")
    days = coupon.new_account_days
    if days is not None and not 1 <= days <= NEW_ACCOUNT_DAYS_MAX:
        raise InvalidInput(
            f"new_account_days must be from 1 to {NEW_ACCOUNT_DAYS_MAX}; leave it out for accounts "
            "of any age.",
            field="new_account_days",
        )
    if coupon.note is not None and (len(coupon.note) > NOTE_MAX or "\x00" in coupon.note):
        raise InvalidInput(f"note must have at most {NOTE_MAX} characters.", field="note")
