"""API keys as kept: by account and key id, with a hash of the secret."""

from datetime import datetime

import msgspec
from psycopg.rows import class_row

from talktime.db.pool import Connection
from talktime.db.queries import query


class KeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """A key with the hash of its secret; account_id is "" for a key of the platform."""

    account_id: str
    key_id: str
    secret_sha256: bytes
    name: str
    scopes: list[str]
    created_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


async def write_key(
    connection: Connection,
    *,
    account_id: str,
    key_id: str,
    secret_sha256: bytes,
    name: str,
    scopes: list[str],
    now: datetime,
) -> bool:
    """Keep a key; False where its account is not known, or has a key of this id."""
    cursor = await connection.execute(
        query("write_key"),
        {
            "account_id": account_id,
            "key_id": key_id,
            "secret_sha256": secret_sha256,
            "name": name,
            "scopes": scopes,
            "now": now,
        },
    )
    return cursor.rowcount == 1


async def read_key(connection: Connection, *, account_id: str, key_id: str) -> KeyRow | None:
    """A key by its id, revoked or not."""
    async with connection.cursor(row_factory=class_row(KeyRow)) as cursor:
        await cursor.execute(query("read_key"), {"account_id": account_id, "key_id": key_id})
        return await cursor.fetchone()


async def list_keys(
    connection: Connection, *, account_id: str, after: str, limit: int
) -> list[KeyRow]:
    """Keys in the order of their ids, after a given one."""
    async with connection.cursor(row_factory=class_row(KeyRow)) as cursor:
        await cursor.execute(
            query("list_keys"), {"account_id": account_id, "after": after, "limit": limit}
        )
        return await cursor.fetchall()


async def newest_keys(connection: Connection, *, account_id: str, limit: int) -> list[KeyRow]:
    """Keys of an account, those in force first, then the newest."""
    async with connection.cursor(row_factory=class_row(KeyRow)) as cursor:
        await cursor.execute(query("newest_keys"), {"account_id": account_id, "limit": limit})
        return await cursor.fetchall()


async def note_key_use(
    connection: Connection, *, account_id: str, key_id: str, now: datetime
) -> None:
    """Note that a key is in use."""
    await connection.execute(
        query("note_key_use"), {"account_id": account_id, "key_id": key_id, "now": now}
    )


async def revoke_key(
    connection: Connection, *, account_id: str, key_id: str, now: datetime
) -> bool:
    """Revoke a key; the first time stands. False where there is none."""
    cursor = await connection.execute(
        query("revoke_key"), {"account_id": account_id, "key_id": key_id, "now": now}
    )
    return cursor.rowcount == 1
