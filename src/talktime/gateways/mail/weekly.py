"""The figures of the weekly summary."""

from collections.abc import Iterator, Mapping
from typing import Final

from talktime.core.money import apportion, display_usd, div_half_even, parse_usd
from talktime.core.ratecard import SERVICE_NAMES

_CENT: Final = 10_000_000
_PARTS: Final = {
    **{service.value: name for service, name in SERVICE_NAMES.items()},
    "margin": "Margin",
}


def weekly_figures(facts: Mapping[str, str]) -> Iterator[tuple[str, str, bool]]:
    """Label, value, and whether it is a sum: what the week's calls cost, and what is left.

    To the cent, so that the parts as shown add up to the charge as shown.
    """
    cents = apportion(
        [parse_usd(facts[part], field=part) for part in _PARTS], _CENT, _cents(facts["charge"])
    )
    for label, part in zip(_PARTS.values(), cents, strict=True):
        if part:
            yield label, display_usd(part * _CENT), False
    yield "Charged in this week", rounded_usd(facts["charge"]), True
    yield "In the week before", rounded_usd(facts["charge_before"]), False
    yield "Available now", rounded_usd(facts["available"]), False


def rounded_usd(text: str) -> str:
    """An amount in wire form for people, to the cent."""
    return display_usd(_cents(text) * _CENT)


def _cents(text: str) -> int:
    return div_half_even(parse_usd(text, field="amount"), _CENT)
