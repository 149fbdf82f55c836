"""Text that somebody typed and that is shown in one line: names of accounts and of keys."""

import re
from typing import Final

from talktime.core.errors import InvalidInput

ENCODED_WORD: Final = "=?"
"""Begins text that mail programs decode, to whatever it says: line breaks, another name."""

# "Booking.com" is a name; what leads somewhere has a scheme, a www. or a path.
_ADDRESS: Final = re.compile(r"://|\bwww\.|\w\.\w+/", re.IGNORECASE)


def check_name(name: str, *, most: int, field: str) -> None:
    """Raise InvalidInput for what is no name: names stand in mails, also to people who have never
    heard of whoever chose them, and must neither command a mail program nor be a link."""
    if not name.strip() or len(name) > most or not name.isprintable():
        raise InvalidInput(f"{field} must be one line of 1 to {most} characters.", field=field)
    if ENCODED_WORD in name:
        raise InvalidInput(
            f"{field} must not have =? in it, which mail programs would decode; leave it out.",
            field=field,
        )
    if _ADDRESS.search(name):
        raise InvalidInput(
            f"{field} must not have the address of a page in it; write who or what it is instead.",
            field=field,
        )
