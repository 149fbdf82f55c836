"""A member: a person who may see and act on an account, known by e-mail address."""

from datetime import datetime
from enum import StrEnum

import msgspec


class Role(StrEnum):
    OWNER = "owner"  # everything; an account keeps at least one
    BILLING = "billing"  # money and settings, not people or keys
    VIEWER = "viewer"  # looks


class Right(StrEnum):
    """What a page lets somebody do beyond looking."""

    SPEND = "spend"  # redeem coupons, top up, ask for refunds
    CONFIGURE = "configure"  # warning level, time zone, who gets which mail
    ADMINISTER = "administer"  # people, keys, webhook endpoints


_RIGHTS = {
    Role.OWNER: frozenset(Right),
    Role.BILLING: frozenset({Right.SPEND, Right.CONFIGURE}),
    Role.VIEWER: frozenset[Right](),
}


class MailKind(StrEnum):
    """Which mail a member can choose; mail that a person asked for is not among it."""

    ALERTS = "alerts"  # the balance crossed the warning level or the floor
    MONEY_IN = "money_in"  # bonus, coupon, top-up, refund
    WEEKLY = "weekly"  # the weekly summary


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One person on one account."""

    account_id: str
    address: str
    """As the person signs in, in the form of sign_in_address."""
    role: Role
    mail: frozenset[MailKind]
    """What this member chose to be told by e-mail."""
    added_at: datetime


MAIL_AT_FIRST = {
    Role.OWNER: frozenset({MailKind.ALERTS, MailKind.MONEY_IN}),
    Role.BILLING: frozenset({MailKind.ALERTS, MailKind.MONEY_IN}),
    Role.VIEWER: frozenset[MailKind](),
}
"""What a new member is told by e-mail until they choose."""


def may(role: Role, right: Right) -> bool:
    """Whether a role has a right."""
    return right in _RIGHTS[role]
