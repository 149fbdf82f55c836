"""Members: who may see and act on an account. An account keeps at least one owner."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final

from talktime.core.address import check_address, normal_address, sign_in_address
from talktime.core.errors import Conflict, LastOwner, MemberExists, MemberUnknown
from talktime.core.member import MAIL_AT_FIRST, MailKind, Member, Role
from talktime.core.message import MessageKind
from talktime.db import members
from talktime.db.accounts import account_exists
from talktime.db.acts import lock_accounts
from talktime.db.pool import Connection
from talktime.ops.accounts import account_unknown, read_account
from talktime.ops.guesses import GuessLimit, take_attempt
from talktime.ops.messages import write_message

MEMBERS_MAX: Final = 200

INVITATIONS: Final = GuessLimit(
    kind="invitation",
    most=50,
    window=timedelta(days=1),
    refusal="50 people were invited to this account within a day; invite the others tomorrow",
    field="address",
)
INVITATIONS_AT_FIRST: Final = GuessLimit(
    kind="invitation",
    most=5,
    window=timedelta(days=1),
    refusal="5 people were invited to this account within a day, the most until it has paid "
    "credit; add credit, or invite the others tomorrow",
    field="address",
)
"""Until an account has cost somebody something, it may be one to write to strangers from."""
INVITATION_AGAIN: Final = GuessLimit(
    kind="invitation_again",
    most=1,
    window=timedelta(hours=1),
    refusal="this address was invited within the last hour; invite it again later",
    field="address",
)
INVITATIONS_TO_MAILBOX: Final = GuessLimit(
    kind="invitation_to_mailbox",
    most=10,
    window=timedelta(hours=1),
    refusal="this address was invited several times within the hour; invite it again later",
    field="address",
)
"""By the normal form of the address; apart from links, or invitations could shut somebody out."""
NAME_IN_MAIL_MAX: Final = 60
"""Of an account's name in an invitation, which goes to whoever was typed in."""


async def list_members(connection: Connection, account_id: str) -> list[Member]:
    """An account's members, owners first. Raises AccountUnknown."""
    found = await members.list_members(connection, account_id)
    if not found and not await account_exists(connection, account_id):
        raise account_unknown(account_id)
    return found


async def is_member(connection: Connection, account_id: str, address: str) -> bool:
    """Whether somebody is a member by now. Raises AccountUnknown."""
    known_as = sign_in_address(address)
    return any(one.address == known_as for one in await list_members(connection, account_id))


async def add_member(
    connection: Connection, *, account_id: str, address: str, role: Role, now: datetime
) -> tuple[Member, bool]:
    """Make somebody a member; the same again answers the member, with False for "not new".

    Raises InvalidInput for what is no e-mail address, AccountUnknown, MemberExists where they are
    a member with another role, Conflict beyond MEMBERS_MAX.
    """
    known_as = sign_in_address(check_address(address, field="address"))
    async with _members_held(connection, account_id) as found:
        return await _added(connection, found, account_id, known_as, role=role, now=now)


async def put_member(
    connection: Connection, *, account_id: str, address: str, role: Role, now: datetime
) -> tuple[Member, bool]:
    """Make somebody a member with this role, whatever they were; with True where they are new.

    Raises as add_member and change_role do.
    """
    known_as = sign_in_address(check_address(address, field="address"))
    async with _members_held(connection, account_id) as found:
        if any(member.address == known_as for member in found):
            return await _changed(connection, found, known_as, role=role), False
        return await _added(connection, found, account_id, known_as, role=role, now=now)


async def invite_member(
    connection: Connection,
    *,
    account_id: str,
    address: str,
    role: Role,
    invited_by: str,
    public_url: str,
    now: datetime,
    limit: GuessLimit | None = None,
) -> tuple[Member, bool]:
    """As add_member, and write to them where they can sign in; to whom is one already, nothing.

    ``invited_by`` is a person's address or the platform's name. Raises TooManyAttempts where an
    account invites more people in a day than ``limit`` allows (None: INVITATIONS for one with paid
    credit or charges of this month, INVITATIONS_AT_FIRST for others), where a mailbox gets more
    than INVITATIONS_TO_MAILBOX, or one was invited within the hour.
    """
    mailbox = normal_address(check_address(address, field="address"))
    account = await read_account(connection, account_id, now=now)
    if not await is_member(connection, account_id, address):
        costs = account.paid_nanos != 0 or account.month_to_date_nanos > 0
        of_account = limit or (INVITATIONS if costs else INVITATIONS_AT_FIRST)
        await take_attempt(connection, of_account, account_id, now=now)
        await take_attempt(connection, INVITATION_AGAIN, f"{account_id} {mailbox}", now=now)
        await take_attempt(connection, INVITATIONS_TO_MAILBOX, mailbox, now=now)
    async with connection.transaction():
        member, is_new = await add_member(
            connection, account_id=account_id, address=address, role=role, now=now
        )
        if is_new:
            await write_message(
                connection,
                account_id=account_id,
                kind=MessageKind.INVITATION,
                # Who was removed and is invited again is written to again.
                ref=f"{member.address} {now.isoformat()}",
                recipient=member.address,
                facts={
                    "link": f"{public_url}/sign-in",
                    "account_name": _cut(account.name),
                    "invited_by": invited_by if "@" in invited_by else _cut(invited_by),
                    "role": role.value,
                },
                now=now,
            )
    return member, is_new


