"""A receiver of webhooks: a real server that believes nothing but a right signature."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook

Json = dict[str, Any]


class Receiver:
    """What came, verified by the convention's own library; how it answers can be set."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/hook"
        self.secrets: list[str] = []
        self.bodies: list[Json] = []
        self.ids: list[str] = []
        self.refused: list[Json] = []
        self.headers: list[dict[str, str]] = []
        self.status: Callable[[Json], int] = lambda _: 204
        self.is_elsewhen = False
        """The sender lives in another time than ours: whether it signed well is judged by its."""
        self.pause_seconds = 0.0
        self.held: asyncio.Event | None = None
        self.held_after = 0
        """Once so many were taken, no request is answered before ``held`` is set."""
        self.connections = 0
        self.under_way = 0
        self.most_under_way = 0

    def told(self, *kinds: str) -> list[Json]:
        """The bodies of some types that were taken."""
        return [body for body in self.bodies if body["type"] in kinds]

    async def until(self, count: int, *, seconds: float = 20) -> None:
        """Wait until so many were taken."""
        async with asyncio.timeout(seconds):
            while len(self.bodies) < count:  # noqa: ASYNC110 - requests come by themselves
                await asyncio.sleep(0.01)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests on one connection."""
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = dict(line.split(": ", 1) for line in head[1:] if line)
                lower = {name.lower(): value for name, value in headers.items()}
                content = await reader.readexactly(int(lower["content-length"]))
                self.under_way += 1
                self.most_under_way = max(self.most_under_way, self.under_way)
                try:
                    await asyncio.sleep(self.pause_seconds)
                    if self.held is not None and len(self.bodies) >= self.held_after:
                        await self.held.wait()
                    status = self.take(lower, content)
                finally:
                    self.under_way -= 1
                location = "Location: /elsewhere\r\n" if 300 <= status < 400 else ""
                writer.write(f"HTTP/1.1 {status} X\r\n{location}Content-Length: 0\r\n\r\n".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def take(self, headers: dict[str, str], content: bytes) -> int:
        for secret in self.secrets:
            if self.is_elsewhen:
                at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
                signed = Webhook(secret).sign(headers["webhook-id"], at, content.decode())
                assert signed in headers["webhook-signature"].split()
            else:
                Webhook(secret).verify(content, headers)
        body: Json = json.loads(content)
        status = self.status(body)
        if 200 <= status < 300:
            self.bodies.append(body)
            self.ids.append(headers["webhook-id"])
            self.headers.append(headers)
        else:
            self.refused.append(body)
        return status


@asynccontextmanager
async def receiving(port: int = 0) -> AsyncIterator[Receiver]:
    """A receiver on a loopback port of its own."""
    receiver = Receiver(0)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", port)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    async with server:
        yield receiver
        server.close()
