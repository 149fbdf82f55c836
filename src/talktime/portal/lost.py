"""Addresses at which a browser finds nothing: a page that says so, or the page it came from."""

import re
from collections.abc import Callable
from typing import Any, Final

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.response import Redirect
from litestar.routes import HTTPRoute

from talktime.portal.refusals import refusal_page
from talktime.portal.rendering import PAGE_HEADERS, Pages

FOR_PROGRAMS: Final = ("/v1", "/hooks", "/metrics", "/healthz", "/openapi.json")
"""Below these a browser, too, is answered as a program is."""

AnswerLost = Callable[[Request[Any, Any, Any], HTTPException], Response[Any] | None]


def answer_lost(pages: Pages) -> AnswerLost:
    """What answers a browser that asked for nothing that there is; None for anybody else.

    An address that takes a form but shows nothing, as it stands in the browser after a refusal,
    leads to the page above it.
    """

    def answer(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any] | None:
        path = request.scope["path"]
        if (
            error.status_code not in {404, 405}
            or "text/html" not in request.headers.get("accept", "")
            or any(path == one or path.startswith(f"{one}/") for one in FOR_PROGRAMS)
        ):
            return None
        if error.status_code == 405 and request.method == "GET":
            above = _page_above(request, path)
            return Redirect(f"{pages.base}{above}", status_code=303, headers=dict(PAGE_HEADERS))
        return refusal_page(pages, request, error.status_code, _WHY.get(error.status_code, ""))

    return answer


_WHY: Final = {404: "No page has this address: it may be mistyped, or of another time"}


def _page_above(request: Request[Any, Any, Any], path: str) -> str:
    shown = [
        re.compile(re.sub(r"\\\{[^/]*?\\\}", "[^/]+", re.escape(route.path_format)))
        for route in request.app.routes
        if isinstance(route, HTTPRoute) and "GET" in route.methods
    ]
    while path != "/":
        path = path.rstrip("/").rpartition("/")[0] or "/"
        if any(one.fullmatch(path) for one in shown):
            return path
    return path
