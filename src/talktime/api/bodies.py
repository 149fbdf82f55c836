"""Request bodies and query strings read into structs; what does not fit is refused with its path.

JSON is decoded straight into the struct, so that a number keeps every digit it was sent with.
"""

import re
from collections.abc import Hashable, Mapping
from enum import StrEnum
from functools import cache
from typing import Any, Final, TypeVar, cast

import msgspec
from litestar import Request, Response

from talktime.api.problems import MalformedJson
from talktime.core.call import BillingStatus, Outcome
from talktime.core.errors import InvalidAmount, InvalidInput, InvalidQuantity
from talktime.core.ledger import EntryKind
from talktime.core.member import Role
from talktime.core.ratecard import Channel

T = TypeVar("T")

# msgspec does not tell what would have been right.
_CHOICES: Final[Mapping[str, type[StrEnum]]] = {
    "channel": Channel,
    "outcome": Outcome,
    "billing_status": BillingStatus,
    "kind": EntryKind,
    "role": Role,
}

# msgspec tells the place of a mistake only in its message.
_PLACE: Final = re.compile(r"^(?P<what>.*?)(?: - at `(?:key in )?\$(?P<path>.*)`)?$", re.DOTALL)
_MEMBER: Final = re.compile(r"(?:required|unknown) field `(?P<name>[^`]*)`")

encode: Final = msgspec.json.Encoder().encode
"""A value as JSON."""


async def read_body(request: Request[Any, Any, Any], body_type: type[T]) -> T:
    """The JSON body as ``body_type``. Raises MalformedJson, or InvalidInput naming the field."""
    return decode_body(await request.body(), body_type)


def decode_body(body: bytes | msgspec.Raw, body_type: type[T]) -> T:
    """As read_body, from bytes."""
    decoded: T
    try:
        decoded = _decoder(cast("Hashable", body_type)).decode(body)
    except msgspec.ValidationError as error:
        raise invalid(error) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        detail = "the body is not valid JSON" if body else "the body is empty; send a JSON object"
        raise MalformedJson(detail) from error
    return decoded


def read_query(request: Request[Any, Any, Any], query_type: type[T]) -> T:
    """The query string as ``query_type``: one value per member. Raises InvalidInput."""
    values: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in values:
            raise InvalidInput(f"{name[:40]} is given twice", field=name[:40])
        values[name] = value
    return convert_query(values, query_type)


def convert_query(values: Mapping[str, str], query_type: type[T]) -> T:
    """As read_query, from a mapping."""
    try:
        return msgspec.convert(values, query_type, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(error) from error


def answer(value: object, status: int = 200) -> Response[bytes]:
    """A JSON answer."""
    return Response(encode(value), status_code=status, media_type="application/json")


def invalid(error: msgspec.ValidationError) -> InvalidInput:
    """The refusal that names the member which a struct did not take."""
    match = _PLACE.match(str(error))
    assert match is not None
    what, field = match["what"], (match["path"] or "").lstrip(".")
    if (member := _MEMBER.search(what)) is not None:
        field = ".".join(filter(None, [field, member["name"][:60]]))
        missing = "required" in member[0]
        return InvalidInput(
            f"{field} is missing" if missing else f"{field} is not known here", field=field
        )
    field = field.replace("[...]", "")
    kind: type[InvalidInput] = InvalidInput
    if field.endswith("quantities"):
        kind = InvalidQuantity
    elif field.endswith("provider_cost"):
        kind = InvalidAmount
        what += '; amounts are strings with USD, such as "0.052"'
    elif what.startswith("Invalid enum value") and (
        choices := _CHOICES.get(field.rpartition(".")[2])
    ):
        what += f"; use one of {', '.join(choices)}"
    where = field or "the body"
    return kind(f"{where}: {what[:1].lower()}{what[1:]}", field=field or None)


@cache
def _decoder(body_type: Hashable) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(body_type)
