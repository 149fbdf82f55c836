"""The platform's one-time links into the customer's pages; only hashes are kept."""

from datetime import datetime
from typing import NamedTuple

from talktime.core.member import Role
from talktime.db.pool import Connection
from talktime.db.queries import query


class UsedLink(NamedTuple):
    """As whom a link lets in, and which origin may frame the pages then."""

    role: Role
    frame_origin: str | None


async def write_link(
    connection: Connection,
    *,
    account_id: str,
    secret_sha256: bytes,
    role: Role,
    frame_origin: str | None,
    now: datetime,
    expires_at: datetime,
) -> bool:
    """Keep a link; False where there is no such account."""
    cursor = await connection.execute(
        query("write_portal_link"),
        {
            "account_id": account_id,
            "secret_sha256": secret_sha256,
            "role": role.value,
            "frame_origin": frame_origin,
            "now": now,
            "expires_at": expires_at,
        },
    )
    return await cursor.fetchone() is not None


async def use_link(
    connection: Connection, *, account_id: str, secret_sha256: bytes, now: datetime
) -> UsedLink | None:
    """Use a link up; None where it is unknown, used or expired."""
    cursor = await connection.execute(
        query("use_portal_link"),
        {"account_id": account_id, "secret_sha256": secret_sha256, "now": now},
    )
    row = await cursor.fetchone()
    return None if row is None else UsedLink(Role(row[0]), row[1])
