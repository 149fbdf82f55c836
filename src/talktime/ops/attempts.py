"""Decide in Python, write in SQL: how a decision that went stale is made again.

A decision is made from calls as read at some revision, and written only where that revision still
stands. The first attempt takes no lock to read. The second holds the accounts' locks from its
reading to its writing, so nothing can come between: two attempts are enough.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from talktime.core.call import Call
from talktime.core.errors import Overloaded
from talktime.db.acts import lock_accounts
from talktime.db.calls import read_calls
from talktime.db.pool import Connection

ATTEMPTS = 2

CallKey = tuple[str, str]
"""(account_id, call_id)"""


@asynccontextmanager
async def calls_for_attempt(
    connection: Connection, keys: Sequence[CallKey], attempt: int
) -> AsyncIterator[dict[CallKey, Call]]:
    """The calls to decide upon; from the second attempt on, locked until the block ends."""
    if attempt == 0:
        yield await read_calls(connection, keys)
        return
    async with connection.transaction():
        await lock_accounts(connection, sorted({key[0] for key in keys}))
        yield await read_calls(connection, keys)


def still_contended() -> Overloaded:
    """The answer to an item that both attempts found changed; nothing was written for it."""
    return Overloaded("the call is being changed by others; send the same request again")
