"""Entries of the ledger read back, and those just posted."""

from psycopg.rows import kwargs_row

from talktime.core.ledger import Entry, EntryKind
from talktime.db.acts import EntryRow, EntryVerdict
from talktime.db.pool import Connection
from talktime.db.queries import query


async def list_entries(
    connection: Connection, account_id: str, *, before: int, kind: EntryKind | None, limit: int
) -> list[Entry]:
    """The next ``limit`` entries with a sequence number below ``before``, newest first."""
    async with connection.cursor(row_factory=kwargs_row(_read)) as cursor:
        await cursor.execute(
            query("list_entries"),
            {
                "account_id": account_id,
                "before": before,
                "kind": kind and kind.value,
                "limit": limit,
            },
        )
        return await cursor.fetchall()


def entry_of(row: EntryRow, verdict: EntryVerdict) -> Entry:
    """The entry that a row became, now or, where the verdict is ``repeated``, before."""
    assert verdict.seq is not None
    assert verdict.promo_delta_nanos is not None
    assert verdict.paid_delta_nanos is not None
    assert verdict.promo_after_nanos is not None
    assert verdict.paid_after_nanos is not None
    assert verdict.reserved_after_nanos is not None
    assert verdict.occurred_at is not None
    assert verdict.recorded_at is not None
    return Entry(
        account_id=row.account_id,
        seq=verdict.seq,
        kind=EntryKind(row.kind),
        ref=row.ref,
        promo_delta_nanos=verdict.promo_delta_nanos,
        paid_delta_nanos=verdict.paid_delta_nanos,
        promo_after_nanos=verdict.promo_after_nanos,
        paid_after_nanos=verdict.paid_after_nanos,
        reserved_after_nanos=verdict.reserved_after_nanos,
        occurred_at=verdict.occurred_at,
        recorded_at=verdict.recorded_at,
        note=row.note,
    )


def _read(*, kind: str, **columns: object) -> Entry:
    return Entry(kind=EntryKind(kind), **columns)  # type: ignore[arg-type]
