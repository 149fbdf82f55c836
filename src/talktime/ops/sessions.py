"""Sessions: opened by a link, found by their token, listed, and closed one by one or everywhere.

A token reads ``<account part>.<secret>``; ``core.secret`` tells both.
"""

from datetime import datetime, timedelta
from typing import Final

from talktime.core.member import Role
from talktime.core.secret import account_part, read_account_part, sha256_of
from talktime.core.session import Session, SignedIn
from talktime.db import sessions
from talktime.db.pool import Connection

LINK_SESSION_LIFE: Final = timedelta(hours=12)
"""Of a session that the platform's link opened, whatever is done in it."""
PERSON_IDLE: Final = timedelta(hours=12)
"""A person's session ends when it was not used for so long,"""
PERSON_SESSION_LIFE: Final = timedelta(days=30)
"""and at the latest after this."""
SEEN_EVERY: Final = timedelta(minutes=1)
USER_AGENT_MAX: Final = 200
SESSIONS_SHOWN_MAX: Final = 100
TOKEN_MAX: Final = 512


async def open_session(
    connection: Connection,
    *,
    account_id: str,
    address: str | None,
    role: Role | None,
    framed_by: str | None = None,
    secret: str,
    session_id: str,
    user_agent: str,
    now: datetime,
) -> str:
    """Open a session of a person (``address``) or of a link (``role``); its token.

    ``secret`` and ``session_id`` are of the caller's making and always new: whatever token a
    browser had before is worth nothing.
    """
    life = LINK_SESSION_LIFE if address is None else PERSON_SESSION_LIFE
    await sessions.open_session(
        connection,
        account_id=account_id,
        secret_sha256=sha256_of(secret),
        session_id=session_id,
        address=address,
        role=role,
        user_agent="".join(filter(str.isprintable, user_agent))[:USER_AGENT_MAX],
        framed_by=framed_by,
        now=now,
        expires_at=now + life,
    )
    return token_of(account_id, secret)


async def read_session(connection: Connection, token: str, *, now: datetime) -> Session | None:
    """The session that a token stands for; None where it is none that is open."""
    account_id, secret_sha256 = parts_of(token)
    if account_id is None:
        return None
    return await sessions.read_session(
        connection,
        account_id=account_id,
        secret_sha256=secret_sha256,
        now=now,
        idle_since=now - PERSON_IDLE,
    )


async def use_session(connection: Connection, token: str, *, now: datetime) -> Session | None:
    """As read_session, for somebody who is there: noted, at most once a minute."""
    session = await read_session(connection, token, now=now)
    if session is not None and session.last_seen_at <= now - SEEN_EVERY:
        account_id, secret_sha256 = parts_of(token)
        assert account_id is not None
        await sessions.touch_session(
            connection, account_id=account_id, secret_sha256=secret_sha256, now=now
        )
    return session


async def close_session(connection: Connection, token: str) -> None:
    """Close a session; one that is not open stays closed."""
    account_id, secret_sha256 = parts_of(token)
    if account_id is not None:
        await sessions.close_session(connection, account_id=account_id, secret_sha256=secret_sha256)


async def list_sessions(
    connection: Connection, account_id: str, *, address: str | None, now: datetime
) -> list[SignedIn]:
    """Where a person is signed in, on all accounts; without a person (``address`` is None), the
    sessions of this account that the platform's links opened. At most SESSIONS_SHOWN_MAX."""
    if address is None:
        return await sessions.sessions_by_link(
            connection, account_id, now=now, limit=SESSIONS_SHOWN_MAX
        )
    return await sessions.sessions_of_person(
        connection, address, now=now, idle_since=now - PERSON_IDLE, limit=SESSIONS_SHOWN_MAX
    )


async def end_sessions(
    connection: Connection, account_id: str, *, address: str | None, session_id: str | None = None
) -> int:
    """Close all sessions that list_sessions would show, or the one named; answers how many."""
    if address is None:
        return await sessions.end_sessions_by_link(connection, account_id, session_id=session_id)
    return await sessions.end_sessions_of_person(connection, address, session_id=session_id)


def token_of(account_id: str, secret: str) -> str:
    """What a browser keeps, or a link carries."""
    return f"{account_part(account_id)}.{secret}"


def account_of(token: str) -> str | None:
    """The account that the token of a session or of a link is of; None for what is no token."""
    return parts_of(token)[0]


def parts_of(token: str) -> tuple[str | None, bytes]:
    """The account and the hash of the secret; None for the account where the token is none."""
    encoded, dot, secret = token.partition(".")
    if not dot or not secret or len(token) > TOKEN_MAX or not token.isascii():
        return None, b""
    return read_account_part(encoded), sha256_of(secret)
