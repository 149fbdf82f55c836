"""Auto-reload over HTTP: what an account chose, how it stands, and the page to save a card on."""

import secrets
from datetime import datetime
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post, put
from litestar.types import ControllerRouterHandler

from talktime.api.account_wire import UsdText
from talktime.api.bodies import answer, read_body
from talktime.api.description import described
from talktime.core.auto_reload import OffBy, ReloadReason, ReloadSettings
from talktime.core.errors import AccountUnknown, ProviderAway, TopUpsOff
from talktime.core.money import format_usd, parse_usd
from talktime.db.pool import Connection
from talktime.ops.accounts import read_account
from talktime.ops.auto_reload import change_auto_reload, judge_reload, read_auto_reload
from talktime.ops.keys import Scope
from talktime.ops.platform import Platform
from talktime.ops.saved_cards import begin_card_setup, read_card


class AutoReloadChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the customer wants; the card is saved by the customer, on the provider's page."""

    on: bool
    threshold: UsdText
    """It fires when less than this is left to start calls with."""
    amount: UsdText
    """Charged at least; one payment closes the whole gap."""
    day_ceiling: UsdText
    month_ceiling: UsdText


class CardBody(msgspec.Struct, frozen=True, kw_only=True):
    """The saved card."""

    brand: str
    last4: str


class AutoReloadBody(msgspec.Struct, frozen=True, kw_only=True):
    """Auto-reload as it stands."""

    account_id: str
    on: bool
    threshold: UsdText
    amount: UsdText
    day_ceiling: UsdText
    month_ceiling: UsdText
    card: CardBody | None
    now: ReloadReason
    """What would come of looking now: ``fired`` charges the card, all else says why not."""
    failures: int
    """In a row."""
    stopped_at: datetime | None
    attempted_at: datetime | None
    switched_off_at: datetime | None
    """Since when it is off by what happened; null: it is on, or was not switched on."""
    switched_off_by: OffBy | None
    """What that was."""


class CardPage(msgspec.Struct, frozen=True, kw_only=True):
    """Where the customer's browser saves a card."""

    url: str


_PLACE: Final = "/v1/accounts/{account_id:str}/auto-reload"


@get(
    _PLACE,
    opt=described(
        scope=Scope.ACCOUNTS_READ,
        answers={200: AutoReloadBody},
        refusals=(AccountUnknown, TopUpsOff),
    ),
)
async def get_auto_reload(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Read what an account chose for auto-reload, and how it stands."""
    platform: Platform = request.app.state.platform
    async with platform.connection() as connection:
        return answer(await _body(connection, platform, request.path_params["account_id"]))


@put(
    _PLACE,
    opt=described(
        scope=Scope.TOP_UPS_WRITE,
        body=AutoReloadChoice,
        answers={200: AutoReloadBody},
        refusals=(AccountUnknown, TopUpsOff),
    ),
)
async def put_auto_reload(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Choose when and how much a saved card is charged; the same again changes nothing."""
    platform: Platform = request.app.state.platform
    account_id = request.path_params["account_id"]
    body = await read_body(request, AutoReloadChoice)
    async with platform.connection() as connection:
        await read_account(connection, account_id, now=platform.clock())
        await change_auto_reload(
            connection,
            account_id=account_id,
            settings=ReloadSettings(
                is_on=body.on,
                threshold_nanos=parse_usd(body.threshold, field="threshold"),
                amount_nanos=parse_usd(body.amount, field="amount"),
                day_ceiling_nanos=parse_usd(body.day_ceiling, field="day_ceiling"),
                month_ceiling_nanos=parse_usd(body.month_ceiling, field="month_ceiling"),
            ),
            now=platform.clock(),
        )
        return answer(await _body(connection, platform, account_id))


@post(
    f"{_PLACE}/card",
    opt=described(
        scope=Scope.TOP_UPS_WRITE,
        answers={201: CardPage},
        refusals=(AccountUnknown, TopUpsOff, ProviderAway),
    ),
)
async def post_card_page(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Open the provider's page on which the customer saves a card."""
    platform: Platform = request.app.state.platform
    saved = await begin_card_setup(
        platform.connection,
        platform.checkout.cards,
        account_id=request.path_params["account_id"],
        setup_id=f"setup_{secrets.token_hex(16)}",
        return_url=f"{platform.public_url}/billing/auto-reload",
        now=platform.clock(),
    )
    if saved.setup_url is None:
        raise ProviderAway("another page to save a card on was opened meanwhile; try again")
    return answer(CardPage(url=saved.setup_url), 201)


async def _body(connection: Connection, platform: Platform, account_id: str) -> AutoReloadBody:
    cards = platform.checkout.cards
    now = platform.clock()
    account = await read_account(connection, account_id, now=now)
    state = await read_auto_reload(connection, account_id)
    card = (await read_card(connection, account_id, cards)).card
    decision = await judge_reload(connection, account, cards, now=now)
    return AutoReloadBody(
        account_id=account_id,
        on=state.settings.is_on,
        threshold=format_usd(state.settings.threshold_nanos),
        amount=format_usd(state.settings.amount_nanos),
        day_ceiling=format_usd(state.settings.day_ceiling_nanos),
        month_ceiling=format_usd(state.settings.month_ceiling_nanos),
        card=None if card is None else CardBody(brand=card.brand, last4=card.last4),
        now=decision.reason,
        failures=state.failures,
        stopped_at=state.stopped_at,
        attempted_at=state.attempted_at,
        switched_off_at=None if state.switched_off is None else state.switched_off.at,
        switched_off_by=None if state.switched_off is None else state.switched_off.by,
    )


AUTO_RELOAD_ROUTES: Final[list[ControllerRouterHandler]] = [
    get_auto_reload,
    put_auto_reload,
    post_card_page,
]
