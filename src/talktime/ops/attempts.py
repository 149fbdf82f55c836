"""Decide in Python, write in SQL: how a decision that went stale is made again.

A decision is made from calls as read at some revision, and written only where that revision still
stands. The first attempt takes no lock to read, and reads only calls that are not known. The second
holds the accounts' locks from its reading to its writing, so nothing can come between: two attempts
are enough.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from talktime.core.call import Call
from talktime.core.errors import Overloaded
from talktime.db.acts import lock_accounts
from talktime.db.calls import read_calls
from talktime.db.pool import Connection
from talktime.ops.known_calls import CallKey, KnownCalls

__all__ = ["ATTEMPTS", "CallKey", "calls_for_attempt", "still_contended"]

ATTEMPTS = 2


@asynccontextmanager
async def calls_for_attempt(
    connection: Connection,
    keys: Sequence[CallKey],
    attempt: int,
    known: KnownCalls | None = None,
) -> AsyncIterator[dict[CallKey, Call]]:
    """The calls to decide upon; from the second attempt on, locked until the block ends.

    On the first they may be as ``known`` has them, and out of date.
    """
    if attempt == 0:
        calls = {key: call for key in keys if known and (call := known.get(key)) is not None}
        unknown = [key for key in keys if key not in calls] if calls else keys
        if unknown:
            calls |= await read_calls(connection, unknown)
        yield calls
        return
    async with connection.transaction():
        await lock_accounts(connection, sorted({key[0] for key in keys}))
        yield await read_calls(connection, keys)


def still_contended() -> Overloaded:
    """The answer to an item that both attempts found changed; nothing was written for it."""
    return Overloaded("the call is being changed by others; send the same request again")
