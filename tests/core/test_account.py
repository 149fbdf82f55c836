"""An account's facts and its margin on the wire."""

import pytest

from talktime.core.account import check_account, format_margin_rate, parse_margin_rate
from talktime.core.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "ppm", "shortest"),
    [
        ("0.25", 250_000, "0.25"),
        ("0.30", 300_000, "0.3"),
        ("0", 0, "0"),
        ("1", 1_000_000, "1"),
        ("0.000001", 1, "0.000001"),
        ("10", 10_000_000, "10"),
    ],
)
def test_a_margin_rate_is_exact_both_ways(text: str, ppm: int, shortest: str) -> None:
    """A rate is read to the millionth and written in its shortest form."""
    assert parse_margin_rate(text, field="margin_rate") == ppm
    assert format_margin_rate(ppm) == shortest


@pytest.mark.parametrize(
    "rate",
    ["", "30", "10.000001", "-0.1", "0.0000001", "30%", "1e-1", " 0.3", "\u0660.\u0663", 0.3, None],
)
def test_a_doubtful_margin_rate_is_refused(rate: object) -> None:
    """What may be a percentage, is too fine or is no decimal string is refused, not guessed at."""
    with pytest.raises(InvalidInput) as refused:
        parse_margin_rate(rate, field="margin_rate")
    assert refused.value.field == "margin_rate"


@pytest.mark.parametrize(
    "account_id",
    ["a", "42", "auth0|5f7c", "ada+bots@example.com", "org_2Nf:prod", "~ok"[1:], "a" * 128],
)
def test_ids_of_identity_providers_are_taken(account_id: str) -> None:
    """The caller's own ids serve as account ids."""
    check_account(account_id, "Ada", "ada@example.com")


@pytest.mark.parametrize(
    "name", ["Booking.com", "A/B Tests Inc.", "Ask? Yes = Ask", "S\u00f6hne & Co"]
)
def test_names_of_companies_are_taken(name: str) -> None:
    """Dots, slashes, question marks and equal signs stand in names."""
    check_account("a", name, "ada@example.com")


@pytest.mark.parametrize(
    ("account_id", "name", "email", "field"),
    [
        ("", "Ada", "ada@example.com", "account_id"),
        ("a b", "Ada", "ada@example.com", "account_id"),
        ("../a", "Ada", "ada@example.com", "account_id"),
        ("a/b", "Ada", "ada@example.com", "account_id"),
        ("a\n", "Ada", "ada@example.com", "account_id"),
        ("ä", "Ada", "ada@example.com", "account_id"),
        ("a" * 129, "Ada", "ada@example.com", "account_id"),
        ("a", "", "ada@example.com", "name"),
        ("a", "  ", "ada@example.com", "name"),
        ("a", "Ada\nLovelace", "ada@example.com", "name"),
        ("a", "A" * 201, "ada@example.com", "name"),
        ("a", "Ada\x00", "ada@example.com", "name"),
        ("a", "=?utf-8?q?x=0D=0AReply-To:eve=40evil.example?=", "ada@example.com", "name"),
        ("a", "Card declined, pay at https://evil.example", "ada@example.com", "name"),
        ("a", "Card declined, see WWW.evil.example", "ada@example.com", "name"),
        ("a", "Card declined, see evil.example/pay", "ada@example.com", "name"),
        ("a", "Ada", "=?utf-8?q?=0D=0ABcc=3Aeve=40evil.example?=@example.com", "email"),
        ("a", "Ada", "ada", "email"),
    ],
)
def test_facts_that_make_no_account_are_refused_by_name(
    account_id: str, name: str, email: str, field: str
) -> None:
    """The refusal names the field that is wrong."""
    with pytest.raises(InvalidInput) as refused:
        check_account(account_id, name, email)
    assert refused.value.field == field
