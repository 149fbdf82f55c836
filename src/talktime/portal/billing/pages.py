"""The Billing page."""

from typing import Any, Final

from litestar import Response, get
from litestar.response import Redirect

from talktime.ops.billing import read_billing, read_coupon_entry, read_paid_calls
from talktime.ops.entries import list_entries
from talktime.portal.billing.view import entry_rows, summary_view
from talktime.portal.calls.places import read_number
from talktime.portal.desk import Asked, desk_of
from talktime.portal.framing import frame, live_address

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
        "billing/billing.html",
        **frame(visitor, account, "billing"),
        redeemed=credited or None,
        view=summary_view(standing, floor_nanos=desk.platform.terms.floor_nanos, now=now),
        rows=entry_rows(entries, paid_calls, time_zone=account.time_zone, base=desk.pages.base),
        older=older,
        is_newest=before is None,
        live=live_address(desk, "billing", standing.event_seq, is_newest=before is None),
    )


HANDLERS: Final = (home, billing)
