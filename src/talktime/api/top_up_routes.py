"""Top-ups over HTTP: begin one, read them, and the door for the payment provider's notices."""

import secrets
from datetime import datetime
from typing import Any, Final

import msgspec
import structlog
from litestar import Request, Response, get, post
from litestar.types import ControllerRouterHandler

from talktime.api.account_wire import UsdText
from talktime.api.bodies import PageQuery, answer, read_body, read_query
from talktime.api.description import described
from talktime.api.money_back_door import take_back_notice
from talktime.config import Settings
from talktime.core.errors import (
    AccountUnknown,
    InvalidInput,
    PaymentMismatch,
    PaymentUnknown,
    ProviderAway,
    ReferenceConflict,
    TopUpsOff,
)
from talktime.core.money import format_usd, parse_usd
from talktime.core.payment import Payment, PaymentNotice, PaymentStatus
from talktime.core.place import read_place, write_place
from talktime.core.return_address import check_return_url, payer_page
from talktime.core.saved_card import CardNotice
from talktime.db.payments import Place
from talktime.gateways.payment_notices import read_notice
from talktime.gateways.sandbox_payments import NOTICE_DOOR
from talktime.ops.accounts import read_account
from talktime.ops.keys import Scope
from talktime.ops.platform import Platform
from talktime.ops.saved_cards import finish_card_setup
from talktime.ops.top_ups import begin_top_up, list_payments, read_payment, settle_payment

log = structlog.get_logger("talktime.payments")

_ID_BYTES: Final = 16
_SECRET_BYTES: Final = 24


class NewTopUp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Money to be put on the paid balance."""

    amount: UsdText
    """Whole cents, from 5 to 2000 USD."""
    top_up_id: str | None = None
    """Yours to choose; sent again, it is the same top-up. Left out, a retry makes another one."""
    return_url: str | None = None
    """Where the payer's browser goes back to, with ``back=paid`` or ``back=canceled`` added, which
    proves nothing. Left out, to a page of ours that tells how this payment stands."""


class TopUpBody(msgspec.Struct, frozen=True, kw_only=True):
    """A top-up as it stands."""

    account_id: str
    top_up_id: str
    status: PaymentStatus
    """``succeeded`` is credited; ``waiting`` can still be paid."""
    amount: UsdText
    checkout_url: str | None
    """Send the customer's browser there to pay."""
    provider: str
    failure: str | None
    """Why the last attempt to pay failed."""
    created_at: datetime
    expires_at: datetime
    settled_at: datetime | None
    entry_seq: int | None
    """The transaction that credited it."""


class TopUpPage(msgspec.Struct, frozen=True, kw_only=True):
    """Top-ups, newest first."""

    items: list[TopUpBody]
    next_cursor: str | None
    """null on the last page."""


