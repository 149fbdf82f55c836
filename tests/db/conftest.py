"""Homes and processes for the laws of the embedded server; each test has its own."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from talktime.db.pool import Connection
from tests.db.desk import Desk

SCRIPT = Path(__file__).with_name("hold_server.py")


class Holder:
    """A process of its own that holds the server of a home."""

    def __init__(self, home: Path, *, python: str = sys.executable, uid: int | None = None) -> None:
        self.process = subprocess.Popen(
            [python, str(SCRIPT), str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            user=uid,
            group=uid,
            extra_groups=None if uid is None else [],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def told(self) -> dict[str, Any]:
        """What the process says next about its server."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the holder ended with {self.process.wait(10)}"
        found: dict[str, Any] = json.loads(line)
        return found

    def ask(self) -> dict[str, Any]:
        """What it says now, after ensure_running."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.told()

    def close(self) -> int:
        """Let it stop its server and end."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(30)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(10)


@pytest.fixture
def server_home() -> Iterator[Path]:
    """An empty home that PostgreSQL's user can reach."""
    home = Path(tempfile.mkdtemp(prefix="talktime-home-"))
    home.chmod(0o755)
    yield home
    shutil.rmtree(home)


@pytest.fixture
def hold() -> Iterator[Callable[..., Holder]]:
    """Make holders; those left are ended, and their servers with them."""
    holders: list[Holder] = []

    def make(home: Path, **how: Any) -> Holder:
        holders.append(Holder(home, **how))
        return holders[-1]

    yield make
    for holder in holders:
        if holder.process.poll() is None:
            holder.close()
        for stream in (holder.process.stdin, holder.process.stdout):
            if stream is not None and not stream.closed:
                stream.close()


@pytest.fixture
def wait_for() -> Callable[[Callable[[], bool]], None]:
    """Wait, up to ten seconds, until something holds."""

    def wait(holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not holds():
            assert time.monotonic() < deadline, "it did not come true within ten seconds"
            time.sleep(0.02)

    return wait


@pytest.fixture
def desk(connection: Connection, database_url: str) -> Iterator[Desk]:
    """The money functions, each account a fresh one."""
    desk = Desk(connection)
    yield desk
    desk.forget(database_url)
