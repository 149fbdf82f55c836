"""Coupons: case-sensitive, previewed, credited exactly once per account and never too often."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from talktime.core.coupon import COUPON_MAX_NANOS, Coupon
from talktime.core.errors import (
    AccountUnknown,
    CouponAlreadyRedeemed,
    CouponExists,
    CouponExpired,
    CouponNotYetValid,
    CouponUnknown,
    CouponUsedUp,
    InvalidInput,
    TalktimeError,
    TooManyAttempts,
)
from talktime.core.ledger import Entry, EntryKind
from talktime.db.pool import Connection
from talktime.ops.coupons import (
    CouponPreview,
    create_coupon,
    list_coupons,
    preview_coupon,
    redeem_coupon,
)
from talktime.ops.entries import list_entries
from talktime.ops.guesses import COUPON_CODES
from talktime.ops.platform import Platform

MakeAccount = Callable[..., Awaitable[str]]
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


async def issue(connection: Connection, **facts: Any) -> str:
    """A fresh coupon of $5 unless told otherwise; its code."""
    coupon = Coupon(
        **{
            "code": f"Summer-{uuid.uuid4().hex}",
            "amount_nanos": 5_000_000_000,
            "created_at": NOON,
            **facts,
        }
    )
    await create_coupon(connection, coupon)
    return coupon.code


async def redeem(
    platform: Platform,
    account_id: str,
    code: str,
    *,
    now: datetime = NOON,
) -> Entry:
    async with platform.connection() as connection:
        return await redeem_coupon(
            connection,
            account_id=account_id,
            code=code,
            terms=platform.terms,
            now=now,
        )


async def preview(
    platform: Platform, account_id: str, code: str, *, now: datetime = NOON
) -> CouponPreview:
    async with platform.connection() as connection:
        return await preview_coupon(connection, account_id=account_id, code=code, now=now)


async def entries_of(platform: Platform, account_id: str) -> list[Entry]:
    async with platform.connection() as connection:
        page, _ = await list_entries(connection, account_id, before=None, kind=None, limit=200)
    return page


async def redemptions(platform: Platform, code: str) -> int:
    async with platform.connection() as connection:
        [coupon], _ = await list_coupons(connection, after=code[:-1], limit=1)
    assert coupon.code == code
    return coupon.redemptions


async def test_a_redeemed_coupon_is_promo_credit(
    platform: Platform, connection: Connection, make_account: MakeAccount
) -> None:
    """Confirming credits exactly what the preview told, as promo, in one entry."""
    account_id = await make_account(promo="1", paid="-0.5")
    code = await issue(connection)
    seen = await preview(platform, account_id, code)
    assert seen == CouponPreview(
        code=code, bonus_nanos=5_000_000_000, available_after_nanos=5_500_000_000
    )
    assert len(await entries_of(platform, account_id)) == 1
    entry = await redeem(platform, account_id, code)
    assert (entry.kind, entry.ref) == (EntryKind.COUPON, code)
    assert (entry.promo_delta_nanos, entry.paid_delta_nanos) == (5_000_000_000, 0)
    assert (entry.promo_after_nanos, entry.paid_after_nanos) == (6_000_000_000, -500_000_000)
    assert entry.available_after_nanos == seen.available_after_nanos
    assert (await entries_of(platform, account_id))[0] == entry
    assert await redemptions(platform, code) == 1


@pytest.mark.parametrize(
    ("facts", "refusal"),
    [
        ({"starts_at": NOON + timedelta(seconds=1)}, CouponNotYetValid),
        ({"ends_at": NOON}, CouponExpired),
        ({"ends_at": NOON - timedelta(days=1)}, CouponExpired),
    ],
)
async def test_a_coupon_counts_only_in_its_time(
    platform: Platform,
    connection: Connection,
    make_account: MakeAccount,
    facts: dict[str, Any],
    refusal: type[TalktimeError],
) -> None:
    """Before its start it is not yet valid, from its end on it has expired; neither credits."""
    account_id = await make_account()
    code = await issue(connection, **facts)
    for act in (preview, redeem):
        with pytest.raises(refusal):
            await act(platform, account_id, code)
    assert await entries_of(platform, account_id) == []
    assert await redemptions(platform, code) == 0


async def test_a_coupon_counts_from_its_start_to_just_before_its_end(
    platform: Platform, connection: Connection, make_account: MakeAccount
) -> None:
    """The start is in, the end is out."""
    code = await issue(connection, starts_at=NOON, ends_at=NOON + timedelta(hours=1))
    await redeem(platform, await make_account(), code, now=NOON)
    last = NOON + timedelta(hours=1, microseconds=-1)
    await redeem(platform, await make_account(), code, now=last)
    assert await redemptions(platform, code) == 2


async def test_an_account_redeems_a_coupon_once(
    platform: Platform, connection: Connection, make_account: MakeAccount
) -> None:
    """A second time is refused in words of its own, even where the coupon is used up or over."""
    account_id = await make_account()
    code = await issue(connection, max_redemptions=1, ends_at=NOON + timedelta(hours=1))
    await redeem(platform, account_id, code)
    for at in (NOON, NOON + timedelta(hours=2)):
        for act in (preview, redeem):
            with pytest.raises(CouponAlreadyRedeemed):
                await act(platform, account_id, code, now=at)
    assert len(await entries_of(platform, account_id)) == 1


async def test_a_used_up_coupon_is_refused(
    platform: Platform, connection: Connection, make_account: MakeAccount
) -> None:
    """After the last use the next account gets nothing."""
    code = await issue(connection, max_redemptions=1)
    await redeem(platform, await make_account(), code)
    late = await make_account()
    for act in (preview, redeem):
        with pytest.raises(CouponUsedUp):
            await act(platform, late, code)
    assert await entries_of(platform, late) == []


async def test_the_letter_case_of_a_code_matters(
    platform: Platform, connection: Connection, make_account: MakeAccount
) -> None:
    """Another spelling is another code: here an unknown one, there a coupon of its own."""
    account_id = await make_account()
    code = await issue(connection)
    with pytest.raises(CouponUnknown):
        await redeem(platform, account_id, code.upper())
    await issue(connection, code=code.upper(), amount_nanos=1)
    assert (await redeem(platform, account_id, code.upper())).amount_nanos == 1
    assert (await redeem(platform, account_id, code)).amount_nanos == 5_000_000_000


@pytest.mark.parametrize("code", ["", "no", "x" * 65, "a b", "a\x00b", "💸💸💸", "%%%", "' OR 1=1"])
async def test_what_can_be_no_code_is_unknown(
    platform: Platform, make_account: MakeAccount, code: str
) -> None:
    """Whatever is typed, the answer is that there is no such coupon."""
    account_id = await make_account()
    for act in (preview, redeem):
        with pytest.raises(CouponUnknown):
            await act(platform, account_id, code)


async def test_an_unknown_account_redeems_nothing(
    platform: Platform, connection: Connection
) -> None:
    """The use stays for somebody else."""
    code = await issue(connection, max_redemptions=1)
    for act in (preview, redeem):
        with pytest.raises(AccountUnknown):
            await act(platform, "acct-nobody", code)
    assert await redemptions(platform, code) == 0


async def test_accounts_racing_for_the_last_use_get_it_once(
    platform: Platform, connection: Connection, make_account: MakeAccount
) -> None:
    """Two accounts over two connections, again and again: one is credited, the other refused."""
    for _ in range(10):
        code = await issue(connection, max_redemptions=1)
        racers = [await make_account() for _ in range(2)]
        answers = await asyncio.gather(
            *(redeem(platform, account_id, code) for account_id in racers), return_exceptions=True
        )
        assert sorted(type(answer).__name__ for answer in answers) == ["CouponUsedUp", "Entry"]
        credited = [len(await entries_of(platform, account_id)) for account_id in racers]
        assert sorted(credited) == [0, 1]
        assert await redemptions(platform, code) == 1


async def test_one_account_redeeming_at_once_is_credited_once(
    platform: Platform, connection: Connection, make_account: MakeAccount
) -> None:
    """The same code over eight connections: exactly one entry and one use."""
    account_id = await make_account()
    code = await issue(connection)
    answers = await asyncio.gather(
        *(redeem(platform, account_id, code) for _ in range(8)), return_exceptions=True
    )
    kinds = sorted(type(answer).__name__ for answer in answers)
    assert kinds == ["CouponAlreadyRedeemed"] * 7 + ["Entry"]
    [entry] = await entries_of(platform, account_id)
    assert entry.promo_after_nanos == 5_000_000_000
    assert await redemptions(platform, code) == 1


async def test_guessing_codes_is_slowed_down(
    platform: Platform, connection: Connection, make_account: MakeAccount
) -> None:
    """After too many unknown codes even a right one must wait; other accounts need not."""
    account_id, other = await make_account(), await make_account()
    code = await issue(connection)
    for n in range(COUPON_CODES.most):
        with pytest.raises(CouponUnknown):
            await redeem(platform, account_id, f"guess-{n}")
    with pytest.raises(TooManyAttempts) as refused:
        await redeem(platform, account_id, code)
    assert refused.value.retry_after == COUPON_CODES.window // timedelta(seconds=1) + 1
    assert await entries_of(platform, account_id) == []
    await redeem(platform, other, code)
    await redeem(platform, account_id, code, now=NOON + COUPON_CODES.window)


async def test_a_burst_of_guesses_gets_no_more_than_the_limit(
    platform: Platform, make_account: MakeAccount
) -> None:
    """Fifty wrong codes at once: as many are looked at as one after the other."""
    account_id = await make_account()
    answers = await asyncio.gather(
        *(redeem(platform, account_id, f"guess-{n}") for n in range(50)), return_exceptions=True
    )
    looked_at = [one for one in answers if isinstance(one, CouponUnknown)]
    waiting = [one for one in answers if isinstance(one, TooManyAttempts)]
    assert (len(looked_at), len(waiting)) == (COUPON_CODES.most, 50 - COUPON_CODES.most)


async def test_refusals_that_reveal_no_code_are_no_guesses(
    platform: Platform, connection: Connection, make_account: MakeAccount
) -> None:
    """Clicking redeem again and again locks nobody out."""
    account_id = await make_account()
    code = await issue(connection)
    await redeem(platform, account_id, code)
    for _ in range(COUPON_CODES.most + 1):
        with pytest.raises(CouponAlreadyRedeemed):
            await redeem(platform, account_id, code)


async def test_the_same_coupon_again_is_the_same_coupon(connection: Connection) -> None:
    """A repeat answers it as it stands; its time of creation is the first one."""
    first = Coupon(code=f"C-{uuid.uuid4().hex}", amount_nanos=1, note="booth", created_at=NOON)
    assert await create_coupon(connection, first) == (first, True)
    later = msgspec.structs.replace(first, created_at=NOON + timedelta(days=1))
    assert await create_coupon(connection, later) == (first, False)


@pytest.mark.parametrize(
    "other",
    [
        {"amount_nanos": 2},
        {"max_redemptions": 5},
        {"starts_at": NOON},
        {"ends_at": NOON},
        {"note": "another"},
        {"new_account_days": 7},
    ],
)
async def test_a_code_with_other_facts_is_refused(
    connection: Connection, other: dict[str, Any]
) -> None:
    """What was issued stays what it was."""
    first = Coupon(code=f"C-{uuid.uuid4().hex}", amount_nanos=1, created_at=NOON)
    await create_coupon(connection, first)
    with pytest.raises(CouponExists):
        await create_coupon(connection, msgspec.structs.replace(first, **other))
    assert await create_coupon(connection, first) == (first, False)


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"code": "ab"}, "code"),
        ({"code": "a" * 65}, "code"),
        ({"code": "a b c"}, "code"),
        ({"code": "ünder"}, "code"),
        ({"code": "abc\n"}, "code"),
        ({"amount_nanos": 0}, "amount"),
        ({"amount_nanos": -1}, "amount"),
        ({"amount_nanos": COUPON_MAX_NANOS + 1}, "amount"),
        ({"max_redemptions": 0}, "max_redemptions"),
        ({"max_redemptions": 10**9 + 1}, "max_redemptions"),
        ({"starts_at": NOON, "ends_at": NOON}, "ends_at"),
        ({"note": "x" * 501}, "note"),
        ({"new_account_days": 0}, "new_account_days"),
        ({"new_account_days": 3_651}, "new_account_days"),
    ],
)
async def test_a_coupon_without_sense_is_not_issued(
    connection: Connection, facts: dict[str, Any], field: str
) -> None:
    """The refusal names the field, and no coupon is there afterwards."""
    code = str(facts.get("code", f"C-{uuid.uuid4().hex}"))
    with pytest.raises(InvalidInput) as refused:
        await issue(connection, **{"code": code, **facts})
    assert refused.value.field == field
    found, _ = await list_coupons(connection, after=code[:-1], limit=1)
    assert code not in {coupon.code for coupon in found}
