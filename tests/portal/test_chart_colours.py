"""The colours of a bar's parts can be told apart, whoever looks."""

import re
from itertools import combinations
from pathlib import Path
from typing import Final, TypeAlias

import pytest

import talktime.portal

STATIC: Final = Path(talktime.portal.__file__).parent / "static"
PARTS: Final = ("llm", "stt", "tts", "sip", "margin")
Colour: TypeAlias = tuple[float, float, float]

# Machado, Oliveira and Fernandes (2009): what linear RGB looks like without one kind of cone.
SIGHTS: Final = {
    "all cones": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "no red": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "no green": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "no blue": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}


def tones(sheet: str, scheme: str) -> dict[str, str]:
    """The custom properties of a sheet in a colour scheme."""
    light, _, dark = (STATIC / sheet).read_text().partition("(prefers-color-scheme: dark)")
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light if scheme == "light" else dark))


def linear(code: str) -> Colour:
    red, green, blue = (int(code[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return _linear(red), _linear(green), _linear(blue)


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def luminance(colour: Colour) -> float:
    red, green, blue = colour
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def seen(colour: Colour, sight: str) -> Colour:
    one, two, three = (
        min(max(sum(a * b for a, b in zip(row, colour, strict=True)), 0), 1)
        for row in SIGHTS[sight]
    )
    return one, two, three


def lab(colour: Colour) -> Colour:
    red, green, blue = colour
    x = _root((0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047)
    y = _root(luminance(colour))
    z = _root((0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _root(value: float) -> float:
    return value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("sight", SIGHTS)
def test_no_two_parts_look_alike(scheme: str, sight: str) -> None:
    """By day and by night, with every kind of sight, any two parts differ by far (in Lab)."""
    colours = {part: linear(tones("charts.css", scheme)[f"tone-{part}"]) for part in PARTS}
    for one, other in combinations(PARTS, 2):
        here, there = (lab(seen(colours[part], sight)) for part in (one, other))
        distance = sum((a - b) ** 2 for a, b in zip(here, there, strict=True)) ** 0.5
        assert distance > 25, (one, other)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_parts_stand_out_from_their_card(scheme: str) -> None:
    """Every part has at least three times the contrast of nothing (WCAG 1.4.11)."""
    card = luminance(linear(tones("portal.css", scheme)["surface"]))
    for part in (*PARTS, "balance"):
        own = luminance(linear(tones("charts.css", scheme)[f"tone-{part}"]))
        assert (max(own, card) + 0.05) / (min(own, card) + 0.05) >= 3, part
