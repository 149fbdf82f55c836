"""A caller of the API: requests with one key, JSON out and in."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import uvicorn
from litestar import Litestar

OPERATOR_KEY = "an-operator-key-of-more-than-32-characters"

WORKED_EXAMPLE = [
    {"service": "llm", "provider": "openai", "provider_cost": "0.005"},
    {"service": "stt", "provider": "deepgram", "provider_cost": "0.006"},
    {"service": "tts", "provider": "cartesia", "provider_cost": "0.022"},
    {"service": "sip", "provider": "twilio", "provider_cost": "0.007"},
]
"""Of a 60-second phone call; on the web, without its last line."""

Json = dict[str, Any]


class Caller:
    """The API as somebody with a key has it."""

    def __init__(self, client: httpx.AsyncClient, key: str | None) -> None:
        self.client = client
        self.key = key

    def using(self, key: str | None) -> "Caller":
        """The same API with another key, or none."""
        return Caller(self.client, key)

    async def ask(
        self, method: str, path: str, body: object = None, **kwargs: Any
    ) -> httpx.Response:
        """Send a request; ``body`` is JSON, or bytes that are sent as they are."""
        headers = dict(kwargs.pop("headers", {}))
        if self.key is not None:
            headers.setdefault("authorization", f"Bearer {self.key}")
        content = None
        if body is not None:
            content = body if isinstance(body, bytes) else msgspec.json.encode(body)
            headers.setdefault("content-type", "application/json")
        return await self.client.request(method, path, content=content, headers=headers, **kwargs)

    async def start(self, account_id: str, call_id: str, **facts: object) -> httpx.Response:
        """Ask the gate; for a web call unless said otherwise."""
        body = {"account_id": account_id, "call_id": call_id, "channel": "web", **facts}
        return await self.ask("POST", "/v1/calls", body)

    async def usage(self, account_id: str, call_id: str, **body: object) -> httpx.Response:
        """Report running totals."""
        return await self.ask("PUT", f"/v1/accounts/{account_id}/calls/{call_id}/usage", body)

    async def end(self, account_id: str, call_id: str, **body: object) -> httpx.Response:
        """End a call, completed unless said otherwise."""
        body.setdefault("outcome", "completed")
        return await self.ask("POST", f"/v1/accounts/{account_id}/calls/{call_id}/end", body)

    async def call(self, account_id: str, call_id: str) -> Json:
        """The call as the API tells it."""
        return told(await self.ask("GET", f"/v1/accounts/{account_id}/calls/{call_id}"))

    async def calls(self, account_id: str, **query: object) -> Json:
        """A page of calls."""
        path = f"/v1/accounts/{account_id}/calls"
        return told(await self.ask("GET", path, params=query))

    async def account(self, account_id: str) -> Json:
        """The account as the API tells it."""
        return told(await self.ask("GET", f"/v1/accounts/{account_id}"))

    async def make_key(self, *scopes: str, account_id: str | None = None) -> str:
        """A fresh key, of the platform or of an account."""
        body = {"name": "a test's", "scopes": scopes, "account_id": account_id}
        key: str = told(await self.ask("POST", "/v1/keys", body), 201)["key"]
        return key


def told(response: httpx.Response, status: int = 200) -> Json:
    """The JSON of an answer with this status."""
    assert response.status_code == status, response.text
    return dict(response.json())


def refused(response: httpx.Response, status: int, code: str, field: str | None = None) -> Json:
    """The members of a refusal, which must be this one."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/problem+json")
    problem = dict(response.json())
    assert (problem["code"], problem["status"]) == (code, status), problem
    assert problem.get("field") == field, problem
    return problem


@asynccontextmanager
async def running(app: Litestar) -> AsyncIterator[Litestar]:
    """The application with its lifespan, in a task of its own: fixtures begin and end in two."""
    began, enough = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.lifespan():
            began.set()
            await enough.wait()

    task = asyncio.create_task(live())
    await began.wait()
    yield app
    enough.set()
    await task


@asynccontextmanager
async def listening(app: Litestar) -> AsyncIterator[str]:
    """The application on a real server of this event loop; where it listens."""
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=2)
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        async with asyncio.timeout(10):
            while not server.started:  # noqa: ASYNC110 - nothing tells it
                await asyncio.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            app.state.live.close()
            server.should_exit = True
            await serving
