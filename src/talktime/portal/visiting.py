"""Who is looking: the session cookies, and the token that proves a form came from our page.

A session whose pages another site frames has a cookie of its own, which browsers keep apart for
each framing site: it neither signs in nor out who visits these pages by themselves.
"""

import hmac
import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.datastructures import Cookie

from talktime.core.errors import Forbidden, Unauthenticated
from talktime.core.member import Right, Role, may
from talktime.core.session import Session
from talktime.ops.platform import Platform
from talktime.ops.sessions import read_session, use_session
from talktime.portal.forms import check_body
from talktime.portal.odd_signs import check_fields
from talktime.portal.rendering import Pages

COOKIE: Final = "talktime_session"
FRAMED_COOKIE: Final = "talktime_framed"
FRAMED_BY: Final = "talktime_framed_by"
"""In the request's state: the origin that may frame the answer."""
WITHIN: Final = "within"
"""In the address of a stream: the page that listens is within another site's."""
WITHIN_HEADER: Final = "talktime-within"
"""The same of what a page's scripts ask for."""
FRAMED_KEPT: Final = timedelta(days=30)
"""How much longer than its session a framed page's cookie lasts: by it we know later on that a
page was framed whose session has ended, and may say so there."""


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """A signed-in browser; every query of its pages is scoped by ``account_id``."""

    account_id: str
    session: str
    """The token, which is secret."""
    session_id: str = ""
    role: Role = Role.OWNER
    address: str | None = None
    """The person, where the session is one of a person and not of the platform's link."""
    framed_by: str | None = None
    """The origin whose page these pages are shown in."""
    accounts: int = 1
    """How many accounts the person may choose from."""

    def may(self, right: Right) -> bool:
        return may(self.role, right)

    def require(self, right: Right) -> None:
        """Raise Forbidden, saying who may, where the visitor's role lacks the right."""
        if not self.may(right):
            raise Forbidden(
                f"your role on this account ({self.role.value}) does not allow this; "
                "ask an owner of the account"
            )

    @property
    def form_token(self) -> str:
        """What every form carries; nobody without the session's secret can make it."""
        return hmac.new(self.session.encode(), b"talktime form", sha256).hexdigest()

    def to_session(self, now: datetime) -> Session:
        """The session that this visitor is."""
        return Session(
            account_id=self.account_id,
            session_id=self.session_id,
            role=self.role,
            address=self.address,
            framed_by=self.framed_by,
            last_seen_at=now,
            accounts=self.accounts,
        )


async def visitor_of(request: Request[Any, Any, Any], platform: Platform) -> Visitor:
    """The visitor by the request's cookie, who is seen by it. Raises Unauthenticated."""
    visitor = await _found(request, platform, is_there=True)
    if visitor is None:
        raise Unauthenticated(
            "your session has ended, your access was taken away, or you were never signed in here"
        )
    return visitor


async def find_visitor(request: Request[Any, Any, Any], platform: Platform) -> Visitor | None:
    """The visitor, or None for a browser that is not signed in; a page left open is no visit."""
    return await _found(request, platform, is_there=False)


async def _found(
    request: Request[Any, Any, Any], platform: Platform, *, is_there: bool
) -> Visitor | None:
    tokens = session_tokens(request)
    if not tokens:
        return None
    look = use_session if is_there else read_session
    async with platform.connection() as connection:
        for token in tokens:
            session = await look(connection, token, now=platform.clock())
            if session is not None:
                allow_framing(request, session.framed_by)
                return _visitor(session, token)
    return None


def session_tokens(request: Request[Any, Any, Any]) -> list[str]:
    """The tokens that a browser brings, the one that is meant first.

    A page within another site's is meant by the cookie for that alone, so that it never shows
    another account after its own session has ended; a page by itself by the other first.
    """
    plain, framed = request.cookies.get(COOKIE, ""), request.cookies.get(FRAMED_COOKIE, "")
    if framed and _is_within(request):
        return [framed]
    return [token for token in (plain, framed) if token]


def is_framed(request: Request[Any, Any, Any]) -> bool:
    """Whether a page is asked for that was framed when its session began."""
    if not request.cookies.get(FRAMED_COOKIE):
        return False
    tells = "sec-fetch-dest" in request.headers
    return _is_within(request) if tells else not request.cookies.get(COOKIE)


def _is_within(request: Request[Any, Any, Any]) -> bool:
    """Browsers tell it of pages; streams say so in their address, scripts in a header."""
    return (
        request.headers.get("sec-fetch-dest") in {"iframe", "frame"}
        or bool(request.query_params.get(WITHIN))
        or WITHIN_HEADER in request.headers
    )


def allow_framing(request: Request[Any, Any, Any], origin: str | None) -> None:
    """Let the answer be framed by an origin, or by nobody."""
    request.scope["state"][FRAMED_BY] = origin


def _visitor(session: Session, token: str) -> Visitor:
    return Visitor(
        account_id=session.account_id,
        session=token,
        session_id=session.session_id,
        role=session.role,
        address=session.address,
        framed_by=session.framed_by,
        accounts=session.accounts,
    )


def new_secret() -> str:
    """32 random bytes, URL-safe."""
    return secrets.token_urlsafe(32)


def new_session_id() -> str:
    """By which a session is named; no secret."""
    return secrets.token_hex(16)


def keep_session(
    answer: Response[Any], session: str, *, pages: Pages, life: timedelta, framed: bool = False
) -> None:
    """Have the browser keep a session's token; ``life`` zero has it forget one."""
    seconds = life // timedelta(seconds=1)
    if framed:
        # Python's cookies do not know Partitioned, without which browsers drop a framed page's.
        kept = seconds and seconds + FRAMED_KEPT // timedelta(seconds=1)
        answer.headers["set-cookie"] = (
            f"{FRAMED_COOKIE}={session}; Path={pages.base or '/'}; Max-Age={kept}; HttpOnly; "
            "Secure; SameSite=None; Partitioned"
        )
        return
    answer.set_cookie(
        Cookie(
            key=COOKIE,
            value=session,
            path=pages.base or "/",
            httponly=True,
            secure=pages.is_https,
            samesite="lax",
            max_age=seconds,
        )
    )


def forget_session(answer: Response[Any], visitor: Visitor, pages: Pages) -> None:
    """Have the browser forget the session of a visitor."""
    keep_session(answer, "", pages=pages, life=timedelta(0), framed=visitor.framed_by is not None)


async def check_form(request: Request[Any, Any, Any], visitor: Visitor) -> dict[str, str]:
    """The fields of a form that our own page sent for this visitor. Raises Forbidden otherwise."""
    fields = await form_fields(request)
    if not hmac.compare_digest(fields.get("form_token", "").encode(), visitor.form_token.encode()):
        raise Forbidden("this form did not come from this page; reload the page and try again")
    return fields


async def form_fields(request: Request[Any, Any, Any]) -> dict[str, str]:
    """The fields of a form, whoever sent it. Raises InvalidInput for what nobody can type."""
    await check_body(request)
    body = await request.form()
    fields = {name: value for name, value in body.items() if isinstance(value, str)}
    check_fields(fields)
    return fields
