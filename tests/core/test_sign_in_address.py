"""In which form a person is known by an e-mail address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.core.address import check_address, normal_address, sign_in_address
from talktime.core.errors import InvalidInput


@pytest.mark.parametrize(
    ("address", "known_as"),
    [
        ("Ada@Example.COM", "ada@example.com"),
        ("ada+bots@example.com", "ada+bots@example.com"),
        ("a.d.a@gmail.com", "a.d.a@gmail.com"),
        ("ada@googlemail.com", "ada@googlemail.com"),
        ("ADA@b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example", "ada@xn--bcher-kva.example"),
        ("ada@XN--BCHER-KVA.example", "ada@xn--bcher-kva.example"),
        ("ada@\N{FULLWIDTH LATIN SMALL LETTER B}ots.example", "ada@bots.example"),
        ("STRA\u1e9eE@example.com", "stra\u00dfe@example.com"),
        (
            "\u039d\u038a\u039a\u039f\u03a3@example.com",
            "\u03bd\u03af\u03ba\u03bf\u03c2@example.com",
        ),
        ("\u0430da@example.com", "\u0430da@example.com"),
        ("f\u0131ona@example.com", "f\u0131ona@example.com"),
        ("\u0130da@example.com", "i\u0307da@example.com"),
    ],
)
def test_who_is_the_same_person(address: str, known_as: str) -> None:
    """Case and spelling make no other person; dots and plus-tags do, unlike for the bonus."""
    assert sign_in_address(check_address(address, field="address")) == known_as


@pytest.mark.parametrize(
    "local",
    [
        "\ufb01ona",  # a ligature
        "\uff46iona",  # a fullwidth letter
        "fio\u207fa",  # a superscript
        "fi\u2092na",  # a subscript
        "fion\u24d0",  # in a circle
        "\U0001d41fiona",  # a mathematical letter
        "f\u2170ona",  # a Roman numeral
        "fi\u00bana",  # an ordinal
        "\u017fona",  # a long s
        "ni\u212ae",  # the sign of Kelvin, whose small letter is an ordinary k
        "\u212bsa",  # the sign of \u00c5ngstr\u00f6m
        "fiona\ufe521",  # a small full stop
        "fiona\uff20corp.example",  # a fullwidth @
        "re\u0301ne",  # an accent of its own
        "fi\u00adona",  # a soft hyphen
        "fi\u200dona",  # a joiner of no width
    ],
)
def test_stand_ins_for_other_letters_are_refused(local: str) -> None:
    """What may be another mailbox than the one it is folded to is no address here."""
    with pytest.raises(InvalidInput):
        check_address(f"{local}@corp.example", field="address")


def test_a_bonus_is_shared_where_a_mailbox_is_not() -> None:
    """Two mailboxes that may be one person's have one bonus between them, and two ways in."""
    first, second = "ada+one@gmail.com", "a.da@googlemail.com"
    assert normal_address(first) == normal_address(second)
    assert sign_in_address(first) != sign_in_address(second)


@given(st.emails())
def test_the_form_is_its_own_form(address: str) -> None:
    """Brought to the form twice, an address stays what it was after once."""
    try:
        check_address(address, field="address")
    except InvalidInput:
        return
    once = sign_in_address(address)
    assert sign_in_address(once) == once
