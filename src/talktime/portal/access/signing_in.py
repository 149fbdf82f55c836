"""Signing in and up by a link that is sent to an e-mail address."""

import secrets
from typing import Any, Final

from litestar import Response, get, post
from litestar.response import Redirect

from talktime.core.account import NAME_MAX
from talktime.core.address import has_stand_ins
from talktime.core.errors import InvalidInput, TalktimeError, TooManyAttempts
from talktime.ops.sessions import PERSON_SESSION_LIFE
from talktime.ops.sign_in import (
    VALID_FOR,
    Begun,
    Offer,
    ask_for_link,
    read_offer,
    sign_in_by_link,
    sign_up_by_link,
)
from talktime.portal.access.browsers import browser_of, check_own_form, client_network
from talktime.portal.access.places import own_place
from talktime.portal.desk import Asked, Desk, desk_of
from talktime.portal.rendering import PAGE_HEADERS
from talktime.portal.visiting import find_visitor, form_fields, keep_session, new_secret
from talktime.portal.words import sentence


@get("/sign-in")
async def sign_in(request: Asked) -> Response[Any]:
    """Ask for the e-mail address; who is signed in goes on."""
    desk = desk_of(request)
    place = own_place(request.query_params.get("next", ""))
    if await find_visitor(request, desk.platform) is not None:
        return _go(desk, place)
    return _sign_in_page(desk, place)


@post("/sign-in")
async def send_link(request: Asked) -> Response[str]:
    """Send a link; the answer is the same for every address, known here or not."""
    desk = desk_of(request)
    check_own_form(request, desk.platform.public_url)
    fields = await form_fields(request)
    address, place = fields.get("address", "").strip(), own_place(fields.get("next", ""))
    try:
        async with desk.platform.connection() as connection:
            await ask_for_link(
                connection,
                address=address,
                client=client_network(request),
                next_path=place,
                secret=new_secret(),
                public_url=desk.platform.public_url,
                sign_up_open=desk.platform.sign_up_open,
                now=desk.now,
            )
    except InvalidInput:
        why = "There is no address yet." if not address else "This is not an e-mail address."
        if has_stand_ins(address):
            why = "Some signs in this address stand for other letters."
        error = InvalidInput(f"{why} Write it like ada@example.com.", field="address")
        return _sign_in_page(desk, place, address=address, error=error, status_code=400)
    except TooManyAttempts as error:
        page = _sign_in_page(desk, place, address=address, error=error, status_code=429)
        page.headers["Retry-After"] = str(error.retry_after)
        return page
    return desk.pages.page(
        "access/check_mail.html",
        address=address,
        valid_for=VALID_FOR,
        sign_up_open=desk.platform.sign_up_open,
        mail_configured=desk.platform.mail_configured,
        place=place,
    )


@get("/sign-in/link")
async def look_at_link(request: Asked) -> Response[str]:
    """What the link would do, with a button that does it: mail scanners look at links, too."""
    desk = desk_of(request)
    token = request.query_params.get("token", "")
    async with desk.platform.connection() as connection:
        offer = await read_offer(connection, token, client=client_network(request), now=desk.now)
    return _offer_page(desk, token, offer)


@post("/sign-in/link")
async def use_link(request: Asked) -> Response[Any]:
    """Use the link up: sign in to the account chosen, or open one."""
    desk = desk_of(request)
    platform = desk.platform
    check_own_form(request, platform.public_url)
    fields = await form_fields(request)
    token, browser = fields.get("token", ""), browser_of(request)
    async with platform.connection() as connection:
        offer = await read_offer(connection, token, client=browser.client, now=desk.now)
        chosen = fields.get("account_id") or (
            offer.accounts[0].account_id if len(offer.accounts) == 1 else None
        )
        if chosen is not None:
            begun = await sign_in_by_link(
                connection,
                token=token,
                account_id=chosen,
                browser=browser,
                terms=platform.terms,
                now=desk.now,
            )
            return _let_in(desk, begun)
        if offer.accounts:
            return _offer_page(desk, token, offer)
        name = fields.get("name", "").strip()
        try:
            begun = await sign_up_by_link(
                connection,
                token=token,
                account_id=f"acct_{secrets.token_hex(16)}",
                name=name,
                sign_up_open=platform.sign_up_open,
                browser=browser,
                terms=platform.terms,
                now=desk.now,
            )
        except InvalidInput as error:
            return _offer_page(desk, token, offer, name=name, error=error)
    return _let_in(desk, begun)


def _sign_in_page(
    desk: Desk,
    place: str,
    *,
    address: str = "",
    error: TalktimeError | None = None,
    status_code: int = 200,
) -> Response[str]:
    return desk.pages.page(
        "access/sign_in.html",
        status_code=status_code,
        place=place,
        address=address[:254],
        error=error and sentence(error.message),
        sign_up_open=desk.platform.sign_up_open,
        mail_configured=desk.platform.mail_configured,
        bonus_nanos=desk.platform.terms.welcome_nanos,
    )


def _offer_page(
    desk: Desk, token: str, offer: Offer, *, name: str = "", error: InvalidInput | None = None
) -> Response[str]:
    return desk.pages.page(
        "access/link.html",
        status_code=400 if error else 200,
        token=token,
        offer=offer,
        name=name[:NAME_MAX],
        name_max=NAME_MAX,
        error=error and sentence(error.message),
        bonus_nanos=desk.platform.terms.welcome_nanos,
        sign_up_open=desk.platform.sign_up_open,
    )


def _let_in(desk: Desk, begun: Begun) -> Response[Any]:
    place = own_place(begun.next_path)
    answer = (
        desk.pages.page("access/no_bonus.html", place=place)
        if begun.is_without_bonus
        else _go(desk, place)
    )
    keep_session(answer, begun.token, pages=desk.pages, life=PERSON_SESSION_LIFE)
    return answer


def _go(desk: Desk, place: str) -> Response[Any]:
    return Redirect(f"{desk.pages.base}{place}", status_code=303, headers=dict(PAGE_HEADERS))


HANDLERS: Final = (sign_in, send_link, look_at_link, use_link)
