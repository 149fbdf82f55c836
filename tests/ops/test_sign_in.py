"""Signing in by a link: once, in time, by whoever reads the address's mail."""

import asyncio
import uuid
from datetime import timedelta

import pytest

from talktime.core.errors import Forbidden, InvalidInput, LinkUsed, TooManyAttempts
from talktime.core.member import Role
from talktime.db.pool import Connection
from talktime.ops.accounts import read_account
from talktime.ops.entries import list_entries
from talktime.ops.members import add_member, list_members
from talktime.ops.platform import Platform
from talktime.ops.sessions import (
    read_session,
)
from talktime.ops.sign_in import (
    LINK_LIFE,
    LINKS_FOR_CLIENT,
    LINKS_TO_ADDRESS,
    LINKS_TO_MAILBOX,
    WRONG_LINKS,
    Begun,
    read_offer,
)
from talktime.ops.terms import Terms
from tests.ops.signing_in import (
    NOON,
    MakeAccount,
    ask,
    come_in,
    fresh,
    mails,
    promo,
    sign_up,
)


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


async def test_nobody_is_shut_out_by_who_asks_for_links(
    connection: Connection, make_account: MakeAccount
) -> None:
    """However often others ask, in whatever spelling, a person has a live link or gets one; used,
    another; and the mailbox gets a few mails beyond its limit at most."""
    address = f"ada+{uuid.uuid4().hex}@{uuid.uuid4().hex}.example"
    account_id = await make_account(email=address)
    spelt = "ada+{}@" + address.partition("@")[2]
    sent, tried = 0, 0
    last: tuple[str, timedelta] | None = None
    for minute in range(60):
        after = timedelta(minutes=minute)
        for one in (*(spelt.format(f"{minute}-{n}") for n in range(6)), address, address):
            tried += 1
            try:
                token = await ask(connection, one, now=NOON + after)
            except TooManyAttempts:
                continue
            sent += len(await mails(connection, one)) if one != address else 0
            last = (token, after) if one == address else last
        assert last is not None
        assert after - last[1] < LINK_LIFE
    assert last is not None
    assert sent + len(await mails(connection, address)) <= LINKS_TO_MAILBOX.most + 4 < tried
    await come_in(connection, last[0], account_id, now=NOON + last[1])
    await ask(connection, address, now=NOON + last[1])


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
