"""Model names of rate cards: how they match the names that calls report.

Names and patterns both come from outside, so nothing here backtracks: a pattern is cut at its
stars once, and each of its pieces is then looked for once, from left to right.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

STAR: Final = "*"
"""Stands for any run of characters, none included."""

_DATE = re.compile(r"[-@](?:20[0-9]{2}-[0-9]{2}-[0-9]{2}|20[0-9]{6}|latest)$")
_EDGE: Final = 2


def without_date(model: str) -> str:
    """``gpt-4o-mini-2024-07-18`` and ``gpt-4o-mini-latest`` are ``gpt-4o-mini``."""
    return _DATE.sub("", model)


class Pattern(NamedTuple):
    """A name with stars, cut into what a match begins with, holds in this order, and ends with."""

    text: str
    head: str
    middle: tuple[str, ...]
    tail: str
    letters: int
    """How many characters it spells out: the more, the closer is what it matches."""

    @classmethod
    def cut(cls, text: str) -> "Pattern":
        """``text`` must have a star."""
        head, *middle, tail = text.split(STAR)
        pieces = tuple(piece for piece in middle if piece)
        return cls(text, head, pieces, tail, len(text) - text.count(STAR))

    def matches(self, model: str) -> bool:
        """Whether the whole of ``model`` fits. The leftmost place of each piece is the best one."""
        if len(model) < self.letters:
            return False
        if not model.startswith(self.head) or not model.endswith(self.tail):
            return False
        at, end = len(self.head), len(model) - len(self.tail)
        for piece in self.middle:
            at = model.find(piece, at, end)
            if at < 0:
                return False
            at += len(piece)
        return True


class Patterns:
    """Many patterns, of which a name is compared only with those that begin and end as it does."""

    __slots__ = ("_by_edges",)

    def __init__(self, texts: Iterable[str]) -> None:
        self._by_edges: dict[tuple[str, str], list[Pattern]] = {}
        for text in texts:
            pattern = Pattern.cut(text)
            edges = (pattern.head[:_EDGE], pattern.tail[-_EDGE:])
            self._by_edges.setdefault(edges, []).append(pattern)

    def matching(self, model: str) -> Iterator[Pattern]:
        """The patterns that ``model`` fits, in no particular order."""
        if not self._by_edges:
            return
        heads = {model[:length] for length in range(_EDGE + 1)}
        tails = {model[len(model) - length :] for length in range(min(_EDGE, len(model)) + 1)}
        for head in heads:
            for tail in tails:
                for pattern in self._by_edges.get((head, tail), ()):
                    if pattern.matches(model):
                        yield pattern
