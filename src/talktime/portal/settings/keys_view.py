"""API keys in words: what each may do, and how one begins with a new one."""

from collections.abc import Collection, Mapping
from datetime import tzinfo
from typing import Final

import msgspec

from talktime.core.errors import InvalidInput
from talktime.core.one_line import check_name
from talktime.ops.keys import ACCOUNT_SCOPES, NAME_MAX, Key, Scope
from talktime.portal.figures import Moment, moment
from talktime.portal.words import sentence

SCOPES: Final[Mapping[Scope, tuple[str, str]]] = {
    Scope.ACCOUNTS_READ: ("Read the balance", "balances, warning level and time zone"),
    Scope.ENTRIES_READ: ("Read transactions", "every top-up and every deduction"),
    Scope.CALLS_READ: ("Read calls", "each call with its receipt"),
    Scope.EVENTS_READ: ("Listen to events", "balance, calls and transactions as they change"),
    Scope.COUPONS_REDEEM: ("Redeem coupons", "preview and credit a code"),
    Scope.TOP_UPS_WRITE: ("Top up", "begin a payment; a person pays it"),
    Scope.REFUNDS_ASK: ("Ask for refunds", "an operator decides"),
}
"""What a scope is called, and what it opens."""

_COMMANDS: Final[Mapping[Scope, str]] = {
    Scope.ACCOUNTS_READ: "curl -H '{header}' {url}",
    Scope.ENTRIES_READ: "curl -H '{header}' {url}/entries",
    Scope.CALLS_READ: "curl -H '{header}' {url}/calls",
    Scope.EVENTS_READ: "curl -N -H '{header}' {url}/events",
    Scope.COUPONS_REDEEM: (
        "curl -H '{header}' --json '{{\"code\": \"YOUR-CODE\"}}' {url}/coupons/preview"
    ),
    Scope.REFUNDS_ASK: "curl -H '{header}' --json '{{\"amount\": \"5.00\"}}' {url}/refunds",
    Scope.TOP_UPS_WRITE: "curl -H '{header}' --json '{{\"amount\": \"20.00\"}}' {url}/top-ups",
}
"""A first request for each scope; the first that a key has is shown."""


class KeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """One key of the list."""

    key_id: str
    name: str
    scopes: str
    created: Moment
    used: Moment | None
    revoked: Moment | None


def key_row(key: Key, zone: tzinfo) -> KeyRow:
    used, revoked = key.last_used_at, key.revoked_at
    return KeyRow(
        key_id=key.key_id,
        name=key.name,
        scopes=scope_words(key.scopes),
        created=moment(key.created_at, zone),
        used=None if used is None else moment(used, zone),
        revoked=None if revoked is None else moment(revoked, zone),
    )


def scope_words(scopes: Collection[str]) -> str:
    """ "Read the balance, read calls"; in the order in which they are offered."""
    named = [name for scope, (name, _) in SCOPES.items() if scope in scopes]
    unknown = sorted(set(scopes) - {scope.value for scope in SCOPES})
    words = ", ".join([*named, *unknown])
    return words[:1] + words[1:].lower() if named else words


def scope_choices() -> list[tuple[str, str, str]]:
    """Value, name and explanation of each scope that an account's own key can have."""
    return [(scope.value, *words) for scope, words in SCOPES.items() if scope in ACCOUNT_SCOPES]


def first_request(key: str, scopes: Collection[str], *, url: str) -> str:
    """A command to begin with; ``url`` is the account's address in the API."""
    template = next((text for scope, text in _COMMANDS.items() if scope in scopes), "")
    return template.format(header=f"Authorization: Bearer {key}", url=url)


def asked_for(fields: Mapping[str, str]) -> tuple[str, frozenset[str], dict[str, str]]:
    """The name and the scopes of a form, and per field what is wrong."""
    errors: dict[str, str] = {}
    name = " ".join(fields.get("name", "").split())
    if not name:
        errors["name"] = "Name the program that will use the key, so that you know it again."
    else:
        try:
            check_name(name, most=NAME_MAX, field="name")
        except InvalidInput as error:
            errors["name"] = sentence(error.message)
    offered = {value for value, _, _ in scope_choices()}
    scopes = frozenset(value for value in offered if f"scope:{value}" in fields)
    if not scopes:
        errors["scopes"] = "Choose at least one: a key that may do nothing is of no use."
    return name[:NAME_MAX], scopes, errors
