"""Ends of calls over HTTP, one by one, against a real ``talktime serve``."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import httpx
import msgspec

from bench import book
from bench.beside import spent_seconds
from bench.load import Plan, Told
from bench.report import Figure
from bench.writers import Speed, processor_seconds
from talktime.core.money import parse_usd

ACCOUNTS = 50
TOLD_ACCOUNTS = 100
CONNECTIONS = 64
KEY = "bench-" + "0" * 40
FIRST = 1_000
"""The number of the first account."""
PER_BATCH = 1_000
START_SECONDS = 30

_prefixes = count(0xF000)

LINES = [
    {
        "service": report.service,
        "provider": provider,
        "model": model,
        "quantities": report.quantities,
    }
    for report, provider, model in zip(
        book.REPORTS,
        ("openai", "deepgram", "openai", "twilio"),
        ("gpt-4o-mini", "nova-3", "gpt-4o-mini-tts", ""),
        strict=True,
    )
]


def http_figures(home: Path, conninfo: str, calls: int) -> Iterator[Figure]:
    """Ends per second as fast as they go, then latency at half of that."""
    with _served(home, conninfo) as (pid, port, client):
        _open_accounts(client, ACCOUNTS)
        _load(port, _ends(client, calls // 4), None)  # what is compiled and cached is ready
        requests = _ends(client, calls)
        before = processor_seconds(pid)
        full = _load(port, requests, None)
        after = processor_seconds(pid)
        speed = calls / full.seconds
        yield Figure(
            part="http",
            name=f"HTTP end of call, {CONNECTIONS} connections, 4 lines each",
            per_second=speed,
            target=10_000,
            python_us=None if not after or not before else (after - before) / calls * 1e6,
            p50_ms=full.p50_ms,
            p99_ms=full.p99_ms,
        )
        half = _load(port, _ends(client, calls), speed / 2)
        yield Figure(
            part="http",
            name="HTTP end of call at half that load",
            per_second=calls / half.seconds,
            p50_ms=half.p50_ms,
            p99_ms=half.p99_ms,
            target_p99_ms=10,
        )


class Ends:
    """Settling over HTTP, beside which somebody is told (``bench.telling``)."""

    name = f"HTTP end of call, {CONNECTIONS} connections"

    def __init__(self, server: int, port: int, client: httpx.Client) -> None:
        """``server`` is its process id."""
        self._server, self._port, self._client = server, port, client
        self.accounts = _open_accounts(client, TOLD_ACCOUNTS, paid="1000000")
        path, body = _ends(client, 1, TOLD_ACCOUNTS)[0]
        ended = client.post(path, content=body).raise_for_status()
        self.charge_nanos = parse_usd(ended.json()["charge"], field="charge")

    def prepare(self, calls: int) -> Callable[[], Speed]:
        requests = _ends(self._client, calls, TOLD_ACCOUNTS)

        def settle() -> Speed:
            before = spent_seconds(self._server) or 0.0
            told = _load(self._port, requests, None)
            spent = (spent_seconds(self._server) or 0.0) - before
            return Speed(
                per_second=calls / told.seconds,
                backend_us=None,  # those of all its connections are counted with the worker's
                python_us=spent / calls * 1e6,
            )

        return settle


@contextmanager
def ends_over_http(home: Path, conninfo: str) -> Iterator[Ends]:
    """A server without a worker, and accounts with enough money."""
    with _served(home, conninfo) as (pid, port, client):
        yield Ends(pid, port, client)


def _load(port: int, requests: list[tuple[str, str]], per_second: float | None) -> Told:
    plan = Plan(
        host="127.0.0.1",
        port=port,
        connections=CONNECTIONS,
        requests=requests,
        key=KEY,
        per_second=per_second,
    )
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=msgspec.json.encode(plan),
        stdout=subprocess.PIPE,
        timeout=120,
        check=True,
    )
    told = msgspec.json.decode(done.stdout, type=Told)
    if told.refused:
        raise RuntimeError(f"{told.refused} ends were refused: {told.first_refusal}")
    return told


def _ends(client: httpx.Client, calls: int, accounts: int = ACCOUNTS) -> list[tuple[str, str]]:
    """Start calls through the batch route; the requests that end them, in another order."""
    keys = book.call_keys(f"{next(_prefixes):06x}", calls, accounts, first_account=FIRST)
    for at in range(0, calls, PER_BATCH):
        items = [
            {"account_id": account, "call_id": call, "channel": "phone", "direction": "inbound"}
            for account, call in keys[at : at + PER_BATCH]
        ]
        answer = client.post("/v1/batch/start", json={"items": items}).raise_for_status()
        assert all(item["status"] == 201 for item in answer.json()["items"]), answer.text[:500]
    body = msgspec.json.encode(
        {"outcome": "completed", "duration_seconds": 60, "lines": LINES}
    ).decode()
    return [
        (f"/v1/accounts/{account}/calls/{call}/end", body) for account, call in book.shuffled(keys)
    ]


def _open_accounts(client: httpx.Client, accounts: int, paid: str = "100000") -> list[str]:
    """Open them, where that was not done, with so much money; their ids."""
    names = [book.account_name(number) for number in range(FIRST, FIRST + accounts)]
    for number, name in enumerate(names):
        facts = {"account_id": name, "name": "Bench", "email": f"http-{number}@example.com"}
        client.post("/v1/accounts", json=facts).raise_for_status()
        opening = {"adjustment_id": f"opening {paid}", "paid": paid, "reason": "benchmark"}
        client.post(f"/v1/accounts/{name}/adjustments", json=opening).raise_for_status()
    return names


@contextmanager
def _served(home: Path, conninfo: str) -> Iterator[tuple[int, int, httpx.Client]]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "talktime", "serve", "--port", str(port), "--no-worker"],
        env={
            **os.environ,
            "TALKTIME_HOME": str(home),
            "TALKTIME_DATABASE_URL": conninfo,
            "TALKTIME_OPERATOR_KEY": KEY,
            "TALKTIME_LOG_LEVEL": "warning",
        },
        stdout=subprocess.DEVNULL,
    )
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {KEY}"},
            timeout=30,
            trust_env=False,
        ) as client:
            _wait_until_up(client, process)
            yield process.pid, port, client
    finally:
        process.terminate()
        process.wait(30)


def _wait_until_up(client: httpx.Client, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if client.get("/healthz").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise RuntimeError("the server did not come up; start it by hand to see why")
