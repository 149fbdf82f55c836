"""How customers get in: a link opens one session, once, and only in time."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from talktime.core.errors import AccountUnknown, InvalidInput, LinkUsed
from talktime.db.pool import Connection
from talktime.ops.platform import Platform
from talktime.ops.portal_access import LINK_LIFE, create_portal_link
from talktime.ops.portal_access import enter as enter_by_link
from talktime.ops.sessions import LINK_SESSION_LIFE, close_session, read_session

MakeAccount = Callable[..., Awaitable[str]]
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


async def link(connection: Connection, account_id: str, **facts: object) -> str:
    token, _ = await create_portal_link(
        connection,
        account_id=account_id,
        secret=secrets.token_urlsafe(32),
        now=NOON,
        **facts,  # type: ignore[arg-type]
    )
    return token


async def enter(connection: Connection, token: str, *, now: datetime = NOON) -> str:
    entered = await enter_by_link(
        connection,
        token=token,
        session_secret=secrets.token_urlsafe(32),
        session_id=secrets.token_hex(16),
        user_agent="",
        now=now,
    )
    return entered.token


async def account_of(connection: Connection, session: str, *, now: datetime = NOON) -> str | None:
    found = await read_session(connection, session, now=now)
    return found.account_id if found else None


async def sessions(connection: Connection, account_id: str) -> int:
    cursor = await connection.execute(
        b"SELECT count(*) FROM browser_session WHERE account_id = %s", [account_id]
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def test_a_link_opens_the_pages_of_its_account(
    connection: Connection, make_account: MakeAccount
) -> None:
    """Its session is good for this account until it expires."""
    account_id = await make_account()
    session = await enter(connection, await link(connection, account_id))
    last = NOON + LINK_SESSION_LIFE - timedelta(microseconds=1)
    assert await account_of(connection, session, now=last) == account_id
    assert await read_session(connection, session, now=NOON + LINK_SESSION_LIFE) is None


async def test_a_link_works_once(connection: Connection, make_account: MakeAccount) -> None:
    """A second use is refused and opens nothing."""
    account_id = await make_account()
    token = await link(connection, account_id)
    await enter(connection, token)
    with pytest.raises(LinkUsed):
        await enter(connection, token)
    assert await sessions(connection, account_id) == 1


async def test_a_link_used_at_once_works_once(
    platform: Platform, connection: Connection, make_account: MakeAccount
) -> None:
    """Of eight connections that use it, one gets in."""
    account_id = await make_account()
    token = await link(connection, account_id)

    async def try_to_enter() -> str:
        async with platform.connection() as own:
            return await enter(own, token)

    answers = await asyncio.gather(*(try_to_enter() for _ in range(8)), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["LinkUsed"] * 7 + ["str"]
    assert await sessions(connection, account_id) == 1


async def test_a_link_expires(connection: Connection, make_account: MakeAccount) -> None:
    """From its last instant on it opens nothing."""
    account_id = await make_account()
    token = await link(connection, account_id)
    with pytest.raises(LinkUsed):
        await enter(connection, token, now=NOON + LINK_LIFE)
    assert await sessions(connection, account_id) == 0
    await enter(connection, token, now=NOON + LINK_LIFE - timedelta(microseconds=1))


@pytest.mark.parametrize("life", [timedelta(0), timedelta(days=7, seconds=1)])
async def test_a_link_lives_for_a_sensible_time(
    connection: Connection, make_account: MakeAccount, life: timedelta
) -> None:
    """No link is dead from the start or good for ever."""
    account_id = await make_account()
    with pytest.raises(InvalidInput):
        await link(connection, account_id, life=life)


async def test_a_made_up_token_opens_nothing(
    connection: Connection, make_account: MakeAccount
) -> None:
    """Neither another secret, nor another account's, nor nonsense is a way in."""
    account_id, other = await make_account(), await make_account()
    token = await link(connection, account_id)
    account, _, secret = token.partition(".")
    theirs = (await link(connection, other)).partition(".")[0]
    for forged in (
        f"{account}.{secret[:-1]}",
        f"{theirs}.{secret}",
        f"{account}.",
        account,
        "",
        ".",
        "é.é",
        "!!.x",
        "A.x",
        "_w.x",
        "AA.x",
        "x" * 2000 + ".y",
    ):
        with pytest.raises(LinkUsed):
            await enter(connection, forged)
        assert await read_session(connection, forged, now=NOON) is None
        await close_session(connection, forged)
    assert await sessions(connection, account_id) == 0


async def test_a_link_is_no_session_and_a_session_no_link(
    connection: Connection, make_account: MakeAccount
) -> None:
    """Each token opens what it was made for."""
    token = await link(connection, await make_account())
    assert await read_session(connection, token, now=NOON) is None
    session = await enter(connection, token)
    with pytest.raises(LinkUsed):
        await enter(connection, session)


async def test_a_closed_session_stays_closed(
    connection: Connection, make_account: MakeAccount
) -> None:
    """Closing ends this session and no other of the account."""
    account_id = await make_account()
    first = await enter(connection, await link(connection, account_id))
    second = await enter(connection, await link(connection, account_id))
    for _ in range(2):
        await close_session(connection, first)
        assert await read_session(connection, first, now=NOON) is None
    assert await account_of(connection, second) == account_id


async def test_expired_sessions_are_forgotten(
    connection: Connection, make_account: MakeAccount
) -> None:
    """Entering again later leaves no row of a session that is over."""
    account_id = await make_account()
    await enter(connection, await link(connection, account_id))
    later = NOON + LINK_SESSION_LIFE
    token, _ = await create_portal_link(
        connection, account_id=account_id, secret=secrets.token_urlsafe(32), now=later
    )
    await enter(connection, token, now=later)
    assert await sessions(connection, account_id) == 1


async def test_the_database_keeps_no_secret(
    connection: Connection, make_account: MakeAccount
) -> None:
    """What a thief of the database finds opens nothing."""
    account_id = await make_account()
    token = await link(connection, account_id)
    cursor = await connection.execute(
        b"SELECT portal_link::text FROM portal_link WHERE account_id = %s", [account_id]
    )
    [row] = await cursor.fetchall()
    assert token.partition(".")[2] not in row[0]


async def test_an_unknown_account_has_no_link(connection: Connection) -> None:
    """Nobody gets in to nowhere."""
    with pytest.raises(AccountUnknown):
        await link(connection, "acct-nobody")
