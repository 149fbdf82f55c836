"""What the Billing page tells beside the balance."""

from datetime import datetime

import msgspec
from psycopg.rows import class_row

from talktime.db.pool import Connection
from talktime.db.queries import query


class BillingFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Counts and sums, all of one moment."""

    event_seq: int
    """The last event that they know of."""
    running_calls: int
    waiting_calls: int
    """Ended calls that wait for a price."""
    refused_calls: int
    pace_calls: int
    """How many of the last charged calls (chats aside) the two sums are over."""
    pace_nanos: int
    pace_ms: int


async def read_billing_facts(
    connection: Connection,
    account_id: str,
    *,
    refused_since: datetime,
    refusals_max: int,
    pace_max: int,
) -> BillingFacts | None:
    """At most ``refusals_max`` refusals are counted, and ``pace_max`` calls summed up."""
    async with connection.cursor(row_factory=class_row(BillingFacts)) as cursor:
        await cursor.execute(
            query("billing_facts"),
            {
                "account_id": account_id,
                "refused_since": refused_since,
                "refusals_max": refusals_max,
                "pace_max": pace_max,
            },
        )
        return await cursor.fetchone()
