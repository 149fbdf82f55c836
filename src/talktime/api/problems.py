"""Refusals as problem+json (RFC 9457): one table from domain errors to status codes.

Every answer that is not a success has the members type, title, status, detail and code; ``field``
where a part of the input is wrong; and the facts that the refusal brought.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from talktime.api.metrics import Metrics
from talktime.core.errors import (
    AccountSuspended,
    Conflict,
    Forbidden,
    Gone,
    InsufficientCredits,
    InvalidInput,
    NotFound,
    Overloaded,
    Refused,
    TalktimeError,
    TooManyAttempts,
    Unauthenticated,
)

log = structlog.get_logger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
RETRY_SECONDS: Final = 1
"""What a caller who was turned away for load should wait at least."""


class MalformedJson(InvalidInput):
    """The body is not JSON."""

    code = "malformed_json"


class BodyTooLarge(InvalidInput):
    """The body is over the limit."""

    code = "body_too_large"


class TooSlow(InvalidInput):
    """The body did not come in time."""

    code = "too_slow"


class CallerGone(Exception):
    """Whoever asked hung up before the whole request was here; no fault, and nobody to answer."""


class RateLimited(TalktimeError):
    """Too many wrong keys from one address; ``retry_after`` is in seconds."""

    code = "rate_limited"

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


STATUS: Final[Mapping[type[TalktimeError], int]] = {
    InvalidInput: 400,
    TooSlow: 408,
    BodyTooLarge: 413,
    Unauthenticated: 401,
    InsufficientCredits: 402,
    Forbidden: 403,
    AccountSuspended: 403,
    Refused: 403,
    NotFound: 404,
    Conflict: 409,
    Gone: 410,
    RateLimited: 429,
    TooManyAttempts: 429,
    Overloaded: 503,
}

# What the framework itself refuses, before a handler runs.
_FRAMEWORK_CODES: Final = {
    400: "invalid_input",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: BodyTooLarge.code,
    429: RateLimited.code,
}


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a request was refused. Some codes bring further members, such as ``startable``."""

    type: str
    """``urn:talktime:problem:`` and the code."""
    title: str
    status: int
    detail: str
    code: str
    """Stable, for programs."""
    field: str | None = None
    """The part of the input that is wrong, such as ``lines[0].quantities.characters``."""


def status_of(error: type[TalktimeError]) -> int:
    """The HTTP status of a class of refusals: its own, or that of its nearest ancestor."""
    return next((STATUS[known] for known in error.__mro__ if known in STATUS), 500)


def problem_of(error: TalktimeError) -> dict[str, object]:
    """A refusal in wire form."""
    members = problem(status_of(type(error)), error.code, error.message)
    if error.field is not None:
        members["field"] = error.field
    return members | {name: fact for name, fact in error.facts.items() if name not in members}


def problem(status: int, code: str, detail: str) -> dict[str, object]:
    """The members that every problem has."""
    return {
        "type": f"urn:talktime:problem:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
    }


def headers_of(error: TalktimeError) -> dict[str, str]:
    """What else the answer must say: how to authenticate, when to come back."""
    if isinstance(error, Unauthenticated):
        return {"www-authenticate": 'Bearer realm="talktime"'}
    if isinstance(error, RateLimited | TooManyAttempts):
        return {"retry-after": str(error.retry_after)}
    if isinstance(error, TooSlow):
        return {"connection": "close"}
    if isinstance(error, Overloaded):
        return {"retry-after": str(RETRY_SECONDS)}
    return {}


def refuse(request: Request[Any, Any, Any], error: TalktimeError) -> Response[bytes]:
    """Answer a domain refusal."""
    metrics: Metrics = request.app.state.metrics
    metrics.count_refusal(error.code)
    return _response(problem_of(error), headers_of(error))


def refuse_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Answer what the framework refused; its words are not ours, so only the status is kept."""
    status = error.status_code
    if status >= 500:
        return refuse_unexpected(request, error)
    code = _FRAMEWORK_CODES.get(status, "refused")
    detail = {
        404: "there is nothing at this address; see /openapi.json for what there is",
        405: f"{request.method} is not possible here; the Allow header says what is",
        413: "the body is larger than 2 MiB; send less at once",
    }.get(status, HTTPStatus(status).phrase)
    headers = {"allow": error.headers["allow"]} if error.headers and status == 405 else {}
    return _response(problem(status, code, detail), headers)


def bid_farewell(request: Request[Any, Any, Any], _: CallerGone) -> Response[bytes]:
    """Answer who has hung up, for the sake of the form."""
    log.debug("the caller hung up", method=request.method, route=request.scope.get("path_template"))
    return _response(problem(499, "caller_gone", "the connection was closed"), {})


def refuse_unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer a fault of our own: the log has it, the caller learns nothing but that."""
    log_unexpected(request.method, str(request.scope.get("path_template", "")), error)
    return _response(internal(), {})


def log_unexpected(method: str, route: str, error: BaseException) -> None:
    """Log a fault with its traceback; headers and bodies, which may hold secrets, stay out."""
    log.error(
        "unexpected error",
        method=method,
        route=route,
        exc_info=(type(error), error, error.__traceback__),
    )


def internal() -> dict[str, object]:
    """The problem of a fault of our own."""
    return problem(500, "internal", "something went wrong on our side; it was logged")


EXCEPTION_HANDLERS: Final[ExceptionHandlersMap] = {
    CallerGone: bid_farewell,
    # Named apart, so that it is answered alike beneath routers that have pages for refusals.
    TooSlow: refuse,
    TalktimeError: refuse,
    HTTPException: refuse_http,
    Exception: refuse_unexpected,
}


def _response(members: dict[str, object], headers: dict[str, str]) -> Response[bytes]:
    status = members["status"]
    assert isinstance(status, int)
    return Response(
        msgspec.json.encode(members), status_code=status, media_type=MEDIA_TYPE, headers=headers
    )
