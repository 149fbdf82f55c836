"""Characters that nobody types: refused for all pages at once, before a page looks at anything.

The database refuses some of them, and what it refuses would look like a fault of ours.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from litestar import Request
from litestar.exceptions import NotFoundException

from talktime.core.errors import InvalidInput

_IN_PATHS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_IN_VALUES: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Tabs and ends of lines stand in what is typed over several lines, or copied."""


async def check_address(request: Request[Any, Any, Any]) -> None:
    """Look at an address before its page does: a path with such a character leads nowhere.

    Raises NotFoundException; InvalidInput for what is asked behind the path.
    """
    if _IN_PATHS.search(request.scope["path"]):
        raise NotFoundException
    for name, value in request.query_params.multi_items():
        if _IN_VALUES.search(name) or _IN_VALUES.search(value):
            raise InvalidInput(
                "this address has a character in it that cannot be printed; go to the page by the "
                "links of another"
            )


def check_fields(fields: Mapping[str, str]) -> None:
    """Raise InvalidInput for a form that has such a character."""
    for name, value in fields.items():
        if _IN_VALUES.search(name) or _IN_VALUES.search(value):
            raise InvalidInput(
                "what was entered has a character in it that cannot be printed, copied along "
                "perhaps; go back, type it anew and send it again"
            )
