"""E-mail addresses: which are refused, and which count as one."""

import pytest

from talktime.core.address import check_address, normal_address
from talktime.core.errors import InvalidInput


@pytest.mark.parametrize(
    ("address", "normal"),
    [
        ("Ada@Example.COM", "ada@example.com"),
        ("ada+bonus@example.com", "ada@example.com"),
        ("a.da@example.com", "a.da@example.com"),
        ("A.d.a@gmail.com", "ada@gmail.com"),
        ("ada@googlemail.com", "ada@gmail.com"),
        ("a.da+x+y@GoogleMail.com", "ada@gmail.com"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@XN--BCHER-KVA.example", "ada@xn--bcher-kva.example"),
        ("ada@straße.example", "ada@xn--strae-oqa.example"),
        ("+ada@example.com", "+ada@example.com"),
        ("ada@\uff45xample.com", "ada@example.com"),
    ],
)
def test_spellings_of_one_mailbox_have_one_normal_form(address: str, normal: str) -> None:
    """Case, plus-tags, Gmail's dots and the spelling of the domain make no other mailbox."""
    assert normal_address(check_address(address, field="email")) == normal


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "ada@",
        "@example.com",
        "ada@localhost",
        "ada@example.com.",
        "ada@-example.com",
        "ada@exa mple.com",
        "ada lovelace@example.com",
        "ada@example.com\nBcc: eve@example.com",
        "ada\r\n@example.com",
        "ada@example.com, eve@example.com",
        "Ada <ada@example.com>",
        "ada@eve@example.com",
        ".ada@example.com",
        "ada..l@example.com",
        "a" * 65 + "@example.com",
        "ada@" + "a." * 130 + "com",
        "ada\x00@example.com",
    ],
)
def test_what_no_mail_can_reach_is_refused(address: str) -> None:
    """An address that is none, or that could smuggle in a second one, is refused by its field."""
    with pytest.raises(InvalidInput) as refused:
        check_address(address, field="email")
    assert refused.value.field == "email"
