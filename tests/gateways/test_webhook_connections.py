"""Connections to endpoints: used again where the answer allows it, and never trusted further."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from talktime.core.webhook import Attempt
from talktime.gateways.webhook import WebhookSender

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
TAKEN = Attempt(status=200, failure=None)
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers the nth request on the mth connection (from 0) as it is told."""

    def __init__(self, answer: Callable[[int, int], tuple[bytes, bool]]) -> None:
        self.answer = answer
        self.connections = 0
        self.requests: list[bytes] = []
        self.ended = asyncio.Event()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection, nth = self.connections, 0
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(head.lower().partition(b"content-length: ")[2][:2]))
                self.requests.append(head)
                said, ends = self.answer(connection, nth)
                writer.write(said)
                nth += 1
                if ends:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self.ended.set()


@asynccontextmanager
async def answering(answer: Callable[[int, int], tuple[bytes, bool]]) -> AsyncIterator[Server]:
    server = Server(answer)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/hook?a=b"
    async with listener:
        yield server


async def post(sender: WebhookSender, url: str) -> Attempt:
    return await sender.send(
        url, message_id="msg_1", body='{"a":"12"}', secrets=[SECRET], now=datetime.now(UTC)
    )


@pytest.mark.parametrize(
    "said",
    [
        PLAIN,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + PLAIN,
        b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN,
    ],
)
async def test_a_connection_is_used_again(said: bytes) -> None:
    """However an answer says that it ends, the next request goes out on that connection."""
    async with answering(lambda _, __: (said, False)) as server:
        sender = WebhookSender(allow_private=True)
        assert [await post(sender, server.url) for _ in range(3)] == [TAKEN] * 3
        await sender.close()
    assert (server.connections, len(server.requests)) == (1, 3)
    assert server.requests[0].startswith(b"POST /hook?a=b HTTP/1.1\r\nHost: 127.0.0.1:")


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
        PLAIN + PLAIN,
        b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 200_000,
    ],
)
async def test_a_connection_that_cannot_go_on_is_left(said: bytes) -> None:
    """Asked to close, without an end, with more than was asked for: the status counts all the same
    and the next request has a connection of its own."""
    async with answering(lambda _, __: (said, b"until the end" in said)) as server:
        sender = WebhookSender(allow_private=True)
        for _ in range(2):
            assert await post(sender, server.url) == TAKEN
            await server.ended.wait()
        await sender.close()
    assert server.connections == 2


async def test_a_kept_connection_that_ends_is_no_failure() -> None:
    """A server may end a connection between requests, or in the moment of one: we call again."""
    answers = {(0, 0): (PLAIN, False), (0, 1): (b"", True)}
    async with answering(lambda *at: answers.get(at, (PLAIN, True))) as server:
        sender = WebhookSender(allow_private=True)
        assert await post(sender, server.url) == TAKEN
        assert await post(sender, server.url) == TAKEN, "ended in the moment of the request"
        await server.ended.wait()
        assert await post(sender, server.url) == TAKEN, "ended between requests"
        await sender.close()
    assert server.connections == 3


async def test_the_second_call_has_a_connection_of_its_own() -> None:
    """Where one kept connection has ended, the others may have too: none of them is called by."""
    answers = {(0, 1): (b"", True), (1, 1): (b"", True)}
    async with answering(lambda *at: answers.get(at, (PLAIN, False))) as server:
        sender = WebhookSender(allow_private=True)
        side_by_side = await asyncio.gather(post(sender, server.url), post(sender, server.url))
        assert (side_by_side, server.connections) == ([TAKEN, TAKEN], 2)
        assert await post(sender, server.url) == TAKEN
        await sender.close()
    assert server.connections == 3


async def test_who_never_answers_is_called_twice_alone() -> None:
    """A new connection that ends without an answer is a failure, and told as what it is."""
    async with answering(lambda *_: (b"", True)) as server:
        sender = WebhookSender(allow_private=True)
        attempt = await post(sender, server.url)
        await sender.close()
    assert attempt.failure == "it ended the connection without an answer"
    assert server.connections == 2


async def test_an_answer_that_breaks_off_is_not_asked_for_twice() -> None:
    """With an answer begun the request was heard: it is a failure, and tried in its time."""
    answers = {(0, 0): (PLAIN, False), (0, 1): (b"HTTP/1.1 2", True)}
    async with answering(lambda *at: answers[at]) as server:
        sender = WebhookSender(allow_private=True)
        assert await post(sender, server.url) == TAKEN
        attempt = await post(sender, server.url)
        await sender.close()
    assert attempt.failure == "its answer broke off"
    assert server.connections == 1
