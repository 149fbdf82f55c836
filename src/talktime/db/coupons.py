"""Coupons: issued, judged, redeemed."""

from datetime import datetime

import msgspec
from psycopg.rows import class_row

from talktime.core.coupon import Coupon, Redemption
from talktime.core.ledger import Entry, EntryKind
from talktime.db.acts import EntryRow, EntryVerdict
from talktime.db.entries import entry_of
from talktime.db.pool import Connection
from talktime.db.queries import query


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """Whether an account could redeem a code, and what is known about the two; amounts in nanos."""

    # redeemable | account_unknown | coupon_unknown | coupon_wrong_case | coupon_already_redeemed
    # | coupon_expired | coupon_not_yet_valid | coupon_new_accounts_only | coupon_used_up
    verdict: str
    amount_nanos: int | None
    available_nanos: int | None


async def issue_coupon(connection: Connection, coupon: Coupon) -> bool:
    """Issue a coupon; False where its code is taken."""
    cursor = await connection.execute(
        query("issue_coupon"),
        {
            "code": coupon.code,
            "amount": coupon.amount_nanos,
            "max_redemptions": coupon.max_redemptions,
            "starts_at": coupon.starts_at,
            "ends_at": coupon.ends_at,
            "note": coupon.note,
            "only_account_id": coupon.only_account_id,
            "new_account_days": coupon.new_account_days,
            "now": coupon.created_at,
        },
    )
    return await cursor.fetchone() is not None


async def read_coupon(connection: Connection, code: str) -> Coupon | None:
    """The coupon with exactly this code."""
    async with connection.cursor(row_factory=class_row(Coupon)) as cursor:
        await cursor.execute(query("read_coupon"), {"code": code})
        return await cursor.fetchone()


async def list_coupons(connection: Connection, *, after: str, limit: int) -> list[Coupon]:
    """The next ``limit`` coupons whose codes come after ``after``."""
    async with connection.cursor(row_factory=class_row(Coupon)) as cursor:
        await cursor.execute(query("list_coupons"), {"after": after, "limit": limit})
        return await cursor.fetchall()


async def list_redemptions(
    connection: Connection, *, code: str, after: str, limit: int
) -> list[Redemption]:
    """The next ``limit`` accounts after ``after`` that redeemed a coupon."""
    async with connection.cursor(row_factory=class_row(Redemption)) as cursor:
        await cursor.execute(
            query("list_redemptions"), {"code": code, "after": after, "limit": limit}
        )
        return await cursor.fetchall()


async def find_redemption(
    connection: Connection, *, account_id: str, code: str
) -> Redemption | None:
    """The account's use of a coupon."""
    async with connection.cursor(row_factory=class_row(Redemption)) as cursor:
        await cursor.execute(query("find_redemption"), {"account_id": account_id, "code": code})
        return await cursor.fetchone()


async def judge_coupon(
    connection: Connection, *, account_id: str, code: str, now: datetime
) -> Judgement:
    """What a redemption would answer now; nothing is written."""
    cursor = await connection.execute(
        query("preview_coupon"), {"account_id": account_id, "code": code, "now": now}
    )
    row = await cursor.fetchone()
    assert row is not None
    return Judgement(verdict=row[0], amount_nanos=row[1], available_nanos=row[2])


async def redeem_coupon(
    connection: Connection, *, account_id: str, code: str, floor_nanos: int, now: datetime
) -> tuple[str, Entry | None]:
    """``redeemed`` with the entry, or the verdict against it, as in Judgement."""
    async with connection.cursor(row_factory=class_row(EntryVerdict)) as cursor:
        await cursor.execute(
            query("redeem_coupon"),
            {"now": now, "floor": floor_nanos, "account_id": account_id, "code": code},
        )
        verdict = await cursor.fetchone()
    assert verdict is not None
    if verdict.verdict != "redeemed":
        return verdict.verdict, None
    assert verdict.promo_delta_nanos is not None
    row = EntryRow(
        account_id=account_id,
        kind=EntryKind.COUPON.value,
        ref=code,
        promo_delta_nanos=verdict.promo_delta_nanos,
        paid_delta_nanos=0,
        occurred_at=now,
        note=None,
    )
    return verdict.verdict, entry_of(row, verdict)
