"""How the platform lets its customer into the pages: a one-time link opens a browser session."""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from talktime.core.errors import InvalidInput, LinkUsed
from talktime.core.member import Role
from talktime.core.secret import sha256_of
from talktime.db import portal_access
from talktime.db.pool import Connection
from talktime.ops.accounts import account_unknown
from talktime.ops.sessions import open_session, parts_of, token_of

LINK_LIFE: Final = timedelta(minutes=15)
LINK_LIFE_MAX: Final = timedelta(days=7)


class Entered(msgspec.Struct, frozen=True, kw_only=True):
    """A session that a link opened."""

    token: str
    framed_by: str | None
    """The origin that may frame its pages."""


async def create_portal_link(
    connection: Connection,
    *,
    account_id: str,
    secret: str,
    now: datetime,
    life: timedelta = LINK_LIFE,
    role: Role = Role.OWNER,
    frame_origin: str | None = None,
) -> tuple[str, datetime]:
    """A link's token, good for one use, and when it expires. Raises AccountUnknown.

    ``secret`` is of the caller's making: 32 random bytes, URL-safe. The pages of the session that
    the link opens may be framed by ``frame_origin``, which the caller has checked.
    """
    if not timedelta(0) < life <= LINK_LIFE_MAX:
        raise InvalidInput("a link may live for at most seven days.", field="expires_in_seconds")
    expires_at = now + life
    kept = await portal_access.write_link(
        connection,
        account_id=account_id,
        secret_sha256=sha256_of(secret),
        role=role,
        frame_origin=frame_origin,
        now=now,
        expires_at=expires_at,
    )
    if not kept:
        raise account_unknown(account_id)
    return token_of(account_id, secret), expires_at


def link_url(public_url: str, token: str) -> str:
    """The address that uses a link up, below ``public_url``, where browsers reach the pages."""
    return f"{public_url}/enter?token={token}"


async def enter(
    connection: Connection,
    *,
    token: str,
    session_secret: str,
    session_id: str,
    user_agent: str,
    now: datetime,
) -> Entered:
    """Use a link up and open a session of LINK_SESSION_LIFE.

    Raises LinkUsed where the link was used, has expired, or never was: which of them is not told.
    """
    account_id, secret_sha256 = parts_of(token)
    async with connection.transaction():
        used = account_id and await portal_access.use_link(
            connection, account_id=account_id, secret_sha256=secret_sha256, now=now
        )
        if not used or account_id is None:
            raise LinkUsed(
                "this link was used before or has expired; go back to where you found it and open "
                "the page from there again"
            )
        session = await open_session(
            connection,
            account_id=account_id,
            address=None,
            role=used.role,
            framed_by=used.frame_origin,
            secret=session_secret,
            session_id=session_id,
            user_agent=user_agent,
            now=now,
        )
    return Entered(token=session, framed_by=used.frame_origin)
