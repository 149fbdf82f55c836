"""What a period's calls were charged, by what they were; and what the last calls used."""

from datetime import datetime

import msgspec
import psycopg
from psycopg.rows import class_row

from talktime.core.errors import RangeTooWide
from talktime.core.estimate import PastUsage
from talktime.db.calls import decode_lines
from talktime.db.ledger_verify import one_snapshot
from talktime.db.pool import Connection
from talktime.db.queries import query

__all__ = ["CallScope", "ModelRow", "SpendRow", "one_snapshot", "read_breakdown", "read_models"]


class CallScope(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls: those of an account settled from ``since`` until before ``until``."""

    account_id: str
    since: datetime
    until: datetime
    reached: datetime
    """Calls admitted from here on are found quickly."""
    by_entry: bool = False
    """Find those admitted before that too, one by one."""


class SpendRow(msgspec.Struct, frozen=True, kw_only=True):
    """The calls that have ``key`` in common, amounts in nanos."""

    kind: str
    """channel, agent, dear (one call each) or free (the key is the reason)."""
    key: str | None
    calls: int
    charge_nanos: int
    duration_ms: int
    median_nanos: int | None
    """Of channels: the charge of the middle one of its calls."""
    median_ms: int | None


class ModelRow(msgspec.Struct, frozen=True, kw_only=True):
    """The lines of one model, as calls reported it; provider cost in nanos."""

    service: str
    provider: str
    model: str
    lines: int
    cost_nanos: int


async def read_breakdown(
    connection: Connection, scope: CallScope, *, agents: int, dearest: int, most_seconds: int
) -> list[SpendRow]:
    """At most ``agents`` agents and ``dearest`` calls, those charged most, in this order.

    Raises RangeTooWide where it takes longer than ``most_seconds``. Inside of a transaction.
    """
    try:
        async with (
            connection.transaction(),
            connection.cursor(row_factory=class_row(SpendRow)) as cursor,
        ):
            await cursor.execute(query("bound_statements"), {"most": f"{most_seconds}s"})
            await cursor.execute(
                query("spend_breakdown"),
                {**msgspec.structs.asdict(scope), "agents": agents, "dearest": dearest},
                prepare=False,
            )
            return await cursor.fetchall()
    except psycopg.errors.QueryCanceled as error:
        raise _too_wide() from error


async def read_models(
    connection: Connection, scope: CallScope, *, most_seconds: int
) -> list[ModelRow]:
    """Every model that a line names. Raises RangeTooWide as read_breakdown does."""
    try:
        async with (
            connection.transaction(),
            connection.cursor(row_factory=class_row(ModelRow)) as cursor,
        ):
            await cursor.execute(query("bound_statements"), {"most": f"{most_seconds}s"})
            await cursor.execute(
                query("spend_models"), msgspec.structs.asdict(scope), prepare=False
            )
            return await cursor.fetchall()
    except psycopg.errors.QueryCanceled as error:
        raise _too_wide() from error


async def read_recent_usage(
    connection: Connection, account_id: str, *, channel: str, limit: int
) -> list[PastUsage]:
    """What the last charged calls on a channel used, newest first."""
    cursor = await connection.execute(
        query("recent_usage"), {"account_id": account_id, "channel": channel, "limit": limit}
    )
    return [
        PastUsage(duration_ms=duration_ms, lines=decode_lines(lines))
        for duration_ms, lines in await cursor.fetchall()
    ]


def _too_wide() -> RangeTooWide:
    return RangeTooWide(
        "these days have too many calls to look through at once; choose fewer days", field="from"
    )
