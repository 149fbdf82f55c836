"""How a customer gets into the pages: a one-time link opens a browser session.

Links and sessions carry a token, ``<account id, URL-safe base64>.<secret>``. The database keeps
only the SHA-256 of the secret, which is random and long enough to need no salt.
"""

import base64
import binascii
import hashlib
from datetime import datetime, timedelta
from typing import Final

from talktime.core.errors import InvalidInput, LinkUsed
from talktime.db import portal_access
from talktime.db.pool import Connection
from talktime.ops.accounts import account_unknown

LINK_LIFE: Final = timedelta(minutes=15)
LINK_LIFE_MAX: Final = timedelta(days=7)
SESSION_LIFE: Final = timedelta(hours=12)
TOKEN_MAX: Final = 512


async def create_portal_link(
    connection: Connection,
    *,
    account_id: str,
    secret: str,
    now: datetime,
    life: timedelta = LINK_LIFE,
) -> tuple[str, datetime]:
    """A link's token, good for one use, and when it expires. Raises AccountUnknown.

    ``secret`` is of the caller's making: 32 random bytes, URL-safe.
    """
    if not timedelta(0) < life <= LINK_LIFE_MAX:
        raise InvalidInput("a link may live for at most seven days.", field="expires_in_seconds")
    expires_at = now + life
    kept = await portal_access.write_link(
        connection,
        account_id=account_id,
        secret_sha256=_sha256(secret),
        now=now,
        expires_at=expires_at,
    )
    if not kept:
        raise account_unknown(account_id)
    return _token(account_id, secret), expires_at


def link_url(public_url: str, token: str) -> str:
    """The address that uses a link up, below ``public_url``, where browsers reach the pages."""
    return f"{public_url}/enter?token={token}"


async def open_session(
    connection: Connection, *, token: str, session_secret: str, now: datetime
) -> str:
    """Use a link up and open a session of SESSION_LIFE; its token.

    Raises LinkUsed where the link was used, has expired, or never was: which of them is not told.
    """
    account_id, secret_sha256 = _parts(token)
    async with connection.transaction():
        used = account_id is not None and await portal_access.use_link(
            connection, account_id=account_id, secret_sha256=secret_sha256, now=now
        )
        if not used or account_id is None:
            raise LinkUsed(
                "this link was used before or has expired; go back to where you found it and open "
                "the page from there again"
            )
        await portal_access.open_session(
            connection,
            account_id=account_id,
            secret_sha256=_sha256(session_secret),
            now=now,
            expires_at=now + SESSION_LIFE,
        )
    return _token(account_id, session_secret)


async def read_session(connection: Connection, token: str, *, now: datetime) -> str | None:
    """The account whose pages a session's token opens; None where it opens none (any more)."""
    account_id, secret_sha256 = _parts(token)
    if account_id is None or not await portal_access.is_open(
        connection, account_id=account_id, secret_sha256=secret_sha256, now=now
    ):
        return None
    return account_id


async def close_session(connection: Connection, token: str) -> None:
    """Close a session; one that is not open stays closed."""
    account_id, secret_sha256 = _parts(token)
    if account_id is not None:
        await portal_access.close_session(
            connection, account_id=account_id, secret_sha256=secret_sha256
        )


def _token(account_id: str, secret: str) -> str:
    return base64.urlsafe_b64encode(account_id.encode()).decode().rstrip("=") + "." + secret


def _parts(token: str) -> tuple[str | None, bytes]:
    """The account and the hash of the secret; None for the account where the token is none."""
    encoded, dot, secret = token.partition(".")
    if not dot or not secret or len(token) > TOKEN_MAX or not token.isascii():
        return None, b""
    try:
        padded = encoded + "=" * (-len(encoded) % 4)
        account_id = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None, b""
    return (account_id if account_id.isprintable() else None), _sha256(secret)


def _sha256(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
