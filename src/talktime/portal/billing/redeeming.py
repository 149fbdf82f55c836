"""Redeem coupon: enter the code, see the bonus, confirm. Works without scripts."""

from typing import Any, Final

from litestar import Response, get, post
from litestar.response import Redirect

from talktime.core.errors import CouponAlreadyRedeemed, InvalidInput, TalktimeError, TooManyAttempts
from talktime.core.ledger import Entry
from talktime.db.pool import Connection
from talktime.ops.accounts import read_account
from talktime.ops.billing import find_coupon_entry
from talktime.ops.coupons import preview_coupon, redeem_coupon
from talktime.portal.billing.redeem_view import REFUSALS, offer_view, refusal_view
from talktime.portal.desk import Asked, Desk, desk_of
from talktime.portal.framing import frame
from talktime.portal.rendering import PAGE_HEADERS
from talktime.portal.visiting import Visitor, check_form


@get("/billing/redeem")
async def redeem(request: Asked) -> Response[str]:
    """The form for the code."""
    desk = desk_of(request)
    async with desk.visit(request) as (visitor, connection):
        return await _page(desk, visitor, connection)


@post("/billing/redeem")
async def preview(request: Asked) -> Response[str]:
    """What the code would bring, to be confirmed; nothing is written."""
    desk = desk_of(request)
    async with desk.visit(request) as (visitor, connection):
        code = _code(await check_form(request, visitor))
        try:
            found = await preview_coupon(
                connection,
                account_id=visitor.account_id,
                code=_entered(code),
                now=desk.now,
            )
        except REFUSALS as error:
            earlier = await find_coupon_entry(connection, visitor.account_id, code=code)
            return await _page(desk, visitor, connection, code=code, error=error, earlier=earlier)
        return await _page(desk, visitor, connection, code=code, offer=offer_view(found))


@post("/billing/redeem/confirm")
async def confirm(request: Asked) -> Response[Any]:
    """Credit the coupon and go back to Billing; a second click finds it credited."""
    desk = desk_of(request)
    async with desk.visit(request) as (visitor, connection):
        code = _code(await check_form(request, visitor))
        entry: Entry | None = None
        try:
            entry = await redeem_coupon(
                connection,
                account_id=visitor.account_id,
                code=_entered(code),
                terms=desk.platform.terms,
                now=desk.now,
            )
        except CouponAlreadyRedeemed as error:
            entry = await find_coupon_entry(connection, visitor.account_id, code=code)
            if entry is None:
                return await _page(desk, visitor, connection, code=code, error=error)
        except REFUSALS as error:
            return await _page(desk, visitor, connection, code=code, error=error)
    return Redirect(
        f"{desk.pages.base}/billing?redeemed={entry.seq}",
        status_code=303,
        headers=dict(PAGE_HEADERS),
    )


@get("/billing/redeem/confirm")
async def begin_again(request: Asked) -> Response[Any]:
    """The address of the last step, reloaded or kept, leads to the first."""
    return Redirect(f"{desk_of(request).pages.base}/billing/redeem", status_code=303)


def _code(fields: dict[str, str]) -> str:
    """As entered, without the white space that copying brings along."""
    return fields.get("code", "").strip()


def _entered(code: str) -> str:
    if not code:
        raise InvalidInput("there is no code", field="code")
    return code


async def _page(
    desk: Desk,
    visitor: Visitor,
    connection: Connection,
    *,
    code: str = "",
    offer: object = None,
    error: TalktimeError | None = None,
    earlier: Entry | None = None,
) -> Response[str]:
    account = await read_account(connection, visitor.account_id, now=desk.now)
    refusal = error and refusal_view(error, earlier=earlier, time_zone=account.time_zone)
    page = desk.pages.page(
        "billing/redeem.html",
        status_code=refusal.status_code if refusal else 200,
        **frame(visitor, account, "billing"),
        code="" if earlier else code[:64],
        offer=offer,
        refusal=refusal,
    )
    if isinstance(error, TooManyAttempts):
        page.headers["Retry-After"] = str(error.retry_after)
    return page


HANDLERS: Final = (redeem, preview, confirm, begin_again)
