"""Word of a new statement: on the morning of the first, for members who chose mail of money in."""

from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from talktime.core.account import Account
from talktime.core.ledger import EntryKind
from talktime.core.message import MessageKind
from talktime.core.money import format_usd
from talktime.db import messages
from talktime.db.pool import Connection
from talktime.ops.accounts import read_account
from talktime.ops.messages import write_message
from talktime.ops.statements import months_of, read_statement

MORNING: Final = time(8)
"""On the account's clock."""

CATCH_UP: Final = timedelta(days=2)
"""Word that could not be written on that morning is written within this, or not at all."""

ACCOUNTS_MAX: Final = 200
"""Of one round; those after them have their turn in the next."""

_FIRST_SOMEWHERE: Final = frozenset({28, 29, 30, 31, 1, 2, 3, 4})
"""Days in UTC on which it may be the first, or within CATCH_UP of it, in some zone."""


async def write_statement_mails(
    connection: Connection, *, after: str, public_url: str, now: datetime
) -> str | None:
    """Write what is due to accounts after a given one; answers which to go on after, if any."""
    if now.day not in _FIRST_SOMEWHERE:
        return None
    accounts = await messages.statement_readers(
        connection, after=after, since=now - timedelta(days=10), limit=ACCOUNTS_MAX
    )
    for account_id in accounts:
        account = await read_account(connection, account_id, now=now)
        month = due_month(account, now=now)
        if month is not None and month in months_of(account, now=now):
            await _write_mail(connection, account, month, public_url=public_url, now=now)
    return accounts[-1] if len(accounts) == ACCOUNTS_MAX else None


def due_month(account: Account, *, now: datetime) -> date | None:
    """The month of whose statement word is due now; None where it is not the time."""
    zone = ZoneInfo(account.zone_at(now))
    first = now.astimezone(zone).date().replace(day=1)
    due = datetime.combine(first, MORNING, zone)
    return (first - timedelta(days=1)).replace(day=1) if due <= now < due + CATCH_UP else None


async def _write_mail(
    connection: Connection, account: Account, month: date, *, public_url: str, now: datetime
) -> None:
    told = await read_statement(connection, account, month, now=now)
    if not told.lines:
        return  # nothing happened that is worth a mail
    moved = {line.kind: line.total_nanos for line in told.lines}
    charge = -moved.pop(EntryKind.CALL, 0)
    await write_message(
        connection,
        account_id=account.account_id,
        kind=MessageKind.STATEMENT_READY,
        ref=f"{month:%Y-%m}",
        recipient=None,
        facts={
            "account_name": account.name,
            "month": f"{month:%B} {month.year}",
            "opening": format_usd(told.opening_nanos),
            "beside_calls": format_usd(sum(moved.values())),
            "charge": format_usd(charge),
            "closing": format_usd(told.closing_nanos),
            "link": f"{public_url}/billing/statements/{month:%Y-%m}",
        },
        now=now,
    )
