"""What a connection may hold up, and whose address is believed."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import uvicorn
from litestar import Litestar, Request, get
from litestar.datastructures import State

from talktime import connections, serve


@get("/")
async def say_where_from(request: Request[None, None, State]) -> str:
    assert request.client is not None
    return f"from {request.client.host}"


@get("/headers")
async def name_headers(request: Request[None, None, State]) -> list[str]:
    return list(request.headers)


@get("/stay")
async def stay(request: Request[None, None, State]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    request.app.state.gone.set()


@asynccontextmanager
async def listening(gone: asyncio.Event | None = None) -> AsyncIterator[int]:
    """A server set up as ours is; its port. ``gone`` is set once /stay hears of a hang-up."""
    app = Litestar(
        [say_where_from, name_headers, stay],
        openapi_config=None,
        logging_config=None,
        state=State({"gone": gone}),
    )
    server = uvicorn.Server(serve._uvicorn_config(app, ()))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        async with asyncio.timeout(10):
            while not server.started:  # noqa: ASYNC110 - nothing tells it
                await asyncio.sleep(0.01)
        try:
            yield listener.getsockname()[1]
        finally:
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


SHORT, WHOLE = b"GET / HTTP/1.1\r\nHost: x\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LONG = b"GET / HTTP/1.1\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000


CHUNKED = b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "begun",
    [
        SHORT + b"A: ",
        WHOLE + SHORT + b"A: ",
        LONG + SHORT + b"A: ",
        b"GET / HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n",
        CHUNKED + b"3b9aca00\r\n",
        CHUNKED + b"0\r\nA: ",
    ],
    ids=["head", "next head", "head after a body", "body", "chunk", "trailer"],
)
async def test_a_request_has_its_size(begun: bytes) -> None:
    """Whoever goes on with a head, a body or a trailer beyond all limits is hung up on."""
    async with listening() as port, asyncio.timeout(5):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begun)
        sent = 0
        with suppress(ConnectionError):
            while sent < 40_000_000:
                writer.write(b"a" * 50_000)
                await writer.drain()
                sent += 50_000
        writer.transport.abort()
    assert sent < 30_000_000  # sockets hold a few megabytes of what nobody takes in


async def test_trailers_have_the_size_of_a_head() -> None:
    """Whoever goes on with trailers beyond what a head may have is hung up on."""
    async with listening() as port, asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(CHUNKED)
        await reader.readuntil(b"from 127.0.0.1")
        writer.write(b"0\r\n" + b"ab:cd\r\n" * 10_000)
        with suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()


async def test_trailers_are_no_headers() -> None:
    """What follows a body in chunks is not taken for a header of the request."""
    async with listening() as port, asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = b"GET /headers HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head + b"0\r\nauthorization: x\r\n\r\n")
        answer = await reader.read()
        writer.close()
    assert answer.endswith(b'["connection","transfer-encoding"]')


@pytest.mark.parametrize(
    ("rest", "answers"),
    [(b"x", 1), (b"x" * 10, 1), (b"x" * 10 + WHOLE + b"G", 2)],
    ids=["never whole", "whole", "another request behind it"],
)
async def test_a_body_nobody_reads_has_its_time(
    rest: bytes, answers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is answered before it is whole keeps its connection no longer than a head may take."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    async with listening() as port, asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(SHORT + b"Content-Length: 10\r\n\r\n")
        answer = await reader.readuntil(b"from 127.0.0.1")
        writer.write(rest)
        answer += await reader.read()
        writer.close()
    assert answer.count(b"200 OK") == answers


async def test_a_hang_up_is_heard_by_the_request_being_answered() -> None:
    """With others waiting behind it on the connection, too."""
    gone = asyncio.Event()
    async with listening(gone) as port, asyncio.timeout(5):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /stay HTTP/1.1\r\n\r\n" + WHOLE)
        await writer.drain()
        writer.close()
        await gone.wait()


@pytest.mark.parametrize(("more", "answered"), [(4_000, b"200 OK"), (10_000, b"head_too_large")])
async def test_a_large_head_is_answered(more: int, answered: bytes) -> None:
    """A head of less than 64 KiB is taken, a larger one is told why it is not."""
    async with listening() as port, asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for piece in (SHORT + b"Connection: close\r\nA: ", b"a" * 60_000, b"a" * more):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.05)  # so that nothing lies unread where it is hung up on
        if more < 5_000:
            writer.write(b"\r\n\r\n")
        assert answered in await reader.read()
        writer.close()


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


class Told(asyncio.Transport):
    """A transport that keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.is_gone = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return self.is_gone

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None: ...
    def close(self) -> None:
        self.writes.append(b"closed")


async def test_head_and_body_leave_together() -> None:
    """A head goes out with what follows it at once, alone where nothing does, and in order."""
    transport = Told()
    outlet = connections.Outlet(transport, asyncio.get_running_loop())
    outlet.write(b"HTTP/1.1 200 OK\r\n\r\n")
    outlet.write(b"body")
    outlet.write(b"more")
    await asyncio.sleep(0)
    assert transport.writes == [b"HTTP/1.1 200 OK\r\n\r\nbody", b"more"]
    outlet.write(b"HTTP/1.1 200 OK\r\n\r\n")
    await asyncio.sleep(0)
    outlet.write(b"later")
    assert transport.writes[2:] == [b"HTTP/1.1 200 OK\r\n\r\n", b"later"]
    outlet.write(b"HTTP/1.1 204 No Content\r\n\r\n")
    outlet.close()
    await asyncio.sleep(0)
    assert transport.writes[4:] == [b"HTTP/1.1 204 No Content\r\n\r\n", b"closed"]
    transport.is_gone = True
    outlet.write(b"HTTP/1.1 200 OK\r\n\r\n")
    await asyncio.sleep(0)
    assert transport.writes[6:] == []
