"""The queue of jobs, worked: each job is a promise about one thing outside, kept or tried again.

A job is put into the queue in a transaction of ours (``talktime.db.jobs.defer_jobs``), so that it
exists exactly if what it is about was committed. It is done at least once: a process that dies
while doing one leaves it to the next, which notices within ``STALLED_SECONDS``.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec
import structlog
from procrastinate import App, BaseRetryStrategy, RetryDecision
from procrastinate.jobs import Job
from prometheus_client import Counter

from talktime.core.errors import Overloaded
from talktime.db.jobs import queue_connector
from talktime.db.pool import Pool

log = structlog.get_logger("talktime.jobs")

POLL_SECONDS: Final = 1.0
"""New jobs announce themselves; those that were put off do not, and are looked for."""

HEARTBEAT_SECONDS: Final = 5.0
STALLED_SECONDS: Final = 15.0
"""A process not heard from for so long no longer does the jobs it took."""

DRAIN_SECONDS: Final = 5.0
"""How long jobs under way may take after we were told to stop; they are done again otherwise."""

UNEXPECTED_MAX: Final = 12
"""Failures nobody foresaw after which a job is left, marked failed, for somebody to look at."""

LONGEST_PAUSE_SECONDS: Final = 60.0

DONE = Counter(
    "talktime_jobs", "Jobs worked, by how they ended.", ["task", "result"], registry=None
)


class TryAgain(Exception):
    """The job could not be done now; it is done again after ``seconds``."""

    def __init__(self, reason: str, *, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What is done with the jobs of one name; the job's arguments are passed by name.

    ``act`` raises TryAgain to be called again later, as often as it wishes. Whatever else it
    raises is tried again with growing pauses, UNEXPECTED_MAX times.
    """

    name: str
    act: Callable[..., Awaitable[None]]


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs that are worked side by side, without keeping those of other queues waiting."""

    name: str
    tasks: Sequence[Task]
    at_once: int
    """How many jobs at a time in this process."""


def backoff_seconds(failures: int, *, first: float, longest: float) -> float:
    """The pause after so many failures in a row: trebled each time, a fifth more or less.

    The spread keeps those that failed together from coming back together.
    """
    pause = min(longest, first * 3.0 ** min(failures - 1, 20))
    return pause * random.uniform(0.8, 1.2)  # noqa: S311  (nothing to guess here)


async def run_queues(pool: Pool, queues: Sequence[Queue], stop: asyncio.Event) -> None:
    """Work queues until ``stop`` is set, through outages of the database; then finish."""
    failures = 0
    while queues and not stop.is_set():
        try:
            await _work(pool, queues, stop)
            failures = 0
        except Exception:  # the database is away, most likely: the next try will tell
            failures += 1
            log.exception("working the queue failed", failures=failures)
        if not stop.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(LONGEST_PAUSE_SECONDS, 2.0**failures)):
                    await stop.wait()


async def _work(pool: Pool, queues: Sequence[Queue], stop: asyncio.Event) -> None:
    app = _app_of(pool, queues)
    async with app.open_async():
        workers = [
            asyncio.create_task(
                app.run_worker_async(
                    name=queue.name,
                    queues=[queue.name],
                    concurrency=queue.at_once,
                    fetch_job_polling_interval=POLL_SECONDS,
                    update_heartbeat_interval=HEARTBEAT_SECONDS,
                    stalled_worker_timeout=STALLED_SECONDS,
                    shutdown_graceful_timeout=DRAIN_SECONDS,
                    delete_jobs="successful",
                    install_signal_handlers=False,
                )
            )
            for queue in queues
        ]
        others = [asyncio.create_task(stop.wait()), asyncio.create_task(_take_over(app, queues))]
        try:
            # A worker that ends was kept from its work: all begin afresh.
            await asyncio.wait([*workers, *others], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*workers, *others):
                task.cancel()
            ends = await asyncio.gather(*workers, *others, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                raise end


async def _take_over(app: App, queues: Sequence[Queue]) -> None:
    """Put back what a process took that is no more."""
    while True:
        for queue in queues:
            stalled = await app.job_manager.get_stalled_jobs(
                queue=queue.name, seconds_since_heartbeat=STALLED_SECONDS
            )
            for job in stalled:
                log.warning("job taken over", task=job.task_name, job_id=job.id)
                await app.job_manager.retry_job(job)
        await asyncio.sleep(HEARTBEAT_SECONDS)


def _app_of(pool: Pool, queues: Sequence[Queue]) -> App:
    app = App(connector=queue_connector(pool))
    for queue in queues:
        for task in queue.tasks:
            app.task(name=task.name, queue=queue.name, retry=_Patience())(_counted(task))
    return app


def _counted(task: Task) -> Callable[..., Awaitable[None]]:
    async def act(**arguments: Any) -> None:
        result = "failed"
        try:
            await task.act(**arguments)
            result = "done"
        except TryAgain:
            result = "put off"
            raise
        finally:
            DONE.labels(task=task.name, result=result).inc()

    return act


class _Patience(BaseRetryStrategy):
    """As long as the job itself says, otherwise a bounded number of times."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if isinstance(exception, TryAgain):
            return RetryDecision(retry_in={"milliseconds": int(exception.seconds * 1000)})
        if isinstance(exception, asyncio.CancelledError):  # we are stopping: somebody else's turn
            return RetryDecision()
        if isinstance(exception, Overloaded):
            return RetryDecision(retry_in={"seconds": 2})
        if job.attempts >= UNEXPECTED_MAX:
            return None
        pause = backoff_seconds(job.attempts + 1, first=2, longest=3600)
        return RetryDecision(retry_in={"milliseconds": int(pause * 1000)})
