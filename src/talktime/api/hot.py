"""A shorter way for the three requests that come most.

The framework's router, request, response and their wrappers cost about as much as the act itself.
Here a request is told by its path, its key is looked up, its body read, and the act's answer sent.
Whatever is not one of the three, or is spelt unusually, goes the ordinary way.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

import msgspec
import structlog
from litestar.types import HTTPScope, Receive, Send

from talktime.api.acts import Acts
from talktime.api.auth import KeyRing, bearer_token, client_address
from talktime.api.intake import Intake
from talktime.api.limits import BODY_BYTES_MAX
from talktime.api.metrics import API_HEADERS, Metrics
from talktime.api.problems import (
    MEDIA_TYPE,
    BodyTooLarge,
    CallerGone,
    headers_of,
    internal,
    log_unexpected,
    problem_of,
    status_of,
)
from talktime.core.errors import TalktimeError
from talktime.ops import keys

log = structlog.get_logger(__name__)

Reply = tuple[int, bytes]
"""Status and JSON."""

Act = Callable[[Acts, str, str, bytes], Awaitable[Reply]]
"""(acts, account_id, call_id, body) → reply; the ids are "" where the path has none."""

Headers = Sequence[tuple[bytes, bytes]]

_JSON: Final = (b"content-type", b"application/json")
_PROBLEM: Final = (b"content-type", MEDIA_TYPE.encode())


class HotRoute(msgspec.Struct, frozen=True, kw_only=True):
    """One of the three. Its path is that of START, or ends in what is done to a call."""

    method: str
    path: str
    scope: keys.Scope
    act: Act


class HotLane:
    """Serves the hot routes; one per application."""

    def __init__(
        self, routes: Iterable[HotRoute], *, acts: Acts, key_ring: KeyRing, metrics: Metrics
    ) -> None:
        self._acts = acts
        self._key_ring = key_ring
        self._metrics = metrics
        self._by_path: dict[tuple[str, str], HotRoute] = {}
        for route in routes:
            last = route.path.rpartition("/")[2]
            self._by_path[route.method, last if "{" in route.path else route.path] = route

    def find(self, scope: HTTPScope) -> tuple[HotRoute, str, str] | None:
        """The hot route a request is for, with account_id and call_id from its path."""
        path = scope["path"]
        route = self._by_path.get((scope["method"], path))
        if route is not None:
            return route, "", ""
        parts = path.split("/")
        if len(parts) != 7 or path[:13] != "/v1/accounts/" or parts[4] != "calls":
            return None
        route = self._by_path.get((scope["method"], parts[6]))
        if route is None or not parts[3] or not parts[5]:
            return None
        return route, parts[3], parts[5]

    async def serve(
        self, found: tuple[HotRoute, str, str], scope: HTTPScope, receive: Receive, send: Send
    ) -> None:
        """Answer a request that ``find`` knew."""
        route, account_id, call_id = found
        try:
            status, body, headers = await self._reply(route, account_id, call_id, scope, receive)
        except CallerGone:
            log.debug("the caller hung up", method=route.method, route=route.path)
            return
        self._metrics.count_request(route.method, route.path, status)
        await _send(send, status, body, (*headers, *API_HEADERS))

    async def _reply(
        self, route: HotRoute, account_id: str, call_id: str, scope: HTTPScope, receive: Receive
    ) -> tuple[int, bytes, Headers]:
        try:
            headers = scope["headers"]
            token = bearer_token(headers)
            principal = self._key_ring.remembered(token)
            if principal is None:
                principal = await self._key_ring.principal_of(token, client_address(scope))
            principal.require(route.scope, account_id or None)
            body = await _read(headers, receive)
            status, content = await route.act(self._acts, account_id, call_id, body)
        except TalktimeError as error:
            self._metrics.count_refusal(error.code)
            more = [(name.encode(), value.encode()) for name, value in headers_of(error).items()]
            problem = msgspec.json.encode(problem_of(error))
            return status_of(type(error)), problem, (_PROBLEM, *more)
        except CallerGone:
            raise
        except Exception as error:  # noqa: BLE001 - the edge: it is logged and answered
            log_unexpected(route.method, route.path, error)
            return 500, msgspec.json.encode(internal()), (_PROBLEM,)
        return status, content, (_JSON,)


async def _read(headers: Iterable[tuple[bytes, bytes]], receive: Receive) -> bytes:
    for name, value in headers:
        if name == b"content-length" and (not value.isdigit() or int(value) > BODY_BYTES_MAX):
            raise _too_large()
    whole = b""
    intake = Intake(receive)
    while True:
        message = await intake()
        assert message["type"] == "http.request"
        whole = whole + message["body"] if whole else message["body"]
        if len(whole) > BODY_BYTES_MAX:
            raise _too_large()
        if not message.get("more_body"):
            return whole


def _too_large() -> BodyTooLarge:
    return BodyTooLarge("the body is larger than 2 MiB; send less at once")


async def _send(send: Send, status: int, body: bytes, headers: Headers) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body, "more_body": False})
