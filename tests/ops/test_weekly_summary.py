"""The weekly summary: on the account's Monday morning, once, to those who chose it."""

import asyncio
from datetime import datetime, time, timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from talktime.core.errors import MessageUnknown
from talktime.core.member import MailKind
from talktime.core.message import Message, MessageKind, message_id_of
from talktime.core.unsubscribing import unsubscribe_link
from talktime.gateways.mail.composing import compose_mail, sender_of
from talktime.ops.accounts import AccountChange, change_account, read_account
from talktime.ops.members import change_mail, list_members
from talktime.ops.messages import list_messages
from talktime.ops.platform import Platform
from talktime.ops.unsubscribing import end_choice
from talktime.ops.weekly_summary import write_weekly_summaries
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.conftest import AccountFactory

WEEK = timedelta(days=7)


async def summaries(platform: Platform, account_id: str, *, now: datetime) -> list[Message]:
    """What there is of them after a round at that time."""
    after = (account_id, "")
    async with platform.connection() as connection:
        await write_weekly_summaries(
            connection,
            after=after,
            new_secret=lambda: "a secret",
            now=now,
        )
        found = await list_messages(connection, account_id=account_id, state=None, limit=50)
    return [message for message in found if message.kind is MessageKind.WEEKLY_SUMMARY]


def next_monday(platform: Platform, hour: int) -> datetime:
    """The first Monday after this week, at an hour of UTC."""
    today = platform.clock()
    days = 7 - today.weekday()
    return (today + timedelta(days=days)).replace(hour=hour, minute=0, second=0, microsecond=0)


async def test_told_once_on_monday_with_a_way_out(
    platform: Platform, make_account: AccountFactory
) -> None:
    """Who chose it is told what the week cost, once; its link ends it at one click."""
    account_id = await make_account(paid="5")
    await Bots(platform, account_id).call("CA1", *MINUTE_BY_PHONE)
    monday = next_monday(platform, 9)
    assert await summaries(platform, account_id, now=monday) == []

    async with platform.connection() as connection:
        [owner] = await list_members(connection, account_id)
        await change_mail(connection, account_id, owner.address, add={MailKind.WEEKLY})
    assert await summaries(platform, account_id, now=monday - timedelta(hours=3)) == []
    [told] = await summaries(platform, account_id, now=monday)
    assert await summaries(platform, account_id, now=monday + timedelta(hours=1)) == [told]
    assert told.message_id == message_id_of(account_id, told.kind, told.ref, owner.address)
    assert (told.facts["charge"], told.facts["calls"]) == ("0.052", "1")

    mail = compose_mail(told, sender=sender_of("t@talktime.test"), public_url="https://x.test")
    assert mail["Subject"] == "Your week: $0.05 for 1 call"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    asked = parse_qs(urlsplit(mail["List-Unsubscribe"].strip("<>")).query)
    async with platform.connection() as connection:
        message_id = UUID(asked["message"][0])
        with pytest.raises(MessageUnknown):
            await end_choice(connection, account_id, message_id, token="another")
        for _ in range(2):
            await end_choice(connection, account_id, message_id, token=asked["token"][0])
        [owner] = await list_members(connection, account_id)
    assert owner.mail == {MailKind.ALERTS, MailKind.MONEY_IN}


async def test_ending_it_ends_nothing_else(
    platform: Platform, make_account: AccountFactory
) -> None:
    """What somebody chooses in Settings at the same moment stays chosen, and the rest ended."""
    account_id = await make_account(paid="5")
    await Bots(platform, account_id).call("CA1", *MINUTE_BY_PHONE)
    async with platform.connection() as connection, platform.connection() as another:
        [owner] = await list_members(connection, account_id)
        await change_mail(connection, account_id, owner.address, add={MailKind.WEEKLY})
        [told] = await summaries(platform, account_id, now=next_monday(platform, 9))
        link = unsubscribe_link(told, public_url="")
        token = parse_qs(urlsplit(link).query)["token"][0]
        async with connection.transaction():
            await change_mail(connection, account_id, owner.address, drop={MailKind.ALERTS})
            ending = asyncio.create_task(
                end_choice(another, account_id, told.message_id, token=token)
            )
            await asyncio.sleep(0.3)
        await ending
        [owner] = await list_members(connection, account_id)
    assert owner.mail == {MailKind.MONEY_IN}


async def test_the_morning_is_the_accounts_own(
    platform: Platform, make_account: AccountFactory
) -> None:
    """Eight o'clock is that of the account's time zone; a day later it is too late."""
    account_id = await make_account(paid="5")
    await Bots(platform, account_id).call("CA1", *MINUTE_BY_PHONE)
    async with platform.connection() as connection:
        await change_account(
            connection, account_id, AccountChange(time_zone="Asia/Tokyo"), now=platform.clock()
        )
        [owner] = await list_members(connection, account_id)
        await change_mail(connection, account_id, owner.address, add={MailKind.WEEKLY})
        changed = await read_account(connection, account_id, now=platform.clock())
    # Until the month is over, days are those of the former zone.
    monday = next_monday(platform, 0)
    zone = ZoneInfo(changed.zone_at(monday))
    eight = datetime.combine(monday.date(), time(8), zone)
    for moment in (eight - timedelta(seconds=1), eight + timedelta(days=1), eight - WEEK / 2):
        assert await summaries(platform, account_id, now=moment) == []
    [told] = await summaries(platform, account_id, now=eight)
    assert told.ref == monday.date().isoformat()


async def test_weeks_without_calls_bring_no_mail(
    platform: Platform, make_account: AccountFactory
) -> None:
    """Who made no call for two weeks is told nothing, and is told so after one without."""
    account_id = await make_account(paid="5")
    await Bots(platform, account_id).call("CA1", *MINUTE_BY_PHONE)
    async with platform.connection() as connection:
        [owner] = await list_members(connection, account_id)
        await change_mail(connection, account_id, owner.address, add={MailKind.WEEKLY})
    monday = next_monday(platform, 9)
    assert await summaries(platform, account_id, now=monday + 2 * WEEK) == []
    [told] = await summaries(platform, account_id, now=monday + WEEK)
    assert (told.facts["charge"], told.facts["charge_before"]) == ("0", "0.052")
