"""Who is looking: the session cookie, and the token that proves a form came from our page."""

import hmac
import secrets
from hashlib import sha256
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.datastructures import Cookie

from talktime.core.errors import Forbidden, Unauthenticated
from talktime.core.member import Right, Role, may
from talktime.ops.platform import Platform
from talktime.ops.sessions import LINK_SESSION_LIFE, read_session

COOKIE: Final = "talktime_session"


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """A signed-in browser; every query of its pages is scoped by ``account_id``."""

    account_id: str
    session: str
    role: Role = Role.OWNER
    address: str | None = None
    """The person, where the session is one of a person and not of the platform's link."""

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


async def visitor_of(request: Request[Any, Any, Any], platform: Platform) -> Visitor:
    """The visitor by the request's cookie. Raises Unauthenticated."""
    visitor = await find_visitor(request, platform)
    if visitor is None:
        raise Unauthenticated("your session has ended, or was never begun in this browser")
    return visitor


async def find_visitor(request: Request[Any, Any, Any], platform: Platform) -> Visitor | None:
    """The visitor, or None for a browser that is not signed in."""
    session = request.cookies.get(COOKIE, "")
    if not session:
        return None
    async with platform.connection() as connection:
        found = await read_session(connection, session, now=platform.clock())
    if found is None:
        return None
    return Visitor(
        account_id=found.account_id, session=session, role=found.role, address=found.address
    )


def new_secret() -> str:
    """32 random bytes, URL-safe."""
    return secrets.token_urlsafe(32)


def new_session_id() -> str:
    """By which a session is named; no secret."""
    return secrets.token_hex(16)


def session_cookie(session: str, *, path: str, is_https: bool) -> Cookie:
    """Keeps a browser signed in for as long as its session lives."""
    return Cookie(
        key=COOKIE,
        value=session,
        path=path or "/",
        httponly=True,
        secure=is_https,
        samesite="lax",
        max_age=int(LINK_SESSION_LIFE.total_seconds()),
    )


def ended_cookie(*, path: str, is_https: bool) -> Cookie:
    return Cookie(
        key=COOKIE,
        value="",
        path=path or "/",
        httponly=True,
        secure=is_https,
        samesite="lax",
        max_age=0,
    )


async def check_form(request: Request[Any, Any, Any], visitor: Visitor) -> dict[str, str]:
    """The fields of a form that our own page sent for this visitor. Raises Forbidden otherwise."""
    body = await request.form()
    fields = {name: value for name, value in body.items() if isinstance(value, str)}
    if not hmac.compare_digest(fields.get("form_token", "").encode(), visitor.form_token.encode()):
        raise Forbidden("this form did not come from this page; reload the page and try again")
    return fields
