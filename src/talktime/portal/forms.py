"""How much a form may bring, so that taking it apart keeps nobody else waiting."""

from typing import Any, Final

from litestar import Request

from talktime.core.errors import InvalidInput

FORM_BYTES_MAX: Final = 64 * 1024
"""Of any request to the pages; the longest form has a refund's reason, a fiftieth of it."""
FIELDS_MAX: Final = 100


async def check_size(request: Request[Any, Any, Any]) -> None:
    """Raise InvalidInput for more fields than any form of ours has, before they are taken apart:
    a body full of empty ones costs twenty times what reading it does."""
    if (await request.body()).count(b"&") >= FIELDS_MAX:
        raise InvalidInput(
            f"this form has more than {FIELDS_MAX} fields, which none of ours has; reload the "
            "page and try again"
        )