class NoticeTaken(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's notice was understood."""

    taken: bool
    """false: it is about none of our payments, and nothing was done."""
    status: PaymentStatus | None = None


@post(
    "/v1/accounts/{account_id:str}/top-ups",
    opt=described(
        scope=Scope.TOP_UPS_WRITE,
        body=NewTopUp,
        answers={201: TopUpBody, 200: TopUpBody},
        refusals=(AccountUnknown, ReferenceConflict, TopUpsOff, ProviderAway),
    ),
)
async def post_top_up(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Begin a top-up: the answer has the page to pay on.

    Nothing is credited until the payment provider says that the money is there. 200: it was begun
    before, and is answered as it stands.
    """
    platform: Platform = request.app.state.platform
    settings: Settings = request.app.state.settings
    account_id = request.path_params["account_id"]
    body = await read_body(request, NewTopUp)
    top_up_id = f"top_{secrets.token_hex(_ID_BYTES)}" if body.top_up_id is None else body.top_up_id
    payment, is_new = await begin_top_up(
        platform.connection,
        platform.checkout,
        account_id=account_id,
        payment_id=top_up_id,
        amount_nanos=parse_usd(body.amount, field="amount"),
        return_url=payer_page(
            platform.public_url, account_id, top_up_id, secrets.token_urlsafe(_SECRET_BYTES)
        ),
        asked_return_url=None
        if body.return_url is None
        else check_return_url(
            body.return_url,
            allowed_origins=settings.frame_origins,
            public_url=platform.public_url,
        ),
        now=platform.clock(),
    )
    return answer(_body(payment), 201 if is_new else 200)


@get(
    "/v1/accounts/{account_id:str}/top-ups",
    opt=described(
        scope=Scope.ENTRIES_READ,
        query=PageQuery,
        answers={200: TopUpPage},
        refusals=(AccountUnknown,),
    ),
)
async def get_top_ups(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List an account's top-ups, newest first."""
    platform: Platform = request.app.state.platform
    asked = read_query(request, PageQuery)
    account_id = request.path_params["account_id"]
    async with platform.connection() as connection:
        await read_account(connection, account_id, now=platform.clock())
        page, below = await list_payments(
            connection, account_id, before=_place(asked.cursor, account_id), limit=asked.limit
        )
    cursor = None if below is None else write_place(below[0], below[2])
    return answer(TopUpPage(items=[_body(payment) for payment in page], next_cursor=cursor))


@get(
    "/v1/accounts/{account_id:str}/top-ups/{top_up_id:str}",
    opt=described(scope=Scope.ENTRIES_READ, answers={200: TopUpBody}, refusals=(PaymentUnknown,)),
)
async def get_top_up(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Read one top-up."""
    platform: Platform = request.app.state.platform
    async with platform.connection() as connection:
        payment = await read_payment(
            connection, request.path_params["account_id"], request.path_params["top_up_id"]
        )
    return answer(_body(payment))


@post(NOTICE_DOOR, include_in_schema=False)
async def take_notice(request: Request[Any, Any, Any]) -> Response[bytes]:
    """What the payment provider has to say; its signature is the key to this door."""
    platform: Platform = request.app.state.platform
    if platform.payments is None:
        raise TopUpsOff("this installation takes no payments, so it takes no notices of them")
    signature = request.headers.get("stripe-signature")
    try:
        notice = read_notice(await request.body(), signature, platform.payments.notice_secret)
    except InvalidInput as error:
        log.warning("a payment notice was refused", why=error.message)
        raise
    if notice is None:
        return answer(NoticeTaken(taken=False))
    if isinstance(notice, CardNotice):
        await finish_card_setup(
            platform.connection,
            platform.payments.provider.cards,
            account_id=notice.account_id,
            now=platform.clock(),
        )
        return answer(NoticeTaken(taken=True))
    if not isinstance(notice, PaymentNotice):
        return answer(NoticeTaken(taken=await take_back_notice(platform, notice)))
    try:
        async with platform.connection() as connection:
            payment = await settle_payment(
                connection, notice, terms=platform.terms, now=platform.clock()
            )
    except (PaymentUnknown, PaymentMismatch) as error:
        log.error(  # noqa: TRY400  (for an operator to read, not to debug)
            "a payment notice does not fit",
            code=error.code,
            why=error.message,
            account_id=notice.account_id,
            payment_id=notice.payment_id,
        )
        raise
    return answer(NoticeTaken(taken=True, status=payment.status))


def _body(payment: Payment) -> TopUpBody:
    return TopUpBody(
        account_id=payment.account_id,
        top_up_id=payment.payment_id,
        status=payment.status,
        amount=format_usd(payment.amount_nanos),
        checkout_url=payment.checkout_url,
        provider=payment.provider,
        failure=payment.failure,
        created_at=payment.created_at,
        expires_at=payment.expires_at,
        settled_at=payment.settled_at,
        entry_seq=payment.entry_seq,
    )


def _place(cursor: str | None, account_id: str) -> Place | None:
    if cursor is None:
        return None
    at, (top_up_id,) = read_place(cursor, names=1)
    return at, account_id, top_up_id


TOP_UP_ROUTES: Final[list[ControllerRouterHandler]] = [
    post_top_up,
    get_top_ups,
    get_top_up,
    take_notice,
]
