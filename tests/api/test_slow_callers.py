"""Callers who are slow to send their request, or hang up in the middle of it."""

import asyncio

import pytest
import structlog
from litestar import Litestar

from talktime.api import intake
from talktime.api.app import create_app
from talktime.config import Settings
from talktime.ops.platform import Platform
from tests.api.caller import OPERATOR_KEY, listening

HOT, ORDINARY = "/v1/calls", "/v1/accounts"


@pytest.fixture
def app(platform: Platform, settings: Settings) -> Litestar:
    return create_app(platform, settings)


async def begin(url: str, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send a request whose body stops after its first character."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {OPERATOR_KEY}\r\n"
        "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{".encode()
    )
    await writer.drain()
    return reader, writer


@pytest.mark.parametrize("path", [HOT, ORDINARY])
async def test_a_body_has_its_time(
    app: Litestar, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body that does not come in time is answered 408, and the connection is closed."""
    monkeypatch.setattr(intake, "BODY_SECONDS", 0.2)
    async with listening(app) as url, asyncio.timeout(5):
        reader, writer = await begin(url, path)
        answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"application/problem+json" in answer
    assert b'"code":"too_slow"' in answer


@pytest.mark.parametrize("path", [HOT, ORDINARY])
async def test_who_hangs_up_is_no_fault_of_ours(app: Litestar, path: str) -> None:
    """A caller who goes in the middle of a body leaves nothing in the log that looks like a bug."""
    with structlog.testing.capture_logs() as logged:
        async with listening(app) as url, asyncio.timeout(5):
            _, writer = await begin(url, path)
            await asyncio.sleep(0.1)
            writer.transport.abort()
            await asyncio.sleep(0.2)
    assert [line for line in logged if line["log_level"] != "debug"] == []
