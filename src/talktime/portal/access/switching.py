"""Going on in another of one's accounts."""

from typing import Any, Final

from litestar import Response, get, post
from litestar.response import Redirect

from talktime.ops.sessions import PERSON_SESSION_LIFE
from talktime.ops.sign_in import list_memberships, switch_account
from talktime.portal.access.browsers import browser_of
from talktime.portal.desk import Asked, desk_of
from talktime.portal.rendering import PAGE_HEADERS
from talktime.portal.visiting import keep_session


@get("/switch")
async def choose(request: Asked) -> Response[str]:
    """The person's accounts, each a button."""
    desk = desk_of(request)
    async with desk.visit(request) as (visitor, connection):
        accounts = (
            [] if visitor.address is None else await list_memberships(connection, visitor.address)
        )
    return desk.pages.page(
        "access/switch.html", visitor=visitor, form_token=visitor.form_token, accounts=accounts
    )


@post("/switch")
async def switch(request: Asked) -> Response[Any]:
    """A session on the account chosen takes the place of this one."""
    desk = desk_of(request)
    async with desk.receive(request) as (visitor, fields, connection):
        begun = await switch_account(
            connection,
            visitor.to_session(desk.now),
            account_id=fields.get("account_id", ""),
            browser=browser_of(request),
            now=desk.now,
        )
    answer = Redirect(f"{desk.pages.base}/billing", status_code=303, headers=dict(PAGE_HEADERS))
    keep_session(answer, begun.token, pages=desk.pages, life=PERSON_SESSION_LIFE)
    return answer


HANDLERS: Final = (choose, switch)
