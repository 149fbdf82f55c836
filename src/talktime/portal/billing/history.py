"""Which part of the history a Billing page shows, as its address has it."""

from collections.abc import Mapping
from datetime import date
from typing import Final
from urllib.parse import urlencode

import msgspec

from talktime.core.entry_filter import EntryFilter, check_search
from talktime.core.errors import InvalidInput
from talktime.core.ledger import EntryKind
from talktime.ops.spend_days import day_end, day_start
from talktime.portal import words
from talktime.portal.billing.spend_view import RANGE_DEFAULT, RANGES
from talktime.portal.chips import Chip
from talktime.portal.days import read_day
from talktime.portal.figures import day_name

KINDS: Final = tuple((kind.value, words.entry_words(kind)) for kind in EntryKind)

_KIND_NAMES: Final = frozenset(kind.value for kind in EntryKind)


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for; days are the account's own, the last one included."""

    days: int = RANGE_DEFAULT
    """How many the pictures show."""
    kind: EntryKind | None = None
    from_day: date | None = None
    to_day: date | None = None
    text: str = ""
    errors: dict[str, str] = {}
    """What is wrong with a day, by the name of its field; nothing is shown then."""

    def wanted(self, zone: str) -> EntryFilter:
        """The filter, its days being those of a zone: the one that the list's times are in."""
        return EntryFilter(
            kind=self.kind,
            from_time=None if self.from_day is None else day_start(self.from_day, zone),
            to_time=None if self.to_day is None else day_end(self.to_day, zone),
            text=self.text,
        )

    @property
    def is_filtered(self) -> bool:
        return bool(self.filters or self.errors)

    @property
    def filters(self) -> dict[str, str]:
        """What filters the list, by the names of the form's fields."""
        return {
            name: value
            for name, value in (
                ("kind", self.kind.value if self.kind else ""),
                ("from", self.from_day.isoformat() if self.from_day else ""),
                ("to", self.to_day.isoformat() if self.to_day else ""),
                ("q", self.text),
            )
            if value
        }

    @property
    def asked(self) -> dict[str, str]:
        """The query string's parameters, without those that say nothing."""
        shown = {} if self.days == RANGE_DEFAULT else {"days": str(self.days)}
        return shown | self.filters

    def href(self, path: str, **other: str) -> str:
        """An address with this part of the history; ``other`` changes it, an empty value drops."""
        asked = {name: value for name, value in (self.asked | other).items() if value}
        return f"{path}?{urlencode(asked)}" if asked else path

    def chips(self, path: str) -> tuple[Chip, ...]:
        said = {
            "kind": words.entry_words(self.kind) if self.kind else "",
            "from": f"From {day_name(self.from_day)}" if self.from_day else "",
            "to": f"Until {day_name(self.to_day)}" if self.to_day else "",
            "q": f"\N{LEFT DOUBLE QUOTATION MARK}{self.text}\N{RIGHT DOUBLE QUOTATION MARK}",
        }
        return tuple(
            Chip(text=said[name], href=self.href(path, **{name: ""}) + "#transactions")
            for name in self.filters
        )


def read_history(asked: Mapping[str, str]) -> History:
    """What a query string asks for; parameters of other things are passed over.

    Raises InvalidInput for a kind or a search that is none; a day that is none is among the errors,
    a range that is none is the usual one.
    """
    kind, days = asked.get("kind", ""), asked.get("days", "")
    if kind and kind not in _KIND_NAMES:
        raise InvalidInput("there is no such kind of transaction", field="kind")
    errors: dict[str, str] = {}
    return History(
        days=int(days) if days in {str(one) for one in RANGES} else RANGE_DEFAULT,
        kind=EntryKind(kind) if kind else None,
        from_day=read_day(asked, "from", errors),
        to_day=read_day(asked, "to", errors),
        text=check_search(asked.get("q", ""), field="q"),
        errors=errors,
    )
