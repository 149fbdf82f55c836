"""The headers of pages that another site may frame: one origin, named when the link was made.

That such a session has ended is told within any site that may frame pages.
"""

from typing import Any, Final

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from talktime.portal.visiting import FRAMED_BY

_NOBODY: Final = b"frame-ancestors 'none'"


def embedding_headers(app: ASGIApp) -> ASGIApp:
    """A middleware: the answer to a framed session names who may frame it, all others nobody."""

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        async def told(message: Message) -> None:
            state: dict[str, Any] = scope.get("state", {})
            origin = state.get(FRAMED_BY)
            if message["type"] == "http.response.start" and origin is not None:
                message["headers"] = [
                    (name, value.replace(_NOBODY, f"frame-ancestors {origin}".encode()))
                    for name, value in message["headers"]
                    if name.lower() != b"x-frame-options"
                ]
            await send(message)

        await app(scope, receive, told)

    return answered
