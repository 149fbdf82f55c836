"""Coupons over HTTP: issued by the operator, previewed and redeemed for an account."""

from datetime import datetime
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.types import ControllerRouterHandler

from talktime.api.account_wire import EntryBody, UsdText, entry_body
from talktime.api.bodies import Moment, PageQuery, answer, in_utc, read_body, read_query
from talktime.api.description import described
from talktime.core.coupon import Coupon
from talktime.core.errors import (
    AccountUnknown,
    CouponAlreadyRedeemed,
    CouponExists,
    CouponExpired,
    CouponNewAccountsOnly,
    CouponNotYetValid,
    CouponUnknown,
    CouponUsedUp,
    TooManyAttempts,
)
from talktime.core.ledger import Entry
from talktime.core.money import format_usd, parse_usd
from talktime.core.one_line import check_id
from talktime.ops.coupons import (
    CouponPreview,
    create_coupon,
    list_coupons,
    list_redemptions,
    preview_coupon,
    read_coupon,
    redeem_coupon,
)
from talktime.ops.guesses import after_others
from talktime.ops.keys import Scope
from talktime.ops.platform import Platform

_REFUSALS: Final = (
    AccountUnknown,
    CouponUnknown,
    CouponAlreadyRedeemed,
    CouponUsedUp,
    CouponNotYetValid,
    CouponNewAccountsOnly,
    CouponExpired,
    TooManyAttempts,
)


