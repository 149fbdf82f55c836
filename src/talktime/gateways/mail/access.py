"""Mail that lets somebody in, or tells the owners who else can come in."""

from collections.abc import Mapping
from typing import Final

from talktime.core.member import Role
from talktime.core.message import MessageKind
from talktime.gateways.mail.wording import Button, Facts, Wording

_ROLES: Final[Mapping[str, str]] = {
    Role.OWNER: "As an owner you can do everything there, and invite others.",
    Role.BILLING: "You can look at everything, and take care of its money and settings.",
    Role.VIEWER: "You can look at its balance, calls and spending.",
}


def _what_a_role_may(facts: Facts) -> Facts:
    return {"role": _ROLES[facts["role"]]}


ACCESS: Final[Mapping[MessageKind, Wording]] = {
    MessageKind.SIGN_IN: Wording(
        subject="Your link to sign in",
        headline="Sign in to Talktime",
        opening="You asked for a link to sign in. It works once, and is good for {valid_for}.",
        button=Button(label="Sign in", target="{link}"),
        closing=(
            "It was not you who asked? Then there is nothing to do: without this link nobody "
            "comes in. Do not pass it on."
        ),
    ),
    MessageKind.SIGN_UP: Wording(
        subject="Your link to get started",
        headline="Welcome to Talktime",
        opening=(
            "Your address is confirmed and your account opened with this link. "
            "It works once, and is good for {valid_for}."
        ),
        button=Button(label="Open my account", target="{link}"),
        closing=(
            "It was not you who asked? Then there is nothing to do: without this link no account "
            "is opened."
        ),
    ),
    MessageKind.INVITATION: Wording(
        subject="You can now see {account_name}",
        headline="You were invited to {account_name}",
        opening="{invited_by} gave you access to {account_name}. {role}",
        button=Button(label="Sign in", target="{link}"),
        closing="Sign in with the address this mail came to. There is no password.",
        derived=_what_a_role_may,
    ),
    MessageKind.KEY_CREATED: Wording(
        subject="An API key was made: {name}",
        headline="An API key was made",
        opening="{created_by} made the API key “{name}” ({key_id}) for {account_name}.",
        button=Button(label="Look at the keys", target="{pages}/settings/keys"),
        closing="Nobody on your team did? Revoke it there; it stops working at once.",
    ),
}
