"""Adjustments: exact, with a reason, once per adjustment_id; promo never below zero."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import pytest

from talktime.core.errors import (
    AccountUnknown,
    InvalidAmount,
    InvalidInput,
    PromoInsufficient,
    ReferenceConflict,
    TalktimeError,
)
from talktime.core.ledger import Entry, EntryKind, replay
from talktime.core.money import MAX_NANOS
from talktime.db.pool import Connection
from talktime.ops.accounts import read_account
from talktime.ops.adjustments import post_adjustment
from talktime.ops.entries import list_entries
from talktime.ops.platform import Platform

MakeAccount = Callable[..., Awaitable[str]]


async def adjust(
    platform: Platform,
    account_id: str,
    adjustment_id: str = "adj-1",
    *,
    promo: int = 0,
    paid: int = 0,
    reason: str = "goodwill",
) -> tuple[Entry, bool]:
    async with platform.connection() as connection:
        return await post_adjustment(
            connection,
            account_id=account_id,
            adjustment_id=adjustment_id,
            promo_nanos=promo,
            paid_nanos=paid,
            reason=reason,
            terms=platform.terms,
            now=platform.clock(),
        )


async def state(platform: Platform, account_id: str) -> tuple[int, int, list[Entry]]:
    """(promo, paid, entries oldest first), the entries having been replayed."""
    async with platform.connection() as connection:
        account = await read_account(connection, account_id, now=platform.clock())
        page, _ = await list_entries(connection, account_id, before=None, kind=None, limit=200)
    entries = page[::-1]
    assert replay(entries) == []
    return account.promo_nanos, account.paid_nanos, entries


async def test_an_adjustment_moves_both_balances_in_one_entry(
    platform: Platform, make_account: MakeAccount
) -> None:
    """Both deltas, the balances after them and the reason stand in the entry."""
    account_id = await make_account()
    entry, created = await adjust(platform, account_id, promo=5, paid=-7, reason="typo of Monday")
    assert created
    assert entry.kind is EntryKind.ADJUSTMENT
    assert (entry.seq, entry.ref, entry.note) == (1, "adj-1", "typo of Monday")
    assert (entry.promo_delta_nanos, entry.paid_delta_nanos, entry.amount_nanos) == (5, -7, -2)
    assert (entry.promo_after_nanos, entry.paid_after_nanos) == (5, -7)
    assert await state(platform, account_id) == (5, -7, [entry])


async def test_promo_can_be_taken_to_zero_and_not_below(
    platform: Platform, make_account: MakeAccount
) -> None:
    """The last nano can go; one more is refused and nothing is written, the paid part neither."""
    account_id = await make_account(promo="0.000000002")
    await adjust(platform, account_id, "one", promo=-1)
    before = await state(platform, account_id)
    with pytest.raises(PromoInsufficient):
        await adjust(platform, account_id, "two", promo=-2, paid=10)
    assert await state(platform, account_id) == before
    await adjust(platform, account_id, "three", promo=-1)
    assert (await state(platform, account_id))[0] == 0


async def test_paid_may_go_below_zero(platform: Platform, make_account: MakeAccount) -> None:
    """A correction may leave a debt, and promo does not repay it."""
    account_id = await make_account(promo="1", paid="1")
    await adjust(platform, account_id, paid=-3_000_000_000)
    promo, paid, _ = await state(platform, account_id)
    assert (promo, paid) == (1_000_000_000, -2_000_000_000)


async def test_the_same_adjustment_again_is_the_same_entry(
    platform: Platform, make_account: MakeAccount
) -> None:
    """A repeat answers the first entry, even where promo has been spent since."""
    account_id = await make_account(promo="1")
    first, _ = await adjust(platform, account_id, "take", promo=-600_000_000)
    again, created = await adjust(platform, account_id, "take", promo=-600_000_000)
    assert not created
    assert again == first
    assert (await state(platform, account_id))[0] == 400_000_000


@pytest.mark.parametrize("other", [{"paid": 2}, {"promo": 1}, {"reason": "another"}])
async def test_an_adjustment_id_with_other_facts_is_refused(
    platform: Platform, make_account: MakeAccount, other: dict[str, object]
) -> None:
    """What was posted stays what it was."""
    account_id = await make_account()
    await adjust(platform, account_id, paid=1)
    before = await state(platform, account_id)
    with pytest.raises(ReferenceConflict):
        await adjust(platform, account_id, **{"paid": 1, **other})  # type: ignore[arg-type]
    assert await state(platform, account_id) == before


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({}, "paid"),
        ({"paid": 1, "reason": ""}, "reason"),
        ({"paid": 1, "reason": " \n"}, "reason"),
        ({"paid": 1, "reason": "x" * 501}, "reason"),
        ({"paid": 1, "reason": "a\x00b"}, "reason"),
        ({"paid": 1, "adjustment_id": ""}, "adjustment_id"),
        ({"paid": 1, "adjustment_id": "x" * 201}, "adjustment_id"),
        ({"paid": 1, "adjustment_id": "a\nb"}, "adjustment_id"),
        ({"paid": MAX_NANOS + 1}, "paid"),
        ({"promo": -MAX_NANOS - 1}, "promo"),
    ],
)
async def test_an_adjustment_without_sense_writes_nothing(
    platform: Platform, make_account: MakeAccount, facts: dict[str, object], field: str
) -> None:
    """Nothing to move, no reason, no id: refused by the name of the field."""
    account_id = await make_account()
    with pytest.raises(InvalidInput) as refused:
        await adjust(platform, account_id, **facts)  # type: ignore[arg-type]
    assert refused.value.field == field
    assert await state(platform, account_id) == (0, 0, [])


async def test_an_unknown_account_cannot_be_adjusted(platform: Platform) -> None:
    """Money needs an account."""
    with pytest.raises(AccountUnknown):
        await adjust(platform, "acct-nobody", paid=1)


async def test_adjustments_at_once_take_no_more_promo_than_there_is(
    platform: Platform, make_account: MakeAccount
) -> None:
    """Eight connections take 0.3 of a promo of 1: three succeed, five are refused."""
    account_id = await make_account(promo="1")
    answers = await asyncio.gather(
        *(adjust(platform, account_id, f"take-{n}", promo=-300_000_000) for n in range(8)),
        return_exceptions=True,
    )
    refused = [answer for answer in answers if isinstance(answer, TalktimeError)]
    assert [type(answer) for answer in refused] == [PromoInsufficient] * 5
    assert (await state(platform, account_id))[0] == 100_000_000


async def test_one_adjustment_sent_at_once_is_posted_once(
    platform: Platform, make_account: MakeAccount
) -> None:
    """Eight connections send the same adjustment: one entry, eight equal answers."""
    account_id = await make_account()
    answers = await asyncio.gather(*(adjust(platform, account_id, paid=5) for _ in range(8)))
    assert sorted(created for _, created in answers) == [False] * 7 + [True]
    assert await state(platform, account_id) == (0, 5, [answers[0][0]])


async def test_the_ledger_cannot_be_rewritten(
    connection: Connection, make_account: MakeAccount, now: datetime
) -> None:
    """The application's own role may not change or delete an entry."""
    account_id = await make_account(paid="1")
    for statement in (
        b"UPDATE entry SET paid_delta_nanos = 2 WHERE account_id = %s",
        b"DELETE FROM entry WHERE account_id = %s",
    ):
        with pytest.raises(Exception, match="permission denied"):
            await connection.execute(statement, [account_id])
    account = await read_account(connection, account_id, now=now)
    assert account.paid_nanos == 1_000_000_000


async def test_no_balance_grows_beyond_belief(
    connection: Connection, make_account: MakeAccount, platform: Platform, now: datetime
) -> None:
    """Ten million a time adds up to a hundred million dollars and no further, up or down."""
    for sign in (1, -1):
        account_id = await make_account()
        for n in range(10):
            await post_adjustment(
                connection,
                account_id=account_id,
                adjustment_id=f"{n}",
                promo_nanos=0,
                paid_nanos=sign * MAX_NANOS,
                reason="again",
                terms=platform.terms,
                now=now,
            )
        with pytest.raises(InvalidAmount):
            await post_adjustment(
                connection,
                account_id=account_id,
                adjustment_id="one too many",
                promo_nanos=0,
                paid_nanos=sign,
                reason="again",
                terms=platform.terms,
                now=now,
            )
        account = await read_account(connection, account_id, now=now)
        assert account.paid_nanos == sign * 10 * MAX_NANOS
