"""What an operator sets: read once from the environment, checked, then passed on as one value.

Only the edges (command line, worker, API, portal, demo) import this module. An empty variable
counts as one that is not set.
"""

import difflib
import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, cast, get_args
from urllib.parse import SplitResult, urlsplit

import msgspec

from talktime.core.errors import InvalidAmount
from talktime.core.money import MARGIN_SCALE, NANOS_PER_USD, parse_usd

LogLevel = Literal["debug", "info", "warning", "error"]

OPERATOR_KEY_LENGTH: Final = 32
"""Characters. A shorter key could be guessed, and it may move money."""

MAX_MARGIN_PPM: Final = 10 * MARGIN_SCALE
"""1,000 %. A margin above it is a percentage typed where a fraction belongs."""


PREFIX: Final = "TALKTIME_"
VARIABLES: Final = (
    "TALKTIME_HOME",
    "TALKTIME_DATABASE_URL",
    "TALKTIME_OPERATOR_KEY",
    "TALKTIME_SMTP_URL",
    "TALKTIME_MAIL_FROM",
    "TALKTIME_MAILBOX",
    "TALKTIME_LOG_LEVEL",
    "TALKTIME_LEASE_SECONDS",
    "TALKTIME_GRACE_SECONDS",
    "TALKTIME_MARGIN",
    "TALKTIME_WELCOME_BONUS",
    "TALKTIME_FLOOR",
    "TALKTIME_PUBLIC_URL",
    "TALKTIME_WEBHOOKS_PRIVATE",
    "TALKTIME_SIGN_UP",
    "TALKTIME_FRAME_ORIGINS",
    "TALKTIME_TRUSTED_PROXIES",
    "TALKTIME_STRIPE_KEY",
    "TALKTIME_STRIPE_WEBHOOK_SECRET",
    "TALKTIME_PAYMENTS",
)
_OF_OTHERS: Final = frozenset({"TALKTIME_URL", "TALKTIME_KEY", "TALKTIME_FULL", "TALKTIME_SEED"})
"""Read by bots that follow the SDK's examples, and by our own tests."""


class SettingRefused(Exception):
    """A variable that cannot be used; the message names it and says what to do."""

    def __init__(self, variable: str, problem: str) -> None:
        super().__init__(f"{variable} {problem}")
        self.variable = variable


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How this installation runs."""

    home: Path
    """Absolute; the embedded database and everything else that is kept lives below it."""
    database_url: str | None = None
    """A PostgreSQL of the operator's own (15 or newer); None: the embedded one."""
    operator_key: str | None = None
    """A key with every scope, accepted beside those in the database."""
    smtp_url: str | None = None
    """smtp:// or smtps://; None: messages wait until there is one."""
    mail_from: str | None = None
    """Whom mail comes from, with or without a name; None: talktime@ the host of the pages."""
    mailbox: bool = False
    """Mail goes to a mailbox that everybody on this machine can read: for development."""
    log_level: LogLevel = "info"
    lease_seconds: int = 60
    """A live call that is not heard from for this long is silent."""
    grace_seconds: int = 900
    """How long a silent call may be silent, counted from when it was last heard."""
    margin_ppm: int = 300_000
    """Added to provider cost, in parts per million of it; an account may have its own."""
    welcome_bonus_nanos: int = NANOS_PER_USD // 2
    floor_nanos: int = NANOS_PER_USD // 10
    """The least startable amount with which a call is admitted."""
    stripe_key: str | None = None
    """Stripe's secret key; top-ups are collected with it."""
    stripe_webhook_secret: str | None = None
    """What Stripe signs its notices to us with."""
    sandbox_payments: bool = False
    """Top-ups are collected by a sandbox, without any money: for trying things out."""
    public_url: str | None = None
    """How browsers reach us, without a slash at the end; None: as the server listens."""
    webhooks_private: bool = False
    """Webhooks may go to private addresses and over plain http."""
    sign_up_open: bool = True
    """Whether people may open accounts by themselves, by a link sent to their address."""
    frame_origins: tuple[str, ...] = ()
    """Whose pages may frame the customer's, where a link was made for that: https://host[:port]."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks of the proxies that are believed when they say where a request comes from."""

    def __repr__(self) -> str:
        # Keys and passwords stay out of logs and tracebacks.
        secret = {
            "database_url",
            "operator_key",
            "smtp_url",
            "stripe_key",
            "stripe_webhook_secret",
        }
        shown = (
            f"{name}={'…' if name in secret and value is not None else repr(value)}"
            for name, value in msgspec.structs.asdict(self).items()
        )
        return f"Settings({', '.join(shown)})"


