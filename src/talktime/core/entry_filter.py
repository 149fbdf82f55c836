"""Which entries of a ledger somebody wants to see, judged as the database judges them."""

import re
import sys
from datetime import datetime
from typing import Final

import msgspec

from talktime.core.errors import InvalidAmount, InvalidInput
from talktime.core.ledger import Entry, EntryKind
from talktime.core.money import parse_usd

TEXT_MAX: Final = 300

_DOLLARS: Final = re.compile(r"([+\-\N{MINUS SIGN}]?)\$?([0-9][0-9,]*(?:\.[0-9]+)?)", re.ASCII)


class EntryFilter(msgspec.Struct, frozen=True, kw_only=True):
    """None and "" filter nothing; an entry is wanted where everything given fits it."""

    kind: EntryKind | None = None
    from_time: datetime | None = None
    """Recorded at this time or later."""
    to_time: datetime | None = None
    """Recorded before this time."""
    text: str = ""
    """The beginning of its reference, as written; or, unless it is a call, words of its note or
    its amount."""

    @property
    def is_empty(self) -> bool:
        return self == EntryFilter()

    @property
    def amounts(self) -> tuple[int, ...]:
        """What the text is as an amount, in nanos: of either sign, unless it has one itself."""
        match = _DOLLARS.fullmatch(self.text)
        if match is None:
            return ()
        sign, digits = match.groups()
        try:
            nanos = parse_usd(digits.replace(",", ""), field="q")
        except InvalidAmount:
            return ()
        return (nanos, -nanos) if not sign else (nanos if sign == "+" else -nanos,)

    @property
    def past_text(self) -> str | None:
        """The first text after those that begin so, by code points; None: there is none."""
        for end in range(len(self.text), 0, -1):
            code = ord(self.text[end - 1])
            if code < sys.maxunicode:
                after = 0xE000 if code == 0xD7FF else code + 1
                return self.text[: end - 1] + chr(after)
        return None

    def admits(self, entry: Entry) -> bool:
        """Whether the entry is wanted."""
        return (
            (self.kind is None or entry.kind is self.kind)
            and (self.from_time is None or entry.recorded_at >= self.from_time)
            and (self.to_time is None or entry.recorded_at < self.to_time)
            and self._matches(entry)
        )

    def _matches(self, entry: Entry) -> bool:
        if not self.text or entry.ref.startswith(self.text):
            return True
        if entry.kind is EntryKind.CALL:
            return False
        return self.text.lower() in (entry.note or "").lower() or entry.amount_nanos in self.amounts


def check_search(text: str, *, field: str) -> str:
    """The text without white space around it. Raises InvalidInput for what no entry could have."""
    stripped = text.strip()
    if len(stripped) > TEXT_MAX or not stripped.isprintable():
        raise InvalidInput(
            f"{field} must be one line of at most {TEXT_MAX} characters: the beginning of a call "
            "id or coupon code, words of a note, or an amount.",
            field=field,
        )
    return stripped
