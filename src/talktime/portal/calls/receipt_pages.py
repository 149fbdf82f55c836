"""A call's receipt: at an address of its own, opened in place, as a document, and checked."""

from datetime import datetime
from typing import Final

from litestar import Response, get

from talktime.core.call import Call
from talktime.core.comparison import Comparison
from talktime.core.number_mask import masked_call
from talktime.core.receipt import check_receipt, is_right, receipt_of, write_receipt
from talktime.db.pool import Connection
from talktime.ops.accounts import read_account
from talktime.ops.billing import read_billing
from talktime.ops.call_history import read_call
from talktime.ops.receipts import explain_cost, read_receipt
from talktime.portal.calls.check_view import check_rows
from talktime.portal.calls.comparison_view import comparison_words
from talktime.portal.calls.receipt_view import receipt_view
from talktime.portal.calls.view import call_href, call_row, file_name
from talktime.portal.desk import Asked, desk_of
from talktime.portal.figures import zone_of
from talktime.portal.framing import frame, live_address
from talktime.portal.rendering import PAGE_HEADERS


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
        comparison = await explain_cost(connection, found)
    account = standing.account
    zone = zone_of(account.time_zone)
    found = masked_call(found, account.number_mask)
    return desk.pages.page(
        "calls/call_page.html",
        **frame(visitor, account, "calls"),
        row=call_row(found, now=now, zone=zone, base=desk.pages.base),
        receipt=receipt_view(found, now=now, zone=zone),
        dear=comparison_words(comparison),
        href=call_href(found.call_id, desk.pages.base),
        live=live_address(desk, "calls", standing.event_seq, is_newest=False),
    )


@get("/calls/{call_id:str}/receipt")
async def receipt(request: Asked) -> Response[str]:
    """The receipt alone, to be opened in place."""
    desk = desk_of(request)
    async with desk.visit(request) as (visitor, connection):
        now = desk.now
        account = await read_account(connection, visitor.account_id, now=now)
        found, comparison = await _compared(
            connection, account.account_id, request.path_params["call_id"], now=now
        )
    zone = zone_of(account.time_zone)
    return desk.pages.page(
        "calls/receipt.html",
        receipt=receipt_view(masked_call(found, account.number_mask), now=now, zone=zone),
        dear=comparison_words(comparison),
        href=call_href(found.call_id, desk.pages.base),
    )


@get("/calls/{call_id:str}/receipt.json")
async def document(request: Asked) -> Response[bytes]:
    """The receipt as a document to keep, and to check without us."""
    desk = desk_of(request)
    async with desk.visit(request) as (visitor, connection):
        found = await read_receipt(
            connection, visitor.account_id, request.path_params["call_id"], now=desk.now
        )
    return Response(
        write_receipt(found),
        media_type="application/json",
        headers={
            **PAGE_HEADERS,
            "Content-Disposition": f'attachment; filename="{file_name(found.call_id)}"',
        },
    )


@get("/calls/{call_id:str}/check")
async def check(request: Asked) -> Response[str]:
    """The receipt recomputed by the server, for browsers without scripts."""
    desk = desk_of(request)
    async with desk.visit(request) as (visitor, connection):
        now = desk.now
        account = await read_account(connection, visitor.account_id, now=now)
        found = await read_call(
            connection, visitor.account_id, request.path_params["call_id"], now=now
        )
    found = masked_call(found, account.number_mask)
    written = receipt_of(found)
    checks = check_receipt(written)
    return desk.pages.page(
        "calls/check_page.html",
        **frame(visitor, account, "calls"),
        row=call_row(found, now=now, zone=zone_of(account.time_zone), base=desk.pages.base),
        rows=check_rows(written, checks),
        is_right=is_right(checks),
        href=call_href(found.call_id, desk.pages.base),
    )


async def _compared(
    connection: Connection, account_id: str, call_id: str, *, now: datetime
) -> tuple[Call, Comparison | None]:
    found = await read_call(connection, account_id, call_id, now=now)
    return found, await explain_cost(connection, found)


HANDLERS: Final = (call, receipt, document, check)
