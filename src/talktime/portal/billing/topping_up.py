"""Top up: choose an amount, pay on the provider's page, come back to the truth."""

import re
import secrets
from typing import Any, Final
from urllib.parse import quote

from litestar import Response, get, post
from litestar.response import Redirect

from talktime.core.errors import InvalidAmount, PaymentUnknown
from talktime.core.member import Right
from talktime.core.money import display_usd, format_usd, parse_usd
from talktime.core.payment import TOP_UP_MAX_NANOS, TOP_UP_MIN_NANOS, TOP_UP_PRESETS_NANOS
from talktime.db.pool import Connection
from talktime.ops.accounts import read_account
from talktime.ops.top_ups import begin_top_up, read_payment
from talktime.portal.billing.top_up_view import top_up_view
from talktime.portal.desk import Asked, Desk, desk_of
from talktime.portal.framing import frame, live_address
from talktime.portal.rendering import PAGE_HEADERS
from talktime.portal.visiting import Visitor, check_form, visitor_of

_GROUPED = re.compile(r"[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]+)?", re.ASCII)
_SAID: Final = frozenset({"paid", "canceled"})
"""By the provider's page, on the way back from it."""
_WRONG_AMOUNT: Final = (
    f"Enter an amount from {display_usd(TOP_UP_MIN_NANOS)} to {display_usd(TOP_UP_MAX_NANOS)}, "
    "in whole cents, such as 25.00."
)


@get("/billing/top-up")
async def top_up(request: Asked) -> Response[str]:
    """The form for the amount."""
    desk = desk_of(request)
    async with desk.visit(request) as (visitor, connection):
        visitor.require(Right.SPEND)
        return await _form(desk, visitor, connection)


@post("/billing/top-up")
async def begin(request: Asked) -> Response[Any]:
    """Write the top-up down and go on to the provider's page; a second click finds the first."""
    desk = desk_of(request)
    visitor = await visitor_of(request, desk.platform)
    visitor.require(Right.SPEND)
    fields = await check_form(request, visitor)
    # An amount of one's own outweighs the chosen preset, which is always there.
    other = fields.get("other", "").strip()
    amount = other or fields.get("amount", "")
    try:
        payment, _ = await begin_top_up(
            desk.platform.connection,
            desk.platform.checkout,
            account_id=visitor.account_id,
            payment_id=fields.get("top_up_id", ""),
            amount_nanos=_read_amount(amount),
            return_url=_return_url(desk, fields.get("top_up_id", "")),
            now=desk.now,
        )
    except InvalidAmount:
        async with desk.platform.connection() as connection:
            return await _form(desk, visitor, connection, entered=amount, error=_WRONG_AMOUNT)
    return Redirect(
        f"{desk.pages.base}/billing/top-up/{payment.payment_id}/pay",
        status_code=303,
        headers=dict(PAGE_HEADERS),
    )


@get("/billing/top-up/{payment_id:str}/pay")
async def pay(request: Asked) -> Response[Any]:
    """On to the provider's page, by a page of ours: a form's answer may not lead elsewhere."""
    desk = desk_of(request)
    async with desk.visit(request) as (visitor, connection):
        visitor.require(Right.SPEND)
        payment = await read_payment(connection, visitor.account_id, _asked_id(request))
    back = f"{desk.pages.base}/billing/top-up/{payment.payment_id}"
    if payment.checkout_url is None or payment.entry_seq is not None:
        return Redirect(back, status_code=303)
    return desk.pages.page(
        "billing/top_up_pay.html",
        href=payment.checkout_url,
        amount=display_usd(payment.amount_nanos),
        back=back,
        # Payment providers let no site frame their pages.
        is_framed=visitor.framed_by is not None,
    )


@get("/billing/top-up/{payment_id:str}")
async def state(request: Asked) -> Response[str]:
    """How a top-up stands; the open page changes by itself when the money is there."""
    desk = desk_of(request)
    async with desk.visit(request) as (visitor, connection):
        # The payment first: where it has arrived, the balance read after it holds it.
        payment = await read_payment(connection, visitor.account_id, _asked_id(request))
        account = await read_account(connection, visitor.account_id, now=desk.now)
    back = "" if request.query_params.get("back") not in _SAID else request.query_params["back"]
    return desk.pages.page(
        "billing/top_up_state.html",
        **frame(visitor, account, "billing"),
        view=top_up_view(payment, account, back=back, now=desk.now, base=desk.pages.base),
        live=live_address(desk, "top_up", also={"payment": payment.payment_id, "told": back}),
    )


async def _form(
    desk: Desk,
    visitor: Visitor,
    connection: Connection,
    *,
    entered: str = "",
    error: str = "",
) -> Response[str]:
    account = await read_account(connection, visitor.account_id, now=desk.now)
    return desk.pages.page(
        "billing/top_up.html",
        status_code=400 if error else 200,
        **frame(visitor, account, "billing"),
        presets=[(format_usd(nanos), display_usd(nanos)) for nanos in TOP_UP_PRESETS_NANOS],
        least=display_usd(TOP_UP_MIN_NANOS),
        most=display_usd(TOP_UP_MAX_NANOS),
        top_up_id=f"top_{secrets.token_hex(16)}",
        entered=entered,
        error=error,
        owed=display_usd(-account.paid_nanos) if account.paid_nanos < 0 else "",
        is_sandbox=desk.platform.checkout.name == "sandbox",
    )


def _read_amount(text: str) -> int:
    """In nanos, as a person writes it: "$1,250.50" too. Raises InvalidAmount.

    A comma is taken for the thousands where three digits follow it, and otherwise refused.
    """
    bare = text.removeprefix("$").strip()
    if _GROUPED.fullmatch(bare):
        bare = bare.replace(",", "")
    return parse_usd(bare, field="amount")


def _return_url(desk: Desk, payment_id: str) -> str:
    return f"{desk.platform.public_url}/billing/top-up/{quote(payment_id, safe='')}"


def _asked_id(request: Asked) -> str:
    payment_id = str(request.path_params["payment_id"])
    if not payment_id.isprintable():
        raise PaymentUnknown("there is no such top-up")
    return payment_id


HANDLERS: Final = (top_up, begin, pay, state)
