"""Disputes, as their rows say."""

from datetime import datetime

import msgspec
from psycopg.rows import class_row, kwargs_row

from talktime.core.dispute import Dispute, DisputeState
from talktime.db.pool import Connection
from talktime.db.queries import query

Place = tuple[datetime, str, str]
"""Of a dispute in lists: heard_at, account_id, dispute_id."""


class WaitingDispute(msgspec.Struct, frozen=True, kw_only=True):
    """A dispute of which the provider is to say what was taken and what was given again."""

    account_id: str
    dispute_id: str
    payment_id: str
    intent_id: str


async def list_disputes(
    connection: Connection,
    *,
    account_id: str | None,
    payment_id: str | None = None,
    dispute_id: str | None = None,
    before: Place | None,
    limit: int,
) -> list[Dispute]:
    """Disputes of one account or of all, or of one payment of it, the one heard of last first,
    below ``before``."""
    async with connection.cursor(row_factory=kwargs_row(_dispute)) as cursor:
        await cursor.execute(
            query("list_disputes"),
            {
                "account_id": account_id,
                "payment_id": payment_id,
                "dispute_id": dispute_id,
                "before_time": before and before[0],
                "before_account": before and before[1],
                "before_id": before and before[2],
                "limit": limit,
            },
        )
        return await cursor.fetchall()


async def settle_dispute(
    connection: Connection,
    *,
    account_id: str,
    payment_id: str,
    intent_id: str,
    dispute_id: str,
    withdrawn_nanos: int | None,
    reinstated_nanos: int | None,
    due_at: datetime,
    floor_nanos: int,
    now: datetime,
) -> str:
    """The verdict: settled, doubted, never_credited, overdrawn, amount_differs, payment_unknown."""
    cursor = await connection.execute(
        query("settle_dispute"),
        {
            "account_id": account_id,
            "payment_id": payment_id,
            "intent_id": intent_id,
            "dispute_id": dispute_id,
            "withdrawn_nanos": withdrawn_nanos,
            "reinstated_nanos": reinstated_nanos,
            "due_at": due_at,
            "floor_nanos": floor_nanos,
            "now": now,
        },
    )
    row = await cursor.fetchone()
    assert row is not None
    return str(row[0])


async def note_taken_again(
    connection: Connection, *, account_id: str, dispute_id: str, now: datetime
) -> bool:
    """It was taken again, by the provider's word; False where nothing given again was credited."""
    cursor = await connection.execute(
        query("note_taken_again"),
        {"account_id": account_id, "dispute_id": dispute_id, "now": now},
    )
    return await cursor.fetchone() is not None


async def claim_due_disputes(
    connection: Connection, *, provider: str, now: datetime, again_at: datetime, limit: int
) -> list[WaitingDispute]:
    """Disputes about which the provider is to be asked now."""
    async with connection.cursor(row_factory=class_row(WaitingDispute)) as cursor:
        await cursor.execute(
            query("claim_due_disputes"),
            {"provider": provider, "now": now, "again_at": again_at, "limit": limit},
        )
        return await cursor.fetchall()


async def end_asking(
    connection: Connection, dispute: WaitingDispute, *, doubted_before: datetime
) -> bool:
    """The provider has told all of it, and is asked no more, unless that is in doubt since later;
    True where it is given up in doubt."""
    cursor = await connection.execute(
        query("end_asking_about_dispute"),
        {
            "account_id": dispute.account_id,
            "dispute_id": dispute.dispute_id,
            "doubted_before": doubted_before,
        },
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


def _dispute(*, state: str, **columns: object) -> Dispute:
    return Dispute(state=DisputeState(state), **columns)  # type: ignore[arg-type]
