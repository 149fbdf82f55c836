"""Talktime as a process of its own: what the tests of the command line start and stop."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

OPERATOR_KEY = "operator-key-of-the-tests-0123456789"
READY_SECONDS = 45.0
STOP_SECONDS = 20.0


def talktime_environ(home: Path, **variables: str) -> dict[str, str]:
    """The environment of a process on a home of its own; nothing of ours leaks into it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TALKTIME_")}
    return {
        **kept,
        "TALKTIME_HOME": str(home),
        "TALKTIME_OPERATOR_KEY": OPERATOR_KEY,
        "TALKTIME_LOG_LEVEL": "warning",
        "NO_COLOR": "1",
        "COLUMNS": "200",
        **variables,
    }


def talktime(
    environ: Mapping[str, str], *arguments: str, seconds: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "talktime", *arguments],
        env=dict(environ),
        capture_output=True,
        text=True,
        timeout=seconds,
        stdin=subprocess.DEVNULL,
        check=False,
    )


class Server:
    """A running ``talktime serve``."""

    def __init__(self, environ: Mapping[str, str], *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "talktime", "serve", "--port", "0", *arguments],
            env=dict(environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.complaints: list[str] = []
        self._readers = [
            threading.Thread(target=read, daemon=True) for read in (self._read, self._complain)
        ]
        for reader in self._readers:
            reader.start()
        self.ready_line = self._first_line()
        self.url = self.ready_line.rsplit(" ", 1)[-1]

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self._lines.put(line.strip())
        self._lines.put(None)

    def _complain(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            self.complaints.extend(lines)

    def _first_line(self) -> str:
        try:
            line = self._lines.get(timeout=READY_SECONDS)
        except queue.Empty:
            line = None
        if line is None:
            self.kill()
            raise AssertionError("talktime serve did not come up:\n" + "".join(self.complaints))
        return line

    def next_line(self) -> str:
        """What it says after its ready line."""
        return self._lines.get(timeout=READY_SECONDS) or ""

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self._ended()

    def kill(self) -> None:
        """SIGKILL: no chance to finish anything."""
        self.process.kill()
        self._ended()

    def _ended(self) -> int:
        code = self.process.wait(STOP_SECONDS)
        for reader in self._readers:
            reader.join(STOP_SECONDS)
        return code


@contextlib.contextmanager
def served(environ: Mapping[str, str], *arguments: str) -> Iterator[Server]:
    """A server for as long as the block runs."""
    server = Server(environ, *arguments)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()


def wait_until_gone(path: Path, seconds: float = STOP_SECONDS) -> None:
    """Until a file is gone; the database server of a killed process needs a moment to end."""
    deadline = time.monotonic() + seconds
    while path.exists():
        assert time.monotonic() < deadline, f"{path} is still there"
        time.sleep(0.05)
