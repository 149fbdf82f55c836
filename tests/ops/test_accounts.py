"""Accounts: opened once, welcomed once, read with their month, changed by the operator."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from talktime.core.account import Account, AccountStatus, NumberMask
from talktime.core.call import EndFacts, Outcome, StartFacts
from talktime.core.errors import AccountExists, AccountUnknown, InvalidInput
from talktime.core.ratecard import Channel
from talktime.core.usage import LineReport
from talktime.db.pool import Connection
from talktime.ops.accounts import (
    AccountChange,
    change_account,
    create_account,
    list_accounts,
    read_account,
)
from talktime.ops.call_end import EndAnswer, EndRequest, end_calls
from talktime.ops.call_start import Admission, start_calls
from talktime.ops.entries import list_entries
from talktime.ops.platform import Platform
from talktime.ops.terms import Terms

MakeAccount = Callable[..., Awaitable[str]]
HALF_DOLLAR = 500_000_000


def fresh_id() -> str:
    return f"acct-{uuid.uuid4().hex}"


async def create(
    platform: Platform,
    account_id: str,
    *,
    email: str | None = None,
    name: str = "Ada's Bots",
    verified: bool = True,
    terms: Terms | None = None,
) -> tuple[Account, bool]:
    async with platform.connection() as connection:
        return await create_account(
            connection,
            account_id=account_id,
            name=name,
            email=email or f"{account_id}@example.com",
            verified=verified,
            terms=terms or platform.terms,
            now=platform.clock(),
        )


async def test_a_verified_sign_up_begins_with_the_welcome_bonus(platform: Platform) -> None:
    """A new account that somebody vouches for has the bonus as promo, in one entry."""
    account, created = await create(platform, fresh_id())
    assert created
    assert account.verified
    assert (account.promo_nanos, account.paid_nanos) == (HALF_DOLLAR, 0)
    async with platform.connection() as connection:
        page, _ = await list_entries(
            connection, account.account_id, before=None, kind=None, limit=10
        )
    assert [(entry.kind, entry.amount_nanos) for entry in page] == [("welcome_bonus", HALF_DOLLAR)]


async def test_an_unverified_sign_up_begins_with_nothing(platform: Platform) -> None:
    """Nobody vouched for the address, so there is no bonus yet."""
    account, created = await create(platform, fresh_id(), verified=False)
    assert created
    assert not account.verified
    assert account.available_nanos == 0


async def test_vouching_later_brings_the_bonus_once(platform: Platform) -> None:
    """The same sign-up with verified grants the bonus; once more changes nothing."""
    account_id = fresh_id()
    await create(platform, account_id, verified=False)
    for _ in range(2):
        account, created = await create(platform, account_id, verified=True)
        assert not created
        assert account.verified
        assert account.promo_nanos == HALF_DOLLAR


async def test_the_same_sign_up_again_is_the_same_account(platform: Platform) -> None:
    """A repeat answers the account as it stands, and its verification is not taken back."""
    account_id = fresh_id()
    first, _ = await create(platform, account_id)
    again, created = await create(platform, account_id, verified=False)
    assert not created
    assert again == first


@pytest.mark.parametrize(("name", "email"), [("Eve", None), ("Ada's Bots", "eve@example.com")])
async def test_an_id_with_other_facts_is_refused(
    platform: Platform, connection: Connection, now: datetime, name: str, email: str | None
) -> None:
    """Another name or address under a known id changes nothing and brings nothing."""
    account_id = fresh_id()
    first, _ = await create(platform, account_id, verified=False)
    with pytest.raises(AccountExists):
        await create(platform, account_id, verified=True, name=name, email=email)
    assert await read_account(connection, account_id, now=now) == first


async def test_one_address_is_welcomed_once_however_it_is_spelt(platform: Platform) -> None:
    """A second account of the same mailbox is opened, without a bonus."""
    mailbox = uuid.uuid4().hex
    first, _ = await create(platform, fresh_id(), email=f"{mailbox}@gmail.com")
    spelling = f"{mailbox[:5].upper()}.{mailbox[5:]}+again@googlemail.com"
    second, created = await create(platform, fresh_id(), email=spelling)
    assert created
    assert second.verified
    assert (first.promo_nanos, second.promo_nanos) == (HALF_DOLLAR, 0)


async def test_a_platform_without_bonus_leaves_no_entry(platform: Platform) -> None:
    """A bonus of zero is no entry, and claims no address for the day when there is one."""
    account_id = fresh_id()
    without = msgspec.structs.replace(platform.terms, welcome_nanos=0)
    account, _ = await create(platform, account_id, terms=without)
    assert account.verified
    other, _ = await create(platform, fresh_id(), email=account.email)
    assert (account.promo_nanos, other.promo_nanos) == (0, HALF_DOLLAR)


async def test_sign_ups_at_once_open_one_account_with_one_bonus(platform: Platform) -> None:
    """The same sign-up over eight connections: one is new, all answer the same balances."""
    account_id = fresh_id()
    answers = await asyncio.gather(*(create(platform, account_id) for _ in range(8)))
    assert sorted(created for _, created in answers) == [False] * 7 + [True]
    assert {account.promo_nanos for account, _ in answers} == {HALF_DOLLAR}


async def test_accounts_of_one_address_at_once_get_one_bonus(platform: Platform) -> None:
    """Eight accounts race for the bonus of one address; one gets it."""
    email = f"{uuid.uuid4().hex}@example.com"
    answers = await asyncio.gather(*(create(platform, fresh_id(), email=email) for _ in range(8)))
    assert sorted(account.promo_nanos for account, _ in answers) == [0] * 7 + [HALF_DOLLAR]


async def test_a_sign_up_that_makes_no_account_writes_nothing(
    platform: Platform, connection: Connection, now: datetime
) -> None:
    """A bad field is refused before anything is written."""
    account_id = fresh_id()
    with pytest.raises(InvalidInput, match="email"):
        await create(platform, account_id, email="not an address")
    with pytest.raises(AccountUnknown):
        await read_account(connection, account_id, now=now)


async def test_accounts_are_listed_in_pages_without_gap_or_repeat(
    platform: Platform, connection: Connection, now: datetime, make_account: MakeAccount
) -> None:
    """Following the cursor from one's own first account finds every account once, in order."""
    made = sorted([await make_account() for _ in range(5)])
    seen: list[str] = []
    after: str | None = made[0][:-1]
    while after is not None:
        page, after = await list_accounts(connection, after=after, limit=2, now=now)
        assert len(page) <= 2
        seen += [account.account_id for account in page]
    assert seen == sorted(set(seen))
    assert set(made) <= set(seen)


