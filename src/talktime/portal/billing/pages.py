"""The Billing page."""

from typing import Any, Final

from litestar import Response, get
from litestar.response import Redirect, Stream

from talktime.core.errors import InvalidInput
from talktime.core.member import Right
from talktime.core.number_mask import masked_call
from talktime.core.place import read_number
from talktime.ops.accounts import read_account
from talktime.ops.billing import read_billing, read_coupon_entry, read_paid_calls
from talktime.ops.entries import export_entries, find_entries
from talktime.ops.spend_days import last_days, list_closing_balances, list_spend_days
from talktime.portal.billing.history import KINDS, History, read_history
from talktime.portal.billing.spend_view import RANGES, spend_view
from talktime.portal.billing.summary import summary_view
from talktime.portal.billing.view import entry_rows
from talktime.portal.desk import Asked, desk_of
from talktime.portal.framing import frame, live_address
from talktime.portal.rendering import PAGE_HEADERS
from talktime.portal.visiting import find_visitor

PAGE_ROWS: Final = 50


@get("/")
async def home(request: Asked) -> Response[Any]:
    """Billing, or the way in for a browser that is not signed in."""
    desk = desk_of(request)
    is_in = await find_visitor(request, desk.platform) is not None
    return Redirect(f"{desk.pages.base}/{'billing' if is_in else 'sign-in'}", status_code=303)


@get("/billing")
async def billing(request: Asked) -> Response[str]:
    """The balance, the month, spend by day, and the transaction history or a part of it."""
    desk = desk_of(request)
    before = request.query_params.get("before")
    history = read_history(request.query_params)
    async with desk.visit(request) as (visitor, connection):
        now = desk.now
        standing = await read_billing(connection, visitor.account_id, now=now)
        account = standing.account
        entries, older = (
            ([], None)
            if history.errors
            else await find_entries(
                connection,
                visitor.account_id,
                history.wanted(account.time_zone),
                before=None if before is None else read_number(before, field="before"),
                limit=PAGE_ROWS,
            )
        )
        paid_calls = {
            call_id: masked_call(call, account.number_mask)
            for call_id, call in (await read_paid_calls(connection, entries)).items()
        }
        days = last_days(account, days=history.days, now=now)
        spent = await list_spend_days(connection, account, days, now=now)
        closing = await list_closing_balances(connection, account, days, now=now)
        redeemed = request.query_params.get("redeemed")
        credited = redeemed and await read_coupon_entry(
            connection, visitor.account_id, seq=read_number(redeemed, field="redeemed")
        )
    path = f"{desk.pages.base}/billing"
    return desk.pages.page(
        "billing/billing.html",
        status_code=400 if history.errors else 200,
        **frame(visitor, account, "billing"),
        redeemed=credited or None,
        view=summary_view(
            standing,
            floor_nanos=desk.platform.terms.floor_nanos,
            now=now,
            may_spend=visitor.may(Right.SPEND),
            base=desk.pages.base,
        ),
        spend=spend_view(account, spent, closing, now=now),
        ranges=tuple((one, history.href(path, days=str(one))) for one in RANGES),
        history=history,
        kinds=KINDS,
        chips=history.chips(path),
        rows=entry_rows(entries, paid_calls, time_zone=account.time_zone, base=desk.pages.base),
        all_href=History(days=history.days).href(path) + "#transactions",
        newest=history.href(path) + "#transactions",
        older=older and history.href(path, before=str(older)) + "#transactions",
        csv=history.href(f"{path}/transactions.csv", days=""),
        is_newest=before is None,
        live=live_address(
            desk, "billing", standing.event_seq, is_newest=before is None, also=history.asked
        ),
    )


@get("/billing/transactions.csv")
async def transactions(request: Asked) -> Stream:
    """The part of the history that the page shows, or all of it, as a file."""
    desk = desk_of(request)
    history = read_history(request.query_params)
    if history.errors:
        raise InvalidInput("a day is written as year, month and day, such as 2026-11-23")
    async with desk.visit(request) as (visitor, connection):
        account = await read_account(connection, visitor.account_id, now=desk.now)
    return Stream(
        export_entries(
            desk.platform.connection, account.account_id, history.wanted(account.time_zone)
        ),
        media_type="text/csv",
        headers={
            **PAGE_HEADERS,
            "Content-Disposition": 'attachment; filename="transactions.csv"',
        },
    )


HANDLERS: Final = (home, billing, transactions)
