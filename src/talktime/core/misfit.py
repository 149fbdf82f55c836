"""What a struct did not take, in words of ours: the member by its path, and what would be right.

msgspec tells the place of a mistake only in its message, and never which words there are.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from msgspec import inspect

from talktime.core.errors import InvalidAmount, InvalidInput, InvalidQuantity

_PLACE: Final = re.compile(r"^(?P<what>.*?)(?: - at `(?:key in )?\$(?P<path>.*)`)?$", re.DOTALL)
_MEMBER: Final = re.compile(r"(?:required|unknown) field `(?P<name>[^`]*)`")
_STEP: Final = re.compile(r"[^.\[\]]+")
_NO_CHOICE: Final = "Invalid enum value"
_NAME_SHOWN_MAX: Final = 60


def misfit(error: msgspec.ValidationError, wanted: Any) -> InvalidInput:
    """The refusal that names the member which ``wanted``, a type, did not take."""
    match = _PLACE.match(str(error))
    assert match is not None
    what, field = match["what"], (match["path"] or "").lstrip(".")
    if (member := _MEMBER.search(what)) is not None:
        field = ".".join(filter(None, [field, member["name"][:_NAME_SHOWN_MAX]]))
        missing = "required" in member[0]
        return InvalidInput(
            f"{field} is missing" if missing else f"{field} is not known here", field=field
        )
    kind: type[InvalidInput] = InvalidInput
    if what.startswith(_NO_CHOICE):
        # What was sent instead stays out: it may be as long as the body.
        choices = _choices(inspect.type_info(wanted), _STEP.findall(field))
        what = f"not one that is known; use one of {', '.join(choices)}"
    field = field.replace("[...]", "")
    if field.endswith("quantities"):
        kind = InvalidQuantity
    elif field.endswith("provider_cost"):
        kind = InvalidAmount
        what += '; amounts are strings with USD, such as "0.052"'
    where = field or "the body"
    return kind(f"{where}: {what[:1].lower()}{what[1:]}", field=field or None)


def _choices(wanted: inspect.Type, steps: Sequence[str]) -> Iterator[str]:
    """The words that are taken at a place within a type."""
    if isinstance(wanted, inspect.UnionType):
        for one in wanted.types:
            yield from _choices(one, steps)
    elif isinstance(wanted, inspect.ListType):
        yield from _choices(wanted.item_type, steps[1:])
    elif isinstance(wanted, inspect.StructType):
        for member in wanted.fields:
            if steps[:1] == [member.encode_name]:
                yield from _choices(member.type, steps[1:])
    elif isinstance(wanted, inspect.EnumType):
        yield from (str(member.value) for member in wanted.cls)
    elif isinstance(wanted, inspect.LiteralType):
        yield from map(str, wanted.values)
