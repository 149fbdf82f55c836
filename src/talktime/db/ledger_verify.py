"""What an audit reads: accounts, entries, calls and roll-ups in key order, a page at a time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import msgspec
from psycopg import IsolationLevel
from psycopg.rows import class_row

from talktime.core.audit import Posting
from talktime.core.call import Call
from talktime.core.ledger import Entry, EntryKind
from talktime.db.calls import call_of
from talktime.db.pool import Connection
from talktime.db.queries import query

CALL_COLUMNS = len(Call.__struct_fields__)


class AccountFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What an account's row says; amounts in nanos."""

    account_id: str
    promo_nanos: int
    paid_nanos: int
    held_nanos: int
    entry_seq: int


class BookedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry, and the entry that its call points at (None: no such call, or not a call)."""

    entry: Entry
    call_entry_seq: int | None


class RollupFault(msgspec.Struct, frozen=True, kw_only=True):
    """A quarter of an hour whose roll-up is not the sum of its charged calls."""

    account_id: str
    bucket_start: datetime
    kept_calls: int
    kept_nanos: int
    summed_calls: int
    summed_nanos: int


class RefundFault(msgspec.Struct, frozen=True, kw_only=True):
    """A figure that an account's refunds and disputes do not add up to; in nanos."""

    account_id: str
    what: str
    kept: int
    summed: int


class MoneyBackOddity(msgspec.Struct, frozen=True, kw_only=True):
    """What went back of a payment as the provider tells it, and an operator is to look at."""

    account_id: str
    payment_id: str
    what: str
    """overdrawn: more of it than was paid; refund, dispute: of other money than was credited;
    doubted: a dispute that gave again nobody knows how much of what it took; taken_again:
    a dispute that was taken once more after what it gave again was credited."""
    ref: str
    """The provider's id of the refund or dispute."""
    nanos: int
    paid_nanos: int


class CouponFault(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon whose count is not the number of entries that redeemed it."""

    code: str
    redemptions: int
    entries: int


@asynccontextmanager
async def one_snapshot(connection: Connection) -> AsyncIterator[None]:
    """All reading in the block sees one moment, whatever others write meanwhile."""
    await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
    await connection.set_read_only(True)
    try:
        async with connection.transaction():
            yield
    finally:
        await connection.set_isolation_level(None)
        await connection.set_read_only(None)


async def read_figures(
    connection: Connection, *, after: str, wanted: str | None, limit: int
) -> list[AccountFigures]:
    """A page of accounts by id."""
    async with connection.cursor(row_factory=class_row(AccountFigures)) as cursor:
        await cursor.execute(
            query("audit_accounts"), {"after": after, "wanted": wanted, "limit": limit}
        )
        return await cursor.fetchall()


async def read_entries(
    connection: Connection, *, after: tuple[str, int], last_account: str, limit: int
) -> list[BookedEntry]:
    """A page of entries by (account, seq), up to and with one account."""
    cursor = await connection.execute(
        query("audit_entries"),
        {
            "after_account": after[0],
            "after_seq": after[1],
            "last_account": last_account,
            "limit": limit,
        },
    )
    return [
        BookedEntry(
            entry=Entry(
                account_id=row[0],
                seq=row[1],
                kind=EntryKind(row[2]),
                ref=row[3],
                promo_delta_nanos=row[4],
                paid_delta_nanos=row[5],
                promo_after_nanos=row[6],
                paid_after_nanos=row[7],
                reserved_after_nanos=row[8],
                occurred_at=row[9],
                recorded_at=row[10],
            ),
            call_entry_seq=row[11],
        )
        for row in await cursor.fetchall()
    ]


async def read_calls(
    connection: Connection, *, after: tuple[str, str], last_account: str, limit: int
) -> list[tuple[Call, Posting | None]]:
    """A page of calls by key with the entry each points at, up to and with one account."""
    cursor = await connection.execute(
        query("audit_calls"),
        {
            "after_account": after[0],
            "after_call": after[1],
            "last_account": last_account,
            "limit": limit,
        },
    )
    found: list[tuple[Call, Posting | None]] = []
    for row in await cursor.fetchall():
        seq, kind, ref, promo_delta, paid_delta = row[CALL_COLUMNS:]
        posting = None
        if seq is not None:
            posting = Posting(
                seq=seq,
                kind=kind,
                ref=ref,
                promo_delta_nanos=promo_delta,
                paid_delta_nanos=paid_delta,
            )
        found.append((call_of(row[:CALL_COLUMNS]), posting))
    return found


async def read_rollup_faults(
    connection: Connection, *, first_account: str, last_account: str
) -> list[RollupFault]:
    """The roll-ups of some accounts that are not the sums of their charged calls."""
    async with connection.cursor(row_factory=class_row(RollupFault)) as cursor:
        await cursor.execute(
            query("audit_rollups"), {"first_account": first_account, "last_account": last_account}
        )
        return await cursor.fetchall()


async def read_listing_faults(
    connection: Connection, *, first_account: str, last_account: str
) -> list[tuple[str, str, bool]]:
    """(account_id, call_id, listed) of calls that are open and not listed so, or the other way."""
    cursor = await connection.execute(
        query("audit_open_calls"), {"first_account": first_account, "last_account": last_account}
    )
    return [(row[0], row[1], row[2]) for row in await cursor.fetchall()]


async def read_refund_faults(
    connection: Connection, *, first_account: str, last_account: str
) -> list[RefundFault]:
    """What some accounts, payments and entries say went back, where it is not what did."""
    async with connection.cursor(row_factory=class_row(RefundFault)) as cursor:
        await cursor.execute(
            query("audit_refunds"), {"first_account": first_account, "last_account": last_account}
        )
        return await cursor.fetchall()


async def read_money_back_oddities(
    connection: Connection, *, first_account: str, last_account: str
) -> list[MoneyBackOddity]:
    """What went back of some accounts' payments beyond what was paid or credited."""
    async with connection.cursor(row_factory=class_row(MoneyBackOddity)) as cursor:
        await cursor.execute(
            query("audit_money_back"),
            {"first_account": first_account, "last_account": last_account},
        )
        return await cursor.fetchall()


async def read_coupon_faults(connection: Connection) -> list[CouponFault]:
    """The coupons that were redeemed another number of times than they count."""
    async with connection.cursor(row_factory=class_row(CouponFault)) as cursor:
        await cursor.execute(query("audit_coupons"))
        return await cursor.fetchall()
