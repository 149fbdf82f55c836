"""Refusals as pages: what happened, why, and the one next step."""

from typing import Any, Final
from urllib.parse import quote

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from talktime.core.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    LinkUsed,
    NotFound,
    Overloaded,
    TalktimeError,
    TooManyAttempts,
    Unauthenticated,
)
from talktime.portal.access.places import sign_in_place
from talktime.portal.rendering import Pages
from talktime.portal.visiting import allow_framing, is_framed
from talktime.portal.words import sentence

logger = structlog.get_logger("talktime.portal")

_STATUS: Final = (
    (Unauthenticated, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (LinkUsed, 410),
    (Conflict, 409),
    (TooManyAttempts, 429),
    (InvalidInput, 400),
    (Overloaded, 503),
)

_TITLES: Final = {
    400: "That address does not work",
    401: "You are signed out",
    403: "That was not done",
    404: "There is nothing here",
    405: "That was not done",
    409: "That was not done",
    410: "This link no longer works",
    413: "That was too much at once",
    429: "A little too often",
    503: "Just a moment",
}

# A refusal of kind 403 says itself whom to ask, or what to do.
_NEXT: Final = {
    401: "Sign in with your e-mail address.",
    410: "Ask for a new link by e-mail.",
    413: "Go back, enter less and send it again.",
    429: "Wait a few minutes, then try again.",
    503: "Reload the page in a few seconds. Your balance and your calls are safe.",
    500: "Reload the page. If it happens again, tell support when it happened.",
}
_OUR_FAULT: Final = "It is our fault, not yours, and it was noted for those who mend it."
_SIGN_IN_WORDS: Final = {401: "Sign in", 410: "Get a new link"}


def refusal_pages(pages: Pages) -> ExceptionHandlersMap:
    """The exception handlers of the pages."""

    def on_refusal(request: Request[Any, Any, Any], error: TalktimeError) -> Response[str]:
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), 400)
        page = refusal_page(pages, request, status, error.message)
        if isinstance(error, TooManyAttempts):
            page.headers["Retry-After"] = str(error.retry_after)
        return page

    def on_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[str]:
        return refusal_page(pages, request, error.status_code, "")

    def on_failure(request: Request[Any, Any, Any], error: Exception) -> Response[str]:
        logger.error("a page failed", path=request.url.path, exc_info=error)
        return refusal_page(pages, request, 500, _OUR_FAULT)

    return {TalktimeError: on_refusal, HTTPException: on_http, Exception: on_failure}


def refusal_page(
    pages: Pages, request: Request[Any, Any, Any], status: int, why: str
) -> Response[str]:
    """The page of a refusal with this status; ``why`` is a sentence or the beginning of one."""
    next_step, sign_in_words = _NEXT.get(status, ""), _SIGN_IN_WORDS.get(status)
    if sign_in_words and pages.frame_origins and is_framed(request):
        # Which site frames it nobody knows any more: whoever may frame any page may frame this.
        allow_framing(request, " ".join(pages.frame_origins))
        next_step, sign_in_words = "Ask your platform to open this page again.", None
    return pages.page(
        "refusal.html",
        status_code=status,
        title=_title(status, request.method),
        why=sentence(why),
        next_step=next_step,
        sign_in_words=sign_in_words,
        sign_in_place=sign_in_place(_asked(request, pages.base)) if status == 401 else "/sign-in",
        has_links=status not in {401, 410},
    )


def _title(status: int, method: str) -> str:
    if status == 400 and method == "POST":
        status = 409  # it is the form that does not work, not its address
    return _TITLES.get(status, "Something went wrong")


def _asked(request: Request[Any, Any, Any], base: str) -> str:
    """The page that was asked for, to go on to after signing in."""
    if request.method != "GET":
        return ""
    query = request.url.query
    path = quote(request.url.path.removeprefix(base), safe="/~!$&'()*+,;=:@")
    return path + (f"?{query}" if query else "")
