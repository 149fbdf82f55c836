"""Taking in a request's body, for as long as that may take.

A body that trickles in would hold a place for as long as its sender likes; one that breaks off is
no fault of ours, and must not look like one in the log.
"""

import asyncio
from typing import Final

from litestar.types import HTTPReceiveMessage, HTTPScope, Receive

from talktime.api.problems import CallerGone, TooSlow

BODY_SECONDS: Final = 10.0
"""Within which a whole body must be here: 2 MiB over a slow line."""

_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Intake:
    """A request's ``receive``, bounded in time until the body is whole.

    Raises TooSlow, and CallerGone where the caller hangs up before that. Whoever goes on receiving
    afterwards, to hear of a hang-up, may wait as long as they like.
    """

    __slots__ = ("_is_over", "_is_whole", "_receive", "_until")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._is_whole = False
        self._is_over = False
        self._until = asyncio.get_running_loop().time() + BODY_SECONDS

    async def __call__(self) -> HTTPReceiveMessage:
        if self._is_whole:
            return await self._receive()  # type: ignore[return-value]  # websockets go elsewhere
        task = asyncio.current_task()
        assert task is not None
        # What asyncio.timeout does, at a third of its price: this is in the way of every report.
        timer = asyncio.get_running_loop().call_at(self._until, self._give_up, task)
        try:
            message = await self._receive()
        except asyncio.CancelledError:
            if not self._is_over or task.uncancel():
                raise
            raise TooSlow(
                f"the body did not come within {BODY_SECONDS:g} seconds; send it again"
            ) from None
        finally:
            timer.cancel()
        if message["type"] != "http.request":
            raise CallerGone
        self._is_whole = not message.get("more_body")
        return message

    def _give_up(self, task: "asyncio.Task[object]") -> None:
        self._is_over = True
        task.cancel()


def bounded(scope: HTTPScope, receive: Receive) -> Receive:
    """``receive`` for a request: bounded where its method brings a body."""
    return Intake(receive) if scope["method"] in _WITH_BODY else receive
