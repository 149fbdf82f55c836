"""Browser sessions: opened, found, listed and closed; only a hash of the secret is kept."""

from datetime import datetime

from psycopg.rows import class_row, kwargs_row

from talktime.core.member import Role
from talktime.core.session import Session, SignedIn
from talktime.db.pool import Connection
from talktime.db.queries import query


async def open_session(
    connection: Connection,
    *,
    account_id: str,
    secret_sha256: bytes,
    session_id: str,
    address: str | None,
    role: Role | None,
    user_agent: str,
    framed_by: str | None,
    now: datetime,
    expires_at: datetime,
) -> None:
    """Open a session, of a person (address) or of a link (role); the account's expired ones go."""
    await connection.execute(query("drop_old_sessions"), {"account_id": account_id, "now": now})
    await connection.execute(
        query("open_session"),
        {
            "account_id": account_id,
            "secret_sha256": secret_sha256,
            "session_id": session_id,
            "address": address,
            "role": role and role.value,
            "user_agent": user_agent,
            "framed_by": framed_by,
            "now": now,
            "expires_at": expires_at,
        },
    )


async def read_session(
    connection: Connection,
    *,
    account_id: str,
    secret_sha256: bytes,
    now: datetime,
    idle_since: datetime,
) -> Session | None:
    """The session, if it is open; a person's closes when it was not seen after ``idle_since``."""
    async with connection.cursor(row_factory=kwargs_row(_session_of)) as cursor:
        await cursor.execute(
            query("read_session"),
            {
                "account_id": account_id,
                "secret_sha256": secret_sha256,
                "now": now,
                "idle_since": idle_since,
            },
        )
        return await cursor.fetchone()


async def touch_session(
    connection: Connection, *, account_id: str, secret_sha256: bytes, now: datetime
) -> None:
    """Note that a session is in use."""
    await connection.execute(
        query("touch_session"),
        {"account_id": account_id, "secret_sha256": secret_sha256, "now": now},
    )


async def close_session(connection: Connection, *, account_id: str, secret_sha256: bytes) -> None:
    """Close a session if it is open."""
    await connection.execute(
        query("close_session"), {"account_id": account_id, "secret_sha256": secret_sha256}
    )


async def sessions_of_person(
    connection: Connection, address: str, *, now: datetime, idle_since: datetime, limit: int
) -> list[SignedIn]:
    """Where a person is signed in, on all accounts."""
    async with connection.cursor(row_factory=class_row(SignedIn)) as cursor:
        await cursor.execute(
            query("sessions_of_person"),
            {"address": address, "now": now, "idle_since": idle_since, "limit": limit},
        )
        return await cursor.fetchall()


async def sessions_by_link(
    connection: Connection, account_id: str, *, now: datetime, limit: int
) -> list[SignedIn]:
    """The open sessions of an account that links opened."""
    async with connection.cursor(row_factory=class_row(SignedIn)) as cursor:
        await cursor.execute(
            query("sessions_by_link"), {"account_id": account_id, "now": now, "limit": limit}
        )
        return await cursor.fetchall()


async def end_sessions_of_person(
    connection: Connection, address: str, *, session_id: str | None
) -> int:
    """Close a person's sessions on all accounts, or the one named; answers how many."""
    cursor = await connection.execute(
        query("end_sessions_of_person"), {"address": address, "session_id": session_id}
    )
    return cursor.rowcount


async def end_sessions_by_link(
    connection: Connection, account_id: str, *, session_id: str | None
) -> int:
    """Close an account's sessions that links opened, or the one named; answers how many."""
    cursor = await connection.execute(
        query("end_sessions_by_link"), {"account_id": account_id, "session_id": session_id}
    )
    return cursor.rowcount


def _session_of(*, role: str, **columns: object) -> Session:
    return Session(role=Role(role), **columns)  # type: ignore[arg-type]
