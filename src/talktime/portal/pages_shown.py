"""Billing, Calls, a call's receipt, and the stream that keeps an open page up to date."""

from typing import Any, Final

from litestar import Response, get
from litestar.response import Redirect, Stream

from talktime.core.account import Account
from talktime.ops.accounts import read_account
from talktime.ops.billing import read_billing, read_coupon_entry, read_paid_calls
from talktime.ops.call_history import list_calls, read_call
from talktime.ops.entries import list_entries
from talktime.portal.billing_view import entry_rows, summary_view
from talktime.portal.calls_view import Shown, call_row, call_rows
from talktime.portal.desk import Asked, Desk, desk_of
from talktime.portal.figures import zone_of
from talktime.portal.live_pages import OpenPage, PageWriter, page_stream
from talktime.portal.places import read_number, read_place, write_place
from talktime.portal.receipt_view import receipt_view
from talktime.portal.rendering import PAGE_HEADERS
from talktime.portal.visiting import Visitor, find_visitor, visitor_of

PAGE_ROWS: Final = 50


@get("/")
async def home(request: Asked) -> Response[Any]:
    return Redirect(f"{desk_of(request).pages.base}/billing", status_code=303)


@get("/billing")
async def billing(request: Asked) -> Response[str]:
    """The balance, the month and the transaction history."""
    desk = desk_of(request)
    before = request.query_params.get("before")
    async with desk.visit(request) as (visitor, connection):
        now = desk.now
        standing = await read_billing(connection, visitor.account_id, now=now)
        entries, older = await list_entries(
            connection,
            visitor.account_id,
            before=None if before is None else read_number(before),
            kind=None,
            limit=PAGE_ROWS,
        )
        paid_calls = await read_paid_calls(connection, entries)
        redeemed = request.query_params.get("redeemed")
        credited = redeemed and await read_coupon_entry(
            connection, visitor.account_id, seq=read_number(redeemed)
        )
    account = standing.account
    return desk.pages.page(
        "billing.html",
        **frame(visitor, account, "billing"),
        redeemed=credited or None,
        view=summary_view(standing, floor_nanos=desk.platform.terms.floor_nanos, now=now),
        rows=entry_rows(entries, paid_calls, time_zone=account.time_zone, base=desk.pages.base),
        older=older,
        is_newest=before is None,
        live=_live(desk, "billing", standing.event_seq, is_newest=before is None),
    )


@get("/calls")
async def calls(request: Asked) -> Response[str]:
    """The list of calls, newest first."""
    desk = desk_of(request)
    before = request.query_params.get("before")
    shown = _shown(request)
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
    return desk.pages.page(
        "calls.html",
        **frame(visitor, account, "calls"),
        rows=call_rows(found, now=now, zone=zone, base=desk.pages.base),
        shown=shown,
        filters=tuple(Shown),
        older=None if older is None else write_place(older),
        is_newest=before is None,
        live=_live(desk, "calls", standing.event_seq, is_newest=before is None, shown=shown),
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
        "call.html",
        **frame(visitor, standing.account, "calls"),
        row=call_row(found, now=now, zone=zone, base=desk.pages.base),
        receipt=receipt_view(found, now=now, zone=zone),
        live=_live(desk, "calls", standing.event_seq, is_newest=False),
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
    return desk.pages.page("pieces/receipt.html", receipt=receipt_view(found, now=now, zone=zone))


@get("/live")
async def live(request: Asked) -> Stream:
    """What changes on an open page, as it changes."""
    desk = desk_of(request)
    visitor = await visitor_of(request, desk.platform)
    async with desk.platform.connection() as connection:
        account = await read_account(connection, visitor.account_id, now=desk.now)
    place = request.headers.get("last-event-id") or request.query_params.get("after", "")
    page = OpenPage(
        name="billing" if request.query_params.get("page") == "billing" else "calls",
        shown=_shown(request),
        is_newest=request.query_params.get("newest") == "1",
    )
    writer = PageWriter(desk.platform, desk.pages, account, page)

    async def still_signed_in() -> bool:
        return await find_visitor(request, desk.platform) is not None

    events = desk.feed(request).subscribe(
        visitor.account_id, after=read_number(place) if place else None
    )
    return Stream(
        page_stream(events, writer, still_signed_in),
        media_type="text/event-stream",
        headers={**PAGE_HEADERS, "X-Accel-Buffering": "no"},
    )


def _shown(request: Asked) -> Shown:
    asked = request.query_params.get("show", "")
    return Shown(asked) if asked in set(Shown) else Shown.ALL


def frame(visitor: Visitor, account: Account, place: str) -> dict[str, Any]:
    """What every page has around its content."""
    return {"account": account, "form_token": visitor.form_token, "place": place}


def _live(
    desk: Desk, page: str, event_seq: int, *, is_newest: bool, shown: Shown = Shown.ALL
) -> str:
    """The address of the stream that goes on from where this page was rendered."""
    newest = "1" if is_newest else "0"
    return (
        f"{desk.pages.base}/live?page={page}&show={shown.value}&newest={newest}&after={event_seq}"
    )


HANDLERS: Final = (home, billing, calls, call, receipt, live)
