"""Auto-reload: what the customer chooses, the saved card, and why it fired or did not."""

import secrets
from datetime import datetime
from typing import Any, Final

from litestar import Response, get, post
from litestar.response import Redirect

from talktime.core.account import Account
from talktime.core.auto_reload import ReloadSettings, decide_reload
from talktime.core.errors import InvalidAmount, PaymentUnknown, ProviderAway
from talktime.core.member import Right
from talktime.core.money import format_usd, parse_usd
from talktime.core.saved_card import CardProvider
from talktime.db.pool import Connection
from talktime.ops.accounts import read_account
from talktime.ops.auto_reload import (
    change_auto_reload,
    list_checks,
    list_reloads,
    read_auto_reload,
    read_standing,
    restart_auto_reload,
)
from talktime.ops.saved_cards import (
    begin_card_setup,
    finish_card_setup,
    read_card,
    remove_saved_card,
)
from talktime.portal.billing.auto_reload_view import (
    ReloadPageView,
    card_view,
    check_rows,
    limit_warning,
    reload_rows,
    state_view,
    used_lines,
)
from talktime.portal.desk import Asked, Desk, desk_of
from talktime.portal.framing import frame, live_address
from talktime.portal.rendering import PAGE_HEADERS
from talktime.portal.visiting import Visitor, check_form, visitor_of

PLACE: Final = "/billing/auto-reload"
_FIELDS: Final = ("threshold", "amount", "day_ceiling", "month_ceiling")


@get(PLACE)
async def auto_reload(request: Asked) -> Response[str]:
    """The page; coming back from the provider's, what came of it is asked first."""
    desk = desk_of(request)
    visitor = await visitor_of(request, desk.platform)
    if request.query_params.get("card") == "saved" and visitor.may(Right.SPEND):
        await _finish(desk, visitor)
    async with desk.platform.connection() as connection:
        return await _page(desk, visitor, connection, told=_told(request))


@post(PLACE)
async def choose(request: Asked) -> Response[Any]:
    """Keep what the customer chose."""
    desk = desk_of(request)
    visitor = await visitor_of(request, desk.platform)
    visitor.require(Right.SPEND)
    fields = await check_form(request, visitor)
    entered = {name: fields.get(name, "").strip().removeprefix("$") for name in _FIELDS}
    is_on = fields.get("is_on") == "yes"
    async with desk.platform.connection() as connection:
        try:
            amounts = {
                f"{name}_nanos": parse_usd(text, field=name) for name, text in entered.items()
            }
            await change_auto_reload(
                connection,
                account_id=visitor.account_id,
                settings=ReloadSettings(is_on=is_on, **amounts),
                now=desk.now,
            )
        except InvalidAmount as error:
            return await _page(
                desk, visitor, connection, entered=entered | {"is_on": is_on}, error=error
            )
    return _back(desk, "?told=saved")


@post(f"{PLACE}/card")
async def save_card(request: Asked) -> Response[Any]:
    """Have the provider open a page to save a card on; a second click finds the first."""
    desk = desk_of(request)
    visitor = await visitor_of(request, desk.platform)
    visitor.require(Right.SPEND)
    fields = await check_form(request, visitor)
    await begin_card_setup(
        desk.platform.connection,
        desk.platform.checkout.cards,
        account_id=visitor.account_id,
        setup_id=fields.get("setup_id", ""),
        return_url=f"{desk.platform.public_url}{PLACE}",
        now=desk.now,
    )
    return _back(desk, "/card")


@get(f"{PLACE}/card")
async def to_card_page(request: Asked) -> Response[Any]:
    """On to the provider's page, by a page of ours: a form's answer may not lead elsewhere."""
    desk = desk_of(request)
    async with desk.visit(request) as (visitor, connection):
        visitor.require(Right.SPEND)
        saved = await read_card(connection, visitor.account_id, desk.platform.checkout.cards)
    if saved.setup_url is None:
        return _back(desk, "")
    return desk.pages.page(
        "billing/auto_reload_card.html",
        href=saved.setup_url,
        back=f"{desk.pages.base}{PLACE}?card=saved",
        # Payment providers let no site frame their pages.
        is_framed=visitor.framed_by is not None,
    )


