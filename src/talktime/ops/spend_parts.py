"""What days came to, added up from their calls: those of busy accounts once, and then kept."""

import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

import msgspec

from talktime.core.ratecard import Channel
from talktime.db import spend
from talktime.db.pool import Connection
from talktime.db.spend import CallScope, ChannelDay, ModelRow
from talktime.db.spend_days import SpendDay

DEAREST_MAX: Final = 10
KEPT_FROM: Final = 2_000
"""With fewer charged calls in a period, all of them are looked through each time."""
SECONDS_MAX: Final = 5
"""For one statement, and for beginning another: a page has one of few connections meanwhile."""
PATIENCE: Final = timedelta(hours=2)
"""A day is over this long after its end: an account's recorded time stands still for an hour at
most, where the clocks of processes differ."""
DAYS_AT_ONCE: Final = 31
CALLS_AT_ONCE: Final = 150_000
"""How much is added up by one statement, unless one day has more calls."""
_REACH: Final = timedelta(days=8)
"""A call settles within this of its admission, nearly always: prices are waited for seven days."""


async def add_up_calls(
    connection: Connection,
    account_id: str,
    edges: Sequence[datetime],
    told: Sequence[SpendDay],
) -> list[ChannelDay]:
    """What the days between neighbouring ``edges`` came to, from their calls.

    ``told`` is what the roll-ups say of the same time. Raises RangeTooWide.
    """
    scope = _scope(account_id, edges[0], edges[-1])
    found = await _read(connection, scope, edges)
    if sum(day.charge_nanos for day in found) != sum(day.charge_nanos for day in told):
        # Some were admitted long before they were settled: imported late, or very long.
        found = await _read(connection, msgspec.structs.replace(scope, by_entry=True), edges)
    return found


async def add_up_past(
    connection: Connection,
    account_id: str,
    edges: Sequence[datetime],
    told: Sequence[SpendDay],
) -> list[ChannelDay]:
    """The same of days that are over: each is added up once, and kept for the next time.

    A kept day counts while the roll-ups still say the same of it. Raises RangeTooWide, also where
    all of them together take too long; the days that were kept until then stay.
    """
    until = time.monotonic() + SECONDS_MAX
    spans = list(pairwise(edges))
    by_day: dict[int, list[ChannelDay]] = {}
    for day in await spend.read_kept_days(connection, account_id, spans):
        by_day.setdefault(day.item, []).append(day)
    found: list[ChannelDay] = []
    missing: list[int] = []
    for item, one in enumerate(told, 1):
        kept = by_day.get(item, [])
        sums = (sum(day.calls for day in kept), sum(day.charge_nanos for day in kept))
        if kept and sums == (one.calls, one.charge_nanos):
            found += kept
        else:
            missing.append(item)
    for first, last in _runs(missing, told):
        if time.monotonic() >= until:
            raise spend.too_many_calls()
        part = edges[first - 1 : last + 1]
        days = await add_up_calls(connection, account_id, part, told[first - 1 : last])
        await spend.keep_days(connection, account_id, list(pairwise(part)), _whole(days, part))
        found += days
    return found


async def list_models(
    connection: Connection, account_id: str, since: datetime, until: datetime, cost_nanos: int
) -> list[ModelRow]:
    """Every model in the lines of the calls charged in a time, which cost so much in all.

    Raises RangeTooWide.
    """
    scope = _scope(account_id, since, until)
    found = await spend.read_models(connection, scope, most_seconds=SECONDS_MAX)
    if sum(row.cost_nanos for row in found) != cost_nanos:
        scope = msgspec.structs.replace(scope, by_entry=True)
        found = await spend.read_models(connection, scope, most_seconds=SECONDS_MAX)
    return found


def _scope(account_id: str, since: datetime, until: datetime) -> CallScope:
    return CallScope(account_id=account_id, since=since, until=until, reached=since - _REACH)


async def _read(
    connection: Connection, scope: CallScope, edges: Sequence[datetime]
) -> list[ChannelDay]:
    return await spend.read_days(
        connection, scope, edges, dearest=DEAREST_MAX, most_seconds=SECONDS_MAX
    )


def _runs(items: Sequence[int], told: Sequence[SpendDay]) -> Iterator[tuple[int, int]]:
    """The first and the last of neighbours, of no more than are added up at once."""
    begin, calls = 0, 0
    for place, item in enumerate(items):
        calls += told[item - 1].calls
        is_last = place + 1 == len(items) or items[place + 1] != item + 1
        next_calls = 0 if is_last else told[item].calls
        is_full = place + 1 - begin == DAYS_AT_ONCE or calls + next_calls > CALLS_AT_ONCE
        if is_last or is_full:
            yield items[begin], item
            begin, calls = place + 1, 0


def _whole(days: Sequence[ChannelDay], edges: Sequence[datetime]) -> list[ChannelDay]:
    """The days with every channel each, so that what is kept tells of a day without calls too."""
    found = {(day.item, day.channel): day for day in days}
    return [
        found.get((item, channel.value)) or _nothing(item, channel.value)
        for item in range(1, len(edges))
        for channel in Channel
    ]


def _nothing(item: int, channel: str) -> ChannelDay:
    return ChannelDay(
        item=item,
        channel=channel,
        calls=0,
        charge_nanos=0,
        duration_ms=0,
        charges=(),
        durations=(),
        agents=(),
        dearest=(),
        free={},
    )