def load_settings(environ: Mapping[str, str]) -> Settings:
    """The settings in `environ` (as os.environ). Raises SettingRefused at the first bad one."""
    stripe_key, stripe_webhook_secret = _stripe(environ)
    return Settings(
        home=_home(environ),
        database_url=_database_url(environ, "TALKTIME_DATABASE_URL"),
        operator_key=_operator_key(environ, "TALKTIME_OPERATOR_KEY"),
        smtp_url=_url(
            environ, "TALKTIME_SMTP_URL", schemes=("smtp", "smtps"), example="smtp://localhost:25"
        ),
        mail_from=_mail_from(environ, "TALKTIME_MAIL_FROM"),
        mailbox=_mailbox(environ, "TALKTIME_MAILBOX"),
        log_level=_log_level(environ, "TALKTIME_LOG_LEVEL"),
        lease_seconds=_seconds(environ, "TALKTIME_LEASE_SECONDS", default=60, most=86_400),
        grace_seconds=_seconds(environ, "TALKTIME_GRACE_SECONDS", default=900, most=604_800),
        margin_ppm=_margin_ppm(environ, "TALKTIME_MARGIN", default="0.30"),
        welcome_bonus_nanos=_amount_nanos(environ, "TALKTIME_WELCOME_BONUS", default="0.50"),
        floor_nanos=_amount_nanos(environ, "TALKTIME_FLOOR", default="0.10"),
        public_url=_public_url(environ, "TALKTIME_PUBLIC_URL"),
        webhooks_private=_allowed(environ, "TALKTIME_WEBHOOKS_PRIVATE"),
        sign_up_open=_is_open(environ, "TALKTIME_SIGN_UP"),
        frame_origins=_origins(environ, "TALKTIME_FRAME_ORIGINS"),
        trusted_proxies=_networks(environ, "TALKTIME_TRUSTED_PROXIES"),
        stripe_key=stripe_key,
        stripe_webhook_secret=stripe_webhook_secret,
        sandbox_payments=_sandbox_payments(environ, "TALKTIME_PAYMENTS"),
    )


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """A sentence about each TALKTIME_ variable that is set and that nobody reads: a misspelt
    floor would leave the default in force without a word."""
    sentences = []
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name in VARIABLES or name in _OF_OTHERS:
            continue
        names = [variable.removeprefix(PREFIX) for variable in VARIABLES]
        close = difflib.get_close_matches(name.removeprefix(PREFIX), names, n=1)
        hint = f"did you mean {PREFIX}{close[0]}?" if close else "it changes nothing."
        sentences.append(f"{name} is not known; {hint}")
    return sentences


def _home(environ: Mapping[str, str]) -> Path:
    if given := environ.get("TALKTIME_HOME"):
        return Path(given).absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/talktime")
    if data_home := environ.get("XDG_DATA_HOME"):
        return Path(data_home).absolute() / "talktime"
    if user_home := environ.get("HOME"):
        return Path(user_home).absolute() / ".local" / "share" / "talktime"
    raise SettingRefused(
        "TALKTIME_HOME", "is not set and there is no HOME: set it to the directory to keep data in."
    )


def _database_url(environ: Mapping[str, str], variable: str) -> str | None:
    text = environ.get(variable)
    if not text:
        return None
    if re.match(r"postgres(ql)?://", text) or re.match(r"\s*[a-z_]+\s*=", text):
        return text
    raise SettingRefused(
        variable,
        "is not a PostgreSQL address: write postgresql://user:password@host/database, "
        "or unset it to use the embedded database.",
    )


