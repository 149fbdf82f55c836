"""Members over HTTP: who may sign in to an account's pages by e-mail, and with which role."""

from datetime import datetime
from typing import Any, Final

import msgspec
from litestar import Request, Response, delete, get, put
from litestar.types import ControllerRouterHandler

from talktime.api.bodies import answer, decode_body
from talktime.api.description import described
from talktime.core.errors import AccountUnknown, Conflict, LastOwner, MemberUnknown, TooManyAttempts
from talktime.core.member import MailKind, Member, Role
from talktime.ops.accounts import read_account
from talktime.ops.keys import Scope
from talktime.ops.members import (
    INVITATIONS,
    invite_member,
    is_member,
    list_members,
    put_member,
    remove_member,
)
from talktime.ops.platform import Platform


class NewMember(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody may do on the account."""

    role: Role
    """``viewer`` looks, ``billing`` spends and sets, ``owner`` everything; one owner stays."""
    invite: bool = False
    """Write to somebody who is new where they can sign in."""


class MemberBody(msgspec.Struct, frozen=True, kw_only=True):
    """A person who signs in to the account's pages by e-mail."""

    account_id: str
    address: str
    """In the form in which a person is known: letter case makes no difference."""
    role: Role
    mail: list[MailKind]
    """What they chose to be told by e-mail."""
    added_at: datetime


class MemberList(msgspec.Struct, frozen=True, kw_only=True):
    """All members, owners first; at most 200."""

    items: list[MemberBody]


@get(
    "/v1/accounts/{account_id:str}/members",
    opt=described(scope=Scope.ACCOUNTS_READ, answers={200: MemberList}, refusals=(AccountUnknown,)),
)
async def get_members(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List an account's members."""
    platform: Platform = request.app.state.platform
    async with platform.connection() as connection:
        found = await list_members(connection, request.path_params["account_id"])
    return answer(MemberList(items=[member_body(member) for member in found]))


@put(
    "/v1/accounts/{account_id:str}/members/{address:str}",
    opt=described(
        scope=Scope.ACCOUNTS_WRITE,
        body=NewMember,
        answers={200: MemberBody, 201: MemberBody},
        refusals=(AccountUnknown, LastOwner, Conflict, TooManyAttempts),
    ),
)
async def put_account_member(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Make somebody a member, or give a member another role.

    201: they are new. 200: they were a member. A changed role acts on open pages at once.
    """
    platform: Platform = request.app.state.platform
    body = decode_body(await request.body(), NewMember)
    account_id, address = request.path_params["account_id"], request.path_params["address"]
    now = platform.clock()
    async with platform.connection() as connection:
        if body.invite and not await is_member(connection, account_id, address):
            account = await read_account(connection, account_id, now=now)
            member, is_new = await invite_member(
                connection,
                account_id=account_id,
                address=address,
                role=body.role,
                invited_by=account.name,
                public_url=platform.public_url,
                now=now,
                limit=INVITATIONS,
            )
        else:
            member, is_new = await put_member(
                connection, account_id=account_id, address=address, role=body.role, now=now
            )
    return answer(member_body(member), 201 if is_new else 200)


@delete(
    "/v1/accounts/{account_id:str}/members/{address:str}",
    opt=described(
        scope=Scope.ACCOUNTS_WRITE,
        answers={204: None},
        refusals=(AccountUnknown, MemberUnknown, LastOwner),
    ),
)
async def delete_account_member(request: Request[Any, Any, Any]) -> None:
    """Remove a member, and sign them out of the account. The last owner stays."""
    platform: Platform = request.app.state.platform
    async with platform.connection() as connection:
        await remove_member(
            connection,
            account_id=request.path_params["account_id"],
            address=request.path_params["address"],
        )


def member_body(member: Member) -> MemberBody:
    """A member in wire form."""
    return MemberBody(
        account_id=member.account_id,
        address=member.address,
        role=member.role,
        mail=sorted(member.mail),
        added_at=member.added_at,
    )


MEMBER_ROUTES: Final[list[ControllerRouterHandler]] = [
    get_members,
    put_account_member,
    delete_account_member,
]
