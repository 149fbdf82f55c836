"""How much a request may bring, and what its strings may look like."""

from typing import Final

from talktime.core.errors import InvalidInput

BODY_BYTES_MAX: Final = 2 * 1024 * 1024
METADATA_BYTES_MAX: Final = 4096
ID_LENGTH_MAX: Final = 255
ID_PATTERN: Final = r"^[^/\u0000-\u0020\u007f-\u00a0]+$"
"""Roughly what check_id says, for schemas; spaces inside are possible too."""
TEXT_LENGTH_MAX: Final = 500
NUMBER_LENGTH_MAX: Final = 255
"""Of ``from`` and ``to``: telephone numbers and SIP addresses."""
PAGE_MAX: Final = 200
PAGE_DEFAULT: Final = 50
BATCH_MAX: Final = 1_000


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


def check_text(value: str | None, field: str, *, most: int = TEXT_LENGTH_MAX) -> str | None:
    """One line of text, or None. Raises InvalidInput."""
    if value is not None and (not 1 <= len(value) <= most or not value.isprintable()):
        raise InvalidInput(
            f"{field} must be 1 to {most} printable characters; leave it out if there is nothing",
            field=field,
        )
    return value
