"""The address at which an open page listens."""

from typing import Final

from litestar import get
from litestar.response import Stream

from talktime.core.member import Right
from talktime.core.place import read_number
from talktime.ops.accounts import read_account
from talktime.portal.billing.history import read_history
from talktime.portal.billing.money_moves import read_moves_asked
from talktime.portal.calls.asking import read_asked
from talktime.portal.desk import Asked, desk_of
from talktime.portal.live_pages import PageWriter, page_stream
from talktime.portal.open_page import OpenPage
from talktime.portal.rendering import PAGE_HEADERS
from talktime.portal.standing_pages import STANDING
from talktime.portal.visiting import find_visitor, visitor_of

TOLD_MAX: Final = 20


@get("/live")
async def live(request: Asked) -> Stream:
    """What changes on an open page, as it changes."""
    desk = desk_of(request)
    visitor = await visitor_of(request, desk.platform)
    desk.streams.check(visitor.session_id)
    async with desk.platform.connection() as connection:
        account = await read_account(connection, visitor.account_id, now=desk.now)
    place = request.headers.get("last-event-id") or request.query_params.get("after", "")
    asked = request.query_params
    name = asked.get("page", "")
    if name == "refund":
        visitor.require(Right.SPEND)
    history = read_history(asked if name == "billing" else {})
    page = OpenPage(
        name=name,
        wanted=read_asked(asked if name == "calls" else {}, account, now=desk.now).wanted,
        is_newest=request.query_params.get("newest") == "1",
        entries=history.wanted(account.time_zone),
        days=history.days,
        payment_id=asked.get("payment", "") if name == "top_up" else "",
        moves=read_moves_asked(asked if name == "payments" else {}),
        told=asked.get("told", "")[:TOLD_MAX] if name in STANDING else "",
        may_spend=visitor.may(Right.SPEND),
    )
    writer = PageWriter(desk.platform, desk.pages, account, page, desk.frames)

    async def still_signed_in() -> bool:
        found = await find_visitor(request, desk.platform)
        return found is not None and found.role is visitor.role

    bursts = desk.feed(request).subscribe_bursts(
        visitor.account_id, after=read_number(place, field="after") if place else None
    )
    return Stream(
        desk.streams.counted(visitor.session_id, page_stream(bursts, writer, still_signed_in)),
        media_type="text/event-stream",
        headers={**PAGE_HEADERS, "X-Accel-Buffering": "no"},
    )


HANDLERS: Final = (live,)
