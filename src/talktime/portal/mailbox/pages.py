"""Every mail that was sent, to be read in the browser; there only where the mailbox is on."""

from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from litestar import MediaType, Request, Response, Router, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from talktime.core.errors import Forbidden
from talktime.gateways.mailbox import Mailbox, Received
from talktime.portal.figures import moment, zone_of
from talktime.portal.refusals import refusal_pages
from talktime.portal.rendering import PAGE_HEADERS, Pages
from talktime.reach import is_loopback

Asked: TypeAlias = Request[Any, Any, Any]

_OPT: Final = "talktime_mailbox"
_LETTER_HEADERS: Final = {
    **PAGE_HEADERS,
    # A mail brings styles of its own and nothing else; it is shown in a frame of ours, without
    # scripts, and its links lead the whole page on.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; "
        "base-uri 'self'; form-action 'none'; "
        "sandbox allow-popups allow-top-navigation-by-user-activation"
    ),
    "X-Frame-Options": "SAMEORIGIN",
}
_PAGE_CSP: Final = f"{PAGE_HEADERS['Content-Security-Policy']}; frame-src 'self'"
_BASE: Final = '<base target="_top">'


class _Room:
    """The mailbox and what renders it."""

    def __init__(self, mailbox: Mailbox, pages: Pages) -> None:
        self.mailbox = mailbox
        self.pages = pages

    def __deepcopy__(self, memo: object) -> "_Room":
        # The framework copies a router's options when it registers the router.
        return self

    def mail(self, key: str) -> Received:
        found = self.mailbox.find(key)
        if found is None:
            raise NotFoundException
        return found

    def page(self, template: str, **values: Any) -> Response[str]:
        page = self.pages.page(template, **values)
        page.headers["Content-Security-Policy"] = _PAGE_CSP
        return page


def mailbox_router(mailbox: Mailbox, public_url: str) -> Router:
    """The mailbox at /mailbox."""
    pages = Pages(public_url)
    return Router(
        path="/mailbox",
        route_handlers=[list_mails, show_mail, show_html],
        before_request=_check_host,
        exception_handlers=refusal_pages(pages),
        include_in_schema=False,
        opt={_OPT: _Room(mailbox, pages)},
    )


def _check_host(request: Asked) -> None:
    """Raise Forbidden under a name that is not this machine's: a page of anybody's can give its own
    name our address (DNS rebinding), and would read the sign-in links here as if they were its."""
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname
    if not is_loopback(host or ""):
        raise Forbidden("mail is shown under this machine's own name alone; open it at localhost")


@get("/", sync_to_thread=True)
def list_mails(request: Asked) -> Response[str]:
    """Every mail, newest first."""
    room = _room(request)
    zone = zone_of("UTC")
    mails = [(mail, moment(mail.sent_at, zone)) for mail in room.mailbox.newest()]
    return room.page("mailbox/mails.html", mails=mails)


@get("/{key:str}", sync_to_thread=True)
def show_mail(request: Asked, key: FromPath[str]) -> Response[str]:
    """One mail: its HTML in a frame, or with ?part=text its plain text."""
    room = _room(request)
    mail = room.mail(key)
    return room.page(
        "mailbox/mail.html",
        mail=mail,
        sent=moment(mail.sent_at, zone_of("UTC")),
        as_text=request.query_params.get("part") == "text",
    )


@get("/{key:str}/html", sync_to_thread=True)
def show_html(request: Asked, key: FromPath[str]) -> Response[str]:
    """The HTML of a mail as it came, for the frame."""
    html = _room(request).mail(key).html
    return Response(
        html.replace("<head>", f"<head>{_BASE}", 1),
        media_type=MediaType.HTML,
        headers=dict(_LETTER_HEADERS),
    )


def _room(request: Asked) -> _Room:
    room: _Room = request.route_handler.opt[_OPT]
    return room
