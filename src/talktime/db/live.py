"""What a live feed reads: whether anything changed on some accounts, and what.

Every query takes all accounts that are listened to at once.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from psycopg.rows import class_row, kwargs_row

from talktime.core.account import Account
from talktime.core.ledger import Entry
from talktime.core.ratecard import Channel
from talktime.core.refusal import Refusal
from talktime.db.accounts import account_of
from talktime.db.entries import entry_read
from talktime.db.pool import Connection
from talktime.db.queries import query


class Pulse(msgspec.Struct, frozen=True, kw_only=True):
    """The part of an account that moves with everything that happens on it."""

    account_id: str
    event_seq: int
    promo_nanos: int
    paid_nanos: int
    held_nanos: int
    refund_reserved_nanos: int
    status: str


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """One event of the outbox; ``ref`` is the call id or the entry's reference."""

    account_id: str
    event_seq: int
    kind: str
    ref: str
    entry_seq: int | None


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A running call in short."""

    account_id: str
    call_id: str
    revision: int
    last_heard_at: datetime
    lease_ms: int


async def read_pulses(connection: Connection, account_ids: Sequence[str]) -> dict[str, Pulse]:
    """By account id; unknown accounts are absent."""
    async with connection.cursor(row_factory=class_row(Pulse)) as cursor:
        await cursor.execute(query("live_pulses"), {"account_id": list(account_ids)}, prepare=True)
        return {pulse.account_id: pulse for pulse in await cursor.fetchall()}


async def read_accounts(
    connection: Connection, account_ids: Sequence[str], *, now: datetime
) -> dict[str, Account]:
    """By account id; the month is the one that ``now`` lies in."""
    async with connection.cursor(row_factory=kwargs_row(account_of)) as cursor:
        await cursor.execute(
            query("live_accounts"), {"account_id": list(account_ids), "now": now}, prepare=True
        )
        return {account.account_id: account for account in await cursor.fetchall()}


async def read_events(
    connection: Connection, spans: Sequence[tuple[str, int, int]], *, since: datetime
) -> list[Happened]:
    """The events of spans (account id, after one, up to another), recorded since a moment."""
    async with connection.cursor(row_factory=class_row(Happened)) as cursor:
        await cursor.execute(
            query("live_events"),
            {
                "account_id": [account_id for account_id, _, _ in spans],
                "after": [after for _, after, _ in spans],
                "upto": [upto for _, _, upto in spans],
                "since": since,
            },
            prepare=True,
        )
        return await cursor.fetchall()


async def read_entries(
    connection: Connection, keys: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], Entry]:
    """Entries by (account id, seq)."""
    async with connection.cursor(row_factory=kwargs_row(entry_read)) as cursor:
        await cursor.execute(
            query("live_entries"),
            {"account_id": [key[0] for key in keys], "seq": [key[1] for key in keys]},
            prepare=True,
        )
        return {(entry.account_id, entry.seq): entry for entry in await cursor.fetchall()}


async def read_refusals(
    connection: Connection, keys: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], Refusal]:
    """Refusals by (account id, event seq)."""
    async with connection.cursor(row_factory=kwargs_row(_refusal_of)) as cursor:
        await cursor.execute(
            query("live_refusals"),
            {"account_id": [key[0] for key in keys], "event_seq": [key[1] for key in keys]},
            prepare=True,
        )
        return {(one.account_id, one.event_seq): one for one in await cursor.fetchall()}


async def read_running(
    connection: Connection, account_ids: Sequence[str], *, limit: int
) -> list[Running]:
    """At most ``limit`` running calls of some accounts, by account and call id."""
    async with connection.cursor(row_factory=class_row(Running)) as cursor:
        await cursor.execute(
            query("live_calls"), {"account_id": list(account_ids), "limit": limit}, prepare=True
        )
        return await cursor.fetchall()


def _refusal_of(*, channel: str, **columns: object) -> Refusal:
    return Refusal(channel=Channel(channel), **columns)  # type: ignore[arg-type]
