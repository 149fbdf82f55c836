"""Members: invited, given roles, removed; an account keeps an owner."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from talktime.core.errors import (
    AccountUnknown,
    Conflict,
    InvalidInput,
    LastOwner,
    MemberExists,
    MemberUnknown,
    TooManyAttempts,
)
from talktime.core.member import MailKind, Right, Role, may
from talktime.db.pool import Connection
from talktime.ops.accounts import create_account
from talktime.ops.members import (
    INVITATIONS,
    INVITATIONS_AT_FIRST,
    INVITATIONS_TO_MAILBOX,
    add_member,
    change_mail,
    change_role,
    invite_member,
    list_members,
    put_member,
    remove_member,
)
from talktime.ops.platform import Platform
from talktime.ops.terms import Terms

MakeAccount = Callable[..., Awaitable[str]]
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def fresh() -> str:
    return f"{uuid.uuid4().hex}@example.com"


async def roles(connection: Connection, account_id: str) -> dict[str, Role]:
    return {one.address: one.role for one in await list_members(connection, account_id)}


async def add(
    connection: Connection, account_id: str, address: str, role: Role = Role.VIEWER
) -> None:
    await add_member(connection, account_id=account_id, address=address, role=role, now=NOON)


async def invite(
    connection: Connection, account_id: str, address: str, *, now: datetime = NOON
) -> bool:
    _, is_new = await invite_member(
        connection,
        account_id=account_id,
        address=address,
        role=Role.BILLING,
        invited_by="ada@example.com",
        public_url="https://talktime.test",
        now=now,
    )
    return is_new


async def invitations(connection: Connection, account_id: str) -> list[tuple[str, dict[str, str]]]:
    cursor = await connection.execute(
        b"SELECT recipient, facts FROM message WHERE account_id = %s AND kind = 'invitation'"
        b" ORDER BY created_at",
        [account_id],
    )
    return await cursor.fetchall()


async def test_an_account_begins_with_its_owner(
    connection: Connection, make_account: MakeAccount
) -> None:
    """Whoever reads the account's mail owns it, and is told of alerts and money."""
    address = fresh()
    account_id = await make_account(email=address.upper())
    [owner] = await list_members(connection, account_id)
    assert (owner.address, owner.role) == (address, Role.OWNER)
    assert owner.mail == {MailKind.ALERTS, MailKind.MONEY_IN}


async def test_an_invitation_goes_to_whom_it_lets_in(
    connection: Connection, make_account: MakeAccount
) -> None:
    """However an address is typed, the mail goes to the form by which the member is known."""
    account_id, address = await make_account(), fresh()
    assert await invite(connection, account_id, address.upper())
    [(recipient, _)] = await invitations(connection, account_id)
    assert recipient == address
    with pytest.raises(InvalidInput):
        await invite(connection, account_id, f"\uff41{address[1:]}")


async def test_an_invited_person_is_written_to_once(
    connection: Connection, make_account: MakeAccount
) -> None:
    """Inviting adds the member and writes where to sign in; the same again changes nothing."""
    account_id, address = await make_account(), fresh()
    assert await invite(connection, account_id, address)
    assert not await invite(connection, account_id, address.upper())
    assert (await roles(connection, account_id))[address] is Role.BILLING
    [(recipient, facts)] = await invitations(connection, account_id)
    assert recipient == address
    assert facts["link"] == "https://talktime.test/sign-in"
    assert (facts["role"], facts["invited_by"]) == ("billing", "ada@example.com")


async def test_who_comes_back_is_written_to_again(
    connection: Connection, make_account: MakeAccount
) -> None:
    """An invitation after a removal is another one."""
    account_id, address = await make_account(), fresh()
    await invite(connection, account_id, address)
    await remove_member(connection, account_id=account_id, address=address)
    assert await invite(connection, account_id, address, now=NOON + timedelta(hours=1))
    assert len(await invitations(connection, account_id)) == 2


@pytest.mark.parametrize(
    ("paid", "most"), [("5", INVITATIONS.most), ("0", INVITATIONS_AT_FIRST.most)]
)
async def test_inviting_is_bounded(
    connection: Connection, make_account: MakeAccount, paid: str, most: int
) -> None:
    """An account cannot be used to write to any number of people; one without money to few."""
    account_id = await make_account(paid=paid)
    for _ in range(most):
        await invite(connection, account_id, fresh())
    refused = fresh()
    with pytest.raises(TooManyAttempts):
        await invite(connection, account_id, refused)
    assert refused not in await roles(connection, account_id)


async def test_one_invitation_is_one_mail_an_hour(
    connection: Connection, make_account: MakeAccount
) -> None:
    """Removed and invited again at once, nobody is written to again, in no spelling."""
    account_id, address = await make_account(), fresh()
    await invite(connection, account_id, address)
    await remove_member(connection, account_id=account_id, address=address)
    local, _, domain = address.partition("@")
    for spelling in (address, f"{local}+tag@{domain}"):
        with pytest.raises(TooManyAttempts, match="within the last hour"):
            await invite(connection, account_id, spelling)
    assert len(await invitations(connection, account_id)) == 1


async def test_a_mailbox_gets_a_few_mails_an_hour(
    connection: Connection, make_account: MakeAccount
) -> None:
    """Many accounts together write to one mailbox, however it is spelt, no more than a few."""
    local, _, domain = fresh().partition("@")
    for n in range(INVITATIONS_TO_MAILBOX.most):
        await invite(connection, await make_account(), f"{local}+{n}@{domain}")
    with pytest.raises(TooManyAttempts):
        await invite(connection, await make_account(), f"{local}+more@{domain}")


