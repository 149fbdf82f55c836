"""What moves between an account and its cards, as rows of several tables say."""

from collections.abc import Sequence
from datetime import datetime

from psycopg.rows import kwargs_row

from talktime.core.ledger import Entry, EntryKind
from talktime.core.money_move import MoveKind, MovePlace, OpenMove, OpenState
from talktime.db.pool import Connection
from talktime.db.queries import query


async def list_keys(
    connection: Connection,
    account_id: str,
    *,
    kinds: Sequence[MoveKind],
    before: MovePlace | None,
    limit: int,
) -> list[MovePlace]:
    """When each began, its kind and its reference: newest first, below ``before``."""
    at, kind, ref = before or (None, "", "")
    cursor = await connection.execute(
        query("list_money_moves"),
        {
            "account_id": account_id,
            "kinds": [one.value for one in kinds],
            "before_time": at,
            "before_kind": kind,
            "before_ref": ref,
            "limit": limit,
        },
    )
    return [(row[1], row[0], row[2]) for row in await cursor.fetchall()]


async def list_open(
    connection: Connection, account_id: str, *, since: datetime, limit: int, now: datetime
) -> list[OpenMove]:
    """What is under way, newest first; payments begun before ``since`` are not looked for."""
    async with connection.cursor(row_factory=kwargs_row(_open)) as cursor:
        await cursor.execute(
            query("list_open_moves"),
            {"account_id": account_id, "since": since, "limit": limit, "now": now},
        )
        return await cursor.fetchall()


async def read_entries_by_ref(
    connection: Connection, account_id: str, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Entry]:
    """Entries by kind and reference."""
    async with connection.cursor(row_factory=kwargs_row(_entry)) as cursor:
        await cursor.execute(
            query("entries_by_ref"),
            {
                "account_id": account_id,
                "kinds": [kind for kind, _ in keys],
                "refs": [ref for _, ref in keys],
            },
        )
        return {(entry.kind.value, entry.ref): entry for entry in await cursor.fetchall()}


def _open(*, kind: str, ref: str, amount_nanos: int, state: str) -> OpenMove:
    return OpenMove(kind=MoveKind(kind), ref=ref, amount_nanos=amount_nanos, state=OpenState(state))


def _entry(*, kind: str, **columns: object) -> Entry:
    return Entry(kind=EntryKind(kind), **columns)  # type: ignore[arg-type]
