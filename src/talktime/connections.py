"""Connections to the server, bounded in what they may hold up.

uvicorn waits for the head of a request for as long as the connection is open, so whoever sends one
slowly, or none at all, would keep a place for nothing. (api.intake bounds what follows the head.)
"""

from asyncio import AbstractEventLoop, TimerHandle, Transport
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from talktime.api.bodies import encode
from talktime.api.limits import BODY_BYTES_MAX
from talktime.api.problems import MEDIA_TYPE, problem

HEAD_SECONDS: Final = 10.0
"""Within which the whole head of a request must be here, from its first byte on; and the first
byte, from the connection on; and what a request still owes, and the next head, from an answer on
that went before it was whole."""
HEAD_BYTES_MAX: Final = 64 * 1024
"""Of the head of one request, and of its trailers. The parser puts a long name or value together
anew with every piece that comes: without a limit, a hundred megabytes of one keep everybody else
waiting for seconds."""

REQUEST_BYTES_MAX: Final = 4 * BODY_BYTES_MAX
"""Of a whole request, answered by then or not: room for a body cut in many small chunks."""

_HEAD: Final = b"HTTP/1."
_TOO_LARGE: Final = (
    f"the head of a request may have {HEAD_BYTES_MAX // 1024} KiB; send shorter headers"
)


class Outlet:
    """A transport that sends the head of an answer with the body that follows it at once.

    uvicorn writes them one after the other; each write is a system call here, and a packet that
    the caller has to take up by itself.
    """

    def __init__(self, transport: Transport, loop: AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""
        # What else a transport does is done by it.
        self.get_extra_info = transport.get_extra_info
        self.is_closing = transport.is_closing
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading
        self.set_protocol = transport.set_protocol

    def write(self, data: bytes) -> None:
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(_HEAD):
            # Where nothing follows at once it goes alone; the same for a body that looks like one.
            self._head = data
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def _flush(self) -> None:
        # Whoever hung up meanwhile gets no answer.
        if self._head and not self._transport.is_closing():
            self._transport.write(self._head)
        self._head = b""


class Connection(HttpToolsProtocol):
    """uvicorn's, hung up where a request takes too long to come, or is larger than any."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._awaits_head = True
        self._request_bytes = 0
        # Since a head or a piece of a body was last here: what the next head has, or trailers.
        self._field_bytes = 0
        self._head_timer: TimerHandle | None = None
        self._answering: RequestResponseCycle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(Outlet(transport, self.loop))  # type: ignore[arg-type]
        self._watch()

    def data_received(self, data: bytes) -> None:
        self._request_bytes += len(data)
        self._field_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._request_bytes > REQUEST_BYTES_MAX:
            self.transport.close()
        elif self._field_bytes > HEAD_BYTES_MAX:
            if self._awaits_head:
                self._refuse_head()
            else:
                self.transport.close()
        # Nearly always the head came as a whole, and nothing needs to be watched.
        elif self._awaits_head and self._head_timer is None:
            self._watch()

    def on_message_begin(self) -> None:
        self._awaits_head = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        # Trailers come here, too, and are none of the request's headers.
        if self._awaits_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._awaits_head = False
        self._field_bytes = 0
        self._unwatch()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._field_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        # What begins in the same piece is not counted until the next.
        self._request_bytes = self._field_bytes = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # Hung up on at once, whoever is still sending might never read the answer.
        if self.cycle.response_complete and self.cycle.more_body:
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        # uvicorn tells the latest request; the one being answered may be an earlier one.
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def _refuse_head(self) -> None:
        body = encode(problem(431, "head_too_large", _TOO_LARGE))
        self.transport.write(
            b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
            b"content-type: %s\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"
            % (MEDIA_TYPE.encode(), len(body), body)
        )
        self.transport.close()

    def _watch(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _unwatch(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
