from pathlib import Path
from typing import Any, ClassVar

import pytest

from talktime.config import VARIABLES, SettingRefused, load_settings, unknown_variables

KEY = "k" * 32


def test_defaults_are_the_documented_ones() -> None:
    """Nothing set: 30 %, $0.50, $0.10, a minute of lease, a quarter of an hour of grace."""
    settings = load_settings({"HOME": "/home/ada", "TALKTIME_MARGIN": ""})
    assert settings.margin_ppm == 300_000
    assert settings.welcome_bonus_nanos == 500_000_000
    assert settings.floor_nanos == 100_000_000
    assert (settings.lease_seconds, settings.grace_seconds) == (60, 900)
    assert settings.database_url is None
    assert settings.log_level == "info"


def test_values_are_read_exactly() -> None:
    """Amounts and margin keep every decimal; an address loses only its last slash."""
    settings = load_settings(
        {
            "TALKTIME_HOME": "/srv/talktime",
            "TALKTIME_MARGIN": "0.123456",
            "TALKTIME_FLOOR": "0.000000001",
            "TALKTIME_LOG_LEVEL": "DEBUG",
            "TALKTIME_PUBLIC_URL": "https://pay.example.com/t/",
            "TALKTIME_OPERATOR_KEY": KEY,
        }
    )
    assert str(settings.home) == "/srv/talktime"
    assert settings.margin_ppm == 123_456
    assert settings.floor_nanos == 1
    assert settings.log_level == "debug"
    assert settings.public_url == "https://pay.example.com/t"


def test_secrets_are_not_shown() -> None:
    """Printing the settings shows neither the operator's key nor an address with a password."""
    settings = load_settings(
        {
            "TALKTIME_HOME": "/srv/talktime",
            "TALKTIME_OPERATOR_KEY": KEY,
            "TALKTIME_DATABASE_URL": "postgresql://ada:hunter2@db/talktime",
            "TALKTIME_SMTP_URL": "smtp://ada:hunter2@mail:25",
        }
    )
    assert KEY not in repr(settings)
    assert "hunter2" not in repr(settings)


def test_what_nobody_reads_is_told() -> None:
    """A misspelt variable is named with the one that was meant; those of others are left alone."""
    assert unknown_variables(
        {
            "TALKTIME_FLOR": "0.20",
            "TALKTIME_COLOUR_SCHEME_OF_PAGES": "dark",
            "TALKTIME_MARGIN": "0.30",
            "TALKTIME_URL": "http://localhost:8420",
            "PATH": "/bin",
        }
    ) == [
        "TALKTIME_COLOUR_SCHEME_OF_PAGES is not known; it changes nothing.",
        "TALKTIME_FLOR is not known; did you mean TALKTIME_FLOOR?",
    ]


def test_every_variable_that_is_read_is_known() -> None:
    """The list of known variables has exactly those that the settings are read from."""

    class Asked(dict[str, str]):
        names: ClassVar[set[str]] = set()

        def get(self, name: str, default: object = None) -> Any:
            self.names.add(name)
            return super().get(name, default)

    load_settings(Asked(HOME="/home/ada", TALKTIME_HOME="/srv/talktime"))
    assert {name for name in Asked.names if name.startswith("TALKTIME_")} == set(VARIABLES)


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("TALKTIME_OPERATOR_KEY", "k" * 31, "at least 32"),
        ("TALKTIME_OPERATOR_KEY", "k" * 31 + " ", "space"),
        ("TALKTIME_DATABASE_URL", "mysql://db", "postgresql://"),
        ("TALKTIME_SMTP_URL", "localhost:25", "smtp://"),
        ("TALKTIME_SMTP_URL", "smtp://mail:notaport", "smtp://"),
        ("TALKTIME_LOG_LEVEL", "loud", "debug, info, warning, error"),
        ("TALKTIME_LEASE_SECONDS", "0", "from 1 to 86400"),
        ("TALKTIME_LEASE_SECONDS", "1.5", "whole number"),
        ("TALKTIME_WELCOMES_PER_DAY", "many", "from 0 to 1000000"),
        ("TALKTIME_GRACE_SECONDS", "-1", "from 1 to 604800"),
        ("TALKTIME_MARGIN", "30", "for 30 % write 0.30"),
        ("TALKTIME_MARGIN", "0.3000001", "six decimals"),
        ("TALKTIME_MARGIN", "-0.1", "0.30 adds 30 %"),
        ("TALKTIME_FLOOR", "0.0000000001", "nine decimals"),
        ("TALKTIME_FLOOR", "-0.10", "below zero"),
        ("TALKTIME_WELCOME_BONUS", "fifty cents", "not a USD amount"),
        ("TALKTIME_PUBLIC_URL", "ftp://files", "https://"),
        ("TALKTIME_PUBLIC_URL", "https://h/?a=1", "nothing more"),
    ],
)
def test_a_bad_value_is_refused_by_name(variable: str, value: str, says: str) -> None:
    """A value that cannot be used is refused with its variable's name and what to do."""
    with pytest.raises(SettingRefused) as refused:
        load_settings({"TALKTIME_HOME": "/srv/talktime", variable: value})
    assert refused.value.variable == variable
    assert str(refused.value).startswith(f"{variable} ")
    assert says in str(refused.value)


def test_mail_goes_one_way(tmp_path: Path) -> None:
    """The mailbox is on or off, never beside a mail server; a sender must be an address."""
    environ = {"TALKTIME_HOME": str(tmp_path)}
    assert load_settings(environ | {"TALKTIME_MAILBOX": "on"}).mailbox
    assert not load_settings(environ).mailbox
    sender = "Acme Billing <billing@acme.example>"
    assert load_settings(environ | {"TALKTIME_MAIL_FROM": sender}).mail_from == sender
    for wrong in (
        {"TALKTIME_MAILBOX": "yes"},
        {"TALKTIME_MAILBOX": "on", "TALKTIME_SMTP_URL": "smtp://localhost"},
        {"TALKTIME_MAIL_FROM": "Acme Billing"},
        {"TALKTIME_MAIL_FROM": "a@b\r\nBcc: eve@example.com"},
    ):
        with pytest.raises(SettingRefused):
            load_settings(environ | wrong)


def test_the_seller_is_read_from_its_file(tmp_path: Path) -> None:
    """Receipts are from whom the file names; a file that is away, no YAML or no seller is refused
    by the variable, with what is wrong."""
    file = tmp_path / "seller.yaml"
    home = {"HOME": "/home/ada"}
    assert load_settings(home).seller.party.name == "Talktime"
    file.write_text("name: Example Voice Ltd.\naddress: [1 Example Street]\n", encoding="utf-8")
    settings = load_settings(home | {"TALKTIME_SELLER": str(file)})
    assert settings.seller.party.address == ("1 Example Street",)
    for text, problem in (
        ("{", "no YAML"),
        ("name: [x]", "seller.name must be a line"),
        ("name: A\ntax: {label: VAT, rate: 0.19}", "in quotes"),
    ):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(SettingRefused, match=problem):
            load_settings(home | {"TALKTIME_SELLER": str(file)})
    with pytest.raises(SettingRefused, match="cannot be read"):
        load_settings(home | {"TALKTIME_SELLER": str(tmp_path / "away.yaml")})
