"""What the Billing page tells beside the balance."""

from collections.abc import Sequence
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
    has_fallen: bool
    """A call was charged, or the balance was once at the warning level or above."""
    has_open_moves: bool
    """A payment, a refund or the asking for one has not come to its end."""


class PaceRow(msgspec.Struct, frozen=True, kw_only=True):
    """The last charged calls of one agent on one channel, summed up."""

    account_id: str
    agent_id: str | None
    channel: str
    calls: int
    charge_nanos: int
    duration_ms: int


async def read_billing_facts(
    connection: Connection,
    account_id: str,
    *,
    refused_since: datetime,
    refusals_max: int,
    payments_since: datetime,
) -> BillingFacts | None:
    """At most ``refusals_max`` refusals are counted; payments begun before are not looked for."""
    async with connection.cursor(row_factory=class_row(BillingFacts)) as cursor:
        await cursor.execute(
            query("billing_facts"),
            {
                "account_id": account_id,
                "refused_since": refused_since,
                "payments_since": payments_since,
                "refusals_max": refusals_max,
            },
        )
        return await cursor.fetchone()


async def read_paces(
    connection: Connection, account_ids: Sequence[str], *, among: int, calls_max: int, limit: int
) -> list[PaceRow]:
    """Of each account, the ``limit`` most used pairs of agent and channel among the last ``among``
    calls, the most used first, with the sums of at most ``calls_max`` of their last charged calls
    each."""
    async with connection.cursor(row_factory=class_row(PaceRow)) as cursor:
        await cursor.execute(
            query("recent_paces"),
            {
                "account_id": list(account_ids),
                "among": among,
                "calls_max": calls_max,
                "limit": limit,
            },
        )
        return await cursor.fetchall()
