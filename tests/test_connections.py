"""What a connection may hold up, and whose address is believed."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from litestar import Litestar, Request, get

from talktime import connections, serve


@get("/")
async def say_where_from(request: Request[None, None, None]) -> str:
    assert request.client is not None
    return f"from {request.client.host}"


@asynccontextmanager
async def listening() -> AsyncIterator[int]:
    """A server set up as ours is; its port."""
    app = Litestar([say_where_from], openapi_config=None, logging_config=None)
    server = uvicorn.Server(serve._uvicorn_config(app))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        async with asyncio.timeout(10):
            while not server.started:  # noqa: ASYNC110 - nothing tells it
                await asyncio.sleep(0.01)
        yield listener.getsockname()[1]
        server.should_exit = True
        await serving


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nA"])
async def test_a_head_has_its_time(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes too long over the head of a request is hung up on, also after another one."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    whole = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    async with listening() as port, asyncio.timeout(5):
        for before in (b"", whole) if sent else (b"",):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(before + sent)
            answer = await reader.read()
            writer.close()
            assert answer.count(b"200 OK") == bool(before)


async def test_a_patient_caller_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection stays open between two requests for longer than a head may take."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.1)
    async with listening() as port, asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readuntil(b"from 127.0.0.1")
            await asyncio.sleep(0.3)
        writer.close()


async def test_an_address_is_not_made_up() -> None:
    """Where a request comes from is told by its connection, not by what it says of itself."""
    async with listening() as port, asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 10.0.0.1\r\nConnection: close\r\n\r\n"
        )
        assert b"from 127.0.0.1" in await reader.read()
        writer.close()
