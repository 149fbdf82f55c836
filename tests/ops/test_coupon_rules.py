"""Whom a coupon is for, and what is told about a code that is nearly right."""

from datetime import timedelta

import pytest

from talktime.core.coupon import Redemption
from talktime.core.errors import (
    AccountUnknown,
    CouponExists,
    CouponNewAccountsOnly,
    CouponNotYetValid,
    CouponUnknown,
    CouponUsedUp,
    CouponWrongCase,
    TooManyAttempts,
)
from talktime.db.pool import Connection
from talktime.ops.accounts import read_account
from talktime.ops.coupons import list_redemptions
from talktime.ops.guesses import COUPON_CODES
from talktime.ops.platform import Platform
from tests.ops.test_coupons import (
    NOON,
    MakeAccount,
    entries_of,
    issue,
    preview,
    redeem,
    redemptions,
)


async def test_a_coupon_for_one_account_is_unknown_to_every_other(
    platform: Platform, connection: Connection, make_account: MakeAccount
) -> None:
    """Another account is told nothing of it, near misses included; the right one redeems it."""
    account_id, other = await make_account(), await make_account()
    code = await issue(connection, only_account_id=account_id)
    for act in (preview, redeem):
        for entered in (code, code.upper()):
            with pytest.raises(CouponUnknown) as refused:
                await act(platform, other, entered)
            assert type(refused.value) is CouponUnknown
    assert await entries_of(platform, other) == []
    assert (await redeem(platform, account_id, code)).amount_nanos == 5_000_000_000


async def test_a_coupon_cannot_be_for_nobody(connection: Connection) -> None:
    """The account must be there when the coupon is issued."""
    with pytest.raises(AccountUnknown) as refused:
        await issue(connection, only_account_id="acct-nobody")
    assert refused.value.field == "only_account_id"


async def test_whom_a_coupon_is_for_is_a_fact_of_it(
    connection: Connection, make_account: MakeAccount
) -> None:
    """The same code for another account is another coupon, and refused."""
    code = await issue(connection, only_account_id=await make_account())
    with pytest.raises(CouponExists):
        await issue(connection, code=code, only_account_id=await make_account())


async def test_a_coupon_for_new_accounts_counts_for_so_many_days(
    platform: Platform, connection: Connection, make_account: MakeAccount
) -> None:
    """An account is new until so many times 24 hours after it was opened, and not a moment more."""
    account_id = await make_account()
    opened = (await read_account(connection, account_id, now=NOON)).created_at
    code = await issue(connection, new_account_days=7)
    late = opened + timedelta(days=7)
    for act in (preview, redeem):
        with pytest.raises(CouponNewAccountsOnly):
            await act(platform, account_id, code, now=late)
    assert await redemptions(platform, code) == 0
    await redeem(platform, account_id, code, now=late - timedelta(microseconds=1))
    assert await redemptions(platform, code) == 1


async def test_a_coupon_not_yet_valid_says_from_when(
    platform: Platform, connection: Connection, make_account: MakeAccount
) -> None:
    """The refusal brings the moment, and is no guess."""
    starts_at = NOON + timedelta(days=1)
    account_id = await make_account()
    code = await issue(connection, starts_at=starts_at)
    for _ in range(COUPON_CODES.most + 1):
        with pytest.raises(CouponNotYetValid) as refused:
            await preview(platform, account_id, code)
    assert refused.value.facts == {"starts_at": starts_at}
    await redeem(platform, account_id, code, now=starts_at)


async def test_the_letter_case_is_named_only_where_the_right_code_would_help(
    platform: Platform, connection: Connection, make_account: MakeAccount
) -> None:
    """A coupon that the account could not redeem is not hinted at, and no hint has the code."""
    account_id = await make_account()
    code = await issue(connection)
    for act in (preview, redeem):
        with pytest.raises(CouponWrongCase) as near:
            await act(platform, account_id, code.swapcase())
        assert code not in near.value.message
        assert near.value.facts == {}
    await redeem(platform, account_id, code)
    useless = [
        code,
        await issue(connection, ends_at=NOON),
        await issue(connection, starts_at=NOON + timedelta(days=1)),
    ]
    for one in useless:
        with pytest.raises(CouponUnknown) as far:
            await preview(platform, account_id, one.swapcase())
        assert type(far.value) is CouponUnknown


async def test_a_hint_at_the_letter_case_is_a_guess(
    platform: Platform, connection: Connection, make_account: MakeAccount
) -> None:
    """Nobody tries the cases of a code out faster than codes."""
    account_id = await make_account()
    code = await issue(connection)
    for n in range(COUPON_CODES.most):
        with pytest.raises(CouponWrongCase):
            await preview(platform, account_id, code.upper() if n % 2 else code.lower())
    with pytest.raises(TooManyAttempts):
        await redeem(platform, account_id, code)


async def test_who_redeemed_a_coupon(
    platform: Platform, connection: Connection, make_account: MakeAccount
) -> None:
    """Each use once, by account, with its entry; refused accounts and other coupons are not in."""
    code, other = await issue(connection, max_redemptions=2), await issue(connection)
    accounts = sorted([await make_account(promo="1") for _ in range(3)])
    made = [await redeem(platform, account_id, code) for account_id in accounts[:2]]
    with pytest.raises(CouponUsedUp):
        await redeem(platform, accounts[2], code)
    await redeem(platform, accounts[0], other)
    found, more = await list_redemptions(connection, code, after=None, limit=200)
    assert more is None
    assert found == [
        Redemption(
            account_id=entry.account_id,
            entry_seq=entry.seq,
            amount_nanos=5_000_000_000,
            recorded_at=entry.recorded_at,
        )
        for entry in made
    ]
    with pytest.raises(CouponUnknown):
        await list_redemptions(connection, code.upper(), after=None, limit=1)
