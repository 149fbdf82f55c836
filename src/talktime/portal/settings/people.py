"""Settings, People: who may come in with which role, and where one is signed in."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.response import Redirect

from talktime.core.errors import Conflict, InvalidInput, NotFound, TalktimeError, TooManyAttempts
from talktime.core.member import Right, Role
from talktime.db.pool import Connection
from talktime.ops.accounts import read_account
from talktime.ops.members import (
    change_role,
    invite_member,
    list_members,
    remove_member,
)
from talktime.ops.sessions import end_sessions, list_sessions
from talktime.portal.desk import Asked, Desk, desk_of
from talktime.portal.rendering import PAGE_HEADERS
from talktime.portal.settings.parts import PEOPLE, settings_frame
from talktime.portal.settings.people_view import ROLES, person_rows, session_rows
from talktime.portal.visiting import Visitor, forget_session
from talktime.portal.words import sentence

REFUSALS: Final = (InvalidInput, Conflict, NotFound, TooManyAttempts)

TOLD: Final[Mapping[str, str]] = {
    "invited": "Invited. A mail tells them where to sign in.",
    "known": "They are a member already, with this role.",
    "role": "The role is changed, in open pages too.",
    "removed": "Removed. They are signed out of this account.",
    "ended": "That session is closed.",
}


@get("/settings/people")
async def people(request: Asked) -> Response[str]:
    """The members and the sessions."""
    desk = desk_of(request)
    told = TOLD.get(request.query_params.get("done", ""), "")
    async with desk.visit(request) as (visitor, connection):
        who = request.query_params.get("who", "")
        return await _page(desk, visitor, connection, told=told, who=who)


@post("/settings/people/invite")
async def invite(request: Asked) -> Response[Any]:
    """Add somebody, and write to them."""
    desk = desk_of(request)
    async with desk.receive(request) as (visitor, fields, connection):
        visitor.require(Right.ADMINISTER)
        address = fields.get("address", "").strip()
        account = await read_account(connection, visitor.account_id, now=desk.now)
        try:
            member, is_new = await invite_member(
                connection,
                account_id=visitor.account_id,
                address=address,
                role=_role(fields),
                invited_by=visitor.address or account.name,
                public_url=desk.platform.public_url,
                now=desk.now,
            )
        except REFUSALS as error:
            return await _page(desk, visitor, connection, typed=fields, error=error)
    return _done(desk, "invited" if is_new else "known", who=member.address)


@post("/settings/people/role")
async def give_role(request: Asked) -> Response[Any]:
    """Give a member another role."""
    desk = desk_of(request)
    async with desk.receive(request) as (visitor, fields, connection):
        visitor.require(Right.ADMINISTER)
        try:
            await change_role(
                connection,
                account_id=visitor.account_id,
                address=fields.get("address", ""),
                role=_role(fields),
            )
        except REFUSALS as error:
            return await _page(desk, visitor, connection, trouble=error)
    return _done(desk, "role")


@post("/settings/people/remove")
async def remove(request: Asked) -> Response[Any]:
    """Remove a member; who removes themselves is out."""
    desk = desk_of(request)
    async with desk.receive(request) as (visitor, fields, connection):
        address = fields.get("address", "")
        if address != visitor.address:
            visitor.require(Right.ADMINISTER)
        try:
            await remove_member(connection, account_id=visitor.account_id, address=address)
        except REFUSALS as error:
            return await _page(desk, visitor, connection, trouble=error)
    return _out(desk, visitor) if address == visitor.address else _done(desk, "removed")


@post("/settings/people/sessions/end")
async def end_session(request: Asked) -> Response[Any]:
    """Close one of the visitor's own sessions."""
    desk = desk_of(request)
    async with desk.receive(request) as (visitor, fields, connection):
        session_id = fields.get("session_id", "")
        if session_id != _only(visitor, session_id):
            visitor.require(Right.ADMINISTER)
        await end_sessions(
            connection, visitor.account_id, address=visitor.address, session_id=session_id
        )
    return _out(desk, visitor) if session_id == visitor.session_id else _done(desk, "ended")


@post("/settings/people/sessions/end-all")
async def end_all_sessions(request: Asked) -> Response[str]:
    """Sign out everywhere, here too."""
    desk = desk_of(request)
    async with desk.receive(request) as (visitor, _, connection):
        await end_sessions(
            connection, visitor.account_id, address=visitor.address, session_id=_only(visitor)
        )
    return _out(desk, visitor)


def _only(visitor: Visitor, otherwise: str | None = None) -> str | None:
    """The one session that somebody sees and ends who came by a link and may not administer.

    Links have no names: behind the account's others may be anybody, its owner too.
    """
    is_anybody = visitor.address is None and not visitor.may(Right.ADMINISTER)
    return visitor.session_id if is_anybody else otherwise


def _role(fields: Mapping[str, str]) -> Role:
    try:
        return Role(fields.get("role", ""))
    except ValueError as error:
        raise InvalidInput("choose a role", field="role") from error


def _done(desk: Desk, what: str, *, who: str = "") -> Redirect:
    asked = urlencode({"done": what} | ({"who": who} if who else {}))
    return Redirect(
        f"{desk.pages.base}/settings/people?{asked}",
        status_code=303,
        headers=dict(PAGE_HEADERS),
    )


def _out(desk: Desk, visitor: Visitor) -> Response[str]:
    answer = desk.pages.page("access/left.html", is_framed=visitor.framed_by is not None)
    forget_session(answer, visitor, desk.pages)
    return answer


async def _page(
    desk: Desk,
    visitor: Visitor,
    connection: Connection,
    *,
    told: str = "",
    who: str = "",
    typed: Mapping[str, str] | None = None,
    error: TalktimeError | None = None,
    trouble: TalktimeError | None = None,
) -> Response[str]:
    """``error`` is of the invitation, ``trouble`` of anything else."""
    account = await read_account(connection, visitor.account_id, now=desk.now)
    members = await list_members(connection, visitor.account_id)
    sessions = await list_sessions(
        connection, visitor.account_id, address=visitor.address, now=desk.now
    )
    only = _only(visitor)
    sessions = [one for one in sessions if only in {None, one.session_id}]
    if told and any(member.address == who for member in members):
        told = f"{who}: {told}"
    refused = error or trouble
    page = desk.pages.page(
        "settings/people.html",
        status_code=_status(refused),
        **settings_frame(visitor, account, PEOPLE, told=told),
        may_administer=visitor.may(Right.ADMINISTER),
        people=person_rows(members, visitor, time_zone=account.time_zone),
        roles=ROLES,
        sessions=session_rows(sessions, visitor, time_zone=account.time_zone),
        sees_one=only is not None,
        several_accounts=len({one.account_id for one in sessions}) > 1,
        typed=dict(typed or {}),
        error=error and sentence(error.message),
        trouble=trouble and sentence(trouble.message),
        mail_configured=desk.platform.mail_configured,
    )
    if isinstance(refused, TooManyAttempts):
        page.headers["Retry-After"] = str(refused.retry_after)
    return page


def _status(error: TalktimeError | None) -> int:
    if error is None:
        return 200
    kinds = {Conflict: 409, NotFound: 404, TooManyAttempts: 429}
    return next((status for kind, status in kinds.items() if isinstance(error, kind)), 400)


HANDLERS: Final = (people, invite, give_role, remove, end_session, end_all_sessions)
