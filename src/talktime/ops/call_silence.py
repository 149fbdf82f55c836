"""The watchdog: ends calls that were not heard from for the whole grace. It hangs up nothing."""

from datetime import datetime, timedelta

from talktime.core.call import Call, Status
from talktime.core.ratecard import PriceBook
from talktime.core.settlement import decide_silence
from talktime.db import watch
from talktime.db.pool import Connection
from talktime.ops.attempts import calls_for_attempt
from talktime.ops.call_isolation import decide_each, write_each
from talktime.ops.terms import Terms

BATCH = 500


async def end_silent_calls(
    connection: Connection,
    *,
    healthy_since: datetime,
    book: PriceBook,
    terms: Terms,
    now: datetime,
) -> list[Call]:
    """End up to BATCH calls whose grace is over, and answer them as settled.

    The grace counts from the later of last heard and ``healthy_since``, so that our own outage
    fails no call. Each is decided from what was read without a lock and written only if nothing was
    heard since: a report moves the revision on.
    """
    grace = timedelta(milliseconds=terms.grace_ms)
    if now - healthy_since < grace:
        return []
    keys = await watch.silent_call_keys(connection, silent_since=now - grace, limit=BATCH)
    if not keys:
        return []
    async with calls_for_attempt(connection, keys, 0) as calls:
        silent = [
            call
            for call in calls.values()
            if call.status is Status.LIVE and now - call.last_heard_at >= grace
        ]
        decided = decide_each(silent, lambda call: decide_silence(call, book))
        return await write_each(connection, decided, terms=terms, now=now)