async def test_long_names_are_cut_in_invitations(
    connection: Connection,
) -> None:
    """A name has room for a name, and not for a letter to somebody who knows nobody here."""
    account_id = f"acct-{uuid.uuid4().hex}"
    await create_account(
        connection,
        account_id=account_id,
        name="Your card was charged 900 dollars, " * 5,
        email=fresh(),
        verified=False,
        terms=Terms(),
        now=NOON,
    )
    await invite(connection, account_id, fresh())
    [(_, facts)] = await invitations(connection, account_id)
    assert len(facts["account_name"]) == 60


async def test_a_known_member_keeps_their_role(
    connection: Connection, make_account: MakeAccount
) -> None:
    """Inviting a member with another role is refused and says what to do."""
    account_id, address = await make_account(), fresh()
    await add(connection, account_id, address)
    with pytest.raises(MemberExists, match="change the role instead"):
        await add(connection, account_id, address, Role.OWNER)
    assert (await roles(connection, account_id))[address] is Role.VIEWER


@pytest.mark.parametrize("address", ["", "ada", "ada@", "a b@example.com", "a@b\n@example.com"])
async def test_nobody_without_an_address(
    connection: Connection, make_account: MakeAccount, address: str
) -> None:
    """What is no e-mail address is no member."""
    account_id = await make_account()
    with pytest.raises(InvalidInput):
        await invite(connection, account_id, address)
    assert len(await roles(connection, account_id)) == 1


async def test_the_last_owner_stays(connection: Connection, make_account: MakeAccount) -> None:
    """The only owner is neither removed nor given another role; with a second one both may be."""
    address, second = fresh(), fresh()
    account_id = await make_account(email=address)
    await add(connection, account_id, second, Role.BILLING)
    with pytest.raises(LastOwner):
        await remove_member(connection, account_id=account_id, address=address)
    with pytest.raises(LastOwner):
        await change_role(connection, account_id=account_id, address=address, role=Role.BILLING)
    await change_role(connection, account_id=account_id, address=second, role=Role.OWNER)
    await remove_member(connection, account_id=account_id, address=address)
    assert await roles(connection, account_id) == {second: Role.OWNER}


async def test_two_owners_who_leave_at_once(
    platform: Platform, connection: Connection, make_account: MakeAccount
) -> None:
    """Of two owners who remove each other at the same moment, one stays."""
    first, second = fresh(), fresh()
    account_id = await make_account(email=first)
    await add(connection, account_id, second, Role.OWNER)

    async def leave(address: str) -> None:
        async with platform.connection() as own:
            await remove_member(own, account_id=account_id, address=address)

    done = await asyncio.gather(leave(first), leave(second), return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["LastOwner", "NoneType"]
    assert list((await roles(connection, account_id)).values()) == [Role.OWNER]


async def test_members_are_of_their_account(
    connection: Connection, make_account: MakeAccount
) -> None:
    """What is done to a person on one account leaves them alone on another."""
    here, there, address = await make_account(), await make_account(), fresh()
    await add(connection, there, address)
    for act in (
        remove_member(connection, account_id=here, address=address),
        change_role(connection, account_id=here, address=address, role=Role.OWNER),
        change_mail(connection, here, address, add=list(MailKind)),
    ):
        with pytest.raises(MemberUnknown):
            await act
    assert (await roles(connection, there))[address] is Role.VIEWER


async def test_who_chose_which_mail(connection: Connection, make_account: MakeAccount) -> None:
    """What a member chose is kept, and a changed role leaves it as it is."""
    account_id, address = await make_account(), fresh()
    await add(connection, account_id, address)
    both = {MailKind.ALERTS, MailKind.WEEKLY}
    await change_mail(connection, account_id, address.upper(), add=both)
    await change_mail(connection, account_id, address.upper(), drop={MailKind.ALERTS})
    await change_role(connection, account_id=account_id, address=address, role=Role.OWNER)
    [member] = [m for m in await list_members(connection, account_id) if m.address == address]
    assert member.mail == {MailKind.WEEKLY}


async def test_put_is_the_same_again(connection: Connection, make_account: MakeAccount) -> None:
    """Said twice, a member is what was said last, and new only the first time."""
    account_id, address = await make_account(), fresh()
    for role, is_new in ((Role.VIEWER, True), (Role.VIEWER, False), (Role.OWNER, False)):
        member, was_new = await put_member(
            connection, account_id=account_id, address=address, role=role, now=NOON
        )
        assert (member.role, was_new) == (role, is_new)


async def test_an_unknown_account_has_no_members(connection: Connection) -> None:
    """Neither to be listed nor to be added."""
    with pytest.raises(AccountUnknown):
        await list_members(connection, "acct-nobody")
    with pytest.raises(AccountUnknown):
        await add(connection, "acct-nobody", fresh())


async def test_members_are_bounded(
    connection: Connection, make_account: MakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account has so many members and no more."""
    monkeypatch.setattr("talktime.ops.members.MEMBERS_MAX", 2)
    account_id = await make_account()
    await add(connection, account_id, fresh())
    with pytest.raises(Conflict, match="at most 2 members"):
        await add(connection, account_id, fresh())


def test_what_roles_may() -> None:
    """Owners may everything, billing no people and keys, viewers nothing but look."""
    assert {role: {right for right in Right if may(role, right)} for role in Role} == {
        Role.OWNER: set(Right),
        Role.BILLING: {Right.SPEND, Right.CONFIGURE},
        Role.VIEWER: set(),
    }
