"""Refunds and disputes, as their rows say."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from psycopg.rows import kwargs_row

from talktime.core.refund import PartStatus, Refund, RefundPart, RefundStatus
from talktime.db.pool import Connection
from talktime.db.queries import query

Place = tuple[datetime, str, str]
"""Of a refund in lists: asked_at, account_id, refund_id."""


async def read_refundable(connection: Connection, account_id: str, provider: str) -> int | None:
    """Nanos that can go back, in whole cents; None where there is no such account."""
    cursor = await connection.execute(
        query("refundable"), {"account_id": account_id, "provider": provider}
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def ask_refund(
    connection: Connection,
    *,
    account_id: str,
    refund_id: str,
    provider: str,
    amount_nanos: int | None,
    reason: str,
    now: datetime,
) -> tuple[str, int]:
    """The verdict, and what could go back in nanos.

    Verdicts: asked, repeated, reference_conflict, refund_open, refund_too_much, account_unknown.
    """
    cursor = await connection.execute(
        query("ask_refund"),
        {
            "account_id": account_id,
            "refund_id": refund_id,
            "provider": provider,
            "amount_nanos": amount_nanos,
            "reason": reason,
            "now": now,
        },
    )
    row = await cursor.fetchone()
    assert row is not None
    return row[0], row[1] or 0


async def approve_refund(
    connection: Connection, *, account_id: str, refund_id: str, floor_nanos: int, now: datetime
) -> tuple[str, int]:
    """The verdict, and what could go back before it in nanos.

    Verdicts: approved, repeated, refund_decided, refund_too_much, refund_unknown.
    """
    cursor = await connection.execute(
        query("approve_refund"),
        {
            "account_id": account_id,
            "refund_id": refund_id,
            "floor_nanos": floor_nanos,
            "now": now,
        },
    )
    row = await cursor.fetchone()
    assert row is not None
    return row[0], row[1] or 0


async def decline_refund(
    connection: Connection, *, account_id: str, refund_id: str, answer: str, now: datetime
) -> bool:
    """Say no; False where it is not waiting for an answer."""
    cursor = await connection.execute(
        query("decline_refund"),
        {"account_id": account_id, "refund_id": refund_id, "answer": answer, "now": now},
    )
    return await cursor.fetchone() is not None


async def read_refund(connection: Connection, account_id: str, refund_id: str) -> Refund | None:
    """One refund with its parts."""
    async with connection.cursor(row_factory=kwargs_row(_refund)) as cursor:
        await cursor.execute(
            query("read_refund"), {"account_id": account_id, "refund_id": refund_id}
        )
        found = await cursor.fetchall()
    return (await _with_parts(connection, found))[0] if found else None


async def list_refunds(
    connection: Connection,
    *,
    account_id: str | None,
    status: RefundStatus | None,
    before: Place | None,
    limit: int,
) -> list[Refund]:
    """Refunds of one account or of all, newest first, below ``before``, with their parts."""
    async with connection.cursor(row_factory=kwargs_row(_refund)) as cursor:
        await cursor.execute(
            query("list_refunds"),
            {
                "account_id": account_id,
                "status": status and status.value,
                "before_time": before and before[0],
                "before_account": before and before[1],
                "before_id": before and before[2],
                "limit": limit,
            },
        )
        found = await cursor.fetchall()
    return await _with_parts(connection, found)


async def list_direct_refunds(
    connection: Connection, account_id: str, *, limit: int
) -> list[RefundPart]:
    """What was begun at the provider itself, newest first."""
    async with connection.cursor(row_factory=kwargs_row(part_of)) as cursor:
        await cursor.execute(
            query("list_direct_refunds"), {"account_id": account_id, "limit": limit}
        )
        return await cursor.fetchall()


async def read_refunds(
    connection: Connection, account_id: str, refund_ids: Sequence[str]
) -> list[Refund]:
    """Some refunds of an account, with their parts, in no order."""
    async with connection.cursor(row_factory=kwargs_row(_refund)) as cursor:
        await cursor.execute(
            query("read_refunds"), {"account_id": account_id, "refund_ids": list(refund_ids)}
        )
        found = await cursor.fetchall()
    return await _with_parts(connection, found)


async def read_direct_refunds(
    connection: Connection, account_id: str, part_ids: Sequence[str]
) -> list[RefundPart]:
    """Some of what was begun at the provider itself, in no order."""
    async with connection.cursor(row_factory=kwargs_row(part_of)) as cursor:
        await cursor.execute(
            query("read_direct_refunds"), {"account_id": account_id, "part_ids": list(part_ids)}
        )
        return await cursor.fetchall()


async def list_unfinished_parts(
    connection: Connection, *, account_id: str | None, before: datetime, limit: int
) -> list[RefundPart]:
    """What was begun at the provider itself before then and is not finished, the oldest first."""
    async with connection.cursor(row_factory=kwargs_row(part_of)) as cursor:
        await cursor.execute(
            query("list_unfinished_parts"),
            {"account_id": account_id, "before": before, "limit": limit},
        )
        return await cursor.fetchall()


async def claim_due_parts(
    connection: Connection, *, provider: str, now: datetime, again_at: datetime, limit: int
) -> list[RefundPart]:
    """Parts about which the provider is to be asked now; nobody else gets them until again_at."""
    async with connection.cursor(row_factory=kwargs_row(part_of)) as cursor:
        await cursor.execute(
            query("claim_due_refund_parts"),
            {"provider": provider, "now": now, "again_at": again_at, "limit": limit},
        )
        return await cursor.fetchall()


async def delay_part(
    connection: Connection, part: RefundPart, *, due_at: datetime, failure: str
) -> None:
    """Ask about it again later, and keep why."""
    await connection.execute(
        query("delay_refund_part"),
        {
            "account_id": part.account_id,
            "part_id": part.part_id,
            "due_at": due_at,
            "failure": failure,
        },
    )


async def settle_refund(
    connection: Connection,
    *,
    account_id: str,
    payment_id: str,
    intent_id: str,
    part_id: str | None,
    provider_refund_id: str,
    amount_nanos: int,
    status: PartStatus,
    failure: str | None,
    due_at: datetime,
    floor_nanos: int,
    now: datetime,
) -> tuple[str, bool]:
    """The verdict: settled, amount_differs, payment_unknown; and whether a refund that was begun at
    the provider is first heard of by this, or heard to have ended."""
    cursor = await connection.execute(
        query("settle_refund"),
        {
            "account_id": account_id,
            "payment_id": payment_id,
            "intent_id": intent_id,
            "part_id": part_id,
            "provider_refund_id": provider_refund_id,
            "amount_nanos": amount_nanos,
            "status": status.value,
            "failure": failure,
            "due_at": due_at,
            "floor_nanos": floor_nanos,
            "now": now,
        },
    )
    row = await cursor.fetchone()
    assert row is not None
    return str(row[0]), bool(row[1])


async def give_up_part(
    connection: Connection, part: RefundPart, *, failure: str, floor_nanos: int, now: datetime
) -> bool:
    """Release what was set aside for it; False where the provider has sent it after all."""
    cursor = await connection.execute(
        query("give_up_refund_part"),
        {
            "account_id": part.account_id,
            "part_id": part.part_id,
            "failure": failure,
            "floor_nanos": floor_nanos,
            "now": now,
        },
    )
    row = await cursor.fetchone()
    assert row is not None
    return bool(row[0])


async def _with_parts(connection: Connection, found: Sequence[Refund]) -> list[Refund]:
    parts: dict[tuple[str, str | None], list[RefundPart]] = {}
    async with connection.cursor(row_factory=kwargs_row(part_of)) as cursor:
        await cursor.execute(
            query("read_refund_parts"),
            {
                "account_ids": [refund.account_id for refund in found],
                "refund_ids": [refund.refund_id for refund in found],
            },
        )
        for part in await cursor.fetchall():
            parts.setdefault((part.account_id, part.refund_id), []).append(part)
    return [
        msgspec.structs.replace(
            refund, parts=tuple(parts.get((refund.account_id, refund.refund_id), ()))
        )
        for refund in found
    ]


def _refund(*, status: str, **columns: object) -> Refund:
    return Refund(status=RefundStatus(status), **columns)  # type: ignore[arg-type]


def part_of(*, status: str, **columns: object) -> RefundPart:
    return RefundPart(status=PartStatus(status), **columns)  # type: ignore[arg-type]
