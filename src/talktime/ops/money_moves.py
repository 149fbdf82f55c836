"""All that moves between an account and its cards, in one list."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from talktime.core.money_move import (
    CHARGEBACK_KINDS,
    MoneyMove,
    MoveKind,
    MovePlace,
    OpenMove,
)
from talktime.db import money_moves, refunds
from talktime.db.payments import read_payments
from talktime.db.pool import Connection
from talktime.ops.accounts import check_limit

OPEN_FOR: Final = timedelta(days=15)
"""How far back a payment is looked for that has not come to its end: banks take up to two weeks."""
OPEN_SHOWN_MAX: Final = 20


async def list_moves(
    connection: Connection,
    account_id: str,
    *,
    kinds: Collection[MoveKind],
    before: MovePlace | None,
    limit: int,
) -> tuple[list[MoneyMove], MovePlace | None]:
    """A page of at most ``limit`` (1 to 200), newest first, and where to go on below.

    Each kind of row is read at most once, by the keys that one query finds.
    """
    check_limit(limit)
    keys = await money_moves.list_keys(
        connection, account_id, kinds=sorted(kinds), before=before, limit=limit + 1
    )
    page = keys[:limit]
    return await _read(connection, account_id, page), page[-1] if len(keys) > limit else None


async def list_open_moves(
    connection: Connection, account_id: str, *, now: datetime
) -> Sequence[OpenMove]:
    """What is under way, newest first, OPEN_SHOWN_MAX at most."""
    return await money_moves.list_open(
        connection, account_id, since=now - OPEN_FOR, limit=OPEN_SHOWN_MAX, now=now
    )


async def _read(
    connection: Connection, account_id: str, keys: Sequence[MovePlace]
) -> list[MoneyMove]:
    refs: dict[MoveKind, list[str]] = {}
    for _, kind, ref in keys:
        refs.setdefault(MoveKind(kind), []).append(ref)
    found: dict[tuple[str, str], object] = {}
    if paid := refs.get(MoveKind.TOP_UP):
        payments = await read_payments(connection, [(account_id, ref) for ref in paid])
        found |= {(MoveKind.TOP_UP, ref): one for (_, ref), one in payments.items()}
    if asked := refs.get(MoveKind.REFUND):
        for refund in await refunds.read_refunds(connection, account_id, asked):
            found[MoveKind.REFUND, refund.refund_id] = refund
    if direct := refs.get(MoveKind.DIRECT_REFUND):
        for part in await refunds.read_direct_refunds(connection, account_id, direct):
            found[MoveKind.DIRECT_REFUND, part.part_id] = part
    taken = [(kind, ref) for _, kind, ref in keys if MoveKind(kind) in CHARGEBACK_KINDS]
    if taken:
        found |= await money_moves.read_entries_by_ref(connection, account_id, taken)
    return [
        MoneyMove(kind=MoveKind(kind), moved_at=at, ref=ref, about=found[kind, ref])  # type: ignore[arg-type]
        for at, kind, ref in keys
    ]
