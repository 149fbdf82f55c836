"""Messages to people, as rows."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import TypeAlias
from uuid import UUID

import msgspec
from psycopg.rows import class_row, kwargs_row

from talktime.core.member import MailKind
from talktime.core.message import Message, MessageKind, MessageState
from talktime.db.pool import Connection
from talktime.db.queries import query

MessageKey: TypeAlias = tuple[str, UUID]
"""Account id and message id."""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A message that nobody has in hand yet; locked until the transaction ends."""

    account_id: str
    message_id: UUID
    kind: str
    recipient: str | None
    created_at: datetime


class WarnedBalance(msgspec.Struct, frozen=True, kw_only=True):
    """A balance that fell below its warning level, as the message about it says."""

    account_id: str
    message_id: UUID
    available: str
    """US dollars, after the entry that crossed; as is the floor."""
    floor: str
    held_nanos: int
    """Set aside now."""
    status: str


async def write_message(
    connection: Connection,
    *,
    account_id: str,
    kind: MessageKind,
    ref: str,
    recipient: str | None,
    facts: Mapping[str, str],
    now: datetime,
) -> None:
    """Write a message, unless it was written before."""
    await connection.execute(
        query("write_message"),
        {
            "account_id": account_id,
            "kind": kind.value,
            "ref": ref,
            "recipient": recipient,
            "facts": msgspec.json.encode(facts).decode(),
            "now": now,
        },
    )


async def take_waiting(connection: Connection, *, limit: int) -> list[Waiting]:
    """Lock messages that wait and are of a kind that we know, oldest first."""
    async with connection.cursor(row_factory=class_row(Waiting)) as cursor:
        kinds = [kind.value for kind in MessageKind]
        await cursor.execute(query("waiting_messages"), {"kinds": kinds, "limit": limit})
        return await cursor.fetchall()


async def read_warned_balances(
    connection: Connection, keys: Sequence[MessageKey]
) -> list[WarnedBalance]:
    """What these warnings of a low balance say, beside what is set aside."""
    async with connection.cursor(row_factory=class_row(WarnedBalance)) as cursor:
        await cursor.execute(
            query("warned_balances"),
            {"account_id": [key[0] for key in keys], "message_id": [key[1] for key in keys]},
        )
        return await cursor.fetchall()


async def spread_messages(
    connection: Connection,
    messages: Sequence[tuple[MessageKey, MailKind | None, Mapping[str, str]]],
) -> list[MessageKey]:
    """Make of each message one to every member who made that choice, or to every owner, with
    these facts beside its own."""
    cursor = await connection.execute(
        query("spread_messages"),
        {
            "account_id": [key[0] for key, _, _ in messages],
            "message_id": [key[1] for key, _, _ in messages],
            "choice": [choice and choice.value for _, choice, _ in messages],
            "facts": [msgspec.json.encode(facts).decode() for _, _, facts in messages],
        },
    )
    return [(row[0], row[1]) for row in await cursor.fetchall()]


async def move_messages(
    connection: Connection, moves: Sequence[tuple[MessageKey, MessageState, str | None]]
) -> None:
    """Move messages given as (key, state, reason)."""
    await connection.execute(
        query("move_messages"),
        {
            "account_id": [key[0] for key, _, _ in moves],
            "message_id": [key[1] for key, _, _ in moves],
            "state": [state.value for _, state, _ in moves],
            "reason": [reason for _, _, reason in moves],
        },
    )


async def read_message(connection: Connection, key: MessageKey) -> Message | None:
    async with connection.cursor(row_factory=kwargs_row(_message)) as cursor:
        await cursor.execute(query("read_message"), _named(key))
        return await cursor.fetchone()


async def record_sent(
    connection: Connection, key: MessageKey, *, forgotten: Collection[str], now: datetime
) -> None:
    """Record that a message was handed over, without the facts to be forgotten."""
    await connection.execute(
        query("record_sent"), {**_named(key), "forgotten": list(forgotten), "now": now}
    )


async def record_failure(
    connection: Connection, key: MessageKey, *, state: MessageState, reason: str
) -> None:
    await connection.execute(
        query("record_failure"), {**_named(key), "state": state.value, "reason": reason}
    )


async def resend_message(connection: Connection, key: MessageKey) -> bool:
    """Let a message be handed over anew; False where it is on its way."""
    cursor = await connection.execute(query("resend_message"), _named(key))
    return cursor.rowcount == 1


async def list_messages(
    connection: Connection,
    *,
    account_id: str | None,
    state: MessageState | None,
    below: Message | None,
    limit: int,
) -> list[Message]:
    """Messages to single people, newest first, beginning after one."""
    async with connection.cursor(row_factory=kwargs_row(_message)) as cursor:
        await cursor.execute(
            query("list_messages"),
            {
                "account_id": account_id,
                "state": state and state.value,
                "below_time": below and below.created_at,
                "below_id": below and below.message_id,
                "limit": limit,
            },
        )
        return await cursor.fetchall()


async def count_messages(connection: Connection) -> dict[MessageState, int]:
    """How many messages there are in each state that has not ended well."""
    cursor = await connection.execute(query("count_messages"))
    return {MessageState(row[0]): row[1] for row in await cursor.fetchall()}


async def weekly_readers(
    connection: Connection,
    *,
    after: tuple[str, str],
    morning: time,
    catch_up: timedelta,
    now: datetime,
    limit: int,
) -> list[tuple[str, str, date]]:
    """Account and address of members whose weekly summary is due and not written, and the Monday:
    ``morning`` has come on their account's clocks, and not ``catch_up`` passed since."""
    cursor = await connection.execute(
        query("weekly_readers"),
        {
            "after_account": after[0],
            "after_address": after[1],
            "morning": morning,
            "catch_up": catch_up,
            "now": now,
            "limit": limit,
        },
    )
    return [(row[0], row[1], row[2]) for row in await cursor.fetchall()]


async def statement_readers(
    connection: Connection, *, after: str, since: datetime, limit: int
) -> list[str]:
    """Accounts where somebody chose mail of money in and heard of no statement since a moment."""
    cursor = await connection.execute(
        query("statement_readers"), {"after_account": after, "since": since, "limit": limit}
    )
    return [row[0] for row in await cursor.fetchall()]


async def delete_messages(connection: Connection, *, before: datetime, limit: int) -> int:
    """Forget settled messages older than a moment."""
    cursor = await connection.execute(query("delete_messages"), {"before": before, "limit": limit})
    return cursor.rowcount


async def readmit_messages(connection: Connection, *, before: datetime) -> int:
    """Let messages wait again that are older than a moment and have no job."""
    cursor = await connection.execute(query("readmit_messages"), {"before": before})
    return cursor.rowcount


def _named(key: MessageKey) -> dict[str, object]:
    return {"account_id": key[0], "message_id": key[1]}


def _message(**columns: object) -> Message:
    return msgspec.convert(columns, Message)
