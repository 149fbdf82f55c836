"""What is written of payments, for a comparison with what their provider says."""

from collections.abc import Sequence
from datetime import datetime

from psycopg.rows import kwargs_row

from talktime.core.payment import Payment
from talktime.core.refund import RefundPart
from talktime.db.payments import payment_of
from talktime.db.pool import Connection
from talktime.db.queries import query
from talktime.db.refunds import part_of


async def list_payments_since(
    connection: Connection,
    *,
    provider: str,
    account_id: str | None,
    since: datetime,
    after: tuple[str, str],
    limit: int,
) -> Sequence[Payment]:
    """Payments begun since then, or open, or of which money going back was heard of since then, by
    account and id above ``after``."""
    async with connection.cursor(row_factory=kwargs_row(payment_of)) as cursor:
        await cursor.execute(
            query("list_payments_since"),
            {
                "provider": provider,
                "account_id": account_id,
                "since": since,
                "after_account": after[0],
                "after_id": after[1],
                "limit": limit,
            },
        )
        return await cursor.fetchall()


async def list_payment_parts(
    connection: Connection, account_id: str, payment_id: str
) -> Sequence[RefundPart]:
    """All that went back of a payment, or is to."""
    async with connection.cursor(row_factory=kwargs_row(part_of)) as cursor:
        await cursor.execute(
            query("list_payment_parts"), {"account_id": account_id, "payment_id": payment_id}
        )
        return await cursor.fetchall()
