"""The figures of the weekly summary."""

from typing import Final

from talktime.core.money import apportion, display_usd, div_half_even, parse_usd
from talktime.gateways.mail.wording import Facts

_CENT: Final = 10_000_000
_PARTS: Final = ("llm", "stt", "tts", "sip", "margin")
_SUMS: Final = ("charge", "charge_before", "available")


def weekly_words(facts: Facts) -> Facts:
    """What the week's calls cost, in words, and what is left.

    To the cent, so that the parts as shown add up to the charge as shown; a part of none is empty.
    """
    nanos = [parse_usd(facts[part], field=part) for part in _PARTS]
    cents = apportion(nanos, _CENT, _cents(facts["charge"]))
    return {
        **{
            part: display_usd(n * _CENT) if n else "" for part, n in zip(_PARTS, cents, strict=True)
        },
        **{name: display_usd(_cents(facts[name]) * _CENT) for name in _SUMS},
        "calls": "1 call" if facts["calls"] == "1" else f"{facts['calls']} calls",
    }


def _cents(text: str) -> int:
    return div_half_even(parse_usd(text, field="amount"), _CENT)
