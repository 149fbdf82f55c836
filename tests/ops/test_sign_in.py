"""Signing in by a link: once, in time, by whoever reads the address's mail."""

import asyncio
import secrets
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from talktime.core.errors import Forbidden, InvalidInput, LinkUsed, TooManyAttempts
from talktime.core.member import Role
from talktime.db.pool import Connection
from talktime.ops.accounts import read_account
from talktime.ops.entries import list_entries
from talktime.ops.members import add_member, change_role, list_members, remove_member
from talktime.ops.platform import Platform
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
    LINK_LIFE,
    LINKS_FOR_CLIENT,
    LINKS_FOR_NETWORK,
    LINKS_TO_ADDRESS,
    WRONG_LINKS,
    Begun,
    Browser,
    ask_for_link,
    read_offer,
    sign_in_by_link,
    sign_up_by_link,
    switch_account,
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


async def test_a_link_goes_to_whom_it_lets_in(
    connection: Connection, make_account: MakeAccount
) -> None:
    """However an address is typed, its link is mailed to the form by which the person is known."""
    address = fresh()
    await make_account(email=address)
    await ask(connection, address.upper())
    [(kind, _)] = await mails(connection, address)
    assert kind == "sign_in"
    assert await mails(connection, address.upper()) == []
    with pytest.raises(InvalidInput):
        await ask(connection, f"\uff41{address[1:]}")


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


async def test_a_link_signs_its_address_in(
    connection: Connection, make_account: MakeAccount
) -> None:
    """The mail's link opens a session of the person on the account, with the person's role."""
    address = fresh()
    account_id = await make_account(email=address)
    token = await ask(connection, address.upper(), next_path="/calls")
    [(kind, facts)] = await mails(connection, address)
    assert kind == "sign_in"
    assert facts["link"] == f"https://talktime.test/sign-in/link?token={token}"
    offer = await read_offer(connection, token, client="", now=NOON)
    assert (offer.address, [one.account_id for one in offer.accounts]) == (address, [account_id])
    begun = await come_in(connection, token, account_id)
    assert begun.next_path == "/calls"
    session = await read_session(connection, begun.token, now=NOON)
    assert session is not None
    assert (session.account_id, session.address, session.role) == (account_id, address, Role.OWNER)


