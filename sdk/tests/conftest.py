"""A real HTTP server on loopback that keeps the wire contract, and misbehaves when told to."""

import asyncio
import contextlib
import json
import re
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

import pytest

from talktime_sdk import RetryPolicy, TalktimeClient

KEY = "tt_platform_k1_secret"
NOW = "2026-11-23T12:00:00.123456Z"
BALANCES = {"available": "5.5", "held": "0.1", "startable": "5.4"}
ACCOUNT = BALANCES | {
    "account_id": "acme",
    "name": "Acme",
    "email": "billing@acme.example",
    "status": "active",
    "promo": "0.5",
    "paid": "5",
    "refund_reserved": "0",
    "month_to_date": "0.052",
    "floor": "0.1",
    "warning_level": "1",
    "margin_rate": None,
    "time_zone": "UTC",
    "created_at": NOW,
}
ENTRY = {
    "account_id": "acme",
    "seq": 3,
    "kind": "adjustment",
    "ref": "a1",
    "promo_delta": "0",
    "paid_delta": "5.000000001",
    "amount": "5.000000001",
    "promo_after": "0.5",
    "paid_after": "10.000000001",
    "available_after": "10.500000001",
    "occurred_at": NOW,
    "recorded_at": NOW,
    "note": None,
}
SETTLED = {
    "provider_cost": "0.04",
    "margin": "0.012",
    "charge": "0.052",
    "promo_charged": "0.052",
    "paid_charged": "0",
}
ANSWERS: dict[str, tuple[int, Any]] = {
    "POST accounts": (201, ACCOUNT),
    "POST adjustments": (201, ENTRY),
    "POST preview": (200, {"code": "WELCOME10", "bonus": "10", "available_after": "15.5"}),
    "POST redeem": (201, ENTRY | {"kind": "coupon"}),
    "POST portal-sessions": (201, {"url": "https://t.example/p/x", "expires_at": NOW}),
    "GET entries": (200, {"items": [ENTRY], "next_cursor": "c2"}),
}


class Seen:
    """One request as the server read it."""

    def __init__(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        self.method, self.path, self.headers = method, path, headers
        self.body: Any = json.loads(body) if body else None
        last = path.partition("?")[0].rsplit("/", 1)[-1]
        self.act = "start" if (method, path) == ("POST", "/v1/calls") else f"{method} {last}"
        self.act = {"PUT usage": "usage", "POST end": "end"}.get(self.act, self.act)


class Loopback:
    """``script(act, ...)`` queues what happens to the next requests of that act; after that they
    are answered as the contract says.

    A step is a status (a problem with that status), ``(status, body, headers)``, or one of
    ``drop`` (processed, connection closed without an answer), ``refuse`` (closed unprocessed),
    ``silence`` (never answered), ``cut`` (processed, half an answer), ``garbage`` (200, not JSON).
    """

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.lease_seconds = 60.0
        self.ended: dict[str, Any] | None = None
        self.totals: dict[tuple[str, ...], dict[str, Any]] = {}
        self.started = False
        self.stream: list[bytes] = []
        self._scripts: dict[str, list[Any]] = defaultdict(list)
        self._server: asyncio.Server | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def script(self, act: str, *steps: Any) -> None:
        self._scripts[act].extend(steps)

    def of(self, act: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.act == act]

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._converse, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        seen = Seen(method, path, headers, body)
        self.seen.append(seen)
        script = self._scripts[seen.act]
        step = script.pop(0) if script else None
        if step == "refuse":
            return False
        if step == "silence":
            await reader.read()
            return False
        if seen.act == "GET events" and not isinstance(step, int):
            await self._events(writer, step or [])
            return False
        if isinstance(step, tuple):
            answer = step
        elif isinstance(step, int):
            problem = {"type": "about:blank", "title": "No", "status": step, "code": "overloaded"}
            answer = (step, problem, {})
        else:
            answer = (*self._obey(seen), {})
        if step == "drop":
            return False
        status, content, extra = answer
        sent = content if isinstance(content, bytes) else json.dumps(content).encode()
        sent = b"<html>Welcome to HotelWifi</html>" if step == "garbage" else sent
        lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(sent)}"]
        lines += [f"{name}: {value}" for name, value in extra.items()]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        writer.write(sent[: len(sent) // 2] if step == "cut" else sent)
        await writer.drain()
        return step != "cut"

    async def _events(self, writer: asyncio.StreamWriter, chunks: list[bytes]) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        for chunk in chunks:
            writer.write(chunk)
            await writer.drain()
            await asyncio.sleep(0.005)

    def _obey(self, seen: Seen) -> tuple[int, Any]:
        if seen.act == "start":
            status, self.started = (200 if self.started else 201), True
            state = "ended" if self.ended else "live"
            return status, BALANCES | {
                "account_id": seen.body["account_id"],
                "call_id": seen.body["call_id"],
                "admitted": True,
                "status": state,
                "hold": "0.1",
                "talk_time_left_seconds": None,
                "lease_seconds": self.lease_seconds,
            }
        if call := re.fullmatch(r"/v1/accounts/([^/]+)/calls/([^/]+)(/usage|/end)?", seen.path):
            return 200, self._call(seen, {"account_id": call[1], "call_id": call[2]})
        if seen.act == "GET calls":
            one = self._call(seen, {"account_id": "acme", "call_id": "CA1"})
            return 200, {"items": [one], "next_cursor": None}
        if seen.method == "GET" and re.fullmatch(r"/v1/accounts/[^/]+", seen.path):
            return 200, ACCOUNT
        return ANSWERS[seen.act]

    def _call(self, seen: Seen, ids: dict[str, str]) -> dict[str, Any]:
        for line in (seen.body or {}).get("lines", ()):
            key = tuple(line.get(part, "") for part in ("service", "provider", "model", "source"))
            kept = self.totals.setdefault(key, {})
            figures = line.get("quantities", {}) | (
                {"provider_cost": line["provider_cost"]} if "provider_cost" in line else {}
            )
            for name, value in figures.items():
                kept[name] = max(kept.get(name, value), value, key=float)
        if seen.act == "end" and self.ended is None:
            self.ended = seen.body
        status = "ended" if self.ended else "live"
        if seen.act == "usage":
            return ids | BALANCES | {"status": status, "accrued_charge": None, "unpriced": []}
        names = ("service", "provider", "model", "source")
        lines = [
            dict(zip(names, key, strict=True)) | {"quantities": kept}
            for key, kept in self.totals.items()
        ]
        return (
            ids
            | SETTLED
            | {
                "channel": "phone",
                "from": "+15550100",
                "status": status,
                "outcome": (self.ended or {}).get("outcome"),
                "billing_status": "charged" if self.ended else "pending",
                "admitted_at": NOW,
                "lines": lines,
            }
        )


@pytest.fixture
async def server() -> AsyncIterator[Loopback]:
    loopback = Loopback()
    await loopback.open()
    yield loopback
    await loopback.close()


@pytest.fixture
async def client(server: Loopback) -> AsyncIterator[TalktimeClient]:
    """Quick to lose patience, so that tests are quick; its luck is always the longest pause."""
    quick = RetryPolicy(attempts=3, first_delay=0.01, max_delay=0.02)
    async with TalktimeClient(
        server.url, KEY, timeout=0.3, retries=quick, dice=lambda: 1.0
    ) as talktime:
        yield talktime
