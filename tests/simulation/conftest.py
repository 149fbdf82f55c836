"""Connections enough to get into each other's way."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from talktime.db.pool import Connection, connection_of, open_pool
from tests.db.desk import Desk

CONNECTIONS = 8


@pytest.fixture
def desk(connection: Connection, database_url: str) -> Iterator[Desk]:
    """The money functions, each account a fresh one."""
    desk = Desk(connection)
    yield desk
    desk.forget(database_url)


@pytest.fixture
async def connections(database_url: str) -> AsyncIterator[list[Connection]]:
    """Eight connections of the application's own."""
    async with open_pool(database_url, size=CONNECTIONS) as pool, AsyncExitStack() as stack:
        yield [await stack.enter_async_context(connection_of(pool)) for _ in range(CONNECTIONS)]