def _operator_key(environ: Mapping[str, str], variable: str) -> str | None:
    key = environ.get(variable)
    if not key:
        return None
    if len(key) < OPERATOR_KEY_LENGTH:
        raise SettingRefused(
            variable,
            f"has {len(key)} characters and needs at least {OPERATOR_KEY_LENGTH}: "
            "make one with `openssl rand -hex 32`.",
        )
    if not re.fullmatch(r"[!-~]+", key):
        raise SettingRefused(
            variable,
            "has a space or a character outside ASCII, which no Authorization header can carry: "
            "make one with `openssl rand -hex 32`.",
        )
    return key


def _url(
    environ: Mapping[str, str], variable: str, *, schemes: tuple[str, ...], example: str
) -> str | None:
    text = environ.get(variable)
    if not text:
        return None
    parts = _split(text)
    if parts is None or parts.scheme not in schemes or not parts.hostname:
        raise SettingRefused(variable, f"is not such an address as {example}: write it like that.")
    return text


def _public_url(environ: Mapping[str, str], variable: str) -> str | None:
    example = "https://billing.example.com"
    text = _url(environ, variable, schemes=("http", "https"), example=example)
    if text is None:
        return None
    parts = urlsplit(text)
    if parts.query or parts.fragment or parts.username is not None:
        raise SettingRefused(
            variable, f"may have a host and a path and nothing more: write it like {example}."
        )
    return text.rstrip("/")


def _stripe(environ: Mapping[str, str]) -> tuple[str | None, str | None]:
    key = environ.get("TALKTIME_STRIPE_KEY") or None
    secret = environ.get("TALKTIME_STRIPE_WEBHOOK_SECRET") or None
    if key is not None and not re.fullmatch(r"(sk|rk)_(live|test)_[A-Za-z0-9]+", key, re.ASCII):
        raise SettingRefused(
            "TALKTIME_STRIPE_KEY", "is not a secret key of Stripe: it begins with sk_ or rk_."
        )
    if secret is not None and not re.fullmatch(r"whsec_[A-Za-z0-9+/=_-]+", secret, re.ASCII):
        raise SettingRefused(
            "TALKTIME_STRIPE_WEBHOOK_SECRET",
            "is not a signing secret of Stripe: it begins with whsec_.",
        )
    if key is not None and secret is None:
        raise SettingRefused(
            "TALKTIME_STRIPE_WEBHOOK_SECRET",
            "is not set, and without it no payment would ever be credited: add an endpoint "
            "<public URL>/hooks/payments at Stripe and set its signing secret here.",
        )
    if secret is not None and key is None:
        raise SettingRefused(
            "TALKTIME_STRIPE_KEY", "is not set: a webhook secret alone collects nothing."
        )
    return key, secret


def _sandbox_payments(environ: Mapping[str, str], variable: str) -> bool:
    text = environ.get(variable)
    if not text:
        return False
    if text != "sandbox":
        raise SettingRefused(
            variable,
            f"is {text!r}: write sandbox, or unset it; real payments are on as soon as "
            "TALKTIME_STRIPE_KEY is set.",
        )
    if environ.get("TALKTIME_STRIPE_KEY"):
        raise SettingRefused(
            variable,
            "is sandbox while TALKTIME_STRIPE_KEY is set: whoever can reach the sandbox gets "
            "credit for nothing, so it is never on beside real payments. Unset one of them.",
        )
    return True


def _mail_from(environ: Mapping[str, str], variable: str) -> str | None:
    text = environ.get(variable)
    if text and not re.fullmatch(r"([^@<>\r\n]*<[^@<>\s]+@[^@<>\s]+>|[^@<>\s]+@[^@<>\s]+)", text):
        raise SettingRefused(
            variable, "is no address: write it like Talktime <billing@example.com>."
        )
    return text or None


