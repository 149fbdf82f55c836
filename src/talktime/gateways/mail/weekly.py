"""The figures of the weekly summary."""

from collections.abc import Iterator, Mapping
from typing import Final

from talktime.core.money import display_usd, parse_usd

_PARTS: Final = {
    "llm": "Language model",
    "stt": "Speech to text",
    "tts": "Text to speech",
    "sip": "Telephony",
    "margin": "Margin",
}


def weekly_figures(facts: Mapping[str, str]) -> Iterator[tuple[str, str, bool]]:
    """Label, value, and whether it is a sum: what the week's calls cost, and what is left."""
    for part, label in _PARTS.items():
        nanos = parse_usd(facts[part], field=part)
        if nanos:
            yield label, display_usd(nanos), False
    yield "Charged in this week", _usd(facts["charge"]), True
    yield "In the week before", _usd(facts["charge_before"]), False
    yield "Available now", _usd(facts["available"]), False


def _usd(text: str) -> str:
    return display_usd(parse_usd(text, field="amount"))
