"""The general settings in words: what stands in the form, what is wrong with it, who gets mail."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from talktime.core.account import Account, NumberMask
from talktime.core.errors import InvalidAmount
from talktime.core.member import MailKind, Member, Right, Role
from talktime.core.money import parse_usd
from talktime.core.number_mask import mask_number
from talktime.core.unsubscribing import BROUGHT
from talktime.ops.accounts import AccountChange
from talktime.portal.figures import exact_usd, moment, zone_of
from talktime.portal.settings.zones import find_zone
from talktime.portal.visiting import Visitor

EXAMPLE_NUMBER: Final = "+12025550123"
TYPED_MAX: Final = 100

MASKS: Final[Mapping[NumberMask, str]] = {
    NumberMask.FULL: "Whole",
    NumberMask.LAST4: "Last four digits",
    NumberMask.HIDDEN: "Hidden",
}

MAIL: Final[Mapping[MailKind, tuple[str, str]]] = {
    MailKind.ALERTS: ("Alerts", BROUGHT[MailKind.ALERTS]),
    MailKind.MONEY_IN: ("Money in", BROUGHT[MailKind.MONEY_IN]),
    MailKind.WEEKLY: ("Weekly summary", BROUGHT[MailKind.WEEKLY]),
}
"""What the choice is called, and what it brings."""


class Typed(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the form's fields."""

    warning_level: str
    time_zone: str
    number_mask: str


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """One member's row: which mail goes there, and whether the visitor may change that."""

    address: str
    role: str
    chosen: frozenset[str]
    may_change: bool
    is_self: bool


def typed_of(account: Account) -> Typed:
    """The settings as they are, as one would type them."""
    return Typed(
        warning_level=exact_usd(account.warning_level_nanos).lstrip("$").replace(",", ""),
        time_zone=account.time_zone,
        number_mask=account.number_mask.value,
    )


def typed_in(fields: Mapping[str, str]) -> Typed:
    """What somebody sent."""

    def one(name: str) -> str:
        return fields.get(name, "").strip()[:TYPED_MAX]

    return Typed(
        warning_level=one("warning_level"),
        time_zone=one("time_zone"),
        number_mask=one("number_mask"),
    )


def change_of(typed: Typed) -> tuple[AccountChange, dict[str, str]]:
    """What is to change, and what is wrong per field; with errors nothing may be written."""
    errors: dict[str, str] = {}
    level = 0
    try:
        level = parse_usd(typed.warning_level.lstrip("$").strip(), field="warning_level")
    except InvalidAmount:
        errors["warning_level"] = "Enter an amount in US dollars with a point, such as 2.50."
    if level < 0:
        errors["warning_level"] = "Enter zero or more: the balance is warned of before it is spent."
    zone = find_zone(typed.time_zone)
    if zone is None:
        errors["time_zone"] = (
            "No time zone is called that. Enter a city of the list, such as Europe/Berlin."
        )
    masks = {mask.value: mask for mask in NumberMask}
    mask = masks.get(typed.number_mask)
    if mask is None:
        errors["number_mask"] = "Choose one of these."
    change = AccountChange(warning_level_nanos=level, time_zone=zone, number_mask=mask)
    return change, errors


def mask_choices() -> list[tuple[str, str, str]]:
    """Value, name and example of each way to show a phone number."""
    return [(mask.value, name, mask_number(EXAMPLE_NUMBER, mask)) for mask, name in MASKS.items()]


def months_note(account: Account, *, now: datetime) -> str:
    """Until when months are still counted in a former zone; "" where they are not."""
    since, former = account.time_zone_since, account.former_time_zone
    if since is None or former is None or now >= since or former == account.time_zone:
        return ""
    day = moment(since, zone_of(former)).day
    return f"Months are still counted in {former}, and in {account.time_zone} from {day} on."


def recipients_of(members: Sequence[Member], visitor: Visitor) -> list[Recipient]:
    """The members' rows; everybody may change their own, who may configure everybody's."""
    return [
        Recipient(
            address=member.address,
            role=member.role.value,
            chosen=frozenset(kind.value for kind in member.mail),
            may_change=visitor.may(Right.CONFIGURE) or member.address == visitor.address,
            is_self=member.address == visitor.address,
        )
        for member in members
    ]


def changed_in(
    fields: Mapping[str, str], member: Member
) -> tuple[frozenset[MailKind], frozenset[MailKind]]:
    """Which mail a form ticked and which it cleared for a member, against what it showed; a form
    that was open for long undoes nothing of what others did meanwhile."""
    address = member.address
    if f"to:{address}" not in fields:
        return frozenset(), frozenset()
    shown = fields["to:" + address].split()
    chosen = frozenset(kind for kind in MailKind if f"{kind.value}:{address}" in fields)
    former = frozenset(kind for kind in MailKind if kind.value in shown)
    return chosen - former, former - chosen


def who_may(members: Sequence[Member]) -> str:
    """Whom to ask for a change, by name: "ada@example.com or bo@example.com"."""
    able = [one.address for one in members if one.role in {Role.OWNER, Role.BILLING}]
    shown = able[:3]
    return " or ".join(shown) if shown else "an owner of the account"
