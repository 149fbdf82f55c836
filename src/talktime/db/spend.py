"""What a period's calls were charged, by what they were; and what the last calls used."""

import sys
from array import array
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from talktime.core.errors import RangeTooWide
from talktime.core.estimate import PastUsage
from talktime.db.calls import decode_lines
from talktime.db.ledger_verify import one_snapshot
from talktime.db.pool import Connection
from talktime.db.queries import query

__all__ = [
    "AgentSum",
    "CallScope",
    "ChannelDay",
    "ModelRow",
    "keep_days",
    "one_snapshot",
    "read_days",
    "read_kept_days",
    "read_models",
    "read_recent_usage",
    "too_many_calls",
]


class CallScope(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls: those of an account settled from ``since`` until before ``until``."""

    account_id: str
    since: datetime
    until: datetime
    reached: datetime
    """Calls admitted from here on are found quickly."""
    by_entry: bool = False
    """Find those admitted before that too, one by one."""


class AgentSum(msgspec.Struct, frozen=True, array_like=True):
    """What the charged calls of one agent came to; None: of those that named none."""

    agent_id: str | None
    calls: int
    charge_nanos: int
    duration_ms: int


class ChannelDay(msgspec.Struct, frozen=True, kw_only=True):
    """What the calls of one channel came to that were settled on one day."""

    item: int
    """Which of the days that were asked for, from 1."""
    channel: str
    calls: int
    """Charged ones, as in all but ``free``."""
    charge_nanos: int
    duration_ms: int
    charges: Sequence[int]
    """The charge of each call in nanos, ascending; the same for the durations in ms."""
    durations: Sequence[int]
    agents: tuple[AgentSum, ...]
    dearest: tuple[tuple[str, int], ...]
    """Call and charge in nanos, of those charged most."""
    free: dict[str, int]
    """Calls by the reason why they were free."""


class ModelRow(msgspec.Struct, frozen=True, kw_only=True):
    """The lines of one model, as calls reported it; provider cost in nanos."""

    service: str
    provider: str
    model: str
    lines: int
    cost_nanos: int


_agents = msgspec.json.Decoder(tuple[AgentSum, ...])
_dearest = msgspec.json.Decoder(tuple[tuple[str, int], ...])
_free = msgspec.json.Decoder(dict[str, int])


async def read_days(
    connection: Connection,
    scope: CallScope,
    edges: Sequence[datetime],
    *,
    dearest: int,
    most_seconds: int,
) -> list[ChannelDay]:
    """The days between neighbouring ``edges``, added up from their calls; empty ones are absent.

    Raises RangeTooWide where it takes longer than ``most_seconds``.
    """
    values = {**msgspec.structs.asdict(scope), "edges": list(edges), "dearest": dearest}
    return [_day(row) for row in await _bounded(connection, "spend_parts", values, most_seconds)]


async def read_models(
    connection: Connection, scope: CallScope, *, most_seconds: int
) -> list[ModelRow]:
    """Every model that a line names. Raises RangeTooWide as read_days does."""
    rows = await _bounded(connection, "spend_models", msgspec.structs.asdict(scope), most_seconds)
    return [
        ModelRow(service=service, provider=provider, model=model, lines=lines, cost_nanos=cost)
        for service, provider, model, lines, cost in rows
    ]


async def read_kept_days(
    connection: Connection, account_id: str, edges: Sequence[tuple[datetime, datetime]]
) -> list[ChannelDay]:
    """Those of these days that were kept: a row for every channel each."""
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(
            query("kept_spend_parts"),
            {
                "account_id": account_id,
                "begins": [begins for begins, _ in edges],
                "ends": [ends for _, ends in edges],
            },
        )
        return [_day(row) for row in await cursor.fetchall()]


async def keep_days(
    connection: Connection,
    account_id: str,
    edges: Sequence[tuple[datetime, datetime]],
    days: Sequence[ChannelDay],
) -> None:
    """Keep what days that are over came to; ``edges`` are those of the days' items."""
    encode = msgspec.json.Encoder().encode
    await connection.execute(
        query("keep_spend_parts"),
        {
            "account_id": account_id,
            "begins": [edges[day.item - 1][0] for day in days],
            "ends": [edges[day.item - 1][1] for day in days],
            "channel": [day.channel for day in days],
            "calls": [day.calls for day in days],
            "charge_nanos": [day.charge_nanos for day in days],
            "duration_ms": [day.duration_ms for day in days],
            "charges": [_packed(day.charges) for day in days],
            "durations": [_packed(day.durations) for day in days],
            "agents": [encode(day.agents).decode() for day in days],
            "dearest": [encode(day.dearest).decode() for day in days],
            "free": [encode(day.free).decode() for day in days],
        },
    )


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


async def _bounded(
    connection: Connection, name: str, values: Mapping[str, Any], most_seconds: int
) -> list[tuple[Any, ...]]:
    try:
        async with connection.transaction(), connection.cursor(binary=True) as cursor:
            await cursor.execute(query("bound_statements"), {"most": f"{most_seconds}s"})
            await cursor.execute(query(name), values, prepare=False)
            return await cursor.fetchall()
    except psycopg.errors.QueryCanceled as error:
        raise too_many_calls() from error


def too_many_calls() -> RangeTooWide:
    """The refusal of days that take too long to look through."""
    return RangeTooWide(
        "these days have too many calls to look through at once; choose fewer days", field="from"
    )


def _day(row: Sequence[Any]) -> ChannelDay:
    item, channel, calls, charge_nanos, duration_ms, charges, durations, *told = row
    agents, dearest, free = told
    return ChannelDay(
        item=item,
        channel=channel,
        calls=calls,
        charge_nanos=charge_nanos,
        duration_ms=duration_ms,
        charges=_unpacked(charges),
        durations=_unpacked(durations),
        agents=_agents.decode(agents),
        dearest=_dearest.decode(dearest),
        free=_free.decode(free),
    )


def _unpacked(told: bytes) -> "array[int]":
    """Numbers that the database wrote with eight bytes each, the highest first."""
    numbers = array("q", told)
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def _packed(numbers: Sequence[int]) -> bytes:
    told = array("q", numbers)
    if sys.byteorder == "little":
        told.byteswap()
    return told.tobytes()
