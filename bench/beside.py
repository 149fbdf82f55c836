"""What runs beside a benchmark, each a process of its own: a worker, a mail server, a receiver.

Mail server and receiver stand for other people's machines: at nice 19 they have what our own
processes leave of this one's cores.
"""

import asyncio
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop

from bench.writers import processor_seconds

_SINK = """
import asyncio
import os
from aiosmtpd.smtp import SMTP

class Taking:
    async def handle_DATA(self, server, session, envelope):
        return "250 taken"

async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Taking(), loop=loop), "127.0.0.1", 0)
    os.nice(19)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""
_ANSWER = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def mail_server() -> Iterator[int]:
    """A mail server that takes whatever comes; its port."""
    with subprocess.Popen([sys.executable, "-c", _SINK], stdout=subprocess.PIPE, text=True) as sink:
        assert sink.stdout is not None
        try:
            yield int(sink.stdout.readline())
        finally:
            sink.kill()


@contextmanager
def worker(home: Path, conninfo: str, mail_port: int) -> Iterator[int]:
    """A worker as an operator runs it, with a way for mail; its process id."""
    environ = {
        **os.environ,
        "TALKTIME_HOME": str(home / "worker"),
        "TALKTIME_DATABASE_URL": conninfo,
        "TALKTIME_SMTP_URL": f"smtp://127.0.0.1:{mail_port}",
        "TALKTIME_WEBHOOKS_PRIVATE": "allow",
        "TALKTIME_LOG_LEVEL": "error",
    }
    command = [sys.executable, "-m", "talktime", "worker"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            process.stdout.readline()
            yield process.pid
        finally:
            process.terminate()


@contextmanager
def receiver() -> Iterator[str]:
    """Somebody's server that takes every webhook; its URL."""
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Queue()
    process = spawn.Process(target=_receive, args=(ready,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ready.get(timeout=60)}/"
    finally:
        process.terminate()
        process.join(10)


def spent_seconds(pid: int) -> float | None:
    """Time that all threads of a process have spent on a processor; None off Linux."""
    spent = [processor_seconds(int(task.name)) for task in Path(f"/proc/{pid}/task").glob("*")]
    return sum(one or 0.0 for one in spent) if spent else None


def _receive(ready: "multiprocessing.Queue[int]") -> None:
    os.nice(19)
    uvloop.run(_receive_on(ready))


async def _receive_on(ready: "multiprocessing.Queue[int]") -> None:
    server = await asyncio.start_server(_take, "127.0.0.1", 0)
    ready.put(server.sockets[0].getsockname()[1])
    await server.serve_forever()


async def _take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            at = head.index(b"content-length: ") + 16
            await reader.readexactly(int(head[at : head.index(b"\r", at)]))
            writer.write(_ANSWER)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
