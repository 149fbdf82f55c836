"""The parts of the settings, as the tabs name them, and what each part's page has around it."""

from typing import Any, Final

import msgspec

from talktime.core.account import Account
from talktime.portal.framing import frame
from talktime.portal.visiting import Visitor


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One tab."""

    name: str
    href: str
    """Below the portal's base."""


GENERAL: Final = Part(name="General", href="/settings")
PEOPLE: Final = Part(name="People", href="/settings/people")
KEYS: Final = Part(name="API keys", href="/settings/keys")
WEBHOOKS: Final = Part(name="Webhooks", href="/settings/webhooks")
PARTS: Final = (GENERAL, PEOPLE, KEYS, WEBHOOKS)


def settings_frame(
    visitor: Visitor, account: Account, part: Part, *, told: str = ""
) -> dict[str, Any]:
    """What ``settings/frame.html`` needs; ``told`` is what was just done, in words."""
    return frame(visitor, account, "settings") | {
        "parts": PARTS,
        "part_name": part.name,
        "told": told,
    }
