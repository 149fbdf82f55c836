"""What a handler says about itself: who may call it, what it takes and answers, how it refuses.

The guard reads the scope from it, /openapi.json is made of all of them.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from talktime.api.problems import RateLimited
from talktime.core.errors import (
    Forbidden,
    InvalidInput,
    Overloaded,
    TalktimeError,
    Unauthenticated,
)
from talktime.ops.keys import Scope

ALWAYS_REFUSED_WITH: Final = (InvalidInput, Unauthenticated, Forbidden, RateLimited, Overloaded)


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """One operation of the API."""

    scope: Scope
    answers: Mapping[int, object]
    """The type of the JSON body per status of success; None for an answer without a body."""
    body: object = None
    query: type[msgspec.Struct] | None = None
    """Its members are the parameters of the query string."""
    refusals: tuple[type[TalktimeError], ...] = ()
    """Beside those that every operation has."""
    media: Mapping[str, str] = {}
    """Other media types of a success, each with a sentence."""


def described(
    *,
    scope: Scope,
    answers: Mapping[int, object],
    body: object = None,
    query: type[msgspec.Struct] | None = None,
    refusals: tuple[type[TalktimeError], ...] = (),
    media: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The ``opt`` of a route handler. Its docstring's first line is the summary."""
    description = Description(
        scope=scope,
        answers=answers,
        body=body,
        query=query,
        refusals=refusals,
        media=media or {},
    )
    return {"description": description}
