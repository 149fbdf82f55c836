"""Ending a kind of mail from the mail itself, without signing in (RFC 8058)."""

from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.exceptions import NotFoundException

from talktime.ops.weekly_summary import stop_summaries
from talktime.portal.desk import Asked, desk_of


@get("/unsubscribe")
async def ask_to_unsubscribe(request: Asked) -> Response[Any]:
    """Asks first: what scans mail opens its links, and must not end anything."""
    return desk_of(request).pages.page(
        "access/unsubscribe.html", asked=str(request.url.query), address=None
    )


@post("/unsubscribe", status_code=200)
async def unsubscribe(request: Asked) -> Response[Any]:
    """Whoever has the mail may end it; its link says who, so no session is needed."""
    desk = desk_of(request)
    asked = request.query_params
    try:
        message_id = UUID(asked.get("message", ""))
    except ValueError as error:
        raise NotFoundException from error
    async with desk.platform.connection() as connection:
        address = await stop_summaries(
            connection, asked.get("account", ""), message_id, secret=asked.get("token", "")
        )
    return desk.pages.page("access/unsubscribe.html", asked="", address=address)


HANDLERS: Final = (ask_to_unsubscribe, unsubscribe)
