"""Spend per day and balance over time, on the account's own calendar."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest

from talktime.core.errors import InvalidInput
from talktime.core.money import NANOS_PER_USD
from talktime.db.pool import Connection
from talktime.ops.accounts import AccountChange, change_account, read_account
from talktime.ops.platform import Platform
from talktime.ops.spend_days import (
    SpendDay,
    day_start,
    last_days,
    list_closing_balances,
    list_spend_days,
    read_month_spend,
)
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.conftest import AccountFactory

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[psycopg.AsyncConnection]:
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as opened:
        yield opened


async def charge(
    owner: psycopg.AsyncConnection, account_id: str, buckets: Sequence[datetime]
) -> None:
    """In each quarter of an hour one call of a dollar was charged: LLM 70 cents, margin 30."""
    for bucket in buckets:
        await owner.execute(
            "INSERT INTO usage_rollup VALUES (%s, %s, 1, %s, 0, 0, 0, %s, %s)",
            [account_id, bucket, 700_000_000, 300_000_000, NANOS_PER_USD],
        )


async def in_zone(connection: Connection, account_id: str, zone: str, now: datetime) -> None:
    """Count the account's months in this zone from the first."""
    await change_account(
        connection,
        account_id,
        AccountChange(time_zone=zone),
        now=now - timedelta(days=400),
    )


@pytest.mark.parametrize(
    "case",
    [
        ("UTC", date(2026, 11, 20), 24),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("Asia/Kathmandu", date(2026, 11, 20), 24),
        ("Asia/Kolkata", date(2026, 11, 20), 24),
        ("America/Santiago", date(2026, 9, 6), 23),
        ("Pacific/Kiritimati", date(2026, 11, 20), 24),
    ],
)
async def test_a_day_is_the_accounts_own(
    connection: Connection,
    owner: psycopg.AsyncConnection,
    make_account: AccountFactory,
    case: tuple[str, date, float],
) -> None:
    """Every quarter of an hour falls on the day that the account's clocks show, however long."""
    zone, day, hours = case
    account_id = await make_account()
    now = datetime(day.year, day.month, day.day, 12, tzinfo=UTC) + timedelta(days=3)
    await in_zone(connection, account_id, zone, now)
    first = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1)
    buckets = [first + timedelta(minutes=15 * n) for n in range(96 * 4)]
    await charge(owner, account_id, buckets)
    account = await read_account(connection, account_id, now=now)
    days = [day - timedelta(days=1), day, day + timedelta(days=1)]
    spent = await list_spend_days(connection, account, days, now=now)
    expected = [sum(b.astimezone(ZoneInfo(zone)).date() == one for b in buckets) for one in days]
    assert [one.calls for one in spent] == expected
    assert spent[1].calls == hours * 4
    assert spent[1].charge_nanos == spent[1].calls * NANOS_PER_USD == sum(spent[1].parts)


async def test_days_without_calls_are_there(
    connection: Connection, owner: psycopg.AsyncConnection, make_account: AccountFactory
) -> None:
    """Every day asked for is answered, oldest first, an idle one with zeros."""
    account_id = await make_account()
    await charge(owner, account_id, [NOW - timedelta(days=2)])
    account = await read_account(connection, account_id, now=NOW)
    days = last_days(account, days=4, now=NOW)
    spent = await list_spend_days(connection, account, days, now=NOW)
    assert [(one.day.day, one.calls) for one in spent] == [(20, 0), (21, 1), (22, 0), (23, 0)]
    assert spent[0] == SpendDay(day=date(2026, 11, 20))


async def test_the_days_of_a_month_are_the_month(
    connection: Connection, owner: psycopg.AsyncConnection, make_account: AccountFactory
) -> None:
    """The days of this month add up to the month to date, also while a former zone still counts."""
    account_id = await make_account()
    await in_zone(connection, account_id, "America/New_York", NOW)
    await change_account(connection, account_id, AccountChange(time_zone="Asia/Kathmandu"), now=NOW)
    await charge(
        owner,
        account_id,
        [datetime(2026, 10, 31, tzinfo=UTC) + timedelta(minutes=15 * n) for n in range(300)],
    )
    account = await read_account(connection, account_id, now=NOW)
    assert account.zone_at(NOW) == "America/New_York"
    days = last_days(account, days=23, now=NOW)
    spent = await list_spend_days(connection, account, days, now=NOW)
    assert days[0] == date(2026, 11, 1)
    assert sum(one.charge_nanos for one in spent) == account.month_to_date_nanos > 0


