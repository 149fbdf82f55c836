"""Rate cards: those that come with Talktime, those the operator adds, and the book made of both."""

from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files

import msgspec
import yaml

from talktime.core.errors import ReferenceConflict
from talktime.core.llm_prices import llm_price
from talktime.core.ratecard import Price, PriceBook, parse_card
from talktime.db import cards
from talktime.db.pool import Connection


class Prices:
    """The book in force, reloaded when a card was added; cheap to ask again and again."""

    def __init__(self) -> None:
        self._builtin = builtin_prices()
        self.builtin_versions = frozenset(price.card for price in self._builtin)
        self._load_seq = -1
        self.book = PriceBook(self._builtin, llm_price)

    async def refresh(self, connection: Connection) -> bool:
        """Take up cards added since, by any process. Answers whether the book changed."""
        load_seq = await cards.newest_load_seq(connection)
        if load_seq == self._load_seq:
            return False
        added = [
            price
            for version, document in await cards.read_cards(connection)
            for price in parse_card(msgspec.json.decode(document), field=version)
        ]
        self.book = PriceBook([*self._builtin, *added], llm_price)
        self._load_seq = load_seq
        return True


def builtin_prices() -> tuple[Price, ...]:
    """The reviewed list prices of ``talktime/ratecards/*.yaml``."""
    folder = files("talktime.ratecards")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    return tuple(
        price
        for name in names
        for price in parse_card(yaml.safe_load((folder / name).read_bytes()), field=name)
    )


async def add_card(
    connection: Connection, document: Mapping[str, object], *, now: datetime
) -> tuple[Price, ...]:
    """As keep_card, for who need not know whether the card is new."""
    prices, _ = await keep_card(connection, document, now=now)
    return prices


async def keep_card(
    connection: Connection, document: Mapping[str, object], *, now: datetime
) -> tuple[tuple[Price, ...], bool]:
    """Keep a new card under its version, for good. The same document again changes nothing: False.

    Raises InvalidInput with the field for a document that is no card, ReferenceConflict where the
    version is taken by another document: a new price is a new version.
    """
    prices = parse_card(document, field="card")
    version = prices[0].card
    text = msgspec.json.encode(document, order="sorted").decode()
    written = await cards.write_card(connection, version=version, document=text, now=now)
    if written == "taken":
        raise ReferenceConflict(
            f"there is another rate card {version}; give the new prices a new version",
            field="version",
        )
    return prices, written == "added"
