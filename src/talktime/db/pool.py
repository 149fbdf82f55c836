"""Connections to the database: how the application opens them, and what they are set to.

Everything outside this package sees a ``Connection`` and hands it on; the driver is known here.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import TypeAlias, TypeVar

import psycopg
from psycopg.rows import TupleRow
from psycopg.types.numeric import Int8BinaryDumper
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from talktime.core.errors import InvalidAmount, Overloaded
from talktime.db.migrate import APP_ROLE

Connection: TypeAlias = psycopg.AsyncConnection[TupleRow]
Pool: TypeAlias = AsyncConnectionPool[Connection]
T = TypeVar("T")

_OPTIONS = (
    f"-c role={APP_ROLE} -c timezone=UTC -c statement_timeout=60s -c lock_timeout=30s "
    "-c idle_in_transaction_session_timeout=60s -c jit=off"
)


async def _configure(connection: Connection) -> None:
    # The default picks an integer type by value, and each type would prepare a plan of its own.
    connection.adapters.register_dumper(int, Int8BinaryDumper)


@asynccontextmanager
async def open_pool(
    conninfo: str, *, size: int = 8, wait_seconds: float = 10.0
) -> AsyncIterator[Pool]:
    """A pool of autocommitting connections that work as the application's role, in UTC.

    ``size`` is the most it opens; who waits ``wait_seconds`` in vain gets a PoolTimeout.
    """
    pool: Pool = AsyncConnectionPool(
        conninfo,
        kwargs={
            "autocommit": True,
            "options": _OPTIONS,
            # How pg_stat_activity and PostgreSQL's log call us, where the operator's URL does not.
            "fallback_application_name": "talktime",
        },
        configure=_configure,
        min_size=1,
        max_size=size,
        timeout=wait_seconds,
        open=False,
        check=None,
    )
    await pool.open(wait=True, timeout=wait_seconds)
    try:
        yield pool
    finally:
        await pool.close()


@asynccontextmanager
async def connection_of(pool: Pool) -> AsyncIterator[Connection]:
    """One connection for one act.

    Raises Overloaded where none is free in time or the database goes away, InvalidAmount where the
    act would bring a figure beyond what bigint holds; nothing of the statement was written then.
    """
    try:
        connection = await pool.getconn()
    except PoolTimeout as error:
        raise Overloaded("the database is busy or away; try again shortly") from error
    try:
        with counted():
            yield connection
    except psycopg.OperationalError as error:
        raise Overloaded("the database went away; try again shortly") from error
    finally:
        await pool.putconn(connection)


async def read_whole(
    connections: Callable[[], AbstractAsyncContextManager[Connection]],
    read: Callable[[Connection], Awaitable[T]],
) -> T:
    """What is read by a connection of its own, to its end even where whoever asked has left: a
    query that is cut costs a connection."""

    async def act() -> T:
        async with connections() as connection:
            return await read(connection)

    return await asyncio.shield(act())


@contextmanager
def counted() -> Iterator[None]:
    """Raises InvalidAmount where a figure of a statement would be beyond what bigint holds."""
    try:
        yield
    except psycopg.errors.NumericValueOutOfRange as error:
        raise InvalidAmount(
            "with this, a sum of the account would be beyond nine billion dollars, more than is "
            "counted; check the unit: amounts are in dollars"
        ) from error
