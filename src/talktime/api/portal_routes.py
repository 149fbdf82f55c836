"""Ways into the customer's pages that the platform makes: one-time links, framed where allowed."""

import secrets
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, post
from litestar.types import ControllerRouterHandler

from talktime.api.bodies import answer, decode_body
from talktime.api.description import described
from talktime.config import Settings
from talktime.core.errors import AccountUnknown, InvalidInput
from talktime.core.member import Role
from talktime.ops.keys import Scope
from talktime.ops.platform import Platform
from talktime.ops.portal_access import LINK_LIFE, LINK_LIFE_MAX, create_portal_link, link_url

_SECRET_BYTES: Final = 32
_LIFE_SECONDS_MAX: Final = LINK_LIFE_MAX // timedelta(seconds=1)
_SHOWN_MAX: Final = 200


class NewPortalLink(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A way into the customer's pages."""

    expires_in_seconds: Annotated[int, msgspec.Meta(ge=1, le=_LIFE_SECONDS_MAX)] = (
        LINK_LIFE // timedelta(seconds=1)
    )
    role: Role = Role.OWNER
    """``viewer`` looks, ``billing`` spends and sets, ``owner`` may do everything."""
    frame_origin: str | None = None
    """The origin of the page that will frame these pages: one of TALKTIME_FRAME_ORIGINS."""


class PortalLinkBody(msgspec.Struct, frozen=True, kw_only=True):
    """A one-time link: send the customer's browser there at once, and nobody else."""

    url: str
    expires_at: datetime


@post(
    "/v1/accounts/{account_id:str}/portal-sessions",
    opt=described(
        scope=Scope.PORTAL_WRITE,
        body=NewPortalLink,
        answers={201: PortalLinkBody},
        refusals=(AccountUnknown,),
    ),
)
async def create_portal_session(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Make a one-time link into the customer's pages; the body may be left out."""
    platform: Platform = request.app.state.platform
    settings: Settings = request.app.state.settings
    body = decode_body(await request.body() or b"{}", NewPortalLink)
    async with platform.connection() as connection:
        token, expires_at = await create_portal_link(
            connection,
            account_id=request.path_params["account_id"],
            secret=secrets.token_urlsafe(_SECRET_BYTES),
            now=platform.clock(),
            life=timedelta(seconds=body.expires_in_seconds),
            role=body.role,
            frame_origin=_allowed(body.frame_origin, settings.frame_origins),
        )
    link = PortalLinkBody(url=link_url(platform.public_url, token), expires_at=expires_at)
    return answer(link, 201)


def _allowed(origin: str | None, allowed: tuple[str, ...]) -> str | None:
    """The origin that may frame the pages. Raises InvalidInput for one that is not allowed to."""
    if origin is None:
        return None
    known = origin.rstrip("/").lower()
    if known in allowed:
        return known
    one_of = f"it is {', '.join(allowed)} now" if allowed else "it is empty now"
    raise InvalidInput(
        f"frame_origin {origin[:_SHOWN_MAX]} may not frame these pages: add it to "
        f"TALKTIME_FRAME_ORIGINS where the server runs ({one_of}) and start that again",
        field="frame_origin",
    )


PORTAL_ROUTES: Final[list[ControllerRouterHandler]] = [create_portal_session]