@pytest.mark.parametrize("limit", [0, -1, 201])
async def test_a_page_has_a_limit(connection: Connection, now: datetime, limit: int) -> None:
    """Nobody can ask for a page of nothing or of everything."""
    with pytest.raises(InvalidInput) as refused:
        await list_accounts(connection, after=None, limit=limit, now=now)
    assert refused.value.field == "limit"


async def test_a_change_sets_what_is_given_and_nothing_else(
    connection: Connection, make_account: MakeAccount
) -> None:
    """Each field can be changed by itself; balances stay."""
    account_id = await make_account(paid="3")
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    before = await read_account(connection, account_id, now=now)
    expected = before
    changes: list[tuple[AccountChange, dict[str, Any]]] = [
        (AccountChange(status=AccountStatus.SUSPENDED), {"status": AccountStatus.SUSPENDED}),
        (AccountChange(margin_ppm=250_000), {"margin_ppm": 250_000}),
        (AccountChange(warning_level_nanos=0), {"warning_level_nanos": 0}),
        (
            AccountChange(time_zone="Asia/Kolkata"),
            {
                "time_zone": "Asia/Kolkata",
                "former_time_zone": "UTC",
                "time_zone_since": datetime(2026, 12, 1, tzinfo=UTC),
            },
        ),
        (AccountChange(number_mask=NumberMask.LAST4), {"number_mask": NumberMask.LAST4}),
        (AccountChange(), {}),
        (AccountChange(margin_ppm=None), {"margin_ppm": None}),
        (AccountChange(status=AccountStatus.ACTIVE), {"status": AccountStatus.ACTIVE}),
    ]
    for change, fields in changes:
        expected = msgspec.structs.replace(expected, **fields)
        assert await change_account(connection, account_id, change, now=now) == expected


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (AccountChange(time_zone="Mars/Olympus"), "time_zone"),
        (AccountChange(time_zone=""), "time_zone"),
        (AccountChange(time_zone="../../etc/passwd"), "time_zone"),
        (AccountChange(time_zone="Europe"), "time_zone"),
        (AccountChange(warning_level_nanos=-1), "warning_level"),
    ],
)
async def test_a_change_that_cannot_be_writes_nothing(
    connection: Connection,
    now: datetime,
    make_account: MakeAccount,
    change: AccountChange,
    field: str,
) -> None:
    """One bad field refuses the whole change."""
    account_id = await make_account()
    before = await read_account(connection, account_id, now=now)
    change = msgspec.structs.replace(change, status=AccountStatus.SUSPENDED)
    with pytest.raises(InvalidInput) as refused:
        await change_account(connection, account_id, change, now=now)
    assert refused.value.field == field
    assert await read_account(connection, account_id, now=now) == before


