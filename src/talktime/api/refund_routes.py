"""Refunds over HTTP: asked for an account, listed and decided by the operator."""

import secrets
from datetime import datetime
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.types import ControllerRouterHandler

from talktime.api.account_wire import UsdText
from talktime.api.bodies import PageQuery, answer, read_body, read_query
from talktime.api.description import described
from talktime.core.errors import (
    AccountUnknown,
    ReferenceConflict,
    RefundDecided,
    RefundOpen,
    RefundTooMuch,
    RefundUnknown,
    TopUpsOff,
)
from talktime.core.money import format_usd, parse_usd
from talktime.core.place import read_place, write_place
from talktime.core.refund import PartStatus, Refund, RefundPart, RefundStatus
from talktime.ops.keys import Scope
from talktime.ops.platform import Platform
from talktime.ops.refunds import (
    approve_refund,
    ask_refund,
    decline_refund,
    list_direct_refunds,
    list_refunds,
    read_refund,
    read_refundable,
)

_ID_BYTES: Final = 16


class NewRefund(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Paid balance that a customer wants back on the cards it came from."""

    amount: UsdText | None = None
    """Whole cents; left out, all that can go back."""
    reason: str = ""
    """The customer's words, for the operator who decides."""
    refund_id: str | None = None
    """Yours to choose; sent again, it is the same refund."""


class Decline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a refund is not given."""

    reason: str
    """The customer reads it."""


class RefundPartBody(msgspec.Struct, frozen=True, kw_only=True):
    """What goes back to the card of one payment."""

    part_id: str
    top_up_id: str
    amount: UsdText
    status: PartStatus
    """``reserved`` is set aside, ``pending`` is with the provider, ``succeeded`` is debited."""
    provider_refund_id: str | None
    """The provider's id; the transactions carry it as their reference."""
    failure: str | None
    """Why it failed, or why the provider could not be asked yet."""
    entry_seq: int | None
    """The transaction that debited it."""
    reversal_seq: int | None
    """The transaction that credited it again, where the bank sent it back."""


class RefundBody(msgspec.Struct, frozen=True, kw_only=True):
    """A refund as it stands."""

    account_id: str
    refund_id: str
    status: RefundStatus
    """``asked`` waits for the operator; ``running`` is set aside and on its way."""
    amount: UsdText
    reason: str
    answer: str | None
    """Why it was declined."""
    provider: str
    asked_at: datetime
    decided_at: datetime | None
    ended_at: datetime | None
    parts: list[RefundPartBody]


class RefundsQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which refunds, how many, and from where on."""

    status: RefundStatus | None = None


class RefundPage(msgspec.Struct, frozen=True, kw_only=True):
    """Refunds, newest first."""

    items: list[RefundBody]
    next_cursor: str | None
    """null on the last page."""


class AccountRefundPage(RefundPage, frozen=True, kw_only=True):
    """An account's refunds, newest first."""

    refundable: UsdText
    """What can go back now."""
    begun_at_provider: list[RefundPartBody]
    """Refunds that were begun in the payment provider's own dashboard, the last hundred."""


@post(
    "/v1/accounts/{account_id:str}/refunds",
    opt=described(
        scope=Scope.REFUNDS_ASK,
        body=NewRefund,
        answers={201: RefundBody, 200: RefundBody},
        refusals=(AccountUnknown, ReferenceConflict, RefundOpen, RefundTooMuch, TopUpsOff),
    ),
)
async def post_refund(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Ask for paid balance back; an operator decides.

    Nothing moves until then. 200: it was asked for before, and is answered as it stands.
    """
    platform: Platform = request.app.state.platform
    body = await read_body(request, NewRefund)
    refund_id = f"ref_{secrets.token_hex(_ID_BYTES)}" if body.refund_id is None else body.refund_id
    async with platform.connection() as connection:
        refund, is_new = await ask_refund(
            connection,
            account_id=request.path_params["account_id"],
            refund_id=refund_id,
            provider=platform.checkout.name,
            amount_nanos=None if body.amount is None else parse_usd(body.amount, field="amount"),
            reason=body.reason,
            operator=platform.seller.party.email,
            now=platform.clock(),
        )
    return answer(_body(refund), 201 if is_new else 200)


@get(
    "/v1/accounts/{account_id:str}/refunds",
    opt=described(
        scope=Scope.ENTRIES_READ,
        query=RefundsQuery,
        answers={200: AccountRefundPage},
        refusals=(AccountUnknown, TopUpsOff),
    ),
)
async def get_account_refunds(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List an account's refunds, newest first, and say what can go back."""
    platform: Platform = request.app.state.platform
    asked = read_query(request, RefundsQuery)
    account_id = request.path_params["account_id"]
    async with platform.connection() as connection:
        refundable = await read_refundable(connection, account_id, provider=platform.checkout.name)
        page, below = await list_refunds(
            connection,
            account_id=account_id,
            status=asked.status,
            before=_place(asked.cursor),
            limit=asked.limit,
        )
        direct = await list_direct_refunds(connection, account_id)
    return answer(
        AccountRefundPage(
            items=[_body(refund) for refund in page],
            next_cursor=_cursor(below),
            refundable=format_usd(refundable),
            begun_at_provider=[_part(part) for part in direct],
        )
    )


@get(
    "/v1/accounts/{account_id:str}/refunds/{refund_id:str}",
    opt=described(scope=Scope.ENTRIES_READ, answers={200: RefundBody}, refusals=(RefundUnknown,)),
)
async def get_refund(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Read one refund."""
    platform: Platform = request.app.state.platform
    async with platform.connection() as connection:
        refund = await read_refund(
            connection, request.path_params["account_id"], request.path_params["refund_id"]
        )
    return answer(_body(refund))


@get(
    "/v1/refunds",
    opt=described(scope=Scope.REFUNDS_DECIDE, query=RefundsQuery, answers={200: RefundPage}),
)
async def get_refunds(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List the refunds of all accounts, newest first; ``status=asked`` waits for you."""
    platform: Platform = request.app.state.platform
    asked = read_query(request, RefundsQuery)
    async with platform.connection() as connection:
        page, below = await list_refunds(
            connection,
            account_id=None,
            status=asked.status,
            before=_place(asked.cursor),
            limit=asked.limit,
        )
    return answer(RefundPage(items=[_body(refund) for refund in page], next_cursor=_cursor(below)))


@post(
    "/v1/accounts/{account_id:str}/refunds/{refund_id:str}/approve",
    status_code=200,
    opt=described(
        scope=Scope.REFUNDS_DECIDE,
        answers={200: RefundBody},
        refusals=(RefundUnknown, RefundDecided, RefundTooMuch),
    ),
)
async def approve(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Let a refund go: its money is set aside and sent back to its cards. A repeat is harmless."""
    platform: Platform = request.app.state.platform
    async with platform.connection() as connection:
        refund = await approve_refund(
            connection,
            account_id=request.path_params["account_id"],
            refund_id=request.path_params["refund_id"],
            terms=platform.terms,
            now=platform.clock(),
        )
    return answer(_body(refund))


@post(
    "/v1/accounts/{account_id:str}/refunds/{refund_id:str}/decline",
    status_code=200,
    opt=described(
        scope=Scope.REFUNDS_DECIDE,
        body=Decline,
        answers={200: RefundBody},
        refusals=(RefundUnknown, RefundDecided),
    ),
)
async def decline(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Say no to a refund, and why. Nothing moves."""
    platform: Platform = request.app.state.platform
    body = await read_body(request, Decline)
    async with platform.connection() as connection:
        refund = await decline_refund(
            connection,
            account_id=request.path_params["account_id"],
            refund_id=request.path_params["refund_id"],
            answer=body.reason,
            now=platform.clock(),
        )
    return answer(_body(refund))


def _body(refund: Refund) -> RefundBody:
    return RefundBody(
        account_id=refund.account_id,
        refund_id=refund.refund_id,
        status=refund.status,
        amount=format_usd(refund.amount_nanos),
        reason=refund.reason,
        answer=refund.answer,
        provider=refund.provider,
        asked_at=refund.asked_at,
        decided_at=refund.decided_at,
        ended_at=refund.ended_at,
        parts=[_part(part) for part in refund.parts],
    )


def _part(part: RefundPart) -> RefundPartBody:
    return RefundPartBody(
        part_id=part.part_id,
        top_up_id=part.payment_id,
        amount=format_usd(part.amount_nanos),
        status=part.status,
        provider_refund_id=part.provider_refund_id,
        failure=part.failure,
        entry_seq=part.entry_seq,
        reversal_seq=part.reversal_seq,
    )


def _cursor(below: tuple[datetime, str, str] | None) -> str | None:
    return None if below is None else write_place(*below)


def _place(cursor: str | None) -> tuple[datetime, str, str] | None:
    if cursor is None:
        return None
    at, (account_id, refund_id) = read_place(cursor, names=2)
    return at, account_id, refund_id


REFUND_ROUTES: Final[list[ControllerRouterHandler]] = [
    post_refund,
    get_account_refunds,
    get_refund,
    get_refunds,
    approve,
    decline,
]
