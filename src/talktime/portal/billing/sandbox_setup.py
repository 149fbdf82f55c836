"""The sandbox provider's own page to save a card on: a person chooses how the card behaves."""

from typing import Any, Final

from litestar import Response, get, post
from litestar.response import Redirect

from talktime.core.errors import InvalidInput, NotFound
from talktime.db.saved_cards import SandboxSetup
from talktime.gateways.sandbox_cards import CARDS, SandboxCards
from talktime.portal.desk import Asked, Desk, desk_of
from talktime.portal.rendering import PAGE_HEADERS
from talktime.portal.visiting import form_fields

_PLACE: Final = "/sandbox/setup/{account_id:str}/{checkout_id:str}"


@get(_PLACE)
async def setup(request: Asked) -> Response[str]:
    """The page on which a sandbox card is saved."""
    desk = desk_of(request)
    page = await _page(request, _cards(desk))
    return desk.pages.page(
        "sandbox/setup.html",
        is_saved=page.card_id is not None,
        success_url=page.success_url,
        cancel_url=page.cancel_url,
    )


@post(_PLACE)
async def choose_card(request: Asked) -> Response[Any]:
    """Which card is saved."""
    cards = _cards(desk_of(request))
    page = await _page(request, cards)
    choice = (await form_fields(request)).get("choice", "")
    if choice not in CARDS:
        raise InvalidInput("that is none of the choices of this page", field="choice")
    if page.card_id is None:
        await cards.choose(page, choice)
    return Redirect(page.success_url, status_code=303, headers=dict(PAGE_HEADERS))


def _cards(desk: Desk) -> SandboxCards:
    payments = desk.platform.payments
    if payments is None or not isinstance(payments.provider.cards, SandboxCards):
        raise NotFound("there is no sandbox here")
    return payments.provider.cards


async def _page(request: Asked, cards: SandboxCards) -> SandboxSetup:
    names = request.path_params["account_id"], request.path_params["checkout_id"]
    if not all(name.isprintable() for name in names):
        raise NotFound("the sandbox has no such page")
    return await cards.page(*names)


HANDLERS: Final = (setup, choose_card)
