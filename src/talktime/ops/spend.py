"""Where an account's money went in a period: by day and service line, by channel, agent and model.

A period is whole days on the calendar of the account, and a call belongs to the day on which its
entry was recorded. So the same amount stands everywhere: the days, the service lines with the
margin, the channels, the agents and the ledger's call entries of the period all add up to it.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from heapq import nsmallest
from typing import Final

import msgspec

from talktime.core.account import Account
from talktime.core.call import Call, FreeReason
from talktime.core.errors import InvalidInput, RangeTooWide
from talktime.core.providers import provider_id
from talktime.core.ratecard import Channel, Service
from talktime.core.spread import median_of
from talktime.db import spend, spend_days
from talktime.db.calls import read_calls
from talktime.db.pool import Connection
from talktime.db.spend import ChannelDay
from talktime.db.spend_days import SpendDay
from talktime.ops.spend_days import DAYS_MAX, day_start, list_spend_days
from talktime.ops.spend_parts import (
    DEAREST_MAX,
    KEPT_FROM,
    PATIENCE,
    add_up_calls,
    add_up_past,
    list_models,
)

AGENTS_MAX: Final = 50
CALLS_MAX: Final = 1_000_000
"""Of how many charged calls a breakdown is made at most."""
MODELS_CALLS_MAX: Final = 10_000
"""Of how many charged calls the lines are opened to tell the models apart."""


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """Whole days of the account's calendar, both included."""

    first: date
    last: date

    @property
    def days(self) -> list[date]:
        count = (self.last - self.first).days + 1
        return [self.first + timedelta(days=number) for number in range(count)]


def check_period(first: date, last: date) -> Period:
    """The period from one day to another. Raises InvalidInput, RangeTooWide."""
    if last < first:
        raise InvalidInput("the last day is before the first", field="to")
    if (last - first).days >= DAYS_MAX:
        raise RangeTooWide(f"a period has at most {DAYS_MAX} days", field="from")
    # Neighbouring days and zones are asked for too, and the calendar ends.
    if first.year < 2000 or last.year > 2999:
        raise InvalidInput("the first day is before 2000, or the last after 2999", field="from")
    return Period(first=first, last=last)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """The charged calls that have something in common."""

    calls: int
    charge_nanos: int
    duration_ms: int


class ChannelSpend(Part, frozen=True, kw_only=True):
    channel: Channel
    median_nanos: int
    """The charge of the middle one of the calls; the same for the duration."""
    median_ms: int


class AgentSpend(Part, frozen=True, kw_only=True):
    agent_id: str | None
    """None: calls that named no agent."""


class ModelSpend(msgspec.Struct, frozen=True, kw_only=True):
    service: Service
    provider: str
    """Its id, whatever the calls named it."""
    model: str
    lines: int
    cost_nanos: int
    """Provider cost, before the margin."""


class FreeCalls(msgspec.Struct, frozen=True, kw_only=True):
    reason: FreeReason
    calls: int


class Breakdown(msgspec.Struct, frozen=True, kw_only=True):
    """Every list has what was charged most first."""

    channels: tuple[ChannelSpend, ...]
    agents: tuple[AgentSpend, ...]
    """At most AGENTS_MAX."""
    other_agents: Part | None
    """The calls of the agents beyond those."""
    dearest: tuple[Call, ...]
    free: tuple[FreeCalls, ...]
    models: tuple[ModelSpend, ...] | None
    """None where the period has more calls than MODELS_CALLS_MAX."""

    @property
    def total(self) -> Part:
        return _sum(self.channels)


class Spend(msgspec.Struct, frozen=True, kw_only=True):
    """What a period's calls were charged, in nanos."""

    period: Period
    zone: str
    """The zone of its days."""
    days: tuple[SpendDay, ...]
    """Every day of the period."""
    before_nanos: int
    """Charged in as many days before it, up to the same moment where the period still runs."""
    breakdown: Breakdown | None
    """None where there are too many calls to look through at once."""

    @property
    def calls(self) -> int:
        return sum(day.calls for day in self.days)

    @property
    def charge_nanos(self) -> int:
        return sum(day.charge_nanos for day in self.days)

    @property
    def parts(self) -> tuple[int, ...]:
        """LLM, STT, TTS, SIP and margin: they add up to the charge."""
        return tuple(map(sum, zip(*(day.parts for day in self.days), strict=True)))


