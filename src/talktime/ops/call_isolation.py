"""Many calls at once, none of which may keep the others from ending.

The watchdog and the settling of waiting calls go over calls of all accounts. One that cannot be
decided or written is logged for the operator and passed over; the rest go on.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from talktime.core.call import Call
from talktime.core.errors import Overloaded, TalktimeError
from talktime.core.settlement import Settlement
from talktime.db.pool import Connection
from talktime.ops.call_end import write_settlements
from talktime.ops.terms import Terms

logger = logging.getLogger(__name__)


def decide_each(
    calls: Iterable[Call], decide: Callable[[Call], Settlement | None]
) -> list[tuple[Call, Settlement]]:
    """What is decided for each call; nothing for those left alone, or that cannot be decided."""
    decided = []
    for call in calls:
        try:
            settlement = decide(call)
        except Exception:  # whatever is wrong with this call, the others have to end
            logger.exception("call %s of account %s was not decided", call.call_id, call.account_id)
            continue
        if settlement is not None:
            decided.append((call, settlement))
    return decided


async def write_each(
    connection: Connection,
    decided: Sequence[tuple[Call, Settlement]],
    *,
    terms: Terms,
    now: datetime,
) -> list[Call]:
    """Write settlements together or, where one breaks the batch, one by one; the calls settled."""
    try:
        written = await write_settlements(connection, decided, terms=terms, now=now)
    except Overloaded:
        raise
    except TalktimeError:
        written = []
        for call, settlement in decided:
            try:
                written += await write_settlements(
                    connection, [(call, settlement)], terms=terms, now=now
                )
            except TalktimeError:
                logger.exception(
                    "call %s of account %s was not settled", call.call_id, call.account_id
                )
    return [call for call in written if call is not None]
