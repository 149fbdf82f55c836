"""The load of the HTTP benchmark, a process of its own: ``python -m bench.load`` < plan > told.

Plain HTTP/1.1 over kept-alive connections, with no client library in the way of the clock.
"""

import asyncio
import sys
import time
from collections import deque
from typing import cast

import msgspec
import uvloop

WAIT_SECONDS = 600


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    host: str
    port: int
    connections: int
    requests: list[tuple[str, str]]
    """Path and JSON body of each POST, in the order in which they are sent."""
    key: str
    per_second: float | None = None
    """None: as fast as the answers come. Otherwise a pace, and latency counts from the moment a
    request was due, so that a stalled server cannot hide its queue."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    seconds: float
    refused: int
    p50_ms: float
    p99_ms: float
    first_refusal: str = ""
    sent_at: list[float] = []
    """When each request went out, in their order: seconds since 1970."""


class Caller(asyncio.Protocol):
    """One connection; a request goes out as soon as the one before is answered."""

    def __init__(self, load: "Load") -> None:
        self.load = load
        self.buffer = b""
        self.since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is not one by its class.
        self.transport = cast("asyncio.Transport", transport)

    def send(self, request: bytes, since: float) -> None:
        self.since = since
        self.load.sent_at.append(time.time())
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.buffer = self.buffer + data if self.buffer else data
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        start = self.buffer.lower().find(b"content-length: ", 0, head) + 16
        length = int(self.buffer[start : self.buffer.find(b"\r\n", start)])
        if len(self.buffer) < head + 4 + length:
            return
        answer, self.buffer = self.buffer[: head + 4 + length], b""
        self.load.answered(self, answer, head)


class Load:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        head = (
            f"Host: {plan.host}:{plan.port}\r\nAuthorization: Bearer {plan.key}\r\n"
            "Content-Type: application/json\r\n"
        )
        self.waiting = deque(
            f"POST {path} HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()
            for path, body in plan.requests
        )
        self.left = len(self.waiting)
        self.due: deque[float] = deque()
        self.idle: deque[Caller] = deque()
        self.latencies: list[float] = []
        self.sent_at: list[float] = []
        self.refusals: list[str] = []
        self.done = asyncio.Event()

    def answered(self, caller: Caller, answer: bytes, head: int) -> None:
        self.latencies.append(time.perf_counter() - caller.since)
        if not answer.startswith(b"HTTP/1.1 20"):
            self.refusals.append(answer[head + 4 :].decode()[:300])
        self.left -= 1
        if not self.left:
            self.done.set()
        self.idle.append(caller)
        self.pump()

    def pump(self) -> None:
        if self.plan.per_second is None:
            while self.idle and self.waiting:
                self.idle.popleft().send(self.waiting.popleft(), time.perf_counter())
        else:
            while self.idle and self.due:
                self.idle.popleft().send(self.waiting.popleft(), self.due.popleft())

    async def run(self) -> Told:
        loop = asyncio.get_running_loop()
        for _ in range(self.plan.connections):
            _, caller = await loop.create_connection(
                lambda: Caller(self), self.plan.host, self.plan.port
            )
            self.idle.append(caller)
        begin = time.perf_counter()
        if self.plan.per_second is None:
            self.pump()
        else:
            await self._pace(begin, self.plan.per_second)
        await asyncio.wait_for(self.done.wait(), WAIT_SECONDS)
        seconds = time.perf_counter() - begin
        ranked = sorted(self.latencies)
        return Told(
            seconds=seconds,
            refused=len(self.refusals),
            p50_ms=ranked[len(ranked) // 2] * 1e3,
            p99_ms=ranked[len(ranked) * 99 // 100] * 1e3,
            first_refusal=self.refusals[0] if self.refusals else "",
            sent_at=self.sent_at,
        )

    async def _pace(self, begin: float, per_second: float) -> None:
        total = len(self.waiting)
        made = 0
        while made < total:
            now = time.perf_counter()
            while made < total and begin + made / per_second <= now:
                self.due.append(begin + made / per_second)
                made += 1
            self.pump()
            await asyncio.sleep(0.001)


async def main() -> None:
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    sys.stdout.buffer.write(msgspec.json.encode(await Load(plan).run()))


if __name__ == "__main__":
    uvloop.run(main())
