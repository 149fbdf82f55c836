"""Ended calls that wait for a price: settled when it arrives, free after seven days without one."""

from datetime import datetime

from talktime.core.call import BillingStatus, Call
from talktime.core.ratecard import PriceBook
from talktime.core.settlement import decide_price
from talktime.db import watch
from talktime.db.pool import Connection
from talktime.ops.attempts import CallKey, calls_for_attempt
from talktime.ops.call_isolation import decide_each, write_each
from talktime.ops.terms import Terms

BATCH = 500


async def settle_unpriced_calls(
    connection: Connection, *, after: CallKey, book: PriceBook, terms: Terms, now: datetime
) -> tuple[list[Call], CallKey | None]:
    """Settle what can be settled among the next BATCH unpriced calls in key order.

    Answers the calls settled and the key to go on from; None when there are no more.
    """
    keys = await watch.unpriced_call_keys(connection, after=after, limit=BATCH)
    if not keys:
        return [], None
    async with calls_for_attempt(connection, keys, 0) as calls:
        waiting = [call for call in calls.values() if call.billing_status is BillingStatus.UNPRICED]
        decided = decide_each(waiting, lambda call: decide_price(call, book, now))
        return await write_each(connection, decided, terms=terms, now=now), keys[-1]
