"""The Calls page and the receipts."""

from typing import Final

from litestar import Response, get

from talktime.ops.accounts import read_account
from talktime.ops.billing import read_billing
from talktime.ops.call_history import list_calls, read_call
from talktime.portal.calls.places import read_place, write_place
from talktime.portal.calls.receipt_view import receipt_view
from talktime.portal.calls.view import Shown, call_row, call_rows
from talktime.portal.desk import Asked, desk_of
from talktime.portal.figures import zone_of
from talktime.portal.framing import frame, live_address

PAGE_ROWS: Final = 50


@get("/calls")
async def calls(request: Asked) -> Response[str]:
    """The list of calls, newest first."""
    desk = desk_of(request)
    before = request.query_params.get("before")
    shown = asked_shown(request)
    async with desk.visit(request) as (visitor, connection):
        now = desk.now
        standing = await read_billing(connection, visitor.account_id, now=now)
        found, older = await list_calls(
            connection,
            visitor.account_id,
            shown.wanted,
            before=None if before is None else read_place(before),
            limit=PAGE_ROWS,
            now=now,
        )
    account = standing.account
    zone = zone_of(account.time_zone)
    also = {"show": shown.value}
    return desk.pages.page(
        "calls/calls.html",
        **frame(visitor, account, "calls"),
        rows=call_rows(found, now=now, zone=zone, base=desk.pages.base),
        shown=shown,
        filters=tuple(Shown),
        older=None if older is None else write_place(older),
        is_newest=before is None,
        live=live_address(desk, "calls", standing.event_seq, is_newest=before is None, also=also),
    )


@get("/calls/{call_id:str}")
async def call(request: Asked) -> Response[str]:
    """A call's receipt at an address of its own."""
    desk = desk_of(request)
    async with desk.visit(request) as (visitor, connection):
        now = desk.now
        standing = await read_billing(connection, visitor.account_id, now=now)
        found = await read_call(
            connection, visitor.account_id, request.path_params["call_id"], now=now
        )
    zone = zone_of(standing.account.time_zone)
    return desk.pages.page(
        "calls/call_page.html",
        **frame(visitor, standing.account, "calls"),
        row=call_row(found, now=now, zone=zone, base=desk.pages.base),
        receipt=receipt_view(found, now=now, zone=zone),
        live=live_address(desk, "calls", standing.event_seq, is_newest=False),
    )


@get("/calls/{call_id:str}/receipt")
async def receipt(request: Asked) -> Response[str]:
    """The receipt alone, to be opened in place."""
    desk = desk_of(request)
    async with desk.visit(request) as (visitor, connection):
        now = desk.now
        account = await read_account(connection, visitor.account_id, now=now)
        found = await read_call(
            connection, visitor.account_id, request.path_params["call_id"], now=now
        )
    zone = zone_of(account.time_zone)
    return desk.pages.page("calls/receipt.html", receipt=receipt_view(found, now=now, zone=zone))


def asked_shown(request: Asked) -> Shown:
    """Which calls the address asks for; all of them where it asks for none that we know."""
    asked = request.query_params.get("show", "")
    return Shown(asked) if asked in set(Shown) else Shown.ALL


HANDLERS: Final = (calls, call, receipt)
