"""Connections to the server, bounded in what they may hold up.

uvicorn waits for the head of a request for as long as the connection is open, so whoever sends one
slowly, or none at all, would keep a place for nothing. (api.intake bounds what follows the head.)
"""

from asyncio import TimerHandle, Transport
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS: Final = 10.0
"""Within which the whole head of a request must be here, from its first byte on; and the first
byte, from the connection on."""


class Connection(HttpToolsProtocol):
    """uvicorn's, hung up where the head of a request takes too long."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._awaits_head = True
        self._head_timer: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # Nearly always the head came as a whole, and nothing needs to be watched.
        if self._awaits_head and self._head_timer is None:
            self._watch()

    def on_message_begin(self) -> None:
        self._awaits_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._awaits_head = False
        self._unwatch()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def _watch(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _unwatch(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
