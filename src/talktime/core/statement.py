"""A monthly statement: where the balance stood, what moved it, where it stands after that.

Everything is exact to the nano-dollar; ``shown`` rounds it to six decimals, as everything that is
shown is, in such a way that it still adds up, down every column and across every row.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

import msgspec

from talktime.core.ledger import Entry, EntryKind
from talktime.core.money import DECIMALS, DISPLAY_DECIMALS, apportion

FINEST_NANOS: Final[int] = 10 ** (DECIMALS - DISPLAY_DECIMALS)
"""The finest step that is shown."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """Entries of one kind together."""

    kind: EntryKind
    entries: int
    promo_nanos: int
    paid_nanos: int

    @property
    def total_nanos(self) -> int:
        return self.promo_nanos + self.paid_nanos


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What the month's calls were charged, by service line, in nanos."""

    calls: int
    llm_nanos: int
    stt_nanos: int
    tts_nanos: int
    sip_nanos: int
    margin_nanos: int

    @property
    def parts(self) -> tuple[int, int, int, int, int]:
        """LLM, STT, TTS, SIP and margin."""
        return (
            self.llm_nanos,
            self.stt_nanos,
            self.tts_nanos,
            self.sip_nanos,
            self.margin_nanos,
        )

    @property
    def charge_nanos(self) -> int:
        return sum(self.parts)


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One account's month, by the time at which entries were recorded. Amounts in nanos."""

    account_id: str
    month: date
    """Its first day."""
    zone: str
    """The month begins in it."""
    since: datetime
    until: datetime
    """When the next month begins."""
    is_over: bool
    opening_promo_nanos: int
    opening_paid_nanos: int
    lines: tuple[Line, ...]
    """What moved the balance, calls last; kinds that did not occur are left out."""
    usage: Usage
    closing_promo_nanos: int
    closing_paid_nanos: int
    entries: tuple[Entry, ...]
    """Those that are no calls, the oldest first."""
    entries_left_out: int
    """How many of those there are beyond them."""

    @property
    def opening_nanos(self) -> int:
        return self.opening_promo_nanos + self.opening_paid_nanos

    @property
    def closing_nanos(self) -> int:
        return self.closing_promo_nanos + self.closing_paid_nanos


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Promo, paid and both, in nanos, as shown."""

    promo_nanos: int
    paid_nanos: int

    @property
    def total_nanos(self) -> int:
        return self.promo_nanos + self.paid_nanos


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A statement as shown, all in nanos."""

    opening: Row
    lines: tuple[Row, ...]
    """As the statement has them."""
    closing: Row
    usage: tuple[int, ...]
    """LLM, STT, TTS, SIP and margin: together what the line of the calls shows."""


def shown(statement: Statement) -> Shown:
    """A statement as a page or a paper shows it.

    Opening and closing are rounded each; the lines between share what is left by the largest
    remainder, so that whoever adds a column up comes to what stands below it.
    """
    promo = _column(
        statement.opening_promo_nanos,
        [line.promo_nanos for line in statement.lines],
        statement.closing_promo_nanos,
    )
    paid = _column(
        statement.opening_paid_nanos,
        [line.paid_nanos for line in statement.lines],
        statement.closing_paid_nanos,
    )
    rows = [Row(promo_nanos=a, paid_nanos=b) for a, b in zip(promo, paid, strict=True)]
    lines = tuple(rows[1:-1])
    calls = sum(
        row.total_nanos
        for row, line in zip(lines, statement.lines, strict=True)
        if line.kind is EntryKind.CALL
    )
    return Shown(
        opening=rows[0],
        lines=lines,
        closing=rows[-1],
        usage=tuple(_share(statement.usage.parts, -calls)),
    )


def _rounded(nanos: int) -> int:
    """The nearest amount that is shown; a half goes up, so that whole steps between two amounts
    stay as many between what is shown of them."""
    return (nanos + FINEST_NANOS // 2) // FINEST_NANOS * FINEST_NANOS


def _column(opening: int, deltas: Sequence[int], closing: int) -> list[int]:
    first, last = _rounded(opening), _rounded(closing)
    return [first, *_share(deltas, last - first), last]


def _share(parts: Sequence[int], total: int) -> list[int]:
    """Parts as shown that add up to ``total``; all in nanos."""
    return [steps * FINEST_NANOS for steps in apportion(parts, FINEST_NANOS, total // FINEST_NANOS)]
