"""Settings, General: when to be warned, whose clock, how numbers are shown, who gets which mail."""

from collections.abc import Mapping
from typing import Any, Final

from litestar import Response, get, post
from litestar.response import Redirect

from talktime.core.errors import InvalidInput
from talktime.core.member import Right
from talktime.db.pool import Connection
from talktime.ops.accounts import change_account, read_account
from talktime.ops.members import change_mail, list_members
from talktime.portal.desk import Asked, Desk, desk_of
from talktime.portal.figures import moment, zone_of
from talktime.portal.rendering import PAGE_HEADERS
from talktime.portal.settings.general_view import (
    MAIL,
    MASKS,
    Typed,
    change_of,
    changed_in,
    mask_choices,
    months_note,
    recipients_of,
    typed_in,
    typed_of,
    who_may,
)
from talktime.portal.settings.parts import GENERAL, settings_frame
from talktime.portal.settings.zones import zones
from talktime.portal.visiting import Visitor

TOLD: Final[Mapping[str, str]] = {
    "settings": "Your settings are saved.",
    "mail": "Who gets which e-mail is saved.",
}


@get("/settings")
async def general(request: Asked) -> Response[str]:
    """The settings as they are."""
    desk = desk_of(request)
    told = TOLD.get(request.query_params.get("saved", ""), "")
    async with desk.visit(request) as (visitor, connection):
        return await _page(desk, visitor, connection, told=told)


@post("/settings")
async def save_settings(request: Asked) -> Response[Any]:
    """Change the account's settings, all or none of them."""
    desk = desk_of(request)
    async with desk.receive(request) as (visitor, fields, connection):
        typed = typed_in(fields)
        visitor.require(Right.CONFIGURE)
        change, errors = change_of(typed)
        if not errors:
            try:
                await change_account(connection, visitor.account_id, change, now=desk.now)
            except InvalidInput as error:  # a zone that the database does not know
                errors = {error.field or "": error.message}
        if errors:
            return await _page(desk, visitor, connection, typed=typed, errors=errors)
    return _saved(desk, "settings")


@post("/settings/mail")
async def save_mail(request: Asked) -> Response[Any]:
    """Note who gets which mail: one's own choices, or everybody's."""
    desk = desk_of(request)
    async with desk.receive(request) as (visitor, fields, connection), connection.transaction():
        for member in await list_members(connection, visitor.account_id):
            # Somebody who was added since the form was made is not in it.
            add, drop = changed_in(fields, member)
            if not add and not drop:
                continue
            if member.address != visitor.address:
                visitor.require(Right.CONFIGURE)
            await change_mail(connection, visitor.account_id, member.address, add=add, drop=drop)
    return _saved(desk, "mail")


def _saved(desk: Desk, what: str) -> Redirect:
    return Redirect(
        f"{desk.pages.base}/settings?saved={what}", status_code=303, headers=dict(PAGE_HEADERS)
    )


async def _page(
    desk: Desk,
    visitor: Visitor,
    connection: Connection,
    *,
    told: str = "",
    typed: Typed | None = None,
    errors: Mapping[str, str] | None = None,
) -> Response[str]:
    now = desk.now
    account = await read_account(connection, visitor.account_id, now=now)
    members = await list_members(connection, visitor.account_id)
    recipients = recipients_of(members, visitor)
    return desk.pages.page(
        "settings/general.html",
        status_code=400 if errors else 200,
        **settings_frame(visitor, account, GENERAL, told=told),
        may_configure=visitor.may(Right.CONFIGURE),
        may_administer=visitor.may(Right.ADMINISTER),
        who_may=who_may(members),
        typed=typed or typed_of(account),
        errors=dict(errors or {}),
        zones=zones(now),
        clock=moment(now, zone_of(account.time_zone)),
        months_note=months_note(account, now=now),
        masks=mask_choices(),
        mask_name=MASKS[account.number_mask],
        floor_nanos=desk.platform.terms.floor_nanos,
        mail=[(kind.value, *words) for kind, words in MAIL.items()],
        recipients=recipients,
        may_change_mail=any(one.may_change for one in recipients),
    )


HANDLERS: Final = (general, save_settings, save_mail)