async def test_a_link_works_once(
    platform: Platform, connection: Connection, make_account: MakeAccount
) -> None:
    """Of many who use a link at once, one comes in; afterwards it is not even looked at."""
    address = fresh()
    account_id = await make_account(email=address)
    token = await ask(connection, address)

    async def use() -> Begun:
        async with platform.connection() as own:
            return await come_in(own, token, account_id)

    done = await asyncio.gather(*(use() for _ in range(6)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["Begun"] + ["LinkUsed"] * 5
    with pytest.raises(LinkUsed):
        await read_offer(connection, token, client=uuid.uuid4().hex, now=NOON)


async def test_a_link_expires(connection: Connection, make_account: MakeAccount) -> None:
    """From its last instant on it opens nothing."""
    address = fresh()
    account_id = await make_account(email=address)
    token = await ask(connection, address)
    with pytest.raises(LinkUsed):
        await come_in(connection, token, account_id, now=NOON + LINK_LIFE)
    await come_in(connection, token, account_id, now=NOON + LINK_LIFE - timedelta(microseconds=1))


async def test_a_link_is_for_its_address_alone(
    connection: Connection, make_account: MakeAccount
) -> None:
    """Nobody comes in to an account they are no member of, and their own link stays good."""
    address = fresh()
    mine, theirs = await make_account(email=address), await make_account()
    token = await ask(connection, address)
    for account_id in (theirs, "acct-nobody"):
        with pytest.raises(Forbidden, match="not a member"):
            await come_in(connection, token, account_id)
    await come_in(connection, token, mine)


async def test_dots_and_tags_are_other_people(
    connection: Connection, make_account: MakeAccount
) -> None:
    """Who shares a bonus with a member is not let in as that member."""
    name = uuid.uuid4().hex
    await make_account(email=f"{name}@gmail.com")
    for address in (f"{name[0]}.{name[1:]}@gmail.com", f"{name}+x@gmail.com"):
        offer = await read_offer(connection, await ask(connection, address), client="", now=NOON)
        assert offer.accounts == []


async def test_unknown_addresses_are_told_nothing(connection: Connection) -> None:
    """Where sign-up is closed nothing is sent to an unknown address, and asking looks the same."""
    address = fresh()
    token = await ask(connection, address, sign_up_open=False)
    assert await mails(connection, address) == []
    with pytest.raises(Forbidden):
        await sign_up(connection, token, sign_up_open=False)


async def test_the_database_keeps_no_link(
    connection: Connection, make_account: MakeAccount
) -> None:
    """What a thief of the table of links finds opens nothing."""
    address = fresh()
    await make_account(email=address)
    token = await ask(connection, address)
    cursor = await connection.execute(
        b"SELECT sign_in_link::text FROM sign_in_link WHERE address = %s", [address]
    )
    [row] = await cursor.fetchall()
    assert token not in row[0]


async def test_signing_up_opens_an_account_with_its_bonus(connection: Connection) -> None:
    """A new person names an account, owns it, and has the bonus, once per mailbox."""
    name = uuid.uuid4().hex
    address, tagged = f"{name}@gmail.com", f"{name}+again@googlemail.com"
    token = await ask(connection, address)
    assert [kind for kind, _ in await mails(connection, address)] == ["sign_up"]
    account_id = await sign_up(connection, token)
    account = await read_account(connection, account_id, now=NOON)
    assert (account.verified, account.email) == (True, address)
    [owner] = await list_members(connection, account_id)
    assert (owner.address, owner.role) == (address, Role.OWNER)
    assert account.promo_nanos == Terms().welcome_nanos
    with pytest.raises(LinkUsed):
        await sign_up(connection, token)
    assert await promo(connection, await sign_up(connection, await ask(connection, tagged))) == 0


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "two\nlines"])
async def test_an_account_has_a_name(connection: Connection, name: str) -> None:
    """A name that is none uses no link up."""
    token = await ask(connection, fresh())
    with pytest.raises(InvalidInput):
        await sign_up(connection, token, name=name)
    await sign_up(connection, token)


async def test_signing_in_verifies_the_account(
    connection: Connection, make_account: MakeAccount
) -> None:
    """The owner's first link verifies the account and brings its bonus, the second nothing more."""
    address = fresh()
    account_id = await make_account(email=address)
    assert await promo(connection, account_id) == 0
    for _ in range(2):
        await come_in(connection, await ask(connection, address), account_id)
        assert await promo(connection, account_id) == Terms().welcome_nanos
    entries, _ = await list_entries(connection, account_id, before=None, kind=None, limit=10)
    assert [entry.kind.value for entry in entries] == ["welcome_bonus"]


async def test_only_its_own_address_verifies_an_account(
    connection: Connection, make_account: MakeAccount
) -> None:
    """Another owner or a viewer shows nothing of the address that the account was opened with."""
    account_id, other = await make_account(), fresh()
    await add_member(connection, account_id=account_id, address=other, role=Role.OWNER, now=NOON)
    await come_in(connection, await ask(connection, other), account_id)
    assert not (await read_account(connection, account_id, now=NOON)).verified


async def test_links_to_an_address_are_bounded(connection: Connection) -> None:
    """Nobody's mailbox is filled, known or not; the wait ends."""
    address = fresh()
    for _ in range(LINKS_TO_ADDRESS.most):
        await ask(connection, address)
    with pytest.raises(TooManyAttempts):
        await ask(connection, address.upper())
    assert len(await mails(connection, address)) == LINKS_TO_ADDRESS.most
    await ask(connection, address, now=NOON + LINKS_TO_ADDRESS.window)


