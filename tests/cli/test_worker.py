"""Server and worker as two processes on one database, and the database's own death under them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.cli.running import OPERATOR_KEY, served, talktime_environ

ACME = {"account_id": "acme", "name": "Acme", "email": "a@example.com", "verified": True}


def eventually(what: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.1)


def start(client: httpx.Client, call_id: str) -> int:
    call = {"account_id": "acme", "call_id": call_id, "channel": "web"}
    return client.post("/v1/calls", json=call).status_code


def outcome(client: httpx.Client, call_id: str) -> str | None:
    found = client.get(f"/v1/accounts/acme/calls/{call_id}").json().get("outcome")
    assert found is None or isinstance(found, str)
    return found


@pytest.mark.timeout(120)
def test_a_worker_beside_a_server_ends_what_fell_silent(home: Path) -> None:
    """With --no-worker the server watches over nothing; a worker of its own does, until SIGTERM."""
    environ = talktime_environ(home, TALKTIME_LEASE_SECONDS="1", TALKTIME_GRACE_SECONDS="2")
    headers = {"Authorization": f"Bearer {OPERATOR_KEY}"}
    with (
        served(environ, "--no-worker") as server,
        httpx.Client(base_url=server.url, headers=headers, timeout=10) as client,
    ):
        client.post("/v1/accounts", json=ACME)
        assert start(client, "silent") == 201
        time.sleep(3.5)
        assert outcome(client, "silent") is None
        with subprocess.Popen(
            [sys.executable, "-m", "talktime", "worker"],
            env=environ,
            stdout=subprocess.PIPE,
            text=True,
        ) as worker:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "Talktime's worker is running\n"
            eventually(lambda: outcome(client, "silent") == "failed")
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(20) == 0

        # The database is killed: whoever asks meanwhile is told to try again, and then it is back.
        pid = int((cluster(home) / "data" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGKILL)
        seen: set[int] = set()

        def starts_again() -> bool:
            seen.add(start(client, "afterwards"))
            return 201 in seen

        eventually(starts_again)
        assert seen <= {201, 503}
        # Another connection of the server's may still have to learn of it.
        eventually(lambda: outcome(client, "silent") == "failed")


def cluster(home: Path) -> Path:
    pointer = home / "postgres.location"
    return Path(pointer.read_text().strip()) if pointer.exists() else home / "postgres"
