"""localstripe as a process of its own: it is only ever spoken to over HTTP, never imported."""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

STARTS_WITHIN_SECONDS = 30
ATTEMPTS = 3
ASKED_MAX = 500
KEY = "sk_test_right"


class Localstripe:
    """A running localstripe: its address, where it sends events, what it wrote of them."""

    def __init__(self, url: str, log: Path) -> None:
        self.url = url
        self._log = log

    async def hook(self, name: str, url: str, secret: str, events: list[str]) -> None:
        """Send events there from now on, signed with this secret; a name again replaces it."""
        async with httpx.AsyncClient(base_url=self.url) as client:
            body = {"url": url, "secret": secret, "events": events}
            answer = await client.post(f"/_config/webhooks/{name}", json=body)
        assert answer.status_code == 200, answer.text

    def wrote(self, since: int = 0) -> str:
        """What it has written from there on."""
        return self._log.read_text()[since:]

    async def written(self, kinds: set[str]) -> int:
        """How much it has written, once it has sent all events of these kinds that there were."""
        async with httpx.AsyncClient(base_url=self.url, auth=(KEY, "")) as client:
            asked = {"limit": 100}
            events = (await client.get("/v1/events", params=asked)).json()["data"]
        count = sum(one["type"] in kinds for one in events)
        for _ in range(ASKED_MAX):
            if self.wrote().count('webhook "') >= count:
                return len(self.wrote())
            await asyncio.sleep(0.02)
        raise AssertionError(f"localstripe did not send {count} events:\n{self.wrote()}")

    async def writes(self, words: str, *, since: int) -> None:
        """Wait until it has written that, from there on."""
        for _ in range(ASKED_MAX):
            if words in self.wrote(since):
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"localstripe did not write {words!r}:\n{self.wrote(since)}")


def can_listen() -> bool:
    """Whether there are IPv6 sockets, which it takes for all addresses."""
    try:
        socket.create_server(("::", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@contextmanager
def running_localstripe() -> Iterator[Localstripe]:
    """Start one on a free port, and end it."""
    with tempfile.TemporaryDirectory(prefix="talktime-localstripe-") as place:
        log = Path(place) / "log"
        for attempt in range(ATTEMPTS):
            port = _free_port()
            with log.open("w") as written:
                process = subprocess.Popen(
                    [sys.executable, "-m", "localstripe", "--port", str(port), "--from-scratch"],
                    stdout=written, stderr=subprocess.STDOUT, cwd=place,
                    env=os.environ | {"PYTHONUNBUFFERED": "1"},
                )  # fmt: skip
            try:
                if _answers(process, f"http://127.0.0.1:{port}"):
                    yield Localstripe(f"http://127.0.0.1:{port}", log)
                    return
            finally:
                process.kill()
                process.wait()
            print(f"localstripe did not start (attempt {attempt + 1}): {log.read_text()}")
        raise AssertionError(f"localstripe does not start: {log.read_text()}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _answers(process: subprocess.Popen[bytes], url: str) -> bool:
    """Whether it answers in time; False where it ended, its port taken by somebody quicker."""
    with httpx.Client(base_url=url, auth=(KEY, "")) as client:
        for _ in range(STARTS_WITHIN_SECONDS * 20):
            if process.poll() is not None:
                return False
            try:
                return client.get("/v1/customers").status_code == 200
            except httpx.TransportError:
                try:
                    process.wait(0.05)
                except subprocess.TimeoutExpired:
                    continue
    return False
