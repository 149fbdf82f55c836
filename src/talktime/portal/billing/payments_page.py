"""Payments: all money in and out by card and how it stands, statements, whom receipts are for."""

from typing import Any, Final

from litestar import Response, get, post
from litestar.response import Redirect

from talktime.core.document import ADDRESS_LINES_MAX, LINE_MAX, Party
from talktime.core.errors import InvalidInput
from talktime.core.member import Right
from talktime.db.pool import Connection
from talktime.ops.accounts import read_account
from talktime.ops.documents import change_buyer, read_buyer
from talktime.ops.statements import months_of
from talktime.portal.billing.money_moves import read_moves_asked, read_moves_view
from talktime.portal.billing.payments_view import month_rows
from talktime.portal.desk import Asked, Desk, desk_of
from talktime.portal.framing import frame, live_address
from talktime.portal.rendering import PAGE_HEADERS
from talktime.portal.visiting import Visitor

_TYPED_MAX: Final = 2_000


@get("/billing/payments")
async def payments(request: Asked) -> Response[str]:
    """Top-ups, refunds and chargebacks newest first, statements by month, the buyer's details."""
    desk = desk_of(request)
    asked = read_moves_asked(request.query_params)
    async with desk.visit(request) as (visitor, connection):
        now = desk.now
        account = await read_account(connection, visitor.account_id, now=now)
        view = await read_moves_view(connection, account, asked, now=now, base=desk.pages.base)
        buyer = await read_buyer(connection, account)
    return desk.pages.page(
        "billing/payments.html",
        **frame(visitor, account, "billing"),
        view=view,
        months=month_rows(months_of(account, now=now), base=desk.pages.base),
        buyer=buyer,
        may_configure=visitor.may(Right.CONFIGURE),
        is_saved="saved" in request.query_params,
        live=live_address(desk, "payments", also=asked.told),
    )


@get("/billing/details")
async def details(request: Asked) -> Response[str]:
    """The form for the buyer's details."""
    desk = desk_of(request)
    async with desk.visit(request) as (visitor, connection):
        visitor.require(Right.CONFIGURE)
        return await _form(desk, visitor, connection)


@post("/billing/details")
async def save_details(request: Asked) -> Response[Any]:
    """Make receipts from now on out to what was typed."""
    desk = desk_of(request)
    async with desk.receive(request) as (visitor, fields, connection):
        visitor.require(Right.CONFIGURE)
        typed = {name: fields.get(name, "")[:_TYPED_MAX] for name in ("name", "address", "tax_id")}
        lines = (line.strip() for line in typed["address"].splitlines())
        party = Party(
            name=typed["name"].strip(),
            address=tuple(line for line in lines if line),
            tax_id=typed["tax_id"].strip(),
        )
        try:
            await change_buyer(connection, visitor.account_id, party, now=desk.now)
        except InvalidInput as error:
            return await _form(desk, visitor, connection, typed=typed, error=error)
    return Redirect(
        f"{desk.pages.base}/billing/payments?saved=1#details-title",
        status_code=303,
        headers=dict(PAGE_HEADERS),
    )


async def _form(
    desk: Desk,
    visitor: Visitor,
    connection: Connection,
    *,
    typed: dict[str, str] | None = None,
    error: InvalidInput | None = None,
) -> Response[str]:
    account = await read_account(connection, visitor.account_id, now=desk.now)
    if typed is None:
        buyer = await read_buyer(connection, account)
        typed = {"name": buyer.name, "address": "\n".join(buyer.address), "tax_id": buyer.tax_id}
    return desk.pages.page(
        "billing/details.html",
        status_code=200 if error is None else 400,
        **frame(visitor, account, "billing"),
        typed=typed,
        errors={} if error is None else {error.field: error.message},
        line_max=LINE_MAX,
        lines_max=ADDRESS_LINES_MAX,
    )


HANDLERS: Final = (payments, details, save_details)
