"""One connection to an endpoint: a request at a time over HTTP/1.1, its answer read to a bound.

A delivery needs a status and nothing else. A client made for everything took more of our processor
than the rest of a delivery together; the parser here is the one the server itself reads by.
"""

import asyncio
from typing import Final, cast

import httptools

HEAD_BYTES_MAX: Final = 64 * 1024
RESPONSE_BYTES_MAX: Final = 128 * 1024
"""The status is what counts; so much is read for the connection to be used again."""
DRAIN_SECONDS: Final = 1.0
"""How long the rest of an answer is waited for once its status is known."""


class NotHttp(Exception):
    """What came back is not HTTP, or nothing did."""


class BrokeOff(Exception):
    """The connection ended by a failure; its cause is the network's."""


class Wire(asyncio.Protocol):
    """A connection that is open or was; ``post`` is awaited by one task at a time."""

    def __init__(self) -> None:
        self.is_open = False
        self.has_heard = False
        """Whether anything of the last answer came: if not, it may not have been an answer's end
        but that of a connection kept open for too long."""
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[int] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._status = 0
        self._read = 0
        self._head = 0
        self._timer: asyncio.TimerHandle | None = None

    async def post(self, request: bytes) -> int:
        """Send a whole request; the status of its answer. Raises NotHttp, BrokeOff.

        Afterwards ``is_open`` says whether another can be sent.
        """
        assert self._transport is not None
        self._parser = httptools.HttpResponseParser(self)
        self._status = self._read = self._head = 0
        self.has_heard = False
        self._answer = self._loop.create_future()
        if not self.is_open:
            self._answer.set_exception(BrokeOff())
        else:
            self._transport.write(request)
        try:
            return await self._answer
        except BaseException:
            self.close()
            raise
        finally:
            self._answer = None
            self.wake()

    def rest(self, seconds: float) -> None:
        """Close if no request comes for so long."""
        self._timer = self._loop.call_later(seconds, self.close)

    def wake(self) -> None:
        """End a rest."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """Close at once; what was not sent yet is not."""
        self.is_open = False
        self.wake()
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop has its own class for it
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():
            self.close()  # nobody asked
            return
        self.has_heard = True
        self._read += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._end(NotHttp())
        else:
            if self._answer.done():
                return
            if self._read > (RESPONSE_BYTES_MAX if self._status else HEAD_BYTES_MAX):
                self._end(NotHttp())
            elif self._status and self._timer is None:
                self._timer = self._loop.call_later(DRAIN_SECONDS, self._end, NotHttp())

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        self.wake()
        if exc is None:
            self._end(NotHttp())
        else:
            failure = BrokeOff()
            failure.__cause__ = exc
            self._end(failure)

    def on_message_begin(self) -> None:
        if self._answer is None or self._answer.done():
            self._hang_up()  # more than one answer to one request

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head += len(name) + len(value)
        if self._head > HEAD_BYTES_MAX:
            raise NotHttp

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200 or status == 101:  # the others announce an answer
            self._status = status

    def on_message_complete(self) -> None:
        if self._status and self._answer is not None and not self._answer.done():
            if not self._parser.should_keep_alive():
                self._hang_up()
            self._answer.set_result(self._status)

    def _end(self, failure: Exception) -> None:
        """No more of the answer is waited for: it has the status that came, or is none."""
        self._hang_up()
        if self._answer is None or self._answer.done():
            return
        if self._status:
            self._answer.set_result(self._status)
        else:
            self._answer.set_exception(failure)

    def _hang_up(self) -> None:
        if self.is_open:
            self.close()
