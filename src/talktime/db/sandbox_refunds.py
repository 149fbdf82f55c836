"""What the sandbox, a payment provider of its own, knows of its refunds."""

from datetime import datetime

import msgspec
from psycopg.rows import class_row

from talktime.db.pool import Connection
from talktime.db.queries import query


class SandboxRefund(msgspec.Struct, frozen=True, kw_only=True):
    """Money that went back, in the sandbox's play."""

    account_id: str
    sandbox_refund_id: str
    checkout_id: str
    part_id: str | None
    """Whose wish it was: ours; None: a person's on the sandbox's own page."""
    amount_nanos: int
    status: str
    """pending, succeeded or failed."""


async def open_refund(
    connection: Connection,
    *,
    account_id: str,
    sandbox_refund_id: str,
    checkout_id: str,
    part_id: str | None,
    amount_nanos: int,
    now: datetime,
) -> SandboxRefund | None:
    """The refund, or the one that the same part has had; None where it is over the payment."""
    async with connection.cursor(row_factory=class_row(SandboxRefund)) as cursor:
        await cursor.execute(
            query("open_sandbox_refund"),
            {
                "account_id": account_id,
                "sandbox_refund_id": sandbox_refund_id,
                "checkout_id": checkout_id,
                "part_id": part_id,
                "amount_nanos": amount_nanos,
                "now": now,
            },
        )
        return await cursor.fetchone()


async def read_refunds(
    connection: Connection,
    account_id: str,
    *,
    checkout_id: str | None = None,
    sandbox_refund_id: str | None = None,
) -> list[SandboxRefund]:
    """Those of a checkout page, newest first, or the one of an id."""
    async with connection.cursor(row_factory=class_row(SandboxRefund)) as cursor:
        await cursor.execute(
            query("read_sandbox_refunds"),
            {
                "account_id": account_id,
                "checkout_id": checkout_id,
                "sandbox_refund_id": sandbox_refund_id,
            },
        )
        return await cursor.fetchall()


async def end_refund(
    connection: Connection, account_id: str, sandbox_refund_id: str, *, status: str
) -> SandboxRefund | None:
    """Let it succeed or fail; None where it can no longer."""
    async with connection.cursor(row_factory=class_row(SandboxRefund)) as cursor:
        await cursor.execute(
            query("end_sandbox_refund"),
            {
                "account_id": account_id,
                "sandbox_refund_id": sandbox_refund_id,
                "status": status,
            },
        )
        return await cursor.fetchone()
