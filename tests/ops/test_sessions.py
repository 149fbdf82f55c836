"""Sessions of people: they begin anew, end in time, and follow what is done to the member."""

from datetime import datetime, timedelta

import pytest

from talktime.core.errors import Forbidden
from talktime.core.member import Role
from talktime.db.pool import Connection
from talktime.ops.members import add_member, change_role, remove_member
from talktime.ops.sessions import (
    PERSON_IDLE,
    PERSON_SESSION_LIFE,
    SEEN_EVERY,
    end_sessions,
    list_sessions,
    read_session,
    use_session,
)
from talktime.ops.sign_in import (
    switch_account,
)
from tests.ops.signing_in import NOON, MakeAccount, ask, browser, come_in, fresh


async def test_a_session_is_new_each_time(
    connection: Connection, make_account: MakeAccount
) -> None:
    """A token from before, planted or not, is worth nothing once somebody signs in with it."""
    address = fresh()
    account_id = await make_account(email=address)
    first = await come_in(connection, await ask(connection, address), account_id)
    second = await come_in(
        connection, await ask(connection, address), account_id, former=first.token
    )
    assert first.token != second.token
    assert await read_session(connection, first.token, now=NOON) is None
    assert await read_session(connection, second.token, now=NOON) is not None


async def test_a_session_ends(connection: Connection, make_account: MakeAccount) -> None:
    """Unused for half a day it ends; used it lasts, and ends all the same after thirty days."""
    address = fresh()
    account_id = await make_account(email=address)
    begun = await come_in(connection, await ask(connection, address), account_id)
    assert await read_session(connection, begun.token, now=NOON + PERSON_IDLE) is None
    at, step = NOON, PERSON_IDLE - SEEN_EVERY
    while at + step < NOON + PERSON_SESSION_LIFE:
        at += step
        assert await use_session(connection, begun.token, now=at) is not None
    assert await read_session(connection, begun.token, now=NOON + PERSON_SESSION_LIFE) is None


async def test_seen_to_the_minute(connection: Connection, make_account: MakeAccount) -> None:
    """A session that is used is noted once a minute, and looking at it is no use."""
    address = fresh()
    account_id = await make_account(email=address)
    begun = await come_in(connection, await ask(connection, address), account_id)

    async def seen() -> datetime:
        [one] = await list_sessions(connection, account_id, address=address, now=NOON)
        return one.last_seen_at

    await use_session(connection, begun.token, now=NOON + timedelta(seconds=59))
    await read_session(connection, begun.token, now=NOON + timedelta(hours=1))
    assert await seen() == NOON
    await use_session(connection, begun.token, now=NOON + SEEN_EVERY)
    assert await seen() == NOON + SEEN_EVERY


async def test_what_is_done_to_a_member_acts_at_once(
    connection: Connection, make_account: MakeAccount
) -> None:
    """An open session has the role that its person has by now, and none once they are removed."""
    account_id, address = await make_account(), fresh()
    await add_member(connection, account_id=account_id, address=address, role=Role.OWNER, now=NOON)
    begun = await come_in(connection, await ask(connection, address), account_id)
    await change_role(connection, account_id=account_id, address=address, role=Role.VIEWER)
    session = await read_session(connection, begun.token, now=NOON)
    assert session is not None
    assert session.role is Role.VIEWER
    await remove_member(connection, account_id=account_id, address=address)
    assert await read_session(connection, begun.token, now=NOON) is None
    await add_member(connection, account_id=account_id, address=address, role=Role.OWNER, now=NOON)
    assert await read_session(connection, begun.token, now=NOON) is None


async def test_switching_accounts(connection: Connection, make_account: MakeAccount) -> None:
    """A person goes on in another account of theirs, in a new session; in nobody else's."""
    address = fresh()
    here, there = await make_account(email=address), await make_account(email=address)
    begun = await come_in(connection, await ask(connection, address), here)
    session = await read_session(connection, begun.token, now=NOON)
    assert session is not None
    assert session.accounts == 2
    with pytest.raises(Forbidden):
        await switch_account(
            connection, session, account_id=await make_account(), browser=browser(), now=NOON
        )
    went = await switch_account(
        connection, session, account_id=there, browser=browser(former=begun.token), now=NOON
    )
    gone_to = await read_session(connection, went.token, now=NOON)
    assert gone_to is not None
    assert gone_to.account_id == there
    assert await read_session(connection, begun.token, now=NOON) is None


async def test_signing_out_everywhere(connection: Connection, make_account: MakeAccount) -> None:
    """All sessions of the person close, on all accounts; nobody else's do."""
    address, other = fresh(), fresh()
    here, there = await make_account(email=address), await make_account(email=address)
    await add_member(connection, account_id=here, address=other, role=Role.VIEWER, now=NOON)
    mine = [
        (await come_in(connection, await ask(connection, address), account)).token
        for account in (here, here, there)
    ]
    theirs = (await come_in(connection, await ask(connection, other), here)).token
    assert len(await list_sessions(connection, here, address=address, now=NOON)) == 3
    assert await end_sessions(connection, here, address=address) == 3
    assert [await read_session(connection, token, now=NOON) for token in mine] == [None] * 3
    assert await read_session(connection, theirs, now=NOON) is not None


async def test_nobody_closes_anothers_session(
    connection: Connection, make_account: MakeAccount
) -> None:
    """Naming a session of somebody else closes nothing."""
    address, other = fresh(), fresh()
    account_id, elsewhere = await make_account(email=address), await make_account()
    await add_member(connection, account_id=account_id, address=other, role=Role.OWNER, now=NOON)
    begun = await come_in(connection, await ask(connection, address), account_id)
    [session] = await list_sessions(connection, account_id, address=address, now=NOON)
    for account, person in ((account_id, other), (account_id, None), (elsewhere, None)):
        closed = await end_sessions(
            connection, account, address=person, session_id=session.session_id
        )
        assert closed == 0
    assert await read_session(connection, begun.token, now=NOON) is not None