async def test_links_for_a_client_are_bounded(connection: Connection) -> None:
    """One network cannot ask for links to any number of addresses."""
    client = uuid.uuid4().hex
    for _ in range(LINKS_FOR_CLIENT.most):
        await ask(connection, fresh(), client=client)
    with pytest.raises(TooManyAttempts):
        await ask(connection, fresh(), client=client)


async def test_guessing_links_is_slowed_down(
    connection: Connection, make_account: MakeAccount
) -> None:
    """After too many links that do not work even a right one must wait; elsewhere it need not."""
    address, client = fresh(), uuid.uuid4().hex
    account_id = await make_account(email=address)
    token = await ask(connection, address)
    for number in range(WRONG_LINKS.most):
        tries = (
            read_offer(connection, f"{number}", client=client, now=NOON),
            come_in(connection, f"{number}", account_id, client=client),
        )
        tries[1 - number % 2].close()
        with pytest.raises(LinkUsed):
            await tries[number % 2]
    with pytest.raises(TooManyAttempts):
        await come_in(connection, token, account_id, client=client)
    await come_in(connection, token, account_id)


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


async def bonus_of(connection: Connection, address: str, *, client: str, terms: Terms) -> int:
    """What somebody new begins with, and the account's session says the same."""
    token, account_id = await ask(connection, address), f"acct_{uuid.uuid4().hex}"
    begun = await sign_up_by_link(
        connection,
        token=token,
        account_id=account_id,
        name="Ada",
        sign_up_open=True,
        browser=browser(client=client),
        terms=terms,
        now=NOON,
    )
    account = await read_account(connection, account_id, now=NOON)
    assert account.verified
    assert begun.is_without_bonus == (account.promo_nanos == 0)
    return account.promo_nanos


async def test_bonuses_of_a_domain_are_few_a_day(connection: Connection) -> None:
    """Beyond five a day accounts at a domain, its subdomains too, open without a bonus."""
    domain, terms = f"{uuid.uuid4().hex}.example", Terms(welcomes_per_day=1_000_000)
    given = [
        await bonus_of(connection, f"{n}@{n}.{domain}", client=uuid.uuid4().hex, terms=terms)
        for n in range(6)
    ]
    assert given == [terms.welcome_nanos] * 5 + [0]


async def test_providers_domains_are_not_counted(connection: Connection) -> None:
    """Customers of a large mail provider do not take each other's bonuses."""
    terms = Terms(welcomes_per_day=1_000_000)
    for _ in range(7):
        address, client = f"{uuid.uuid4().hex}@outlook.com", uuid.uuid4().hex
        assert await bonus_of(connection, address, client=client, terms=terms) > 0


async def test_bonuses_of_a_network_are_few_a_day(connection: Connection) -> None:
    """IPv6 is counted by the 48 bits of a site, whose owner chooses the other 80."""
    site = uuid.uuid4().hex[:8]
    terms = Terms(welcomes_per_day=1_000_000)
    given = [
        await bonus_of(
            connection, fresh(), client=f"2a01:{site[:4]}:{site[4:]}:{n:x}::/64", terms=terms
        )
        for n in range(11)
    ]
    assert given == [terms.welcome_nanos] * 10 + [0]


async def test_bonuses_of_a_day_are_counted_in_all(connection: Connection) -> None:
    """An installation gives out no more in a day than its terms say."""
    none = Terms(welcomes_per_day=0)
    assert await bonus_of(connection, fresh(), client=uuid.uuid4().hex, terms=none) == 0


async def test_links_for_a_site_are_counted(connection: Connection) -> None:
    """Asking from ever other networks of one IPv6 site ends, too."""
    site = uuid.uuid4().hex[:8]
    for n in range(LINKS_FOR_NETWORK.most):
        await ask(connection, fresh(), client=f"2a01:{site[:4]}:{site[4:]}:{n:x}::/64")
    with pytest.raises(TooManyAttempts):
        await ask(connection, fresh(), client=f"2a01:{site[:4]}:{site[4:]}:ffff::/64")
