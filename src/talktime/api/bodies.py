"""Request bodies and query strings read into structs; what does not fit is refused with its path.

JSON is decoded straight into the struct, so that a number keeps every digit it was sent with.
"""

from collections.abc import Hashable
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, Final, TypeVar, cast

import msgspec
from litestar import Request, Response

from talktime.api.limits import PAGE_DEFAULT, PAGE_MAX
from talktime.api.problems import MalformedJson
from talktime.core.errors import InvalidInput
from talktime.core.misfit import misfit
from talktime.core.one_line import check_id

T = TypeVar("T")

encode: Final = msgspec.json.Encoder().encode
"""A value as JSON."""


Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""RFC 3339 with its offset: a time without one is refused, not guessed."""


class PageQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many of a list, and from where on."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=PAGE_MAX)] = PAGE_DEFAULT
    cursor: str | None = None
    """``next_cursor`` of the page before."""

    def after(self) -> str | None:
        """The id to go on after, where a list is in the order of ids. Raises InvalidInput."""
        return None if self.cursor is None else check_id(self.cursor, "cursor")


async def read_body(request: Request[Any, Any, Any], body_type: type[T]) -> T:
    """The JSON body as ``body_type``. Raises MalformedJson, or InvalidInput naming the field."""
    return decode_body(await request.body(), body_type)


def decode_body(body: bytes | msgspec.Raw, body_type: type[T]) -> T:
    """As read_body, from bytes."""
    decoded: T
    try:
        decoded = _decoder(cast("Hashable", body_type)).decode(body)
    except msgspec.ValidationError as error:
        raise misfit(error, body_type) from error
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
    try:
        return msgspec.convert(values, query_type, strict=False)
    except msgspec.ValidationError as error:
        raise misfit(error, query_type) from error


def answer(value: object, status: int = 200) -> Response[bytes]:
    """A JSON answer."""
    return Response(encode(value), status_code=status, media_type="application/json")


def in_utc(value: Moment | None, field: str) -> datetime | None:
    """A moment as we keep it. Raises InvalidInput beyond the ends of the calendar."""
    try:
        return None if value is None else value.astimezone(UTC)
    except OverflowError as error:  # the first or last day of the calendar, in another zone
        raise InvalidInput(f"{field} is out of range", field=field) from error


@cache
def _decoder(body_type: Hashable) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(body_type)