class NewCoupon(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A code that is promo credit, once per account."""

    code: str
    """3 to 64 letters, digits, hyphens or underscores; upper and lower case differ."""
    amount: UsdText
    max_redemptions: int | None = None
    """Over all accounts; left out: without limit."""
    starts_at: Moment | None = None
    """The first instant at which it can be redeemed."""
    ends_at: Moment | None = None
    """The first instant at which it can no longer be redeemed."""
    note: str | None = None
    """For the operator; customers do not see it."""
    only_account_id: str | None = None
    """The one account that may redeem it; for every other there is no such coupon."""
    new_account_days: int | None = None
    """Only for accounts opened less than so many days ago."""


class CouponBody(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon, and how often it was redeemed."""

    code: str
    amount: str
    max_redemptions: int | None
    redemptions: int
    starts_at: datetime | None
    ends_at: datetime | None
    note: str | None
    only_account_id: str | None
    """The one account that may redeem it; null: every account."""
    new_account_days: int | None
    """Only for accounts opened less than so many days ago; null: of any age."""
    created_at: datetime


class CouponPage(msgspec.Struct, frozen=True, kw_only=True):
    """Coupons in the order of their codes."""

    items: list[CouponBody]
    next_cursor: str | None
    """null on the last page."""


class RedemptionBody(msgspec.Struct, frozen=True, kw_only=True):
    """One use of a coupon."""

    account_id: str
    amount: str
    entry_seq: int
    """The entry of the account that credits it."""
    redeemed_at: datetime


class RedemptionPage(msgspec.Struct, frozen=True, kw_only=True):
    """Uses of a coupon in the order of the accounts' ids."""

    items: list[RedemptionBody]
    next_cursor: str | None
    """null on the last page."""


class CouponCode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A code as the customer entered it; spaces around it do not count."""

    code: str


class CouponPreviewBody(msgspec.Struct, frozen=True, kw_only=True):
    """What redeeming would bring. Nothing has happened yet."""

    code: str
    bonus: str
    available_after: str


@post(
    "/v1/coupons",
    opt=described(
        scope=Scope.COUPONS_WRITE,
        body=NewCoupon,
        answers={201: CouponBody, 200: CouponBody},
        refusals=(CouponExists, AccountUnknown),
    ),
)
async def issue_coupon(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Issue a coupon. 200: it was issued before, with the same facts."""
    platform: Platform = request.app.state.platform
    body = await read_body(request, NewCoupon)
    only = body.only_account_id
    coupon = Coupon(
        code=body.code,
        amount_nanos=parse_usd(body.amount, field="amount"),
        max_redemptions=body.max_redemptions,
        starts_at=in_utc(body.starts_at, "starts_at"),
        ends_at=in_utc(body.ends_at, "ends_at"),
        note=body.note,
        only_account_id=only and check_id(only, "only_account_id"),
        new_account_days=body.new_account_days,
        created_at=platform.clock(),
    )
    async with platform.connection() as connection:
        kept, created = await create_coupon(connection, coupon)
    return answer(_coupon_body(kept), 201 if created else 200)


@get(
    "/v1/coupons",
    opt=described(scope=Scope.COUPONS_WRITE, query=PageQuery, answers={200: CouponPage}),
)
async def get_coupons(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List the coupons."""
    platform: Platform = request.app.state.platform
    asked = read_query(request, PageQuery)
    after = asked.after()
    async with platform.connection() as connection:
        page, last = await list_coupons(connection, after=after, limit=asked.limit)
    return answer(CouponPage(items=[_coupon_body(coupon) for coupon in page], next_cursor=last))


@get(
    "/v1/coupons/{code:str}",
    opt=described(scope=Scope.COUPONS_WRITE, answers={200: CouponBody}, refusals=(CouponUnknown,)),
)
async def get_coupon(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Read one coupon."""
    platform: Platform = request.app.state.platform
    async with platform.connection() as connection:
        coupon = await read_coupon(connection, request.path_params["code"])
    return answer(_coupon_body(coupon))


@get(
    "/v1/coupons/{code:str}/redemptions",
    opt=described(
        scope=Scope.COUPONS_WRITE,
        query=PageQuery,
        answers={200: RedemptionPage},
        refusals=(CouponUnknown,),
    ),
)
async def get_redemptions(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List who redeemed a coupon, and when."""
    platform: Platform = request.app.state.platform
    asked = read_query(request, PageQuery)
    after = asked.after()
    async with platform.connection() as connection:
        page, last = await list_redemptions(
            connection, request.path_params["code"], after=after, limit=asked.limit
        )
    items = [
        RedemptionBody(
            account_id=one.account_id,
            amount=format_usd(one.amount_nanos),
            entry_seq=one.entry_seq,
            redeemed_at=one.recorded_at,
        )
        for one in page
    ]
    return answer(RedemptionPage(items=items, next_cursor=last))


@post(
    "/v1/accounts/{account_id:str}/coupons/preview",
    status_code=200,
    opt=described(
        scope=Scope.COUPONS_REDEEM,
        body=CouponCode,
        answers={200: CouponPreviewBody},
        refusals=_REFUSALS,
    ),
)
async def preview(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Say what a code would bring this account, or why it would be refused."""
    platform: Platform = request.app.state.platform
    body = await read_body(request, CouponCode)

    async def act() -> CouponPreview:
        async with platform.connection() as connection:
            return await preview_coupon(
                connection,
                account_id=request.path_params["account_id"],
                code=body.code.strip(),
                now=platform.clock(),
            )

    seen = await after_others(act)
    return answer(
        CouponPreviewBody(
            code=seen.code,
            bonus=format_usd(seen.bonus_nanos),
            available_after=format_usd(seen.available_after_nanos),
        )
    )


@post(
    "/v1/accounts/{account_id:str}/coupons/redeem",
    opt=described(
        scope=Scope.COUPONS_REDEEM,
        body=CouponCode,
        answers={201: EntryBody},
        refusals=_REFUSALS,
    ),
)
async def redeem(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Credit a coupon to the account's promo balance, exactly once."""
    platform: Platform = request.app.state.platform
    body = await read_body(request, CouponCode)

    async def act() -> Entry:
        async with platform.connection() as connection:
            return await redeem_coupon(
                connection,
                account_id=request.path_params["account_id"],
                code=body.code.strip(),
                terms=platform.terms,
                now=platform.clock(),
            )

    return answer(entry_body(await after_others(act)), 201)


def _coupon_body(coupon: Coupon) -> CouponBody:
    return CouponBody(
        code=coupon.code,
        amount=format_usd(coupon.amount_nanos),
        max_redemptions=coupon.max_redemptions,
        redemptions=coupon.redemptions,
        starts_at=coupon.starts_at,
        ends_at=coupon.ends_at,
        note=coupon.note,
        only_account_id=coupon.only_account_id,
        new_account_days=coupon.new_account_days,
        created_at=coupon.created_at,
    )


COUPON_ROUTES: Final[list[ControllerRouterHandler]] = [
    issue_coupon,
    get_coupons,
    get_coupon,
    get_redemptions,
    preview,
    redeem,
]
