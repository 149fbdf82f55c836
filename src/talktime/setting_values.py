"""The values of settings: each read from one variable and checked, or refused by its name."""

import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, cast, get_args
from urllib.parse import SplitResult, urlsplit

import yaml

from talktime.core.document import Seller, parse_seller
from talktime.core.errors import InvalidAmount, InvalidInput
from talktime.core.money import MARGIN_SCALE, parse_usd

LogLevel = Literal["debug", "info", "warning", "error"]

OPERATOR_KEY_LENGTH: Final = 32
"""Characters. A shorter key could be guessed, and it may move money."""

MAX_MARGIN_PPM: Final = 10 * MARGIN_SCALE
"""1,000 %. A margin above it is a percentage typed where a fraction belongs."""


class SettingRefused(Exception):
    """A variable that cannot be used; the message names it and says what to do."""

    def __init__(self, variable: str, problem: str) -> None:
        super().__init__(f"{variable} {problem}")
        self.variable = variable


def home_dir(environ: Mapping[str, str]) -> Path:
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


def database_url(environ: Mapping[str, str], variable: str) -> str | None:
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


def operator_key(environ: Mapping[str, str], variable: str) -> str | None:
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


def url(
    environ: Mapping[str, str], variable: str, *, schemes: tuple[str, ...], example: str
) -> str | None:
    text = environ.get(variable)
    if not text:
        return None
    parts = split(text)
    if parts is None or parts.scheme not in schemes or not parts.hostname:
        raise SettingRefused(variable, f"is not such an address as {example}: write it like that.")
    return text


def public_url(environ: Mapping[str, str], variable: str) -> str | None:
    example = "https://billing.example.com"
    text = url(environ, variable, schemes=("http", "https"), example=example)
    if text is None:
        return None
    parts = urlsplit(text)
    if parts.query or parts.fragment or parts.username is not None:
        raise SettingRefused(
            variable, f"may have a host and a path and nothing more: write it like {example}."
        )
    return text.rstrip("/")


def stripe(environ: Mapping[str, str]) -> tuple[str | None, str | None]:
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


def sandbox_payments(environ: Mapping[str, str], variable: str) -> bool:
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


def seller(environ: Mapping[str, str], variable: str) -> Seller:
    path = environ.get(variable)
    if not path:
        return Seller()
    try:
        return parse_seller(yaml.safe_load(Path(path).read_text()))
    except OSError as error:
        raise SettingRefused(
            variable, f"is {path}, which cannot be read ({error.strerror}): name a YAML file."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingRefused(variable, f"is {path}, which is no YAML: {error}.") from error
    except InvalidInput as error:
        raise SettingRefused(variable, f"is {path}: {error.message}") from error


def mail_from(environ: Mapping[str, str], variable: str) -> str | None:
    text = environ.get(variable)
    if text and not re.fullmatch(r"([^@<>\r\n]*<[^@<>\s]+@[^@<>\s]+>|[^@<>\s]+@[^@<>\s]+)", text):
        raise SettingRefused(
            variable, "is no address: write it like Talktime <billing@example.com>."
        )
    return text or None


def mailbox(environ: Mapping[str, str], variable: str) -> bool:
    text = environ.get(variable) or "off"
    if text not in {"on", "off"}:
        raise SettingRefused(variable, f"is {text!r}: choose one of on, off.")
    if text == "on" and environ.get("TALKTIME_SMTP_URL"):
        raise SettingRefused(
            variable, "is on while TALKTIME_SMTP_URL is set: mail goes one way. Unset one of them."
        )
    return text == "on"


def is_open(environ: Mapping[str, str], variable: str) -> bool:
    text = environ.get(variable) or "open"
    if text not in {"open", "closed"}:
        raise SettingRefused(variable, f"is {text!r}: choose one of open, closed.")
    return text == "open"


def listed(environ: Mapping[str, str], variable: str) -> list[str]:
    parts = (environ.get(variable) or "").split(",")
    return [stripped for part in parts if (stripped := part.strip())]


def origins(environ: Mapping[str, str], variable: str) -> tuple[str, ...]:
    return tuple(origin(text, variable) for text in listed(environ, variable))


def origin(text: str, variable: str) -> str:
    parts = split(text)
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


def networks(environ: Mapping[str, str], variable: str) -> tuple[str, ...]:
    networks = []
    for text in listed(environ, variable):
        try:
            networks.append(str(ipaddress.ip_network(text)))
        except ValueError as error:
            raise SettingRefused(
                variable,
                f"has {text!r}, which is no address or network: write it like 10.0.0.7 or "
                "10.0.0.0/8, several with commas between.",
            ) from error
    return tuple(networks)


def allowed(environ: Mapping[str, str], variable: str) -> bool:
    text = environ.get(variable) or "refuse"
    if text not in {"allow", "refuse"}:
        raise SettingRefused(variable, f"is {text!r}: write allow, or leave it out to refuse.")
    return text == "allow"


def split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        _ = parts.port  # an absurd port shows only when it is asked for
    except ValueError:
        return None
    return parts


def log_level(environ: Mapping[str, str], variable: str) -> LogLevel:
    level = (environ.get(variable) or "info").lower()
    levels = get_args(LogLevel)
    if level not in levels:
        raise SettingRefused(variable, f"is {level!r}: choose one of {', '.join(levels)}.")
    return cast("LogLevel", level)


def seconds(environ: Mapping[str, str], variable: str, *, default: int, most: int) -> int:
    text = environ.get(variable) or str(default)
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) or not 1 <= int(text) <= most:
        raise SettingRefused(
            variable, f"is {text!r}: give a whole number of seconds from 1 to {most}."
        )
    return int(text)


def count(environ: Mapping[str, str], variable: str, *, default: int, most: int) -> int:
    text = environ.get(variable) or str(default)
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) or int(text) > most:
        raise SettingRefused(variable, f"is {text!r}: give a whole number from 0 to {most}.")
    return int(text)


def amount_nanos(environ: Mapping[str, str], variable: str, *, default: str) -> int:
    try:
        nanos = parse_usd(environ.get(variable) or default, field=variable)
    except InvalidAmount as error:
        raise SettingRefused(variable, error.message.removeprefix(f"{variable} ")) from error
    if nanos < 0:
        raise SettingRefused(variable, "is below zero: give an amount in USD, such as 0.10.")
    return nanos


def margin_ppm(environ: Mapping[str, str], variable: str, *, default: str) -> int:
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
