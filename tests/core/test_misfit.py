"""What a struct did not take: named by its place, and answered with what would be right."""

from enum import StrEnum
from typing import Literal

import msgspec
import pytest

from talktime.core.errors import InvalidAmount, InvalidInput, InvalidQuantity
from talktime.core.misfit import misfit
from talktime.core.usage import LineReport


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Wall(msgspec.Struct, forbid_unknown_fields=True):
    colour: Colour
    colours: list[Colour] | None = None
    side: Literal["in", "out"] | msgspec.UnsetType = msgspec.UNSET
    given: str = msgspec.field(name="from", default="")


class House(msgspec.Struct):
    walls: list[Wall] = []
    lines: list[LineReport] = []


WALL = '{"walls": [{"colour": "red"}, %s]}'


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        (WALL % '{"colour": "x"}', "walls[1].colour", "use one of red, blue"),
        (WALL % '{"colour": "red", "colours": ["x"]}', "walls[1].colours[0]", "of red, blue"),
        (WALL % '{"colour": "red", "side": "x"}', "walls[1].side", "use one of in, out"),
        (WALL % '{"colour": "red", "from": 1}', "walls[1].from", "expected `str`, got `int`"),
        (WALL % "{}", "walls[1].colour", "walls[1].colour is missing"),
        (WALL % '{"colour": "red", "x": 1}', "walls[1].x", "walls[1].x is not known here"),
        ("[]", None, "the body: expected `object`, got `array`"),
    ],
)
def test_the_member_and_what_would_be_right(text: str, field: str | None, words: str) -> None:
    """However deep a mistake lies, its path is told, and where few words are taken, all of them."""
    refused = refusal_of(text)
    assert (refused.field, type(refused)) == (field, InvalidInput)
    assert refused.message.endswith(words)


@pytest.mark.parametrize(
    ("member", "kind"), [("quantities", InvalidQuantity), ("provider_cost", InvalidAmount)]
)
def test_figures_have_codes_of_their_own(member: str, kind: type[InvalidInput]) -> None:
    """Quantities and amounts that are none are refused as that."""
    refused = refusal_of(f'{{"lines": [{{"service": "llm", "{member}": 1}}]}}')
    assert (type(refused), refused.field) == (kind, f"lines[0].{member}")


def test_what_was_sent_is_not_sent_back() -> None:
    """A refusal is short, however much was sent."""
    assert len(refusal_of(WALL % f'{{"colour": "{"x" * 10_000}"}}').message) < 200
    assert len(refusal_of(WALL % f'{{"colour": "red", "{"x" * 10_000}": 1}}').message) < 200


def refusal_of(text: str) -> InvalidInput:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(text, type=House)
    return misfit(caught.value, House)
