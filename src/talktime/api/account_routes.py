"""Accounts over HTTP: open, read, list and change them, and let their customers in."""

import secrets
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, patch, post
from litestar.types import ControllerRouterHandler

from talktime.api.account_wire import AccountBody, RateText, UsdText, account_body
from talktime.api.auto_reload_routes import AUTO_RELOAD_ROUTES
from talktime.api.bodies import PageQuery, answer, read_body, read_query
from talktime.api.card_routes import CARD_ROUTES
from talktime.api.coupon_routes import COUPON_ROUTES
from talktime.api.description import described
from talktime.api.dispute_routes import DISPUTE_ROUTES
from talktime.api.document_routes import DOCUMENT_ROUTES
from talktime.api.entry_routes import ENTRY_ROUTES
from talktime.api.member_routes import MEMBER_ROUTES
from talktime.api.portal_routes import PORTAL_ROUTES
from talktime.api.refund_routes import REFUND_ROUTES
from talktime.api.report_routes import REPORT_ROUTES
from talktime.api.top_up_routes import TOP_UP_ROUTES
from talktime.api.webhook_routes import WEBHOOK_ROUTES
from talktime.core.account import AccountStatus, NumberMask, parse_margin_rate
from talktime.core.errors import AccountExists, AccountUnknown
from talktime.core.money import parse_usd
from talktime.ops.accounts import (
    AccountChange,
    change_account,
    create_account,
    list_accounts,
    read_account,
)
from talktime.ops.keys import Scope
from talktime.ops.platform import Platform

_ID_BYTES: Final = 16


class NewAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A customer of the platform."""

    account_id: str | None = None
    """Your own id for the customer; left out, one is made, and a retry makes another account."""
    name: str
    email: str
    verified: bool = False
    """You vouch for the e-mail address: brings the welcome bonus, once per account and address."""


class AccountPatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to change; the rest stays."""

    status: AccountStatus | msgspec.UnsetType = msgspec.UNSET
    """``suspended`` accounts start no calls; calls under way go on."""
    margin_rate: RateText | msgspec.UnsetType | None = msgspec.UNSET
    """For calls that start from now on; null: the platform's."""
    warning_level: UsdText | msgspec.UnsetType = msgspec.UNSET
    time_zone: str | msgspec.UnsetType = msgspec.UNSET
    """An IANA name, such as Europe/Berlin."""
    number_mask: NumberMask | msgspec.UnsetType = msgspec.UNSET
    """How the customer's pages and exports show phone numbers; last4 leaves four digits."""


class AccountPage(msgspec.Struct, frozen=True, kw_only=True):
    """Accounts in the order of their ids."""

    items: list[AccountBody]
    next_cursor: str | None
    """null on the last page."""


@post(
    "/v1/accounts",
    opt=described(
        scope=Scope.ACCOUNTS_WRITE,
        body=NewAccount,
        answers={201: AccountBody, 200: AccountBody},
        refusals=(AccountExists,),
    ),
)
async def open_account(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Open an account.

    201: it is new. 200: it was there with the same name and e-mail address; ``verified: true`` is
    noted then, too.
    """
    platform: Platform = request.app.state.platform
    body = await read_body(request, NewAccount)
    async with platform.connection() as connection:
        account, created = await create_account(
            connection,
            account_id=_new_id() if body.account_id is None else body.account_id,
            name=body.name,
            email=body.email,
            verified=body.verified,
            terms=platform.terms,
            now=platform.clock(),
        )
    found = account_body(account, floor_nanos=platform.terms.floor_nanos)
    return answer(found, 201 if created else 200)


@get(
    "/v1/accounts",
    opt=described(scope=Scope.ACCOUNTS_READ, query=PageQuery, answers={200: AccountPage}),
)
async def get_accounts(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List the accounts."""
    platform: Platform = request.app.state.platform
    asked = read_query(request, PageQuery)
    after = asked.after()
    async with platform.connection() as connection:
        page, last = await list_accounts(
            connection, after=after, limit=asked.limit, now=platform.clock()
        )
    floor_nanos = platform.terms.floor_nanos
    items = [account_body(account, floor_nanos=floor_nanos) for account in page]
    return answer(AccountPage(items=items, next_cursor=last))


@get(
    "/v1/accounts/{account_id:str}",
    opt=described(
        scope=Scope.ACCOUNTS_READ, answers={200: AccountBody}, refusals=(AccountUnknown,)
    ),
)
async def get_account(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Read an account's balances."""
    platform: Platform = request.app.state.platform
    async with platform.connection() as connection:
        account = await read_account(
            connection, request.path_params["account_id"], now=platform.clock()
        )
    return answer(account_body(account, floor_nanos=platform.terms.floor_nanos))


@patch(
    "/v1/accounts/{account_id:str}",
    opt=described(
        scope=Scope.ACCOUNTS_WRITE,
        body=AccountPatch,
        answers={200: AccountBody},
        refusals=(AccountUnknown,),
    ),
)
async def patch_account(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Change an account's status, margin, warning level, time zone or how it shows numbers."""
    platform: Platform = request.app.state.platform
    change = _change(await read_body(request, AccountPatch))
    async with platform.connection() as connection:
        account = await change_account(
            connection, request.path_params["account_id"], change, now=platform.clock()
        )
    return answer(account_body(account, floor_nanos=platform.terms.floor_nanos))


def _new_id() -> str:
    return f"acct_{secrets.token_hex(_ID_BYTES)}"


def _change(body: AccountPatch) -> AccountChange:
    rate, level = body.margin_rate, body.warning_level
    return AccountChange(
        status=None if body.status is msgspec.UNSET else body.status,
        margin_ppm=rate
        if rate is None or rate is msgspec.UNSET
        else parse_margin_rate(rate, field="margin_rate"),
        warning_level_nanos=None
        if level is msgspec.UNSET
        else parse_usd(level, field="warning_level"),
        time_zone=None if body.time_zone is msgspec.UNSET else body.time_zone,
        number_mask=None if body.number_mask is msgspec.UNSET else body.number_mask,
    )


ROUTES: Final[list[ControllerRouterHandler]] = [
    open_account,
    get_accounts,
    get_account,
    patch_account,
    *PORTAL_ROUTES,
    *MEMBER_ROUTES,
    *ENTRY_ROUTES,
    *COUPON_ROUTES,
    *CARD_ROUTES,
    *TOP_UP_ROUTES,
    *AUTO_RELOAD_ROUTES,
    *REFUND_ROUTES,
    *DISPUTE_ROUTES,
    *DOCUMENT_ROUTES,
    *WEBHOOK_ROUTES,
    *REPORT_ROUTES,
]