async def read_spend(
    connection: Connection, account: Account, period: Period, *, now: datetime
) -> Spend:
    """What a period of an account cost; of its days that are not over, all as of one moment.

    Keeps what the days of busy accounts came to, once they are over.
    """
    account_id, zone, days = account.account_id, account.zone_at(now), period.days
    edges = [day_start(day, zone) for day in (*days, period.last + timedelta(days=1))]
    over = sum(edge <= now - PATIENCE for edge in edges[1:])
    past = await list_spend_days(connection, account, days[:over], now=now)
    is_busy = KEPT_FROM <= sum(day.calls for day in past) <= CALLS_MAX
    parts: list[ChannelDay] | None = []
    if is_busy:
        try:
            parts = await add_up_past(connection, account_id, edges[: over + 1], past)
        except RangeTooWide:
            parts = None
    async with spend.one_snapshot(connection):
        rest = await list_spend_days(connection, account, days[over:], now=now)
        [before] = await spend_days.read_charged(
            connection, account_id, [_span_before(period, edges[0], edges[-1], zone, now)]
        )
        told = Spend(
            period=period, zone=zone, days=(*past, *rest), before_nanos=before, breakdown=None
        )
        if parts is None or told.calls > CALLS_MAX:
            return told
        begin = over if is_busy else 0
        try:
            if begin < len(days):
                parts += await add_up_calls(
                    connection, account_id, (edges[begin], edges[-1]), told.days[begin:]
                )
            breakdown = await _break_down(connection, account_id, edges, parts, told)
        except RangeTooWide:
            return told
    return msgspec.structs.replace(told, breakdown=breakdown)


def _span_before(
    period: Period, since: datetime, until: datetime, zone: str, now: datetime
) -> tuple[datetime, datetime]:
    """As many days before the period; for whole months the month before."""
    first = period.first - timedelta(days=len(period.days))
    next_day = period.last + timedelta(days=1)
    if period.first.day == next_day.day == 1 and len(period.days) <= 31:
        first = (period.first - timedelta(days=1)).replace(day=1)
    begun = day_start(first, zone)
    return begun, min(begun + max(min(until, now) - since, timedelta(0)), since)


async def _break_down(
    connection: Connection,
    account_id: str,
    edges: Sequence[datetime],
    parts: Sequence[ChannelDay],
    told: Spend,
) -> Breakdown:
    channels = _channels(parts)
    agents = _agents(parts)
    dearest = nsmallest(
        DEAREST_MAX, ((-nanos, call_id) for part in parts for call_id, nanos in part.dearest)
    )
    keys = [(account_id, call_id) for _, call_id in dearest]
    calls = await read_calls(connection, keys) if keys else {}
    free: Counter[str] = Counter()
    for part in parts:
        free.update(part.free)
    models = None
    if told.calls <= MODELS_CALLS_MAX:
        cost_nanos = told.charge_nanos - told.parts[-1]
        rows = await list_models(connection, account_id, edges[0], edges[-1], cost_nanos)
        models = _models(rows)
    return Breakdown(
        channels=channels,
        agents=agents[:AGENTS_MAX],
        other_agents=_sum(agents[AGENTS_MAX:]) if agents[AGENTS_MAX:] else None,
        dearest=tuple(calls[key] for key in keys),
        free=tuple(
            FreeCalls(reason=FreeReason(reason), calls=count)
            for reason, count in sorted(free.items(), key=lambda one: (-one[1], one[0]))
        ),
        models=models,
    )


def _channels(parts: Sequence[ChannelDay]) -> tuple[ChannelSpend, ...]:
    by_channel: dict[str, list[ChannelDay]] = {}
    for part in parts:
        if part.calls:
            by_channel.setdefault(part.channel, []).append(part)
    found = [
        ChannelSpend(
            channel=Channel(channel),
            calls=sum(day.calls for day in days),
            charge_nanos=sum(day.charge_nanos for day in days),
            duration_ms=sum(day.duration_ms for day in days),
            median_nanos=median_of([day.charges for day in days]),
            median_ms=median_of([day.durations for day in days]),
        )
        for channel, days in by_channel.items()
    ]
    return tuple(sorted(found, key=lambda one: (-one.charge_nanos, one.channel)))


def _agents(parts: Sequence[ChannelDay]) -> tuple[AgentSpend, ...]:
    sums: dict[str | None, tuple[int, int, int]] = {}
    for part in parts:
        for one in part.agents:
            calls, nanos, ms = sums.get(one.agent_id, (0, 0, 0))
            sums[one.agent_id] = (
                calls + one.calls, nanos + one.charge_nanos, ms + one.duration_ms,
            )  # fmt: skip
    found = [
        AgentSpend(agent_id=agent_id, calls=calls, charge_nanos=nanos, duration_ms=ms)
        for agent_id, (calls, nanos, ms) in sums.items()
    ]
    return tuple(
        sorted(found, key=lambda one: (-one.charge_nanos, one.agent_id is None, one.agent_id or ""))
    )


def _sum(parts: Sequence[Part]) -> Part:
    return Part(
        calls=sum(part.calls for part in parts),
        charge_nanos=sum(part.charge_nanos for part in parts),
        duration_ms=sum(part.duration_ms for part in parts),
    )


def _models(rows: Sequence[spend.ModelRow]) -> tuple[ModelSpend, ...]:
    """One per model, whatever name of its provider the calls used."""
    found: dict[tuple[Service, str, str], tuple[int, int]] = {}
    for row in rows:
        key = (Service(row.service), provider_id(row.provider), row.model)
        lines, cost = found.get(key, (0, 0))
        found[key] = (lines + row.lines, cost + row.cost_nanos)
    models = [
        ModelSpend(service=service, provider=provider, model=model, lines=lines, cost_nanos=cost)
        for (service, provider, model), (lines, cost) in found.items()
    ]
    return tuple(sorted(models, key=lambda one: (-one.cost_nanos, one.provider, one.model)))
