"""A browser's session: who is signed in, on which account, and where."""

from datetime import datetime

import msgspec

from talktime.core.member import Role


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """An open session, as a request finds it."""

    account_id: str
    session_id: str
    """Names it in lists; no secret."""
    role: Role
    """As it is by now: a changed role acts on sessions that are open."""
    address: str | None
    """The person; None where the platform's link opened it."""
    framed_by: str | None
    """The origin that may frame its pages."""
    last_seen_at: datetime
    accounts: int
    """How many accounts the person may choose from."""


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """An open session, as its owner sees it in a list."""

    account_id: str
    account_name: str
    session_id: str
    user_agent: str
    """What the browser called itself when it signed in, shortened."""
    created_at: datetime
    last_seen_at: datetime
    """To the minute."""
    framed_by: str | None


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """An account, as one of its members chooses it."""

    account_id: str
    account_name: str
    role: Role
