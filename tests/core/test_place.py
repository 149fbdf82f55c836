"""Places in lists."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode

import pytest

from talktime.core.errors import InvalidInput
from talktime.core.place import NAME_LENGTH_MAX, read_number, read_place, write_place

NOON = datetime(2026, 11, 23, 12, 0, 0, 345678, UTC)
NAMES = ["CA1", "a+b c", "50%25", "x&before=1#y", "Zoë~\N{GRINNING FACE}.", "é" * NAME_LENGTH_MAX]


@pytest.mark.parametrize("name", NAMES)
def test_as_it_is_in_an_address(name: str) -> None:
    """A place survives being put into an address unescaped, and escaping changes nothing of it."""
    place = write_place(NOON, name, "top_1")
    assert parse_qsl(f"cursor={place}&limit=2")[0] == ("cursor", place)
    assert urlencode({"cursor": place}) == f"cursor={place}"
    assert read_place(place, names=2) == (NOON, [name, "top_1"])
    assert read_place(write_place(NOON, name), names=1) == (NOON, [name])


def test_the_order_of_places() -> None:
    """Names that share a moment are in the order that their characters have in the database."""
    names = sorted(["CA1", "CA10", "CA2", "ca", "-", "_", "é", "\N{GRINNING FACE}", "\uffee"])
    assert names == sorted(names, key=lambda name: write_place(NOON, name))
    assert read_place(write_place(NOON - timedelta(days=20_000), "a"), names=1)[0] < NOON


@pytest.mark.parametrize(
    "text",
    ["", "x", "1", "1.", "1.6", "1.61.61", "1.61.61.61", "1.6A", "-1.61", "1.ff", "1.00", "1.61 ",
     "9" * 18 + ".61", "1." + "61" * (NAME_LENGTH_MAX + 1), "1." + "61" * 5_000, "1.61"],
)  # fmt: skip
def test_what_is_no_place(text: str) -> None:
    """Anything that was not given out for this list is refused, and says which field it came in."""
    with pytest.raises(InvalidInput, match="none that we gave out") as refused:
        read_place(text, names=1 if text != "1.61" else 2, field="before")
    assert refused.value.field == "before"


@pytest.mark.parametrize("text", ["", "x", "-1", "+1", "1.0", "9" * 19, "\N{SUPERSCRIPT TWO}"])
def test_what_is_no_number(text: str) -> None:
    """A number of a transaction has up to 18 digits, and nothing else."""
    with pytest.raises(InvalidInput, match="none that we gave out"):
        read_number(text)
    assert (read_number("0"), read_number("9" * 18)) == (0, 10**18 - 1)
