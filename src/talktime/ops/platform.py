"""One running Talktime: its connections, terms, prices and clock, handed to every edge."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime

import msgspec

from talktime.db.pool import Connection, Pool, connection_of, open_pool
from talktime.ops.prices import Prices
from talktime.ops.terms import Terms


def utc_now() -> datetime:
    return datetime.now(UTC)


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    pool: Pool
    terms: Terms
    prices: Prices
    public_url: str
    """Where customers reach the pages, without a trailing slash."""
    clock: Callable[[], datetime] = utc_now

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """A connection for one act; raises Overloaded where none is to be had."""
        return connection_of(self.pool)


@asynccontextmanager
async def open_platform(
    conninfo: str,
    *,
    terms: Terms,
    public_url: str,
    pool_size: int = 8,
    clock: Callable[[], datetime] = utc_now,
) -> AsyncIterator[Platform]:
    """Open a platform on a database that is up to date, its price book loaded."""
    async with open_pool(conninfo, size=pool_size) as pool:
        prices = Prices()
        async with connection_of(pool) as connection:
            await prices.refresh(connection)
        yield Platform(
            pool=pool, terms=terms, prices=prices, public_url=public_url.rstrip("/"), clock=clock
        )
