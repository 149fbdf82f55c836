"""The Calls page."""

from datetime import datetime
from typing import Final

from litestar import Response, get

from talktime.core.call import Call
from talktime.core.errors import RangeTooWide
from talktime.core.number_mask import masked_call
from talktime.db.pool import Connection
from talktime.ops.billing import read_billing
from talktime.ops.call_history import CallPlace, list_calls, recent_agents
from talktime.portal.calls.asking import CallsAsked, list_href, read_asked
from talktime.portal.calls.filter_view import filter_view
from talktime.portal.calls.places import read_place, write_place
from talktime.portal.calls.view import call_rows
from talktime.portal.desk import Asked, desk_of
from talktime.portal.figures import zone_of
from talktime.portal.framing import frame, live_address
from talktime.portal.words import sentence

PAGE_ROWS: Final = 50
SECONDS_MAX: Final = 5
"""What a list may take the database; a wider one is refused, saying how to narrow it."""


@get("/calls")
async def calls(request: Asked) -> Response[str]:
    """The list of calls, filtered and sorted as the address asks."""
    desk = desk_of(request)
    before = request.query_params.get("before")
    async with desk.visit(request) as (visitor, connection):
        now = desk.now
        standing = await read_billing(connection, visitor.account_id, now=now)
        account = standing.account
        asked = read_asked(request.query_params, account, now=now)
        agents = await recent_agents(connection, visitor.account_id)
        found, older, refusal = await _page_of(
            connection,
            account.account_id,
            asked,
            before=None if before is None else read_place(before),
            now=now,
        )
    zone = zone_of(account.time_zone)
    base = desk.pages.base
    is_newest = before is None and "sort" not in asked.fields and not asked.errors
    return desk.pages.page(
        "calls/calls.html",
        status_code=400 if asked.errors or refusal else 200,
        **frame(visitor, account, "calls"),
        rows=call_rows(
            [masked_call(call, account.number_mask) for call in found],
            now=now,
            zone=zone,
            base=base,
        ),
        asked=asked,
        finder=filter_view(asked, agents, base),
        refusal=refusal,
        first_href=list_href(base, asked.fields),
        is_first=before is None,
        older_href=None
        if older is None
        else list_href(base, asked.fields, {"before": write_place(older)}),
        csv_href=list_href(base, asked.fields, page="/calls.csv"),
        focus_href=list_href(base, asked.fields, page="/calls.focus.csv"),
        is_newest=is_newest,
        live=live_address(
            desk, "calls", standing.event_seq, is_newest=is_newest, also=asked.fields
        ),
    )


async def _page_of(
    connection: Connection,
    account_id: str,
    asked: CallsAsked,
    *,
    before: CallPlace | None,
    now: datetime,
) -> tuple[list[Call], CallPlace | None, str]:
    """A page, where the next begins, and in words why there is none."""
    if asked.errors:
        return [], None, ""
    try:
        found, older = await list_calls(
            connection,
            account_id,
            asked.wanted,
            before=before,
            limit=PAGE_ROWS,
            now=now,
            order=asked.order,
            most_seconds=SECONDS_MAX,
        )
    except RangeTooWide as refusal:
        return [], None, sentence(refusal.message)
    return found, older, ""


HANDLERS: Final = (calls,)
