"""Refund: what of the paid balance can go back to its cards, asked for in one form."""

import secrets
from typing import Any, Final

from litestar import Response, get, post
from litestar.response import Redirect

from talktime.core.account import Account
from talktime.core.errors import Conflict, InvalidAmount, InvalidInput, TalktimeError
from talktime.core.member import Right
from talktime.core.money import format_usd, parse_usd
from talktime.core.refund import REASON_LENGTH_MAX
from talktime.db.pool import Connection
from talktime.ops.accounts import read_account
from talktime.ops.refunds import ask_refund, list_direct_refunds, list_refunds, read_refundable
from talktime.portal.billing.refund_view import RefundPageView, refund_page_view
from talktime.portal.desk import Asked, Desk, desk_of
from talktime.portal.framing import frame, live_address
from talktime.portal.rendering import PAGE_HEADERS
from talktime.portal.visiting import Visitor
from talktime.portal.words import sentence

SHOWN: Final = 50


async def read_refund_page(
    connection: Connection, account: Account, *, provider: str
) -> RefundPageView:
    """What can go back and how the refunds so far stand, the newest SHOWN of them."""
    refundable = await read_refundable(connection, account.account_id, provider=provider)
    found, _ = await list_refunds(
        connection, account_id=account.account_id, before=None, limit=SHOWN
    )
    direct = await list_direct_refunds(connection, account.account_id)
    return refund_page_view(refundable, found, direct, account)


@get("/billing/refund")
async def refund(request: Asked) -> Response[str]:
    """What can go back, the form, and how earlier refunds stand."""
    desk = desk_of(request)
    async with desk.visit(request) as (visitor, connection):
        visitor.require(Right.SPEND)
        is_asked = "asked" in request.query_params
        return await _page(desk, visitor, connection, is_asked=is_asked)


@post("/billing/refund")
async def ask(request: Asked) -> Response[Any]:
    """Ask for it; a second click finds the first."""
    desk = desk_of(request)
    async with desk.receive(request) as (visitor, fields, connection):
        visitor.require(Right.SPEND)
        amount = fields.get("amount", "").strip().removeprefix("$")
        everything = fields.get("everything", "")
        reason = fields.get("reason", "").replace("\r\n", "\n").strip()
        try:
            await ask_refund(
                connection,
                account_id=visitor.account_id,
                refund_id=fields.get("refund_id", ""),
                provider=desk.platform.checkout.name,
                amount_nanos=_read_amount(amount or everything),
                reason=reason,
                operator=desk.platform.seller.party.email,
                now=desk.now,
            )
        except (InvalidInput, Conflict) as error:
            typed = {
                "amount": amount[:20],
                "everything": everything,
                "reason": reason[: 2 * REASON_LENGTH_MAX],
            }
            return await _page(desk, visitor, connection, typed=typed, error=error)
    return Redirect(
        f"{desk.pages.base}/billing/refund?asked=1", status_code=303, headers=dict(PAGE_HEADERS)
    )


def _read_amount(text: str) -> int:
    """In nanos; what is typed outweighs the choice of everything. Raises InvalidAmount."""
    if not text:
        raise InvalidAmount("Enter an amount, or choose all of it.", field="amount")
    return parse_usd(text, field="amount")


async def _page(
    desk: Desk,
    visitor: Visitor,
    connection: Connection,
    *,
    typed: dict[str, str] | None = None,
    error: TalktimeError | None = None,
    is_asked: bool = False,
) -> Response[str]:
    account = await read_account(connection, visitor.account_id, now=desk.now)
    view = await read_refund_page(connection, account, provider=desk.platform.checkout.name)
    told = "form" if view.can_ask else ""
    errors = dict.fromkeys(("amount", "reason", "other"), "")
    if error is not None:
        errors[error.field if error.field in errors else "other"] = sentence(error.message)
    return desk.pages.page(
        "billing/refund.html",
        status_code=200 if error is None else 400,
        **frame(visitor, account, "billing"),
        view=view,
        has_form=view.can_ask,
        is_asked=is_asked and bool(view.under_way),
        typed=typed or {"amount": "", "everything": "", "reason": ""},
        everything=format_usd(view.refundable_nanos),
        errors=errors,
        trouble="" if error is None else sentence(error.message),
        reason_max=REASON_LENGTH_MAX,
        refund_id=f"ref_{secrets.token_hex(16)}",
        is_sandbox=desk.platform.checkout.name == "sandbox",
        told=told,
        live=live_address(desk, "refund", also={"told": told}),
    )


HANDLERS: Final = (refund, ask)
