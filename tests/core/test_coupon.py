"""What a coupon may be, and which text may be a code."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from talktime.core.coupon import (
    COUPON_MAX_NANOS,
    NEW_ACCOUNT_DAYS_MAX,
    REDEMPTIONS_MAX,
    Coupon,
    check_coupon,
    is_code,
)
from talktime.core.errors import InvalidInput

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
COUPON = Coupon(code="Spring-2026", amount_nanos=1, created_at=NOON)


@pytest.mark.parametrize("code", ["abc", "A-b_9", "0" * 64])
def test_codes(code: str) -> None:
    """3 to 64 letters, digits, hyphens and underscores."""
    assert is_code(code)


@pytest.mark.parametrize("code", ["", "ab", "0" * 65, "a b", "abc\n", "äbc", "a.c", "٣٣٣"])
def test_what_is_no_code(code: str) -> None:
    """Nothing else, whatever alphabet calls it a letter or a digit."""
    assert not is_code(code)


@pytest.mark.parametrize(
    "facts",
    [
        {"amount_nanos": COUPON_MAX_NANOS},
        {"max_redemptions": 1},
        {"max_redemptions": REDEMPTIONS_MAX},
        {"starts_at": NOON, "ends_at": NOON + timedelta(microseconds=1)},
        {"note": ""},
        {"new_account_days": 1},
        {"new_account_days": NEW_ACCOUNT_DAYS_MAX},
        {"only_account_id": "acct-1"},
    ],
)
def test_coupons_up_to_the_limits(facts: dict[str, Any]) -> None:
    """The limits themselves are in."""
    check_coupon(msgspec.structs.replace(COUPON, **facts))


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"code": "no"}, "code"),
        ({"amount_nanos": 0}, "amount"),
        ({"amount_nanos": COUPON_MAX_NANOS + 1}, "amount"),
        ({"max_redemptions": 0}, "max_redemptions"),
        ({"max_redemptions": REDEMPTIONS_MAX + 1}, "max_redemptions"),
        ({"starts_at": NOON, "ends_at": NOON}, "ends_at"),
        ({"note": "\x00"}, "note"),
        ({"new_account_days": 0}, "new_account_days"),
        ({"new_account_days": NEW_ACCOUNT_DAYS_MAX + 1}, "new_account_days"),
    ],
)
def test_a_refusal_names_the_field(facts: dict[str, Any], field: str) -> None:
    """Whoever issues it is told which part cannot be."""
    with pytest.raises(InvalidInput) as refused:
        check_coupon(msgspec.structs.replace(COUPON, **facts))
    assert refused.value.field == field


@pytest.mark.parametrize(
    "facts",
    [
        {"amount_nanos": 2},
        {"max_redemptions": 5},
        {"starts_at": NOON},
        {"ends_at": NOON},
        {"note": "another"},
        {"only_account_id": "acct-1"},
        {"new_account_days": 7},
    ],
)
def test_each_rule_is_a_fact(facts: dict[str, Any]) -> None:
    """A repeat with another rule is another coupon; when it came and its uses are no facts."""
    assert msgspec.structs.replace(COUPON, **facts).facts != COUPON.facts
    again = msgspec.structs.replace(COUPON, redemptions=5, created_at=NOON + timedelta(days=1))
    assert again.facts == COUPON.facts
