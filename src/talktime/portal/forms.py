"""What a form may bring, so that taking it apart neither fails nor keeps anybody else waiting."""

from typing import Any, Final

from litestar import Request
from litestar.enums import RequestEncodingType

from talktime.core.errors import InvalidInput

FORM_BYTES_MAX: Final = 64 * 1024
"""Of any request to the pages; the longest form has a refund's reason, a fiftieth of it."""
FIELDS_MAX: Final = 100


async def check_body(request: Request[Any, Any, Any]) -> None:
    """Raise InvalidInput for what no form of ours sends, before it is taken apart: parts, in which
    anything may be; and more fields, since a body full of empty ones costs twenty times what
    reading it does."""
    if request.content_type[0] == RequestEncodingType.MULTI_PART:
        raise InvalidInput(
            "this form was sent in parts (multipart/form-data), as none of ours is; send it as "
            "application/x-www-form-urlencoded"
        )
    if (await request.body()).count(b"&") >= FIELDS_MAX:
        raise InvalidInput(
            f"this form has more than {FIELDS_MAX} fields, which none of ours has; reload the "
            "page and try again"
        )
