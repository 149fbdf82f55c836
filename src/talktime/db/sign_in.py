"""Links by e-mail: kept, looked at, used up; only hashes are kept."""

from datetime import datetime
from typing import NamedTuple

from talktime.db.pool import Connection
from talktime.db.queries import query


class SentLink(NamedTuple):
    """Whom a link lets in, and where they wanted to go."""

    address: str
    next_path: str


async def write_link(
    connection: Connection,
    *,
    secret_sha256: bytes,
    address: str,
    next_path: str,
    now: datetime,
    expires_at: datetime,
) -> None:
    """Keep a link sent to an address."""
    await connection.execute(
        query("write_sign_in_link"),
        {
            "secret_sha256": secret_sha256,
            "address": address,
            "next_path": next_path,
            "now": now,
            "expires_at": expires_at,
        },
    )


async def read_link(
    connection: Connection, *, secret_sha256: bytes, now: datetime
) -> SentLink | None:
    """A link that can still be used; None where it is unknown, used or expired."""
    cursor = await connection.execute(
        query("read_sign_in_link"), {"secret_sha256": secret_sha256, "now": now}
    )
    row = await cursor.fetchone()
    return None if row is None else SentLink(*row)


async def use_link(
    connection: Connection, *, secret_sha256: bytes, now: datetime
) -> SentLink | None:
    """Use a link up; None as read_link."""
    cursor = await connection.execute(
        query("use_sign_in_link"), {"secret_sha256": secret_sha256, "now": now}
    )
    row = await cursor.fetchone()
    return None if row is None else SentLink(*row)