def _mailbox(environ: Mapping[str, str], variable: str) -> bool:
    text = environ.get(variable) or "off"
    if text not in {"on", "off"}:
        raise SettingRefused(variable, f"is {text!r}: choose one of on, off.")
    if text == "on" and environ.get("TALKTIME_SMTP_URL"):
        raise SettingRefused(
            variable, "is on while TALKTIME_SMTP_URL is set: mail goes one way. Unset one of them."
        )
    return text == "on"


def _is_open(environ: Mapping[str, str], variable: str) -> bool:
    text = environ.get(variable) or "open"
    if text not in {"open", "closed"}:
        raise SettingRefused(variable, f"is {text!r}: choose one of open, closed.")
    return text == "open"


def _listed(environ: Mapping[str, str], variable: str) -> list[str]:
    parts = (environ.get(variable) or "").split(",")
    return [stripped for part in parts if (stripped := part.strip())]


def _origins(environ: Mapping[str, str], variable: str) -> tuple[str, ...]:
    return tuple(_origin(text, variable) for text in _listed(environ, variable))


def _origin(text: str, variable: str) -> str:
    parts = _split(text)
    if (
        parts is None
        or not re.fullmatch(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?", text)
        or parts.hostname is None
    ):
        raise SettingRefused(
            variable,
            f"has {text!r}, which is no origin: write it like https://app.example.com, with a port "
            "where it has one, without a path or a wildcard.",
        )
    if parts.scheme == "http" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        raise SettingRefused(
            variable, f"has {text!r}: only https may frame these pages, or http on this machine."
        )
    return text.rstrip("/").lower()


def _networks(environ: Mapping[str, str], variable: str) -> tuple[str, ...]:
    networks = []
    for text in _listed(environ, variable):
        try:
            networks.append(str(ipaddress.ip_network(text)))
        except ValueError as error:
            raise SettingRefused(
                variable,
                f"has {text!r}, which is no address or network: write it like 10.0.0.7 or "
                "10.0.0.0/8, several with commas between.",
            ) from error
    return tuple(networks)


def _allowed(environ: Mapping[str, str], variable: str) -> bool:
    text = environ.get(variable) or "refuse"
    if text not in {"allow", "refuse"}:
        raise SettingRefused(variable, f"is {text!r}: write allow, or leave it out to refuse.")
    return text == "allow"


def _split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        _ = parts.port  # an absurd port shows only when it is asked for
    except ValueError:
        return None
    return parts


def _log_level(environ: Mapping[str, str], variable: str) -> LogLevel:
    level = (environ.get(variable) or "info").lower()
    levels = get_args(LogLevel)
    if level not in levels:
        raise SettingRefused(variable, f"is {level!r}: choose one of {', '.join(levels)}.")
    return cast("LogLevel", level)


def _seconds(environ: Mapping[str, str], variable: str, *, default: int, most: int) -> int:
    text = environ.get(variable) or str(default)
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) or not 1 <= int(text) <= most:
        raise SettingRefused(
            variable, f"is {text!r}: give a whole number of seconds from 1 to {most}."
        )
    return int(text)


def _amount_nanos(environ: Mapping[str, str], variable: str, *, default: str) -> int:
    try:
        nanos = parse_usd(environ.get(variable) or default, field=variable)
    except InvalidAmount as error:
        raise SettingRefused(variable, error.message.removeprefix(f"{variable} ")) from error
    if nanos < 0:
        raise SettingRefused(variable, "is below zero: give an amount in USD, such as 0.10.")
    return nanos


def _margin_ppm(environ: Mapping[str, str], variable: str, *, default: str) -> int:
    text = environ.get(variable) or default
    match = re.fullmatch(r"([0-9]{1,9})(?:\.([0-9]{1,6}))?", text, re.ASCII)
    if match is None:
        raise SettingRefused(
            variable,
            f"is {text!r}: give the part of the provider cost that is added, with at most six "
            "decimals; 0.30 adds 30 %.",
        )
    whole, fraction = match.groups()
    ppm = int(whole) * MARGIN_SCALE + int((fraction or "").ljust(6, "0"))
    if ppm > MAX_MARGIN_PPM:
        raise SettingRefused(
            variable, f"is {text!r}, which would add {whole}00 %: for 30 % write 0.30."
        )
    return ppm
