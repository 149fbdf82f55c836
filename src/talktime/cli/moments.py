"""Times as they are written on the command line."""

from datetime import UTC, datetime

from talktime.core.errors import InvalidInput


def moment(text: str | None, option: str) -> datetime | None:
    """A time with its offset, or a date (midnight UTC); None for what was not given."""
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(
            f"{option} is {text!r}: write a date (2026-11-01) or a time with its offset "
            "(2026-11-01T10:00:00Z)",
            field=option,
        ) from error
    if read.tzinfo is None:
        if len(text) > 10:
            raise InvalidInput(f"{option} has no offset: end it with Z for UTC", field=option)
        return read.replace(tzinfo=UTC)
    return read.astimezone(UTC)
