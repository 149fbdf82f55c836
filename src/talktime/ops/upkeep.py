"""Keeping the database in order: the outbox's days made ahead, what has expired forgotten."""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from talktime.db import messages, upkeep, webhooks
from talktime.db.pool import Connection

EVENT_DAYS_AHEAD: Final = 3
EVENT_DAYS_KEPT: Final = 2
"""Listeners can catch up on 24 hours, whatever the time of day."""

REFUSALS_KEPT: Final = timedelta(days=30)
EXPIRED_KEPT: Final = timedelta(days=1)
"""A link that has just expired can still be told apart from one that never was."""

WEBHOOKS_KEPT: Final = timedelta(days=30)
"""Deliveries, so that somebody can look and send them again."""

MESSAGES_KEPT: Final = timedelta(days=90)
MESSAGE_LOST_AFTER: Final = timedelta(hours=1)
"""A message that was put into the queue of jobs and of which no job is left is put there anew."""

SWEEP_LIMIT: Final = 5_000
"""Rows in one statement; what is left waits for the next round."""


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """How much one round of upkeep put away."""

    event_days: int
    refusals: int
    portal_links: int
    sign_in_links: int
    browser_sessions: int
    webhook_deliveries: int
    messages: int
    messages_readmitted: int
    guesses: int


async def sweep_database(connection: Connection, *, now: datetime) -> Swept:
    """One round of upkeep; safe to repeat, from several workers too."""
    return Swept(
        event_days=await upkeep.plan_event_days(
            connection,
            today=now.date(),
            days_ahead=EVENT_DAYS_AHEAD,
            keep_days=EVENT_DAYS_KEPT,
        ),
        refusals=await upkeep.delete_refusals(
            connection, before=now - REFUSALS_KEPT, limit=SWEEP_LIMIT
        ),
        portal_links=await upkeep.delete_portal_links(
            connection, before=now - EXPIRED_KEPT, limit=SWEEP_LIMIT
        ),
        sign_in_links=await upkeep.delete_sign_in_links(
            connection, before=now - EXPIRED_KEPT, limit=SWEEP_LIMIT
        ),
        browser_sessions=await upkeep.delete_browser_sessions(
            connection, before=now - EXPIRED_KEPT, limit=SWEEP_LIMIT
        ),
        webhook_deliveries=await webhooks.delete_deliveries(
            connection, before=now - WEBHOOKS_KEPT, limit=SWEEP_LIMIT
        ),
        messages=await messages.delete_messages(
            connection, before=now - MESSAGES_KEPT, limit=SWEEP_LIMIT
        ),
        messages_readmitted=await messages.readmit_messages(
            connection, before=now - MESSAGE_LOST_AFTER
        ),
        guesses=await upkeep.delete_guesses(
            connection, before=now - EXPIRED_KEPT, limit=SWEEP_LIMIT
        ),
    )
