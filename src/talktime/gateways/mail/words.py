"""The facts of a message as people read them."""

from collections.abc import Mapping
from typing import Final
from unicodedata import bidirectional, category

from talktime.core.money import display_usd, parse_usd
from talktime.gateways.mail.wording import Facts

_AMOUNTS: Final = frozenset(
    {
        "amount", "available", "beside_calls", "bonus", "charge", "charge_before", "closing",
        "floor", "gone", "llm", "margin", "opening", "paid", "promo", "sip", "stayed", "stt",
        "threshold", "tts",
    }
)  # fmt: skip
"""Facts that are US dollars in wire form."""

_RIGHT_TO_LEFT: Final = frozenset({"R", "AL", "AN"})
_ISOLATED: Final = "\N{FIRST STRONG ISOLATE}%s\N{POP DIRECTIONAL ISOLATE}"
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_JOINERS: Final = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"
"""Unseen, and what holds emoji and Persian words together."""


def spoken(facts: Facts) -> Mapping[str, str]:
    """Amounts as people read them, everything else as one line of text."""
    return {
        name: display_usd(parse_usd(text, field=name)) if name in _AMOUNTS else one_line(text)
        for name, text in facts.items()
    }


def one_line(text: str) -> str:
    """Without line breaks and without what nobody sees: so no name is a header, and none turns the
    words around it about."""
    seen = (sign for sign in " ".join(text.split()) if _is_seen(sign))
    return "".join(seen)


def isolated(text: str) -> str:
    """Text that runs from right to left, kept from taking the figures beside it along."""
    return _ISOLATED % text if any(bidirectional(s) in _RIGHT_TO_LEFT for s in text) else text


def _is_seen(sign: str) -> bool:
    return sign in _JOINERS or category(sign) not in _UNSEEN
