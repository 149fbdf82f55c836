"""The weekly summary: what last week cost, on Monday morning, for members who chose it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from talktime.core.account import Account
from talktime.core.message import MessageKind
from talktime.core.money import format_usd
from talktime.core.unsubscribing import UNSUBSCRIBE_KEY
from talktime.db import messages
from talktime.db.pool import Connection
from talktime.ops.accounts import read_account
from talktime.ops.messages import write_message
from talktime.ops.spend_days import list_spend_days

MORNING: Final = time(8)
"""On the account's clock."""

CATCH_UP: Final = timedelta(days=1)
"""A summary that could not be written on Monday morning is written within this, or not at all."""

READERS_MAX: Final = 200
"""Of one round; those after them have their turn in the next."""

_MONDAY_SOMEWHERE: Final = frozenset({6, 0, 1})
"""Weekdays in UTC on which it may be Monday, or within CATCH_UP of it, in some zone."""

Reader = tuple[str, str]
"""Account id and address."""


async def write_weekly_summaries(
    connection: Connection,
    *,
    after: Reader,
    new_secret: Callable[[], str],
    now: datetime,
) -> Reader | None:
    """Write what is due to readers after a given one; answers whom to go on after, if any."""
    if now.astimezone(UTC).weekday() not in _MONDAY_SOMEWHERE:
        return None
    readers = await messages.weekly_readers(
        connection, after=after, morning=MORNING, catch_up=CATCH_UP, now=now, limit=READERS_MAX
    )
    for account_id, address, monday in readers:
        account = await read_account(connection, account_id, now=now)
        await _write_summary(connection, account, address, monday, secret=new_secret(), now=now)
    return readers[-1][:2] if len(readers) == READERS_MAX else None


async def _write_summary(
    connection: Connection,
    account: Account,
    address: str,
    monday: date,
    *,
    secret: str,
    now: datetime,
) -> None:
    days = [monday - timedelta(days=back) for back in range(14, 0, -1)]
    spent = await list_spend_days(connection, account, days, now=now)
    before, week = spent[:7], spent[7:]
    calls = sum(day.calls for day in week)
    parts = [sum(column) for column in zip(*(day.parts for day in week), strict=True)]
    await write_message(
        connection,
        account_id=account.account_id,
        kind=MessageKind.WEEKLY_SUMMARY,
        ref=monday.isoformat(),
        recipient=address,
        facts={
            "account_name": account.name,
            "first_day": _day(days[7]),
            "last_day": f"{_day(days[-1])} {days[-1].year}",
            "calls": str(calls),
            "charge": format_usd(sum(day.charge_nanos for day in week)),
            **dict(
                zip(("llm", "stt", "tts", "sip", "margin"), map(format_usd, parts), strict=True)
            ),
            "charge_before": format_usd(sum(day.charge_nanos for day in before)),
            "available": format_usd(account.available_nanos),
            UNSUBSCRIBE_KEY: secret,
        },
        now=now,
    )


def _day(day: date) -> str:
    return f"{day.day} {day:%B}"
