"""What an account spent per day and had at the end of each, and this month beside the last.

All of it is by the time at which entries were recorded, on the calendar of the zone in which the
account's months are counted: so the days of a month add up to the month.
"""

import calendar
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from talktime.core.account import Account
from talktime.core.errors import InvalidInput
from talktime.db import spend_days
from talktime.db.pool import Connection
from talktime.db.spend_days import SpendDay

DAYS_MAX = 366
_FIRST_DAY = date(1000, 1, 1)
_LAST_DAY = date(9000, 1, 1)

__all__ = [
    "DAYS_MAX",
    "MonthSpend",
    "SpendDay",
    "day_end",
    "day_start",
    "last_days",
    "list_closing_balances",
    "list_spend_days",
    "read_month_spend",
]


class MonthSpend(msgspec.Struct, frozen=True, kw_only=True):
    """This month's charges beside the last month's; in nanos."""

    month: date
    """The first of this month."""
    so_far_nanos: int
    """The account's month to date."""
    last_month: date
    last_at_this_point_nanos: int
    """Charged in the last month until the same day and time of it, to the quarter of an hour."""
    last_whole_nanos: int


def last_days(account: Account, *, days: int, now: datetime) -> list[date]:
    """The last ``days`` calendar days, today included. Raises InvalidInput beyond DAYS_MAX."""
    if not 1 <= days <= DAYS_MAX:
        raise InvalidInput(f"days must be from 1 to {DAYS_MAX}.", field="days")
    today = now.astimezone(ZoneInfo(account.zone_at(now))).date()
    return [today - timedelta(days=back) for back in reversed(range(days))]


def day_start(day: date, zone: str) -> datetime:
    """When a day begins in a zone; where clocks skip midnight, the moment that they skip it.

    Days at the ends of the calendar, which no entry is near, begin with it.
    """
    inside = min(max(day, _FIRST_DAY), _LAST_DAY)
    return datetime.combine(inside, time.min, ZoneInfo(zone)).astimezone(UTC)


def day_end(day: date, zone: str) -> datetime:
    """When the next day begins."""
    return day_start(min(day, _LAST_DAY) + timedelta(days=1), zone)


async def list_spend_days(
    connection: Connection, account: Account, days: Sequence[date], *, now: datetime
) -> list[SpendDay]:
    """What was charged on each of these days, which follow one another (as last_days has them)."""
    if not days:
        return []
    zone = account.zone_at(now)
    found = await spend_days.read_spend_days(
        connection,
        account.account_id,
        since=day_start(days[0], zone),
        until=day_end(days[-1], zone),
        zone=zone,
    )
    by_day = {spent.day: spent for spent in found}
    return [by_day.get(day) or SpendDay(day=day) for day in days]


async def list_closing_balances(
    connection: Connection, account: Account, days: Sequence[date], *, now: datetime
) -> list[int | None]:
    """What was available at the end of each of these days, for the last of them what is now.

    None where the account had no entry yet; in nanos.
    """
    zone = account.zone_at(now)
    ends = [day_end(day, zone) for day in days[:-1]]
    past = await spend_days.read_closing_balances(connection, account.account_id, ends)
    return [*past, account.available_nanos]


async def read_month_spend(
    connection: Connection, account: Account, *, now: datetime
) -> MonthSpend:
    """This month so far, and the last month until the same day and time of it, and whole.

    A month counts in the zone that it was shown in, so a changed zone leaves past months alone.
    """
    local = now.astimezone(ZoneInfo(account.zone_at(now)))
    month = local.date().replace(day=1)
    last_day = month - timedelta(days=1)
    last_month = last_day.replace(day=1)
    # Days off any seam of two zones.
    zone = account.zone_at(day_start(month, "UTC") - timedelta(days=3))
    since, until = day_start(last_month, zone), day_start(month, account.zone_at(now))
    in_last = calendar.monthrange(last_month.year, last_month.month)[1]
    point = until
    if local.day <= in_last:
        point = datetime.combine(
            last_month.replace(day=local.day), local.time(), ZoneInfo(zone)
        ).astimezone(UTC)
    at_this_point, whole = await spend_days.read_charged(
        connection, account.account_id, [(since, min(point, until)), (since, until)]
    )
    return MonthSpend(
        month=month,
        so_far_nanos=account.month_to_date_nanos,
        last_month=last_month,
        last_at_this_point_nanos=at_this_point,
        last_whole_nanos=whole,
    )
