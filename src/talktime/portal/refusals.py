"""Refusals as pages: what happened, why, and the one next step."""

from typing import Any, Final

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from talktime.core.errors import (
    Forbidden,
    InvalidInput,
    LinkUsed,
    NotFound,
    Overloaded,
    TalktimeError,
    Unauthenticated,
)
from talktime.portal.rendering import Pages

logger = structlog.get_logger("talktime.portal")

_STATUS: Final = (
    (Unauthenticated, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (LinkUsed, 410),
    (InvalidInput, 400),
    (Overloaded, 503),
)

_TITLES: Final = {
    400: "That address does not work",
    401: "You are signed out",
    403: "That was not done",
    404: "There is nothing here",
    405: "That was not done",
    410: "This link no longer works",
    503: "Just a moment",
}

_NEXT: Final = {
    401: "Open Billing from your platform again: it brings you here with a fresh link.",
    403: "Reload the page and try again.",
    410: "Open Billing from your platform again: it makes a fresh link.",
    503: "Reload the page in a few seconds. Your balance and your calls are safe.",
    500: "Reload the page. If it happens again, tell support when it happened.",
}


def refusal_pages(pages: Pages) -> ExceptionHandlersMap:
    """The exception handlers of the pages."""

    def on_refusal(_: Request[Any, Any, Any], error: TalktimeError) -> Response[str]:
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), 400)
        return _page(pages, status, error.message)

    def on_http(_: Request[Any, Any, Any], error: HTTPException) -> Response[str]:
        return _page(pages, error.status_code, "")

    def on_failure(request: Request[Any, Any, Any], error: Exception) -> Response[str]:
        logger.error("a page failed", path=request.url.path, exc_info=error)
        return _page(pages, 500, "Something went wrong on our side.")

    return {TalktimeError: on_refusal, HTTPException: on_http, Exception: on_failure}


def _page(pages: Pages, status: int, why: str) -> Response[str]:
    sentence = why[:1].upper() + why[1:] + ("" if not why or why.endswith(".") else ".")
    return pages.page(
        "refusal.html",
        status_code=status,
        title=_TITLES.get(status, "Something went wrong"),
        why=sentence,
        next_step=_NEXT.get(status, ""),
        has_links=status not in {401, 410},
    )