async def change_role(
    connection: Connection, *, account_id: str, address: str, role: Role
) -> Member:
    """Give a member another role; it acts on open sessions at once.

    Raises AccountUnknown, MemberUnknown, LastOwner.
    """
    async with _members_held(connection, account_id) as found:
        return await _changed(connection, found, sign_in_address(address), role=role)


async def remove_member(connection: Connection, *, account_id: str, address: str) -> None:
    """End a membership and the person's sessions on this account.

    Raises AccountUnknown, MemberUnknown, LastOwner.
    """
    known_as = sign_in_address(address)
    async with _members_held(connection, account_id) as found:
        _find(found, known_as)
        _keep_an_owner(found, known_as)
        await members.remove_member(connection, account_id=account_id, address=known_as)


async def change_mail(
    connection: Connection,
    account_id: str,
    address: str,
    *,
    add: Collection[MailKind] = (),
    drop: Collection[MailKind] = (),
) -> None:
    """Add to the mail that a member chose, and take from it; the rest stays as it is by now.

    Raises MemberUnknown.
    """
    known_as = sign_in_address(address)
    if not await members.change_mail(
        connection, account_id=account_id, address=known_as, add=add, drop=drop
    ):
        raise _unknown(known_as)


@asynccontextmanager
async def _members_held(connection: Connection, account_id: str) -> AsyncIterator[list[Member]]:
    """The members, who stay what they are while the account is locked. Raises AccountUnknown."""
    async with connection.transaction():
        await lock_accounts(connection, [account_id])
        yield await list_members(connection, account_id)


async def _added(
    connection: Connection,
    found: list[Member],
    account_id: str,
    address: str,
    *,
    role: Role,
    now: datetime,
) -> tuple[Member, bool]:
    known = next((member for member in found if member.address == address), None)
    if known is not None and known.role != role:
        raise MemberExists(
            f"{address} is a member with the role {known.role.value}; change the role instead",
            field="address",
        )
    if known is not None:
        return known, False
    if len(found) >= MEMBERS_MAX:
        raise Conflict(
            f"an account has at most {MEMBERS_MAX} members; remove one first", field="address"
        )
    added = Member(
        account_id=account_id, address=address, role=role, mail=MAIL_AT_FIRST[role], added_at=now
    )
    await members.add_member(
        connection, account_id=account_id, address=address, role=role, mail=added.mail, now=now
    )
    return added, True


async def _changed(
    connection: Connection, found: list[Member], address: str, *, role: Role
) -> Member:
    member = _find(found, address)
    if role is not Role.OWNER:
        _keep_an_owner(found, address)
    await members.change_role(connection, account_id=member.account_id, address=address, role=role)
    return Member(
        account_id=member.account_id,
        address=address,
        role=role,
        mail=member.mail,
        added_at=member.added_at,
    )


def _find(found: list[Member], address: str) -> Member:
    for member in found:
        if member.address == address:
            return member
    raise _unknown(address)


def _keep_an_owner(found: list[Member], leaving: str) -> None:
    owners = {member.address for member in found if member.role is Role.OWNER}
    if owners == {leaving}:
        raise LastOwner(
            f"{leaving} is the only owner, and an account keeps at least one; "
            "make somebody else an owner first",
            field="role",
        )


def _cut(name: str) -> str:
    return name if len(name) <= NAME_IN_MAIL_MAX else f"{name[: NAME_IN_MAIL_MAX - 1]}\u2026"


def _unknown(address: str) -> MemberUnknown:
    return MemberUnknown(f"{address} is not a member of this account", field="address")
