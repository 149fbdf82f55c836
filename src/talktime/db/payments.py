"""Payments by card, as their rows say."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

from psycopg.rows import kwargs_row

from talktime.core.payment import Payment, PaymentOrigin, PaymentStatus
from talktime.db.pool import Connection
from talktime.db.queries import query

Place: TypeAlias = tuple[datetime, str, str]
"""Of a payment in lists: when it was begun, its account, its id."""


async def open_payment(
    connection: Connection,
    *,
    account_id: str,
    payment_id: str,
    provider: str,
    amount_nanos: int,
    now: datetime,
    expires_at: datetime,
    return_url: str | None = None,
) -> bool:
    """Write a new payment down; False where its id is taken or there is no such account."""
    cursor = await connection.execute(
        query("open_payment"),
        {
            "account_id": account_id,
            "payment_id": payment_id,
            "provider": provider,
            "amount_nanos": amount_nanos,
            "now": now,
            "expires_at": expires_at,
            "return_url": return_url,
        },
    )
    return await cursor.fetchone() is not None


async def note_checkout(
    connection: Connection, *, account_id: str, payment_id: str, checkout_id: str, checkout_url: str
) -> None:
    """Keep the page of a payment that has none yet."""
    await connection.execute(
        query("note_checkout"),
        {
            "account_id": account_id,
            "payment_id": payment_id,
            "checkout_id": checkout_id,
            "checkout_url": checkout_url,
        },
    )


async def note_attempt(
    connection: Connection, *, account_id: str, payment_id: str, failure: str | None
) -> bool:
    """Keep why an attempt failed; False where the payment is not open."""
    cursor = await connection.execute(
        query("note_attempt"),
        {"account_id": account_id, "payment_id": payment_id, "failure": failure},
    )
    return await cursor.fetchone() is not None


async def close_payment(
    connection: Connection,
    *,
    account_id: str,
    payment_id: str,
    status: PaymentStatus,
    failure: str | None,
    now: datetime,
) -> bool:
    """End an open payment without money; False where it is not open."""
    cursor = await connection.execute(
        query("close_payment"),
        {
            "account_id": account_id,
            "payment_id": payment_id,
            "status": status.value,
            "failure": failure,
            "now": now,
        },
    )
    return await cursor.fetchone() is not None


async def read_payment(connection: Connection, account_id: str, payment_id: str) -> Payment | None:
    """One payment."""
    async with connection.cursor(row_factory=kwargs_row(payment_of)) as cursor:
        await cursor.execute(
            query("read_payment"), {"account_id": account_id, "payment_id": payment_id}
        )
        return await cursor.fetchone()


async def list_payments(
    connection: Connection,
    account_id: str | None,
    *,
    status: PaymentStatus | None,
    before: Place | None,
    limit: int,
) -> Sequence[Payment]:
    """Payments of one account or of all, newest first, below ``before``."""
    async with connection.cursor(row_factory=kwargs_row(payment_of)) as cursor:
        await cursor.execute(
            query("list_payments"),
            {
                "account_id": account_id,
                "status": status,
                "before_time": before[0] if before else None,
                "before_account": before[1] if before else None,
                "before_id": before[2] if before else None,
                "limit": limit,
            },
        )
        return await cursor.fetchall()


async def claim_open_payments(
    connection: Connection,
    *,
    provider: str,
    after: timedelta,
    young_after: timedelta,
    limit: int,
    now: datetime,
) -> Sequence[Payment]:
    """Open payments not asked about for ``after``, or for a quarter of their age where that is less
    but at least ``young_after``; longest ago first. They count as asked about now."""
    async with connection.cursor(row_factory=kwargs_row(payment_of)) as cursor:
        await cursor.execute(
            query("claim_open_payments"),
            {
                "provider": provider,
                "after": after,
                "young_after": young_after,
                "limit": limit,
                "now": now,
            },
        )
        return await cursor.fetchall()


async def expire_strange_payments(
    connection: Connection, *, provider: str | None, before: datetime, now: datetime
) -> None:
    """End open payments of other providers that could be paid until ``before``."""
    await connection.execute(
        query("expire_strange_payments"), {"provider": provider, "before": before, "now": now}
    )


async def count_open_payments(connection: Connection, account_id: str, *, but: str) -> int:
    """How many payments wait to be paid on a page, ``but`` not counted."""
    cursor = await connection.execute(
        query("count_open_payments"), {"account_id": account_id, "but": but}
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def credit_payment(
    connection: Connection,
    *,
    account_id: str,
    payment_id: str,
    intent_id: str | None,
    amount_nanos: int,
    floor_nanos: int,
    now: datetime,
) -> tuple[str, int | None]:
    """The verdict, and the number of the entry that credits the payment.

    Verdicts: credited, repeated (by the same money), paid_twice (by other money), amount_differs,
    payment_unknown, balance_too_large.
    """
    cursor = await connection.execute(
        query("credit_payment"),
        {
            "account_id": account_id,
            "payment_id": payment_id,
            "intent_id": intent_id,
            "amount_nanos": amount_nanos,
            "floor_nanos": floor_nanos,
            "now": now,
        },
    )
    row = await cursor.fetchone()
    assert row is not None
    return row[0], row[1]


async def read_payments(
    connection: Connection, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Payment]:
    """Payments by account and id; what is not there is left out."""
    async with connection.cursor(row_factory=kwargs_row(payment_of)) as cursor:
        await cursor.execute(
            query("read_payments"),
            {"account_ids": [key[0] for key in keys], "payment_ids": [key[1] for key in keys]},
        )
        found = await cursor.fetchall()
    return {(payment.account_id, payment.payment_id): payment for payment in found}


def payment_of(*, status: str, origin: str, **columns: object) -> Payment:
    """A payment from its columns."""
    return Payment(
        status=PaymentStatus(status),
        origin=PaymentOrigin(origin),
        **columns,  # type: ignore[arg-type]
    )
