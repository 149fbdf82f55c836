"""The way in by the platform's one-time link, the way out, and the assets that need neither."""

from typing import Any, Final

from litestar import Response, get, post
from litestar.exceptions import NotFoundException
from litestar.response import Redirect

from talktime.core.account import Account
from talktime.core.errors import LinkUsed
from talktime.ops.accounts import read_account
from talktime.ops.portal_access import enter as enter_by_link
from talktime.ops.sessions import LINK_SESSION_LIFE, account_of, close_session, read_session
from talktime.portal.access.browsers import browser_of, check_own_form
from talktime.portal.assets import CACHE_FOREVER
from talktime.portal.desk import Asked, Desk, desk_of
from talktime.portal.rendering import PAGE_HEADERS
from talktime.portal.visiting import (
    COOKIE,
    FRAMED_COOKIE,
    allow_framing,
    check_form,
    find_visitor,
    forget_session,
    form_fields,
    keep_session,
    visitor_of,
)


@get("/enter")
async def enter(request: Asked) -> Response[Any]:
    """Use a one-time link up; a browser that is signed in already just goes on.

    Where it is signed in to another account it is asked first: any site could lead it here, to
    have somebody enter a card on an account that is not theirs.
    """
    desk = desk_of(request)
    token = request.query_params.get("token", "")
    open_now = await _open_elsewhere(request, desk, token)
    if open_now is not None:
        return desk.pages.page("access/enter_other.html", token=token, account=open_now)
    return await _entered(request, desk, token)


@post("/enter")
async def enter_other(request: Asked) -> Response[Any]:
    """The button's: leave the account that is open and use the link up."""
    desk = desk_of(request)
    check_own_form(request, desk.platform.public_url)
    fields = await form_fields(request)
    return await _entered(request, desk, fields.get("token", ""))


async def _open_elsewhere(request: Asked, desk: Desk, token: str) -> Account | None:
    """The account that this browser has open by itself, where a link opens another.

    Within another site's page a session stands in a cookie for that site alone: there nothing of
    the visitor's own is at stake, and a platform may change accounts as its user does.
    """
    if request.headers.get("sec-fetch-dest") in {"iframe", "frame"}:
        return None
    async with desk.platform.connection() as connection:
        session = await read_session(connection, request.cookies.get(COOKIE, ""), now=desk.now)
        if session is None or account_of(token) in {None, session.account_id}:
            return None
        return await read_account(connection, session.account_id, now=desk.now)


async def _entered(request: Asked, desk: Desk, token: str) -> Response[Any]:
    platform, pages = desk.platform, desk.pages
    answer = Redirect(f"{pages.base}/billing", status_code=303, headers=dict(PAGE_HEADERS))
    browser = browser_of(request)
    try:
        async with platform.connection() as connection:
            entered = await enter_by_link(
                connection,
                token=token,
                session_secret=browser.session_secret,
                session_id=browser.session_id,
                user_agent=browser.user_agent,
                now=desk.now,
            )
            # The browser forgets the session that stood in the same cookie; nobody else has it now.
            former = request.cookies.get(FRAMED_COOKIE if entered.framed_by else COOKIE, "")
            await close_session(connection, former)
    except LinkUsed:
        if await find_visitor(request, platform) is None:
            raise
        return answer
    allow_framing(request, entered.framed_by)
    keep_session(
        answer,
        entered.token,
        pages=pages,
        life=LINK_SESSION_LIFE,
        framed=entered.framed_by is not None,
    )
    return answer


@post("/leave")
async def leave(request: Asked) -> Response[Any]:
    """Sign out: the session is closed, not only forgotten by the browser."""
    desk = desk_of(request)
    visitor = await visitor_of(request, desk.platform)
    await check_form(request, visitor)
    async with desk.platform.connection() as connection:
        await close_session(connection, visitor.session)
    answer = desk.pages.page("access/left.html", is_framed=visitor.framed_by is not None)
    forget_session(answer, visitor, desk.pages)
    return answer


@get("/assets/{digest:str}/{name:str}")
async def asset(request: Asked) -> Response[bytes]:
    """A style sheet or script under the name that its content gives it."""
    digest, name = request.path_params["digest"], request.path_params["name"]
    found = desk_of(request).pages.assets.get(name)
    if found is None or found.href != f"/assets/{digest}/{name}":
        raise NotFoundException
    return Response(
        found.body,
        media_type=found.media_type,
        headers={"Cache-Control": CACHE_FOREVER, "X-Content-Type-Options": "nosniff"},
    )


HANDLERS: Final = (enter, enter_other, leave, asset)
