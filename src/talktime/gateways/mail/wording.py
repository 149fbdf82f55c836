"""What a kind of mail says, as data: its words with gaps, which the facts of a message fill."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import msgspec

Facts: TypeAlias = Mapping[str, str]


class Button(msgspec.Struct, frozen=True, kw_only=True):
    """The one thing to do next, and where it leads."""

    label: str
    target: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A figure and what it is; without a value it is left out."""

    label: str
    value: str
    is_total: bool = False


def _nothing_more(_facts: Facts) -> Facts:
    return {}


class Wording(msgspec.Struct, frozen=True, kw_only=True):
    """The words of one kind of mail. ``{name}`` is a gap for the fact of that name, amounts as
    people read them; ``{pages}`` is where the pages are."""

    subject: str
    headline: str
    opening: str
    """What happened, to whom; it is the preview in a list of mails too."""
    quote: str = ""
    """What somebody else said, in their words."""
    rows: tuple[Row, ...] = ()
    button: Button | None = None
    closing: str = ""
    """What happens next, and what the reader can do."""
    derived: Callable[[Facts], Facts] = _nothing_more
    """Words that these facts lead to, beside them."""


def row(label: str, value: str, *, is_total: bool = False) -> Row:
    return Row(label=label, value=value, is_total=is_total)


BALANCE: Final = (
    row("Promo", "{promo}"),
    row("Paid", "{paid}"),
    row("Available", "{available}", is_total=True),
)
"""The balance after what the mail tells."""
