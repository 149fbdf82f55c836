"""Rate cards published by the operator: taken into the book, and what waited for them settled."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from talktime.core.errors import ReferenceConflict
from talktime.core.ratecard import Price, parse_card
from talktime.db.pool import Connection
from talktime.ops.attempts import CallKey
from talktime.ops.call_pricing import settle_unpriced_calls
from talktime.ops.prices import Prices, keep_card
from talktime.ops.terms import Terms

SETTLE_PAGES: Final = 4
"""Pages of waiting calls settled at once; the worker settles the others within its round."""


class CardSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a rate card."""

    version: str
    is_builtin: bool
    """It came with Talktime."""
    prices: int
    first_effective: datetime
    last_effective: datetime


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """A card that is in force."""

    card: CardSummary
    created: bool
    settled_calls: int
    """Ended calls that had waited for a price and were settled at once."""


async def publish_card(
    connection: Connection,
    prices: Prices,
    document: Mapping[str, object],
    *,
    terms: Terms,
    now: datetime,
) -> Publication:
    """Add a card for good, and settle ended calls that waited for it.

    Raises InvalidInput naming the member, and ReferenceConflict where another document, or a card
    that came with Talktime, has the version.
    """
    version = parse_card(document, field="card")[0].card
    if version in prices.builtin_versions:
        raise ReferenceConflict(
            f"the rate card {version} came with Talktime; give yours a version of its own",
            field="card.version",
        )
    added, created = await keep_card(connection, document, now=now)
    await prices.refresh(connection)
    after: CallKey | None = ("", "")
    settled = pages = 0
    while after is not None and pages < SETTLE_PAGES:
        calls, after = await settle_unpriced_calls(
            connection, after=after, book=prices.book, terms=terms, now=now
        )
        settled += len(calls)
        pages += 1
    return Publication(
        card=_summary(version, added, is_builtin=False),
        created=created,
        settled_calls=settled,
    )


def list_cards(prices: Prices) -> list[CardSummary]:
    """The cards of the book: those that came with Talktime, then those added, oldest first."""
    by_card: dict[str, list[Price]] = {}
    for price in prices.book.prices:
        by_card.setdefault(price.card, []).append(price)
    return [
        _summary(card, found, is_builtin=card in prices.builtin_versions)
        for card, found in by_card.items()
    ]


def _summary(
    version: str, prices: tuple[Price, ...] | list[Price], *, is_builtin: bool
) -> CardSummary:
    effective = [price.effective_from for price in prices]
    return CardSummary(
        version=version,
        is_builtin=is_builtin,
        prices=len(prices),
        first_effective=min(effective),
        last_effective=max(effective),
    )
