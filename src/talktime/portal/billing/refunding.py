"""Refund: what of the paid balance can go back to its cards, asked for in one form."""

import secrets
from typing import Any, Final

from litestar import Response, get, post
from litestar.response import Redirect

from talktime.core.errors import Conflict, InvalidInput, TalktimeError
from talktime.core.member import Right
from talktime.core.money import display_usd, format_usd, parse_usd
from talktime.core.refund import REASON_LENGTH_MAX, RefundStatus
from talktime.db.pool import Connection
from talktime.ops.accounts import read_account
from talktime.ops.refunds import ask_refund, list_direct_refunds, list_refunds, read_refundable
from talktime.portal.billing.refund_view import refund_rows, sentence
from talktime.portal.desk import Asked, Desk, desk_of
from talktime.portal.framing import frame
from talktime.portal.rendering import PAGE_HEADERS
from talktime.portal.visiting import Visitor

SHOWN: Final = 50
_OPEN: Final = frozenset({RefundStatus.ASKED, RefundStatus.RUNNING})


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
        reason = fields.get("reason", "").replace("\r\n", "\n").strip()
        try:
            await ask_refund(
                connection,
                account_id=visitor.account_id,
                refund_id=fields.get("refund_id", ""),
                provider=desk.platform.checkout.name,
                amount_nanos=parse_usd(amount, field="amount"),
                reason=reason,
                now=desk.now,
            )
        except (InvalidInput, Conflict) as error:
            typed = {"amount": amount[:20], "reason": reason[: 2 * REASON_LENGTH_MAX]}
            return await _page(desk, visitor, connection, typed=typed, error=error)
    return Redirect(
        f"{desk.pages.base}/billing/refund?asked=1", status_code=303, headers=dict(PAGE_HEADERS)
    )


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
    refundable = await read_refundable(
        connection, account.account_id, provider=desk.platform.checkout.name
    )
    found, _ = await list_refunds(
        connection, account_id=account.account_id, before=None, limit=SHOWN
    )
    direct = await list_direct_refunds(connection, account.account_id)
    errors = dict.fromkeys(("amount", "reason", "other"), "")
    if error is not None:
        errors[error.field if error.field in errors else "other"] = sentence(error.message)
    return desk.pages.page(
        "billing/refund.html",
        status_code=200 if error is None else 400,
        **frame(visitor, account, "billing"),
        refundable=display_usd(refundable),
        can_ask=refundable > 0 and not any(one.status in _OPEN for one in found),
        is_open=any(one.status in _OPEN for one in found),
        is_asked=is_asked,
        typed=typed or {"amount": format_usd(refundable), "reason": ""},
        errors=errors,
        trouble="" if error is None else sentence(error.message),
        reason_max=REASON_LENGTH_MAX,
        refund_id=f"ref_{secrets.token_hex(16)}",
        rows=refund_rows(found, direct, account),
        is_sandbox=desk.platform.checkout.name == "sandbox",
    )


HANDLERS: Final = (refund, ask)
