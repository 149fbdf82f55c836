"""Redeem coupon: enter the code, see the bonus, confirm. Works without scripts.

With scripts the same steps stand in a dialog over Billing (``static/dialog.js``), which asks by the
header PART for what is within the page.
"""

from typing import Any, Final

from litestar import Response, get, post
from litestar.response import Redirect

from talktime.core.errors import CouponAlreadyRedeemed, InvalidInput, TalktimeError, TooManyAttempts
from talktime.core.ledger import Entry
from talktime.core.member import Right
from talktime.db.pool import Connection
from talktime.ops.accounts import read_account
from talktime.ops.billing import read_coupon_entry
from talktime.ops.coupons import preview_coupon, redeem_coupon
from talktime.portal.billing.redeem_view import REFUSALS, credit_view, offer_view, refusal_view
from talktime.portal.desk import Asked, Desk, desk_of
from talktime.portal.framing import frame
from talktime.portal.rendering import PAGE_HEADERS
from talktime.portal.visiting import Visitor

PART: Final = "Talktime-Part"
"""Asks for the part of a page without its frame; an answer that has it is one."""


class _Redeeming:
    """One request about a code: who asks, and how the answer is shown."""

    def __init__(
        self, request: Asked, desk: Desk, visitor: Visitor, connection: Connection
    ) -> None:
        self.is_part = PART in request.headers
        self.desk = desk
        self.visitor = visitor
        self.connection = connection

    async def show(
        self,
        *,
        code: str = "",
        error: TalktimeError | None = None,
        **shown: object,
    ) -> Response[str]:
        """The form, or the ``offer``, or what was ``credited``; ``error`` says what is wrong."""
        pages, visitor = self.desk.pages, self.visitor
        account = await read_account(self.connection, visitor.account_id, now=self.desk.now)
        refusal = error and refusal_view(error, time_zone=account.time_zone, base=pages.base)
        page = pages.page(
            "billing/redeem_part.html" if self.is_part else "billing/redeem.html",
            # A part is shown whatever it says; as an error the browser would log it.
            status_code=refusal.status_code if refusal and not self.is_part else 200,
            **frame(visitor, account, "billing"),
            **{"offer": None, "credit": None, "is_part": self.is_part} | shown,
            may_redeem=visitor.may(Right.SPEND),
            code="" if isinstance(error, CouponAlreadyRedeemed) else code[:64],
            refusal=refusal,
        )
        if self.is_part:
            page.headers[PART] = "1"
        elif isinstance(error, TooManyAttempts):
            page.headers["Retry-After"] = str(error.retry_after)
        return page


@get("/billing/redeem")
async def redeem(request: Asked) -> Response[str]:
    """The form for the code."""
    desk = desk_of(request)
    async with desk.visit(request) as (visitor, connection):
        return await _Redeeming(request, desk, visitor, connection).show()


@post("/billing/redeem")
async def preview(request: Asked) -> Response[str]:
    """What the code would bring, to be confirmed; nothing is written."""
    desk = desk_of(request)
    async with desk.receive(request) as (visitor, fields, connection):
        code = _code(fields)
        visitor.require(Right.SPEND)
        redeeming = _Redeeming(request, desk, visitor, connection)
        try:
            found = await preview_coupon(
                connection, account_id=visitor.account_id, code=_entered(code), now=desk.now
            )
        except REFUSALS as error:
            return await redeeming.show(code=code, error=error)
        return await redeeming.show(code=code, offer=offer_view(found))


@post("/billing/redeem/confirm")
async def confirm(request: Asked) -> Response[Any]:
    """Credit the coupon and go back to Billing; a second click finds it credited."""
    desk = desk_of(request)
    async with desk.receive(request) as (visitor, fields, connection):
        code = _code(fields)
        visitor.require(Right.SPEND)
        redeeming = _Redeeming(request, desk, visitor, connection)
        entry: Entry | None
        try:
            entry = await redeem_coupon(
                connection,
                account_id=visitor.account_id,
                code=_entered(code),
                terms=desk.platform.terms,
                now=desk.now,
            )
        except CouponAlreadyRedeemed as error:
            seq = error.facts["entry_seq"]
            assert isinstance(seq, int)
            entry = await read_coupon_entry(connection, visitor.account_id, seq=seq)
        except REFUSALS as error:
            return await redeeming.show(code=code, error=error)
        assert entry is not None
        if redeeming.is_part:
            return await redeeming.show(code=code, credit=credit_view(entry, base=desk.pages.base))
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


HANDLERS: Final = (redeem, preview, confirm, begin_again)
