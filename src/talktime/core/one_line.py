"""Text in one line that somebody gives us: ids, words of a caller, names of accounts and keys."""

import re
from typing import Final

from talktime.core.errors import InvalidInput

ENCODED_WORD: Final = "=?"
"""Begins text that mail programs decode, to whatever it says: line breaks, another name."""

ID_LENGTH_MAX: Final = 255
TEXT_LENGTH_MAX: Final = 500
NUMBER_LENGTH_MAX: Final = 255
"""Of the two ends of a call: telephone numbers and SIP addresses."""

_PLAIN_ID: Final = re.compile(r"[A-Za-z0-9_-]*[A-Za-z0-9][A-Za-z0-9_-]*")
# "Booking.com" is a name; what leads somewhere has a scheme, a www. or a path.
_ADDRESS: Final = re.compile(r"://|\bwww\.|\w\.\w+/", re.IGNORECASE)


def check_id(value: str, field: str) -> str:
    """An id that can stand in a path as it is, and in a log line. Raises InvalidInput."""
    if (
        not 1 <= len(value) <= ID_LENGTH_MAX
        or not value.isprintable()
        or "/" in value
        or value in {".", ".."}
        or value != value.strip()
    ):
        raise InvalidInput(
            f"{field} must be 1 to {ID_LENGTH_MAX} printable characters without '/', control "
            "characters or outer spaces, and not '.' or '..'",
            field=field,
        )
    return value


def check_plain_id(value: str, field: str, *, most: int) -> None:
    """Raise InvalidInput for what payment providers might not take as it is for an id of ours."""
    if not 1 <= len(value) <= most or not _PLAIN_ID.fullmatch(value):
        raise InvalidInput(
            f"{field} must be 1 to {most} letters, digits, hyphens or underscores.", field=field
        )


def check_text(value: str | None, field: str, *, most: int = TEXT_LENGTH_MAX) -> str | None:
    """One line of text, or None. Raises InvalidInput."""
    if value is not None and (not 1 <= len(value) <= most or not value.isprintable()):
        raise InvalidInput(
            f"{field} must be 1 to {most} printable characters; leave it out if there is nothing",
            field=field,
        )
    return value


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
