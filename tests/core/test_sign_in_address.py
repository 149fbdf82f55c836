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
        ("\N{FULLWIDTH LATIN SMALL LETTER A}da@example.com", "ada@example.com"),
        ("stra\N{LATIN SMALL LETTER SHARP S}e@example.com", "strasse@example.com"),
    ],
)
def test_who_is_the_same_person(address: str, known_as: str) -> None:
    """Case and spelling make no other person; dots and plus-tags do, unlike for the bonus."""
    assert sign_in_address(check_address(address, field="address")) == known_as


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
