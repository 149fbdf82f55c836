"""Disputes, as their rows say."""

from datetime import datetime

from psycopg.rows import kwargs_row

from talktime.core.dispute import Dispute, DisputeState
from talktime.db.pool import Connection
from talktime.db.queries import query

Place = tuple[datetime, str, str]
"""Of a dispute in lists: heard_at, account_id, dispute_id."""


async def list_disputes(
    connection: Connection, *, account_id: str | None, before: Place | None, limit: int
) -> list[Dispute]:
    """Disputes of one account or of all, the one heard of last first, below ``before``."""
    async with connection.cursor(row_factory=kwargs_row(_dispute)) as cursor:
        await cursor.execute(
            query("list_disputes"),
            {
                "account_id": account_id,
                "before_time": before and before[0],
                "before_account": before and before[1],
                "before_id": before and before[2],
                "limit": limit,
            },
        )
        return await cursor.fetchall()


def _dispute(*, state: str, **columns: object) -> Dispute:
    return Dispute(state=DisputeState(state), **columns)  # type: ignore[arg-type]
