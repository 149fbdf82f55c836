"""An account: one customer of the platform, with one wallet."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from talktime.core.address import check_address
from talktime.core.errors import InvalidInput
from talktime.core.money import MARGIN_SCALE
from talktime.core.one_line import check_name

NAME_MAX: Final = 200
MAX_MARGIN_PPM: Final = 10 * MARGIN_SCALE
"""1,000 %: a margin above it is a percentage typed where a fraction belongs."""

# What identity providers use in user ids; none of it means anything in a URL's path.
_ACCOUNT_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:@|~+=-]{0,127}", re.ASCII)
_RATE = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,6}))?", re.ASCII)


class AccountStatus(StrEnum):
    ACTIVE = "active"  # -> suspended
    SUSPENDED = "suspended"  # no new calls; those that run go on -> active


class NumberMask(StrEnum):
    """How the account's pages and exports show phone numbers; any may follow any."""

    FULL = "full"
    LAST4 = "last4"  # all but the last four digits are dots
    HIDDEN = "hidden"


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account as it stands at one moment. Amounts in nanos."""

    account_id: str
    name: str
    email: str
    status: AccountStatus
    verified: bool
    """Somebody vouched for the e-mail address."""
    promo_nanos: int
    paid_nanos: int
    """Below zero where a call overdrew it (R6)."""
    held_nanos: int
    """Set aside for live calls."""
    refund_reserved_nanos: int
    """Paid balance that a refund under way takes."""
    margin_ppm: int | None
    """The account's own margin in parts per million; None: the platform's."""
    warning_level_nanos: int
    time_zone: str
    """An IANA name; the account's months begin in it."""
    former_time_zone: str | None = None
    """The zone in which months are still counted until time_zone_since, after a change."""
    time_zone_since: datetime | None = None
    number_mask: NumberMask = NumberMask.FULL
    created_at: datetime
    month_to_date_nanos: int
    """Charged for calls since the first of this month in the account's time zone."""

    @property
    def available_nanos(self) -> int:
        return self.promo_nanos + self.paid_nanos - self.refund_reserved_nanos

    @property
    def startable_nanos(self) -> int:
        """What new calls can be started with."""
        return self.available_nanos - self.held_nanos

    def zone_at(self, at: datetime) -> str:
        """The zone in which months and days are counted then; a change counts from next month."""
        if self.time_zone_since is not None and at < self.time_zone_since:
            return self.former_time_zone or self.time_zone
        return self.time_zone


def check_account(account_id: str, name: str, email: str) -> None:
    """Raise InvalidInput naming the field with which no account can be opened."""
    if not _ACCOUNT_ID.fullmatch(account_id):
        raise InvalidInput(
            "account_id must be 1 to 128 letters, digits or any of ._:@|~+=- and begin with a "
            "letter, a digit or an underscore.",
            field="account_id",
        )
    check_name(name, most=NAME_MAX, field="name")
    check_address(email, field="email")


def parse_margin_rate(text: object, *, field: str) -> int:
    """A margin as sent ("0.25" adds 25 %) in parts per million. Raises InvalidInput."""
    match = _RATE.fullmatch(text) if isinstance(text, str) else None
    if match is not None:
        whole, fraction = match.groups()
        ppm = int(whole) * MARGIN_SCALE + int((fraction or "").ljust(6, "0"))
        if ppm <= MAX_MARGIN_PPM:
            return ppm
    raise InvalidInput(
        f'{field} must be the part of the provider cost that is added, as a string: "0.25" adds '
        "25 %. At most six decimals, at most 10.",
        field=field,
    )


def format_margin_rate(margin_ppm: int) -> str:
    """The shortest exact wire form: 300,000 parts per million are "0.3"."""
    whole, fraction = divmod(margin_ppm, MARGIN_SCALE)
    return f"{whole}.{fraction:06d}".rstrip("0").rstrip(".") if fraction else str(whole)
