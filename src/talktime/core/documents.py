"""Reading documents that people write: what a member must be, refused by its path if it is not.

The documents are YAML or JSON, decoded already; anything at all may be in them.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Final

from talktime.core.errors import InvalidInput, TooMany

TEXT_MAX: Final = 300
_KEY_SHOWN: Final = 60


def read_mapping(
    value: object, field: str, required: set[str], optional: set[str]
) -> Mapping[str, object]:
    """An object with all of the required members, and none but those and the optional ones."""
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{field} must be an object.", field=field)
    for key in value:
        if key not in required and key not in optional:
            shown = (key if isinstance(key, str) else type(key).__name__)[:_KEY_SHOWN]
            known = ", ".join(sorted(required | optional))
            raise InvalidInput(
                f"{field} has an unknown member {shown!r}: known are {known}.",
                field=f"{field}.{shown}",
            )
    missing = [f"{field}.{key}" for key in sorted(required) if key not in value]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise InvalidInput(f"{' and '.join(missing)} {verb} missing.", field=missing[0])
    return value


def read_list(value: object, field: str, limit: int) -> Sequence[object]:
    """A list of 1 to ``limit`` members."""
    if not isinstance(value, list | tuple) or not value:
        raise InvalidInput(f"{field} must be a list that is not empty.", field=field)
    if len(value) > limit:
        raise TooMany(f"{field} has {len(value)} members, at most {limit} are taken.", field=field)
    return value


def read_text(value: object, field: str) -> str:
    """One line of up to TEXT_MAX characters, without its outer spaces."""
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise InvalidInput(f"{field} must be a line of text that is not empty.", field=field)
    if len(value) > TEXT_MAX:
        raise InvalidInput(f"{field} is longer than {TEXT_MAX} characters.", field=field)
    return value.strip()


def read_whole(value: object, field: str, limit: int) -> int:
    """A whole number from 1 to ``limit``."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= limit:
        raise InvalidInput(f"{field} must be a whole number from 1 to {limit}.", field=field)
    return value


def read_moment(value: object, field: str) -> datetime:
    """A date (midnight UTC) or a time with its offset, in UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value) if len(value) > 10 else date.fromisoformat(value)
        except ValueError:
            value = None
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            try:
                return value.astimezone(UTC)
            except OverflowError:  # the first or last day of the calendar, in another zone
                pass
    elif isinstance(value, date):
        return datetime.combine(value, time.min, tzinfo=UTC)
    raise InvalidInput(
        f"{field} must be a date (2025-02-01) or a time with its offset (2025-02-01T00:00:00Z).",
        field=field,
    )
