"""The weekly summary: what last week cost, on Monday morning, for members who chose it."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from secrets import compare_digest
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from talktime.core.account import Account
from talktime.core.errors import MemberUnknown, MessageUnknown
from talktime.core.member import MailKind
from talktime.core.message import MessageKind, message_id_of
from talktime.core.money import format_usd
from talktime.core.secret import sha256_of
from talktime.db import messages
from talktime.db.pool import Connection
from talktime.ops.accounts import read_account
from talktime.ops.members import change_mail
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
    public_url: str,
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
        await _write_summary(
            connection, account, address, monday, secret=new_secret(), public_url=public_url,
            now=now,
        )  # fmt: skip
    return readers[-1][:2] if len(readers) == READERS_MAX else None


async def stop_summaries(
    connection: Connection, account_id: str, message_id: UUID, *, secret: str
) -> str:
    """End the weekly summary for whom one was sent to; answers the address. Safe to repeat.

    Raises MessageUnknown where the secret is not that of this message.
    """
    message = await messages.read_message(connection, (account_id, message_id))
    kept = message.facts.get("unsubscribe_sha256", "") if message else ""
    if (
        message is None
        or message.recipient is None
        or not compare_digest(kept, sha256_of(secret).hex())
    ):
        raise MessageUnknown("this link belongs to no mail that we know of; choose in Settings")
    with suppress(MemberUnknown):  # who has left gets no mail anyway
        await change_mail(connection, account_id, message.recipient, drop={MailKind.WEEKLY})
    return message.recipient


async def _write_summary(
    connection: Connection,
    account: Account,
    address: str,
    monday: date,
    *,
    secret: str,
    public_url: str,
    now: datetime,
) -> None:
    days = [monday - timedelta(days=back) for back in range(14, 0, -1)]
    spent = await list_spend_days(connection, account, days, now=now)
    before, week = spent[:7], spent[7:]
    calls = sum(day.calls for day in week)
    parts = [sum(column) for column in zip(*(day.parts for day in week), strict=True)]
    ref = monday.isoformat()
    kind = MessageKind.WEEKLY_SUMMARY
    message_id = message_id_of(account.account_id, kind, ref, address)
    link = urlencode({"account": account.account_id, "message": str(message_id), "token": secret})
    await write_message(
        connection,
        account_id=account.account_id,
        kind=kind,
        ref=ref,
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
            "unsubscribe": f"{public_url}/unsubscribe?{link}",
            "unsubscribe_sha256": sha256_of(secret).hex(),
        },
        now=now,
    )


def _day(day: date) -> str:
    return f"{day.day} {day:%B}"