async def test_charges_of_real_calls(
    platform: Platform, connection: Connection, make_account: AccountFactory
) -> None:
    """A settled call is on today's bar with its service lines and margin, to the nano."""
    bots = Bots(platform, await make_account(paid="5"))
    await bots.call("CA1", *MINUTE_BY_PHONE)
    now = platform.clock()
    account = await read_account(connection, bots.account_id, now=now)
    [today] = await list_spend_days(
        connection, account, last_days(account, days=1, now=now), now=now
    )
    assert today.parts == (5_000_000, 6_000_000, 22_000_000, 7_000_000, 12_000_000)
    assert (today.calls, today.charge_nanos) == (1, 52_000_000)


async def test_balances_close_each_day(
    connection: Connection, owner: psycopg.AsyncConnection, make_account: AccountFactory
) -> None:
    """A day ends with the balance after its last entry; before the first there is none."""
    account_id = await make_account()
    times = [
        datetime(2026, 11, 20, 22, 59, 59, tzinfo=UTC),
        datetime(2026, 11, 20, 23, 0, tzinfo=UTC),
        datetime(2026, 11, 22, 5, 0, tzinfo=UTC),
    ]
    for seq, at in enumerate(times, start=1):
        await owner.execute(
            "INSERT INTO entry VALUES (%s, %s, 'adjustment', %s, 0, 1000, 0, %s, 0, %s, %s, 'x')",
            [account_id, seq, f"a{seq}", seq * 1000, at, at],
        )
    await owner.execute(
        "UPDATE account SET entry_seq = 3, paid_nanos = 3000 WHERE account_id = %s", [account_id]
    )
    await in_zone(connection, account_id, "Europe/Berlin", NOW)
    account = await read_account(connection, account_id, now=NOW)
    days = last_days(account, days=5, now=NOW)
    closing = await list_closing_balances(connection, account, days, now=NOW)
    assert closing == [None, 1000, 2000, 3000, 3000]


async def test_days_have_a_limit(connection: Connection, make_account: AccountFactory) -> None:
    """A year at once, no more."""
    account = await read_account(connection, await make_account(), now=NOW)
    with pytest.raises(InvalidInput):
        last_days(account, days=367, now=NOW)


@pytest.mark.parametrize(
    "case",
    [
        (datetime(2026, 11, 23, 12, 0, tzinfo=UTC), 2, 3),
        (datetime(2026, 11, 5, 0, 0, tzinfo=UTC), 1, 3),
        (datetime(2026, 12, 31, 12, 0, tzinfo=UTC), 1, 1),
    ],
)
async def test_this_month_beside_the_last(
    connection: Connection,
    owner: psycopg.AsyncConnection,
    make_account: AccountFactory,
    case: tuple[datetime, int, int],
) -> None:
    """The last month until the same day and time, where it has them, and the whole of it."""
    now, at_point, whole = case
    account_id = await make_account()
    await charge(
        owner,
        account_id,
        [
            datetime(2026, 9, 30, 23, 45, tzinfo=UTC),
            datetime(2026, 10, 1, 0, 0, tzinfo=UTC),
            datetime(2026, 10, 23, 11, 45, tzinfo=UTC),
            datetime(2026, 10, 23, 12, 0, tzinfo=UTC),
            datetime(2026, 11, 30, 23, 45, tzinfo=UTC),
        ],
    )
    account = await read_account(connection, account_id, now=now)
    month = await read_month_spend(connection, account, now=now)
    assert month.so_far_nanos == account.month_to_date_nanos
    assert month.last_at_this_point_nanos == at_point * NANOS_PER_USD
    assert month.last_whole_nanos == whole * NANOS_PER_USD


def test_a_day_without_midnight_begins_when_clocks_skip_it() -> None:
    """In Santiago the clocks of 6 September 2026 go from 0:00 to 1:00, so the day has 23 hours."""
    begins = day_start(date(2026, 9, 6), "America/Santiago")
    assert begins == datetime(2026, 9, 6, 4, 0, tzinfo=UTC)
