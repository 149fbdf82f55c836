"""Gets a request to the server and its answer back, within bounds."""

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

import httpx

from talktime_sdk._errors import Overloaded, UnexpectedAnswer, Unreachable
from talktime_sdk._retry import RetryPolicy
from talktime_sdk._wire import Request, Response, read_refusal

T = TypeVar("T")
logger = logging.getLogger("talktime_sdk")


class Delivery:
    """The one place that waits for the network."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        timeout_seconds: float,
        retries: RetryPolicy,
        dice: Callable[[], float],
    ) -> None:
        self.http = http
        self.timeout_seconds = timeout_seconds
        self.retries = retries
        self.dice = dice

    async def exchange(self, request: Request) -> Response:
        """One attempt. Raises Unreachable when no whole answer came in time."""
        try:
            # Around everything: httpx's own limits start anew with every byte that arrives.
            async with asyncio.timeout(self.timeout_seconds):
                answer = await self.http.request(
                    request.method,
                    request.path,
                    content=request.json() or None,
                    headers={"Content-Type": "application/json"} if request.body else None,
                )
        except (httpx.RequestError, TimeoutError) as trouble:
            raise Unreachable(
                f"{request.method} {request.path}: no answer from {self.http.base_url.host} "
                f"({_name(trouble)})"
            ) from trouble
        return Response(
            status=answer.status_code,
            body=answer.content,
            headers={name.lower(): value for name, value in answer.headers.items()},
        )

    async def deliver(
        self,
        request: Request,
        read: Callable[[Response], T],
        *,
        retries: RetryPolicy | None = None,
    ) -> T:
        """Bounded attempts of the same request until ``read`` makes something of the answer.

        Raises what the last attempt met: Unreachable, Overloaded or UnexpectedAnswer; a Refusal
        that trying again cannot change is raised at once.
        """
        policy = retries or self.retries
        lost = False
        failures = 0
        while True:
            retry_after = None
            trouble: Exception
            try:
                response = await self.exchange(request)
                response = Response(
                    status=response.status,
                    body=response.body,
                    headers=response.headers,
                    after_lost_answer=lost,
                )
                if response.status not in policy.statuses:
                    return read(response)
                trouble = read_refusal(response)
                retry_after = trouble.retry_after if isinstance(trouble, Overloaded) else None
            except Unreachable as unreachable:
                trouble = unreachable
                lost = True
            except UnexpectedAnswer as unexpected:
                # A success that cannot be read may be a proxy's doing, and gone the next time.
                if not 200 <= unexpected.status < 300:
                    raise
                trouble = unexpected
                lost = True
            failures += 1
            if policy.gives_up(failures, retry_after=retry_after):
                raise trouble
            pause = policy.pause(failures, dice=self.dice, retry_after=retry_after)
            logger.debug("attempt %d failed (%s); again in %.2f s", failures, trouble, pause)
            await asyncio.sleep(pause)


def _name(trouble: Exception) -> str:
    # A protocol error may quote the request's headers, and with them the key.
    told = "" if isinstance(trouble, httpx.ProtocolError) else str(trouble)
    return f"{type(trouble).__name__}: {told}" if told else type(trouble).__name__
