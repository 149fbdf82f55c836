"""What the sandbox, a payment provider of its own, knows of its checkout pages."""

from datetime import datetime

import msgspec
from psycopg.rows import class_row

from talktime.db.pool import Connection
from talktime.db.queries import query


class SandboxPage(msgspec.Struct, frozen=True, kw_only=True):
    """One checkout page."""

    account_id: str
    checkout_id: str
    payment_id: str
    amount_nanos: int
    success_url: str
    cancel_url: str
    status: str
    """open, paid or expired."""


async def open_checkout(
    connection: Connection,
    *,
    account_id: str,
    checkout_id: str,
    payment_id: str,
    amount_nanos: int,
    success_url: str,
    cancel_url: str,
    now: datetime,
) -> str:
    """The id of the payment's page: the given one, or the one it has had before."""
    cursor = await connection.execute(
        query("open_sandbox_checkout"),
        {
            "account_id": account_id,
            "checkout_id": checkout_id,
            "payment_id": payment_id,
            "amount_nanos": amount_nanos,
            "success_url": success_url,
            "cancel_url": cancel_url,
            "now": now,
        },
    )
    row = await cursor.fetchone()
    assert row is not None
    return str(row[0])


async def read_checkout(
    connection: Connection, account_id: str, checkout_id: str
) -> SandboxPage | None:
    """One page."""
    async with connection.cursor(row_factory=class_row(SandboxPage)) as cursor:
        await cursor.execute(
            query("read_sandbox_checkout"), {"account_id": account_id, "checkout_id": checkout_id}
        )
        return await cursor.fetchone()


async def end_checkout(
    connection: Connection, account_id: str, checkout_id: str, *, status: str
) -> bool:
    """Pay or expire an open page; False where it is not open."""
    cursor = await connection.execute(
        query("end_sandbox_checkout"),
        {"account_id": account_id, "checkout_id": checkout_id, "status": status},
    )
    return await cursor.fetchone() is not None
