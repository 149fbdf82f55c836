"""What an operator sets: read once from the environment, checked, then passed on as one value.

Only the edges (command line, worker, API, portal, demo) import this module. An empty variable
counts as one that is not set.
"""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from talktime.core.document import Seller
from talktime.core.money import NANOS_PER_USD
from talktime.setting_values import (
    LogLevel,
    SettingRefused,
    allowed,
    amount_nanos,
    count,
    database_url,
    home_dir,
    is_open,
    log_level,
    mail_from,
    mailbox,
    margin_ppm,
    networks,
    operator_key,
    origins,
    public_url,
    sandbox_payments,
    seconds,
    seller,
    stripe,
    url,
)

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
    "TALKTIME_WELCOMES_PER_DAY",
    "TALKTIME_FLOOR",
    "TALKTIME_PUBLIC_URL",
    "TALKTIME_WEBHOOKS_PRIVATE",
    "TALKTIME_SIGN_UP",
    "TALKTIME_FRAME_ORIGINS",
    "TALKTIME_TRUSTED_PROXIES",
    "TALKTIME_STRIPE_KEY",
    "TALKTIME_STRIPE_WEBHOOK_SECRET",
    "TALKTIME_PAYMENTS",
    "TALKTIME_SELLER",
)
_OF_OTHERS: Final = frozenset({"TALKTIME_URL", "TALKTIME_KEY", "TALKTIME_FULL", "TALKTIME_SEED"})
"""Read by bots that follow the SDK's examples, and by our own tests."""


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
    welcomes_per_day: int = 200
    """Welcome bonuses that people may fetch by themselves within a day, all together."""
    floor_nanos: int = NANOS_PER_USD // 10
    """The least startable amount with which a call is admitted."""
    stripe_key: str | None = None
    """Stripe's secret key; top-ups are collected with it."""
    stripe_webhook_secret: str | None = None
    """What Stripe signs its notices to us with."""
    sandbox_payments: bool = False
    """Top-ups are collected by a sandbox, without any money: for trying things out."""
    seller: Seller = Seller()
    """Who receipts are from."""
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
    stripe_key, stripe_webhook_secret = stripe(environ)
    return Settings(
        home=home_dir(environ),
        database_url=database_url(environ, "TALKTIME_DATABASE_URL"),
        operator_key=operator_key(environ, "TALKTIME_OPERATOR_KEY"),
        smtp_url=url(
            environ, "TALKTIME_SMTP_URL", schemes=("smtp", "smtps"), example="smtp://localhost:25"
        ),
        mail_from=mail_from(environ, "TALKTIME_MAIL_FROM"),
        mailbox=mailbox(environ, "TALKTIME_MAILBOX"),
        log_level=log_level(environ, "TALKTIME_LOG_LEVEL"),
        lease_seconds=seconds(environ, "TALKTIME_LEASE_SECONDS", default=60, most=86_400),
        grace_seconds=seconds(environ, "TALKTIME_GRACE_SECONDS", default=900, most=604_800),
        margin_ppm=margin_ppm(environ, "TALKTIME_MARGIN", default="0.30"),
        welcome_bonus_nanos=amount_nanos(environ, "TALKTIME_WELCOME_BONUS", default="0.50"),
        welcomes_per_day=count(environ, "TALKTIME_WELCOMES_PER_DAY", default=200, most=1_000_000),
        floor_nanos=amount_nanos(environ, "TALKTIME_FLOOR", default="0.10"),
        public_url=public_url(environ, "TALKTIME_PUBLIC_URL"),
        webhooks_private=allowed(environ, "TALKTIME_WEBHOOKS_PRIVATE"),
        sign_up_open=is_open(environ, "TALKTIME_SIGN_UP"),
        frame_origins=origins(environ, "TALKTIME_FRAME_ORIGINS"),
        trusted_proxies=networks(environ, "TALKTIME_TRUSTED_PROXIES"),
        stripe_key=stripe_key,
        stripe_webhook_secret=stripe_webhook_secret,
        sandbox_payments=sandbox_payments(environ, "TALKTIME_PAYMENTS"),
        seller=seller(environ, "TALKTIME_SELLER"),
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


__all__ = ["VARIABLES", "SettingRefused", "Settings", "load_settings", "unknown_variables"]
