"""Days that people choose in a form."""

from collections.abc import Mapping
from datetime import date


def read_day(fields: Mapping[str, str], name: str, errors: dict[str, str]) -> date | None:
    """The day that a field has; None where it is empty, or is none: then ``errors`` says so."""
    text = fields.get(name, "")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        errors[name] = "This is no day. Write it as 2026-11-23."
        return None
