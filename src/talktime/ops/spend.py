"""Where an account's money went in a period: by day and service line, by channel, agent and model.

A period is whole days on the calendar of the account, and a call belongs to the day on which its
entry was recorded. So the same amount stands everywhere: the days, the service lines with the
margin, the channels, the agents and the ledger's call entries of the period all add up to it.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

import msgspec

from talktime.core.account import Account
from talktime.core.call import Call, FreeReason
from talktime.core.errors import InvalidInput, RangeTooWide
from talktime.core.providers import provider_id
from talktime.core.ratecard import Channel, Service
from talktime.db import spend, spend_days
from talktime.db.calls import read_calls
from talktime.db.pool import Connection
from talktime.db.spend_days import SpendDay
from talktime.ops.spend_days import DAYS_MAX, day_start, list_spend_days

AGENTS_MAX: Final = 50
DEAREST_MAX: Final = 10
CALLS_MAX: Final = 1_000_000
"""Of how many charged calls a breakdown is made at most."""
MODELS_CALLS_MAX: Final = 10_000
"""Of how many charged calls the lines are opened to tell the models apart."""
SECONDS_MAX: Final = 5
_REACH: Final = timedelta(days=8)
"""A call settles within this of its admission, nearly always: prices are waited for seven days."""


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
    """What a period of an account cost, all of it as of one moment."""
    zone = account.zone_at(now)
    since = day_start(period.first, zone)
    until = day_start(period.last + timedelta(days=1), zone)
    async with spend.one_snapshot(connection):
        days = tuple(await list_spend_days(connection, account, period.days, now=now))
        [before] = await spend_days.read_charged(
            connection, account.account_id, [_span_before(period, since, until, zone, now)]
        )
        told = Spend(period=period, zone=zone, days=days, before_nanos=before, breakdown=None)
        if told.calls > CALLS_MAX:
            return told
        scope = spend.CallScope(
            account_id=account.account_id, since=since, until=until, reached=since - _REACH
        )
        try:
            breakdown = await _break_down(connection, scope, told)
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


async def _break_down(connection: Connection, scope: spend.CallScope, told: Spend) -> Breakdown:
    rows = await _read_rows(connection, scope)
    if sum(row.charge_nanos for row in rows if row.kind == "channel") != told.charge_nanos:
        # Some were admitted long before they were settled: imported late, or very long.
        scope = msgspec.structs.replace(scope, by_entry=True)
        rows = await _read_rows(connection, scope)
    channels = [
        ChannelSpend(
            channel=Channel(row.key),
            calls=row.calls,
            charge_nanos=row.charge_nanos,
            duration_ms=row.duration_ms,
            median_nanos=row.median_nanos or 0,
            median_ms=row.median_ms or 0,
        )
        for row in rows
        if row.kind == "channel" and row.key is not None
    ]
    agents = [
        AgentSpend(
            agent_id=row.key,
            calls=row.calls,
            charge_nanos=row.charge_nanos,
            duration_ms=row.duration_ms,
        )
        for row in rows
        if row.kind == "agent"
    ]
    keys = [(scope.account_id, row.key) for row in rows if row.kind == "dear" and row.key]
    calls = await read_calls(connection, keys) if keys else {}
    models = None
    if told.calls <= MODELS_CALLS_MAX:
        models = _models(await spend.read_models(connection, scope, most_seconds=SECONDS_MAX))
    return Breakdown(
        channels=tuple(sorted(channels, key=lambda one: -one.charge_nanos)),
        agents=tuple(agents),
        other_agents=_rest(channels, agents),
        dearest=tuple(calls[key] for key in keys),
        free=tuple(
            FreeCalls(reason=FreeReason(row.key), calls=row.calls)
            for row in rows
            if row.kind == "free" and row.key is not None
        ),
        models=models,
    )


async def _read_rows(connection: Connection, scope: spend.CallScope) -> list[spend.SpendRow]:
    return await spend.read_breakdown(
        connection, scope, agents=AGENTS_MAX, dearest=DEAREST_MAX, most_seconds=SECONDS_MAX
    )


def _sum(parts: Sequence[Part]) -> Part:
    return Part(
        calls=sum(part.calls for part in parts),
        charge_nanos=sum(part.charge_nanos for part in parts),
        duration_ms=sum(part.duration_ms for part in parts),
    )


def _rest(channels: Sequence[Part], agents: Sequence[Part]) -> Part | None:
    total, named = _sum(channels), _sum(agents)
    if total.calls == named.calls:
        return None
    return Part(
        calls=total.calls - named.calls,
        charge_nanos=total.charge_nanos - named.charge_nanos,
        duration_ms=total.duration_ms - named.duration_ms,
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
