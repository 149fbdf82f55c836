"""Coupons: issued by the operator, previewed and redeemed by the customer (R9)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

from talktime.core.coupon import Coupon, Redemption, check_coupon, is_code
from talktime.core.errors import (
    AccountUnknown,
    CouponAlreadyRedeemed,
    CouponExists,
    CouponExpired,
    CouponNewAccountsOnly,
    CouponNotYetValid,
    CouponUnknown,
    CouponUsedUp,
    CouponWrongCase,
    TalktimeError,
)
from talktime.core.ledger import Entry
from talktime.core.money import format_usd
from talktime.db import accounts, coupons
from talktime.db.pool import Connection
from talktime.ops.accounts import account_unknown, check_limit
from talktime.ops.guesses import COUPON_CODES, one_guess
from talktime.ops.terms import Terms


class CouponPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What confirming would bring; amounts in nanos."""

    code: str
    bonus_nanos: int
    available_after_nanos: int


async def create_coupon(connection: Connection, coupon: Coupon) -> tuple[Coupon, bool]:
    """Issue a coupon; the same facts again answer it as it stands, with False for "not new".

    Raises InvalidInput naming the field, CouponExists where the code has other facts,
    AccountUnknown where it is for an account that there is not.
    """
    check_coupon(coupon)
    only = coupon.only_account_id
    if only is not None and not await accounts.account_exists(connection, only):
        raise AccountUnknown(
            f"there is no account {only}; a coupon can be only for one that there is",
            field="only_account_id",
        )
    created = await coupons.issue_coupon(connection, coupon)
    kept = await coupons.read_coupon(connection, coupon.code)
    assert kept is not None
    if kept.facts != coupon.facts:
        raise CouponExists(
            f"there is a coupon {coupon.code} with other facts; use a new code", field="code"
        )
    return kept, created


async def list_coupons(
    connection: Connection, *, after: str | None, limit: int
) -> tuple[list[Coupon], str | None]:
    """A page of at most ``limit`` (1 to 200) coupons, and the code to go on after, if any."""
    check_limit(limit)
    found = await coupons.list_coupons(connection, after=after or "", limit=limit + 1)
    page = found[:limit]
    return page, page[-1].code if len(found) > limit else None


async def read_coupon(connection: Connection, code: str) -> Coupon:
    """The coupon with exactly this code, for the operator. Raises CouponUnknown."""
    found = await coupons.read_coupon(connection, _possible(code))
    if found is None:
        raise CouponUnknown("there is no coupon with exactly this code", field="code")
    return found


async def list_redemptions(
    connection: Connection, code: str, *, after: str | None, limit: int
) -> tuple[list[Redemption], str | None]:
    """A page of at most ``limit`` (1 to 200) uses of a coupon by account, and the account to go on
    after, if any. Raises CouponUnknown."""
    check_limit(limit)
    await read_coupon(connection, code)
    found = await coupons.list_redemptions(
        connection, code=code, after=after or "", limit=limit + 1
    )
    page = found[:limit]
    return page, page[-1].account_id if len(found) > limit else None


async def preview_coupon(
    connection: Connection, *, account_id: str, code: str, now: datetime
) -> CouponPreview:
    """What a code would bring this account; nothing is written.

    Raises as redeem_coupon does. A redemption a moment later may still be refused.
    """
    async with one_guess(connection, COUPON_CODES, account_id, wrong=CouponUnknown, now=now):
        judged = await coupons.judge_coupon(
            connection, account_id=account_id, code=_possible(code), now=now
        )
        if judged.verdict != "redeemable":
            raise await _refusal(connection, judged.verdict, account_id, code)
    assert judged.amount_nanos is not None
    assert judged.available_nanos is not None
    return CouponPreview(
        code=code,
        bonus_nanos=judged.amount_nanos,
        available_after_nanos=judged.available_nanos + judged.amount_nanos,
    )


async def redeem_coupon(
    connection: Connection,
    *,
    account_id: str,
    code: str,
    terms: Terms,
    now: datetime,
) -> Entry:
    """Credit a coupon to the promo balance, exactly once per account.

    Raises AccountUnknown, CouponUnknown (CouponWrongCase where only the letter case is wrong),
    CouponAlreadyRedeemed with the facts ``redeemed_at``, ``entry_seq`` and ``amount``,
    CouponExpired, CouponNotYetValid with the fact ``starts_at``, CouponNewAccountsOnly,
    CouponUsedUp, and TooManyAttempts after too many unknown codes of this account, whatever the
    code is then.
    """
    async with one_guess(connection, COUPON_CODES, account_id, wrong=CouponUnknown, now=now):
        verdict, entry = await coupons.redeem_coupon(
            connection,
            account_id=account_id,
            code=_possible(code),
            floor_nanos=terms.floor_nanos,
            now=now,
        )
        if entry is None:
            raise await _refusal(connection, verdict, account_id, code)
    return entry


def _possible(code: str) -> str:
    """The code, or one that nobody can have: the database need not see what no code can be."""
    return code if is_code(code) else ""


async def _refusal(
    connection: Connection, verdict: str, account_id: str, code: str
) -> TalktimeError:
    if verdict == "account_unknown":
        return account_unknown(account_id)
    if verdict == "coupon_not_yet_valid":
        coupon = await read_coupon(connection, code)
        assert coupon.starts_at is not None
        since = coupon.starts_at.astimezone(UTC)
        return CouponNotYetValid(
            f"this coupon counts from {since:%Y-%m-%d %H:%M} UTC on; enter it again then",
            field="code",
            starts_at=since,
        )
    if verdict == "coupon_already_redeemed":
        used = await coupons.find_redemption(connection, account_id=account_id, code=code)
        assert used is not None
        return CouponAlreadyRedeemed(
            "this coupon was redeemed for this account before; each counts once per account",
            field="code",
            redeemed_at=used.recorded_at.astimezone(UTC),
            entry_seq=used.entry_seq,
            amount=format_usd(used.amount_nanos),
        )
    kind, words = _REFUSALS[verdict]
    return kind(words, field="code")


_REFUSALS: Final[Mapping[str, tuple[type[TalktimeError], str]]] = {
    "coupon_unknown": (
        CouponUnknown,
        "there is no such coupon; codes are case-sensitive, so enter it exactly as you got it",
    ),
    "coupon_wrong_case": (
        CouponWrongCase,
        "the code exists in other letter case; enter it exactly as you got it",
    ),
    "coupon_expired": (CouponExpired, "this coupon has expired; ask for a new one"),
    "coupon_new_accounts_only": (
        CouponNewAccountsOnly,
        "this coupon is for new accounts only, and this one is no longer new; ask for another one",
    ),
    "coupon_used_up": (
        CouponUsedUp,
        "this coupon was redeemed as often as it may be; ask for another one",
    ),
}
