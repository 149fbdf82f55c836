"""Writers in processes of their own, each on one connection, that start together."""

import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable, Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import msgspec

from bench import book
from talktime.db import acts
from talktime.db.pool import Connection, connection_of, open_pool

WAIT_SECONDS = 120


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What one writer does: an act upon calls, in batches."""

    act: str
    """start, usage or settle"""
    conninfo: str
    keys: list[book.Key]
    batch: int


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """What the writers did together."""

    per_second: float
    backend_us: float | None
    """Processor time of the database's backends per item, in microseconds; None off Linux."""
    python_us: float
    """Processor time of the writers per item, in microseconds."""


def measure(tasks: Sequence[Task]) -> Speed:
    """Run the tasks side by side. The clock runs from the common start to the last one's end."""
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(len(tasks))
    results = spawn.Queue()
    processes = [spawn.Process(target=_write, args=(task, barrier, results)) for task in tasks]
    for process in processes:
        process.start()
    told = [results.get(timeout=WAIT_SECONDS) for _ in processes]
    for process in processes:
        process.join(WAIT_SECONDS)
    items = sum(len(task.keys) for task in tasks)
    seconds = max(one["end"] for one in told) - min(one["begin"] for one in told)
    backends = [one["backend"] for one in told if one["backend"] is not None]
    return Speed(
        per_second=items / seconds,
        backend_us=sum(backends) / items * 1e6 if len(backends) == len(told) else None,
        python_us=sum(one["client"] for one in told) / items * 1e6,
    )


def _write(task: Task, barrier: Barrier, results: Any) -> None:
    results.put(asyncio.run(_write_all(task, barrier)))


async def _write_all(task: Task, barrier: Barrier) -> dict[str, float | None]:
    now = book.utc_now()
    items, act, verdict = _prepared(task, now)
    async with open_pool(task.conninfo, size=1) as pool, connection_of(pool) as connection:
        await connection.execute("SELECT 1")
        barrier.wait(WAIT_SECONDS)  # nothing else runs in this process
        backend = processor_seconds(connection.info.backend_pid)
        client, begin = time.process_time(), time.time()
        for at in range(0, len(items), task.batch):
            verdicts = await act(connection, items[at : at + task.batch])
            if any(one.verdict != verdict for one in verdicts):
                raise RuntimeError(f"not every item was {verdict}: the figure would say nothing")
        end, client = time.time(), time.process_time() - client
        spent = processor_seconds(connection.info.backend_pid)
    used = None if spent is None or backend is None else spent - backend
    return {"begin": begin, "end": end, "client": client, "backend": used}


Act = Callable[[Connection, Sequence[Any]], Awaitable[Sequence[Any]]]


def _prepared(task: Task, now: Any) -> tuple[Sequence[Any], Act, str]:
    if task.act == "start":
        starts = [(facts, book.HOLD_NANOS, now) for facts in book.starts(task.keys)]
        return (
            starts,
            lambda connection, batch: acts.start_calls(
                connection,
                batch,
                now=now,
                floor_nanos=book.TERMS.floor_nanos,
                margin_ppm=book.TERMS.margin_ppm,
                lease_ms=book.TERMS.lease_ms,
            ),
            "admitted",
        )
    if task.act == "usage":
        return (
            book.usage_rows(task.keys, now),
            lambda connection, batch: acts.report_usage(connection, batch, now=now),
            "taken",
        )
    return (
        book.settlements(task.keys, now),
        lambda connection, batch: acts.settle_calls(
            connection, batch, now=now, floor_nanos=book.TERMS.floor_nanos
        ),
        "settled",
    )


def processor_seconds(pid: int) -> float | None:
    """Time the main thread of a process has spent on a processor; None off Linux."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except OSError:
        return None
