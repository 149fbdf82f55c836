"""The queue of jobs: Procrastinate's tables, in a schema of their own."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from procrastinate import PsycopgConnector
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from talktime.db.migrate import APP_ROLE
from talktime.db.pool import Connection, Pool
from talktime.db.queries import query

_OPTIONS = (
    f"-c role={APP_ROLE} -c timezone=UTC -c search_path=jobs -c jit=off "
    # Jobs are done at least once, and one that was done finds that it was: that it was taken up or
    # ended need not be on disk before the next step. Putting it here waits, as its caller does.
    "-c synchronous_commit=off"
)
CONNECTIONS_MAX = 4


class Deferred(msgspec.Struct, frozen=True, kw_only=True):
    """A job to be done once the transaction is committed."""

    queue: str
    task: str
    args: Mapping[str, str]
    lock: str | None = None
    """Jobs with the same lock are done one at a time, in the order in which they were put here."""
    scheduled_at: datetime | None = None


async def defer_jobs(connection: Connection, jobs: Sequence[Deferred]) -> None:
    """Put jobs into the queue, in the caller's transaction."""
    if not jobs:
        return
    await connection.execute(
        query("defer_jobs"),
        {
            "queue": [job.queue for job in jobs],
            "task": [job.task for job in jobs],
            "lock": [job.lock for job in jobs],
            "args": [msgspec.json.encode(job.args).decode() for job in jobs],
            "scheduled_at": [job.scheduled_at for job in jobs],
        },
    )


def queue_connector(pool: Pool) -> PsycopgConnector:
    """Procrastinate's way to the database that ``pool`` is connected to, not opened yet."""
    return PsycopgConnector(
        pool_factory=_unchecked_pool,
        conninfo=pool.conninfo,
        kwargs={"options": _OPTIONS, "fallback_application_name": "talktime"},
        # Each of its statements stands for itself.
        configure=_autocommit,
        min_size=1,
        max_size=CONNECTIONS_MAX,
        timeout=10,
    )


def _unchecked_pool(**arguments: Any) -> AsyncConnectionPool[AsyncConnection[Any]]:
    """Without a question to the database before each statement: who works a queue begins anew
    after a failure anyway."""
    return AsyncConnectionPool(**{**arguments, "check": None})


async def _autocommit(connection: AsyncConnection[Any]) -> None:
    await connection.set_autocommit(True)
