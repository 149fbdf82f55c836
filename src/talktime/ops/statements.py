"""Monthly statements, made of the ledger whenever somebody asks: they tie to it to the nano.

A month is the calendar's in the account's time zone. Once it was told where a month begins it
stays there, whatever zone the account moves to: so a statement reads the same for ever.
"""

import re
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from talktime.core.account import Account
from talktime.core.errors import DocumentUnknown, InvalidInput
from talktime.core.ledger import EntryKind
from talktime.core.statement import Line, Statement, Usage
from talktime.db import entries, spend_days, statements
from talktime.db.pool import Connection
from talktime.db.spend import one_snapshot
from talktime.db.statements import MonthStart
from talktime.ops.accounts import account_unknown
from talktime.ops.spend_days import day_start

ENTRIES_MAX: Final = 400
"""So many entries a statement lists; of more, the sums by kind still tell everything."""
MONTHS_MAX: Final = 120
_MONTH: Final = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])", re.ASCII)


def parse_month(text: str) -> date:
    """The first day of "2026-11". Raises InvalidInput."""
    match = _MONTH.fullmatch(text)
    if match is None:
        raise InvalidInput("a month is written as year and month, such as 2026-11", field="month")
    return date(int(match[1]), int(match[2]), 1)


def months_of(account: Account, *, now: datetime) -> list[date]:
    """The months that an account has statements of, this one first, at most MONTHS_MAX."""
    month = now.astimezone(ZoneInfo(account.zone_at(now))).date().replace(day=1)
    first = account.created_at.astimezone(ZoneInfo(account.zone_at(account.created_at)))
    months: list[date] = []
    while month >= first.date().replace(day=1) and len(months) < MONTHS_MAX:
        months.append(month)
        month = (month - timedelta(days=1)).replace(day=1)
    return months


async def read_statement(
    connection: Connection, account: Account, month: date, *, now: datetime
) -> Statement:
    """An account's month, all of it as of one moment; this month's so far.

    Raises DocumentUnknown for a month before the account was opened or after this one.
    """
    if month not in months_of(account, now=now):
        raise DocumentUnknown(
            f"there is no statement of {month:%Y-%m}: the account had no such month yet",
            field="month",
        )
    start, end = await _bounds(connection, account, month, now=now)
    async with one_snapshot(connection):
        return await _read(connection, account.account_id, start, end, now=now)


async def _read(
    connection: Connection, account_id: str, start: MonthStart, end: MonthStart, *, now: datetime
) -> Statement:
    bounds = await entries.read_bounds(
        connection, account_id, from_time=start.starts_at, to_time=end.starts_at
    )
    if bounds is None:
        raise account_unknown(account_id)
    low, high = bounds
    opening, closing = await statements.read_balances_before(connection, account_id, [low, high])
    order = list(EntryKind)
    beside = sorted(
        await statements.read_sums(connection, account_id, low, high),
        key=lambda line: order.index(line.kind),
    )
    # What no other entry moved, calls did: their many entries need not be read.
    calls = Line(
        kind=EntryKind.CALL,
        entries=high - low - sum(line.entries for line in beside),
        promo_nanos=closing[0] - opening[0] - sum(line.promo_nanos for line in beside),
        paid_nanos=closing[1] - opening[1] - sum(line.paid_nanos for line in beside),
    )
    days = await spend_days.read_spend_days(
        connection, account_id, since=start.starts_at, until=end.starts_at, zone=start.zone
    )
    seqs = await statements.first_beside_calls(connection, account_id, low, high, limit=ENTRIES_MAX)
    listed = await entries.read_entries(connection, account_id, seqs)
    return Statement(
        account_id=account_id,
        month=start.month,
        zone=start.zone,
        since=start.starts_at,
        until=end.starts_at,
        is_over=end.starts_at <= now,
        opening_promo_nanos=opening[0],
        opening_paid_nanos=opening[1],
        lines=(*beside, calls) if calls.entries else tuple(beside),
        usage=Usage(
            calls=sum(day.calls for day in days),
            llm_nanos=sum(day.llm_nanos for day in days),
            stt_nanos=sum(day.stt_nanos for day in days),
            tts_nanos=sum(day.tts_nanos for day in days),
            sip_nanos=sum(day.sip_nanos for day in days),
            margin_nanos=sum(day.margin_nanos for day in days),
        ),
        closing_promo_nanos=closing[0],
        closing_paid_nanos=closing[1],
        entries=tuple(listed),
        entries_left_out=sum(line.entries for line in beside) - len(listed),
    )


async def _bounds(
    connection: Connection, account: Account, month: date, *, now: datetime
) -> tuple[MonthStart, MonthStart]:
    """Where a month and the next one begin: as told before, or by the zone each is counted in."""
    months = [month, (month + timedelta(days=31)).replace(day=1)]
    told = await statements.read_month_starts(connection, account.account_id, months)
    new = [_month_start(account, one) for one in months if one not in told]
    begun = [one for one in new if one.starts_at <= now]
    if begun:
        await statements.keep_month_starts(connection, account.account_id, begun)
        told |= await statements.read_month_starts(connection, account.account_id, months)
    start, end = (told.get(one) or _month_start(account, one) for one in months)
    return start, end


def _month_start(account: Account, month: date) -> MonthStart:
    # The middle of the month is off any seam of two zones.
    zone = account.zone_at(day_start(month, "UTC") + timedelta(days=14))
    return MonthStart(month=month, starts_at=day_start(month, zone), zone=zone)
