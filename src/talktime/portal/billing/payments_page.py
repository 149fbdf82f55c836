"""Payments: every top-up and how it stands, the months' statements, whom receipts are for."""

from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.response import Redirect

from talktime.core.document import ADDRESS_LINES_MAX, LINE_MAX, Party
from talktime.core.errors import InvalidInput
from talktime.core.member import Right
from talktime.core.place import read_place, write_place
from talktime.db.pool import Connection
from talktime.ops.accounts import read_account
from talktime.ops.documents import change_buyer, read_buyer
from talktime.ops.statements import months_of
from talktime.ops.top_ups import list_payments
from talktime.portal.billing.payments_view import month_rows, payment_row
from talktime.portal.desk import Asked, Desk, desk_of
from talktime.portal.framing import frame
from talktime.portal.rendering import PAGE_HEADERS
from talktime.portal.visiting import Visitor

PAGE_ROWS: Final = 25
_TYPED_MAX: Final = 2_000


@get("/billing/payments")
async def payments(request: Asked) -> Response[str]:
    """Top-ups newest first, statements by month, and the buyer's details."""
    desk = desk_of(request)
    before = request.query_params.get("before")
    async with desk.visit(request) as (visitor, connection):
        now = desk.now
        account = await read_account(connection, visitor.account_id, now=now)
        page, below = await list_payments(
            connection, visitor.account_id, before=_place(before), limit=PAGE_ROWS
        )
        buyer = await read_buyer(connection, account)
    base = desk.pages.base
    older = below and write_place(*below)
    return desk.pages.page(
        "billing/payments.html",
        **frame(visitor, account, "billing"),
        rows=[payment_row(one, account, now=now, base=base) for one in page],
        is_newest=before is None,
        older=older and f"{base}/billing/payments?{urlencode({'before': older})}",
        months=month_rows(months_of(account, now=now), base=base),
        buyer=buyer,
        may_configure=visitor.may(Right.CONFIGURE),
        is_saved="saved" in request.query_params,
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


def _place(text: str | None) -> tuple[datetime, str] | None:
    if text is None:
        return None
    at, (payment_id,) = read_place(text, names=1, field="before")
    return at, payment_id


HANDLERS: Final = (payments, details, save_details)