async def charge_a_cent(platform: Platform, account_id: str, call_id: str, at: datetime) -> None:
    """A call of 1 cent, recorded at a moment."""
    cost = LineReport(service="stt", provider="acme", provider_cost="0.01")
    async with platform.connection() as connection:
        [admitted] = await start_calls(
            connection,
            [StartFacts(account_id=account_id, call_id=call_id, channel=Channel.WEB)],
            terms=msgspec.structs.replace(platform.terms, margin_ppm=0),
            now=at,
        )
        assert isinstance(admitted, Admission)
        end = EndRequest(
            account_id=account_id,
            call_id=call_id,
            facts=EndFacts(outcome=Outcome.COMPLETED),
            lines=[cost],
        )
        [ended] = await end_calls(
            connection, [end], book=platform.prices.book, terms=platform.terms, now=at
        )
        assert isinstance(ended, EndAnswer)


async def month_to_date(connection: Connection, account_id: str, at: datetime) -> int:
    """In whole cents."""
    account = await read_account(connection, account_id, now=at)
    cents, rest = divmod(account.month_to_date_nanos, 10_000_000)
    assert not rest
    return cents


@pytest.mark.parametrize(
    ("time_zone", "first"),
    [
        ("UTC", datetime(2026, 11, 1, 0, 0, tzinfo=UTC)),
        ("Asia/Kolkata", datetime(2026, 10, 31, 18, 30, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 11, 1, 4, 0, tzinfo=UTC)),
        ("Asia/Kathmandu", datetime(2026, 10, 31, 18, 15, tzinfo=UTC)),
    ],
)
async def test_a_month_begins_in_the_accounts_time_zone(
    platform: Platform,
    connection: Connection,
    make_account: MakeAccount,
    time_zone: str,
    first: datetime,
) -> None:
    """A call counts in the month in which it was recorded, to the last instant before midnight."""
    account_id = await make_account(paid="5")
    september = datetime(2026, 9, 2, tzinfo=UTC)
    change = AccountChange(time_zone=time_zone)
    await change_account(connection, account_id, change, now=september)
    instant = timedelta(microseconds=1)
    await charge_a_cent(platform, account_id, "in October", first - instant)
    await charge_a_cent(platform, account_id, "in November 1", first)
    await charge_a_cent(platform, account_id, "in November 2", first + timedelta(days=29))
    assert await month_to_date(connection, account_id, first - instant) == 1
    assert await month_to_date(connection, account_id, first) == 2
    assert await month_to_date(connection, account_id, first + timedelta(days=31)) == 0


async def test_a_changed_time_zone_counts_from_the_next_month(
    platform: Platform, connection: Connection, make_account: MakeAccount
) -> None:
    """Within a month its beginning stays where it was, however often the zone is changed."""
    account_id = await make_account(paid="5")
    before_utc_november = datetime(2026, 10, 31, 20, tzinfo=UTC)
    await charge_a_cent(platform, account_id, "c1", before_utc_november)
    mid_november = datetime(2026, 11, 15, tzinfo=UTC)
    for time_zone in ("Asia/Tokyo", "Asia/Kolkata"):
        change = AccountChange(time_zone=time_zone)
        changed = await change_account(connection, account_id, change, now=mid_november)
        assert changed.time_zone == time_zone
        assert changed.month_to_date_nanos == 0
    last_of_november_in_utc = datetime(2026, 11, 30, 20, tzinfo=UTC)
    await charge_a_cent(platform, account_id, "c2", last_of_november_in_utc)
    assert await month_to_date(connection, account_id, last_of_november_in_utc) == 1
    # In December the month is Kolkata's: what was recorded there on its first morning is in it.
    assert await month_to_date(connection, account_id, datetime(2026, 12, 15, tzinfo=UTC)) == 1
    assert await month_to_date(connection, account_id, datetime(2026, 12, 31, 19, tzinfo=UTC)) == 0


async def test_an_unknown_account_is_told_so(connection: Connection, now: datetime) -> None:
    """Neither reading nor changing makes an account."""
    account_id = fresh_id()
    with pytest.raises(AccountUnknown):
        await read_account(connection, account_id, now=now)
    with pytest.raises(AccountUnknown):
        await change_account(connection, account_id, AccountChange(time_zone="UTC"), now=now)
