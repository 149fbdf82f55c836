"""What monthly statements are made of."""

from collections.abc import Sequence
from datetime import date, datetime

import msgspec
from psycopg.rows import class_row

from talktime.core.ledger import EntryKind
from talktime.core.statement import Line
from talktime.db.pool import Connection
from talktime.db.queries import query


class MonthStart(msgspec.Struct, frozen=True, kw_only=True):
    """When a month begins, and in which zone it does."""

    month: date
    starts_at: datetime
    zone: str


async def read_month_starts(
    connection: Connection, account_id: str, months: Sequence[date]
) -> dict[date, MonthStart]:
    """Where months were told to begin, as far as they were told of."""
    async with connection.cursor(row_factory=class_row(MonthStart)) as cursor:
        await cursor.execute(
            query("month_starts"), {"account_id": account_id, "months": list(months)}
        )
        return {found.month: found for found in await cursor.fetchall()}


async def keep_month_starts(
    connection: Connection, account_id: str, starts: Sequence[MonthStart]
) -> None:
    """Keep where months begin; what was kept before stands."""
    await connection.execute(
        query("keep_month_starts"),
        {
            "account_id": account_id,
            "months": [one.month for one in starts],
            "starts_at": [one.starts_at for one in starts],
            "zones": [one.zone for one in starts],
        },
    )


async def read_balances_before(
    connection: Connection, account_id: str, seqs: Sequence[int]
) -> list[tuple[int, int]]:
    """Promo and paid just before each of these entries, in nanos."""
    cursor = await connection.execute(
        query("balances_before"), {"account_id": account_id, "seq": list(seqs)}
    )
    return [(promo, paid) for promo, paid in await cursor.fetchall()]


async def read_sums(connection: Connection, account_id: str, low: int, high: int) -> list[Line]:
    """The entries numbered from ``low`` until before ``high`` by kind, calls left out."""
    cursor = await connection.execute(
        query("sums_beside_calls"), {"account_id": account_id, "low": low, "high": high}
    )
    return [
        Line(kind=EntryKind(kind), entries=entries, promo_nanos=promo, paid_nanos=paid)
        for kind, entries, promo, paid in await cursor.fetchall()
    ]


async def first_beside_calls(
    connection: Connection, account_id: str, low: int, high: int, *, limit: int
) -> list[int]:
    """Numbers of the first entries of those that are no calls."""
    cursor = await connection.execute(
        query("first_beside_calls"),
        {"account_id": account_id, "low": low, "high": high, "limit": limit},
    )
    return [seq for (seq,) in await cursor.fetchall()]