@post(f"{PLACE}/card/remove")
async def remove_card(request: Asked) -> Response[Any]:
    """Charge this card no more."""
    desk = desk_of(request)
    visitor = await visitor_of(request, desk.platform)
    visitor.require(Right.SPEND)
    await check_form(request, visitor)
    await remove_saved_card(
        desk.platform.connection, desk.platform.checkout.cards, account_id=visitor.account_id
    )
    return _back(desk, "?told=removed")


@post(f"{PLACE}/again")
async def switch_on_again(request: Asked) -> Response[Any]:
    """Go on with the same card after a stop."""
    desk = desk_of(request)
    visitor = await visitor_of(request, desk.platform)
    visitor.require(Right.SPEND)
    await check_form(request, visitor)
    async with desk.platform.connection() as connection:
        await restart_auto_reload(connection, visitor.account_id, now=desk.now)
    return _back(desk, "?told=again")


async def _finish(desk: Desk, visitor: Visitor) -> None:
    try:
        await finish_card_setup(
            desk.platform.connection,
            desk.platform.checkout.cards,
            account_id=visitor.account_id,
            now=desk.now,
        )
    except (ProviderAway, PaymentUnknown):
        # The page says that nothing is there yet; the loop asks again.
        return


async def _page(
    desk: Desk,
    visitor: Visitor,
    connection: Connection,
    *,
    told: str = "",
    entered: dict[str, Any] | None = None,
    error: InvalidAmount | None = None,
) -> Response[str]:
    account = await read_account(connection, visitor.account_id, now=desk.now)
    cards = desk.platform.checkout.cards
    chosen = (await read_auto_reload(connection, visitor.account_id)).settings
    view = await read_reload_page(connection, account, cards, now=desk.now, base=desk.pages.base)
    return desk.pages.page(
        "billing/auto_reload.html",
        status_code=200 if error is None else 400,
        **frame(visitor, account, "billing"),
        view=view,
        told=told,
        shown=entered
        or {
            "is_on": chosen.is_on,
            "threshold": format_usd(chosen.threshold_nanos),
            "amount": format_usd(chosen.amount_nanos),
            "day_ceiling": format_usd(chosen.day_ceiling_nanos),
            "month_ceiling": format_usd(chosen.month_ceiling_nanos),
        },
        error_field=error.field if error else None,
        error=_in_words(error) if error else None,
        setup_id=f"setup_{secrets.token_hex(16)}",
        is_sandbox=desk.platform.checkout.name == "sandbox",
        live=live_address(desk, "auto_reload", also={"told": told}),
    )


async def read_reload_page(
    connection: Connection, account: Account, cards: CardProvider, *, now: datetime, base: str
) -> ReloadPageView:
    """How auto-reload stands, what it did, and why nothing if nothing."""
    standing = await read_standing(connection, account, cards, now=now)
    saved = await read_card(connection, account.account_id, cards)
    reloads = await list_reloads(connection, account.account_id, now=now)
    decision = decide_reload(standing, now=now)
    return ReloadPageView(
        state=state_view(account, standing, decision, reloads, now=now, base=base),
        card=card_view(saved.card, account, now=now),
        is_saving=saved.setup_id is not None,
        used=used_lines(account, standing, decision, now=now),
        warning=limit_warning(standing),
        reloads=reload_rows(reloads, account, base),
        checks=check_rows(await list_checks(connection, account.account_id), account),
    )


def _in_words(error: InvalidAmount) -> str:
    """Below its field a message need not name it."""
    said = error.message.removeprefix(f"{error.field} ")
    return said[:1].upper() + said[1:]


def _told(request: Asked) -> str:
    if request.query_params.get("card") in {"saved", "canceled"}:
        return "card" if request.query_params["card"] == "saved" else ""
    told = str(request.query_params.get("told", ""))
    return told if told in {"saved", "removed", "again"} else ""


def _back(desk: Desk, rest: str) -> Response[Any]:
    return Redirect(f"{desk.pages.base}{PLACE}{rest}", status_code=303, headers=dict(PAGE_HEADERS))


HANDLERS: Final = (auto_reload, choose, save_card, to_card_page, remove_card, switch_on_again)
