"""Prices over HTTP: publish a rate card, list them, ask for the price in force."""

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.types import ControllerRouterHandler

from talktime.api.bodies import Moment, answer, in_utc, read_body, read_query
from talktime.api.description import described
from talktime.core.errors import PriceUnknown, ReferenceConflict
from talktime.core.money import format_usd
from talktime.core.ratecard import MS_PER_SECOND, TIME_QUANTITIES, Price, Service, UnitPrice
from talktime.ops.keys import Scope
from talktime.ops.platform import Platform
from talktime.ops.rate_cards import CardSummary, list_cards, publish_card

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class UnitPriceBody(msgspec.Struct, frozen=True, kw_only=True):
    """``usd`` per so many units of a quantity."""

    quantity: str
    usd: str
    per: int
    unit: str
    """token, character or second."""
    increment: int
    """What a quantity is rounded up to before it is billed, in the same unit; 0: not at all."""


class PriceBody(msgspec.Struct, frozen=True, kw_only=True):
    """The unit prices of one model of one provider, with where they come from."""

    service: Service
    provider: str
    model: str
    """As the card has it; "" is the provider's default, ``*`` stands for any letters."""
    rate_card: str
    effective: datetime
    source: str
    prices: list[UnitPriceBody]


class PriceQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose price, and when."""

    service: Service
    provider: Name
    model: Name | None = None
    at: Moment | None = None
    """Left out: now."""


class CardBody(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a rate card."""

    version: str
    is_builtin: bool
    """It came with Talktime."""
    prices: int
    """How many models it prices."""
    first_effective: datetime
    last_effective: datetime


class CardList(msgspec.Struct, frozen=True, kw_only=True):
    """Every rate card in the book, those that came with Talktime first."""

    items: list[CardBody]


class PublishedCard(CardBody, frozen=True, kw_only=True):
    """A card that is now in force."""

    settled_calls: int
    """Ended calls that had waited for a price and were settled at once; others follow shortly."""


class CardDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A rate card; what else it must have, the refusal says."""

    version: str
    currency: str
    entries: list[dict[str, Any]]


@post(
    "/v1/rate-cards",
    opt=described(
        scope=Scope.PRICES_WRITE,
        body=CardDocument,
        answers={201: PublishedCard, 200: PublishedCard},
        refusals=(ReferenceConflict,),
    ),
)
async def publish_rate_card(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Publish a rate card, for good: a new price is a new version.

    201: it is in force, and calls that waited for its prices are being settled. 200: it was before.
    """
    platform: Platform = request.app.state.platform
    document = await read_body(request, dict[str, Any])
    async with platform.connection() as connection:
        published = await publish_card(
            connection, platform.prices, document, terms=platform.terms, now=platform.clock()
        )
    body = PublishedCard(
        **msgspec.structs.asdict(published.card), settled_calls=published.settled_calls
    )
    return answer(body, 201 if published.created else 200)


@get("/v1/rate-cards", opt=described(scope=Scope.PRICES_WRITE, answers={200: CardList}))
async def get_rate_cards(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List the versions of rate cards."""
    platform: Platform = request.app.state.platform
    async with platform.connection() as connection:
        await platform.prices.refresh(connection)
    return answer(CardList(items=[_card_body(card) for card in list_cards(platform.prices)]))


@get(
    "/v1/prices",
    opt=described(
        scope=Scope.CALLS_READ,
        query=PriceQuery,
        answers={200: PriceBody},
        refusals=(PriceUnknown,),
    ),
)
async def get_price(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Say which price is in force for a model, and where it comes from."""
    platform: Platform = request.app.state.platform
    asked = read_query(request, PriceQuery)
    at = in_utc(asked.at, "at") or platform.clock()
    async with platform.connection() as connection:
        await platform.prices.refresh(connection)
    price = platform.prices.book.find(asked.service, asked.provider, asked.model or "", at)
    if price is None:
        raise PriceUnknown(
            f"no rate card prices {asked.service} of {asked.provider}/{asked.model or '(default)'} "
            "at that time; publish one with POST /v1/rate-cards, and calls that wait are settled"
        )
    return answer(_price_body(price))


def _card_body(card: CardSummary) -> CardBody:
    return CardBody(**msgspec.structs.asdict(card))


def _price_body(price: Price) -> PriceBody:
    return PriceBody(
        service=price.service,
        provider=price.provider,
        model=price.model,
        rate_card=price.card,
        effective=price.effective_from,
        source=price.source,
        prices=[_unit_price_body(unit_price) for unit_price in price.unit_prices],
    )


def _unit_price_body(unit_price: UnitPrice) -> UnitPriceBody:
    name = unit_price.quantity
    # Seconds are kept in milliseconds; cards price whole seconds only.
    base = MS_PER_SECOND if name in TIME_QUANTITIES else 1
    return UnitPriceBody(
        quantity=name,
        usd=format_usd(unit_price.nanos),
        per=unit_price.per // base,
        unit="second" if base > 1 else "character" if name == "characters" else "token",
        increment=unit_price.increment // base,
    )


CARD_ROUTES: Final[list[ControllerRouterHandler]] = [publish_rate_card, get_rate_cards, get_price]
