"""Members and sessions as the People page shows them."""

from collections.abc import Sequence
from typing import Final

import msgspec

from talktime.core.member import Member, Role
from talktime.core.session import SignedIn
from talktime.portal.access.devices import device_words
from talktime.portal.figures import Moment, moment, zone_of
from talktime.portal.visiting import Visitor


class RoleWords(msgspec.Struct, frozen=True, kw_only=True):
    value: str
    name: str
    may: str
    """What the role allows."""


ROLES: Final = (
    RoleWords(value="owner", name="Owner", may="everything: people, keys and webhooks too"),
    RoleWords(value="billing", name="Billing", may="money, settings; not people, keys, webhooks"),
    RoleWords(value="viewer", name="Viewer", may="looks, changes nothing"),
)
_NAMES: Final = {words.value: words.name for words in ROLES}


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """One member."""

    address: str
    role: str
    role_name: str
    since: Moment
    is_visitor: bool
    is_only_owner: bool
    """Neither removed nor given another role."""


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One session."""

    session_id: str
    device: str
    account_name: str
    since: Moment
    seen: Moment
    framed_by: str | None
    is_this: bool


def person_rows(members: Sequence[Member], visitor: Visitor, *, time_zone: str) -> list[Person]:
    """The members, owners first."""
    zone = zone_of(time_zone)
    owners = sum(member.role is Role.OWNER for member in members)
    return [
        Person(
            address=member.address,
            role=member.role.value,
            role_name=_NAMES[member.role],
            since=moment(member.added_at, zone),
            is_visitor=member.address == visitor.address,
            is_only_owner=member.role is Role.OWNER and owners == 1,
        )
        for member in members
    ]


def session_rows(
    sessions: Sequence[SignedIn], visitor: Visitor, *, time_zone: str
) -> list[SessionRow]:
    """The sessions, this one first."""
    zone = zone_of(time_zone)
    rows = [
        SessionRow(
            session_id=one.session_id,
            device=device_words(one.user_agent),
            account_name=one.account_name,
            since=moment(one.created_at, zone),
            seen=moment(one.last_seen_at, zone),
            framed_by=one.framed_by,
            is_this=one.session_id == visitor.session_id,
        )
        for one in sessions
    ]
    return sorted(rows, key=lambda row: not row.is_this)
