"""One running Talktime: its connections, terms, prices and clock, handed to every edge."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime

import msgspec

from talktime.core.document import Seller
from talktime.core.errors import TopUpsOff
from talktime.core.refund import PaymentProvider
from talktime.db.pool import Connection, Pool, connection_of, open_pool
from talktime.ops.prices import Prices
from talktime.ops.terms import Terms


def utc_now() -> datetime:
    """The clock of every process that no test has given another."""
    return datetime.now(UTC)


class Payments(msgspec.Struct, frozen=True, kw_only=True):
    """Who collects top-ups and sends them back, and how its notices are known to be its own."""

    provider: PaymentProvider
    notice_secret: str

    def __repr__(self) -> str:
        # The secret stays out of logs and tracebacks.
        return f"Payments(provider={self.provider.name!r})"


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """What acts need of this installation; edges hand its parts on to them."""

    pool: Pool
    terms: Terms
    prices: Prices
    public_url: str
    """Where customers reach the pages, without a trailing slash."""
    clock: Callable[[], datetime] = utc_now
    payments: Payments | None = None
    """None: no top-ups; an operator credits money."""
    sign_up_open: bool = True
    """Whether somebody who is no member yet may open an account by an e-mail link."""
    mail_configured: bool = True
    """Whether mail goes to people; otherwise it waits until a way for it is set up."""
    seller: Seller = Seller()
    """Who receipts are from."""

    @property
    def checkout(self) -> PaymentProvider:
        """Who collects top-ups. Raises TopUpsOff where nobody does."""
        if self.payments is None:
            raise TopUpsOff(
                "this installation takes no payments: its operator has set no payment provider"
            )
        return self.payments.provider

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
    sign_up_open: bool = True,
    mail_configured: bool = True,
    seller: Seller | None = None,
) -> AsyncIterator[Platform]:
    """Open a platform on a database that is up to date, its price book loaded."""
    async with open_pool(conninfo, size=pool_size) as pool:
        prices = Prices()
        async with connection_of(pool) as connection:
            await prices.refresh(connection)
        yield Platform(
            pool=pool,
            terms=terms,
            prices=prices,
            public_url=public_url.rstrip("/"),
            clock=clock,
            sign_up_open=sign_up_open,
            mail_configured=mail_configured,
            seller=seller or Seller(),
        )
