"""People who sign in by a link, as tests play them."""

import secrets
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from talktime.db.pool import Connection
from talktime.ops.accounts import read_account
from talktime.ops.sign_in import (
    Begun,
    Browser,
    ask_for_link,
    sign_in_by_link,
    sign_up_by_link,
)
from talktime.ops.terms import Terms

MakeAccount = Callable[..., Awaitable[str]]
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def fresh() -> str:
    """An address at a domain of its own, since bonuses are counted by domain."""
    return f"ada@{uuid.uuid4().hex}.example"


def browser(**facts: str) -> Browser:
    return Browser(
        **{
            "client": uuid.uuid4().hex,
            "user_agent": "Mozilla/5.0",
            "session_secret": secrets.token_urlsafe(32),
            "session_id": secrets.token_hex(16),
            "former": "",
            **facts,
        }
    )


async def ask(
    connection: Connection,
    address: str,
    *,
    now: datetime = NOON,
    client: str | None = None,
    sign_up_open: bool = True,
    next_path: str = "/billing",
) -> str:
    """The secret of a link that was asked for."""
    secret = secrets.token_urlsafe(32)
    await ask_for_link(
        connection,
        address=address,
        client=client or uuid.uuid4().hex,
        next_path=next_path,
        secret=secret,
        public_url="https://talktime.test",
        sign_up_open=sign_up_open,
        now=now,
    )
    return secret


async def mails(connection: Connection, address: str) -> list[tuple[str, dict[str, str]]]:
    cursor = await connection.execute(
        b"SELECT kind, facts FROM message WHERE recipient = %s AND kind LIKE 'sign%%'"
        b" ORDER BY created_at",
        [address],
    )
    return await cursor.fetchall()


async def come_in(
    connection: Connection, token: str, account_id: str, *, now: datetime = NOON, **facts: str
) -> Begun:
    return await sign_in_by_link(
        connection,
        token=token,
        account_id=account_id,
        browser=browser(**facts),
        terms=Terms(),
        now=now,
    )


async def sign_up(
    connection: Connection, token: str, *, name: str = "Ada's Bots", sign_up_open: bool = True
) -> str:
    """The id of the account that was opened."""
    account_id = f"acct_{uuid.uuid4().hex}"
    await sign_up_by_link(
        connection,
        token=token,
        account_id=account_id,
        name=name,
        sign_up_open=sign_up_open,
        browser=browser(),
        terms=Terms(),
        now=NOON,
    )
    return account_id


async def promo(connection: Connection, account_id: str) -> int:
    return (await read_account(connection, account_id, now=NOON)).promo_nanos
