"""One-time links into the customer's pages and the sessions they open; only hashes are kept."""

from datetime import datetime

from talktime.db.pool import Connection
from talktime.db.queries import query


async def write_link(
    connection: Connection,
    *,
    account_id: str,
    secret_sha256: bytes,
    now: datetime,
    expires_at: datetime,
) -> bool:
    """Keep a link; False where there is no such account."""
    cursor = await connection.execute(
        query("write_portal_link"),
        {
            "account_id": account_id,
            "secret_sha256": secret_sha256,
            "now": now,
            "expires_at": expires_at,
        },
    )
    return await cursor.fetchone() is not None


async def use_link(
    connection: Connection, *, account_id: str, secret_sha256: bytes, now: datetime
) -> bool:
    """Use a link up; False where it is unknown, used or expired."""
    cursor = await connection.execute(
        query("use_portal_link"),
        {"account_id": account_id, "secret_sha256": secret_sha256, "now": now},
    )
    return await cursor.fetchone() is not None


async def open_session(
    connection: Connection,
    *,
    account_id: str,
    secret_sha256: bytes,
    now: datetime,
    expires_at: datetime,
) -> None:
    """Open a session, and forget the account's expired ones."""
    await connection.execute(query("drop_old_sessions"), {"account_id": account_id, "now": now})
    await connection.execute(
        query("open_session"),
        {
            "account_id": account_id,
            "secret_sha256": secret_sha256,
            "now": now,
            "expires_at": expires_at,
        },
    )


async def is_open(
    connection: Connection, *, account_id: str, secret_sha256: bytes, now: datetime
) -> bool:
    """Whether there is such a session and it has not expired."""
    cursor = await connection.execute(
        query("read_session"),
        {"account_id": account_id, "secret_sha256": secret_sha256, "now": now},
    )
    return await cursor.fetchone() is not None


async def close_session(connection: Connection, *, account_id: str, secret_sha256: bytes) -> None:
    """Close a session if it is open."""
    await connection.execute(
        query("close_session"), {"account_id": account_id, "secret_sha256": secret_sha256}
    )
