"""Auto-reload: a saved card is charged when the balance runs low, once, within its ceilings."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from talktime.core.auto_reload import (
    COOL_DOWN,
    ReloadReason,
    ReloadSettings,
)
from talktime.core.payment import PaymentStatus
from talktime.ops.accounts import AccountChange, change_account
from tests.payments.reloading import Reloader, chosen, nanos


async def test_one_payment_when_the_balance_runs_low(reloader: Reloader) -> None:
    """Below the threshold the card is charged once, credited once, and told by mail once."""
    await reloader.save_card()
    await reloader.choose(chosen("5", "25"))
    assert (await reloader.look()).reason is ReloadReason.ENOUGH
    await reloader.spend("5.01")
    assert (await reloader.look()).reason is ReloadReason.FIRED
    [entry] = await reloader.top_ups()
    assert (entry.paid_delta_nanos, entry.note) == (nanos("25"), "Auto-reload")
    [payment] = await reloader.reloads()
    assert (payment.status, entry.ref) == (PaymentStatus.SUCCEEDED, payment.payment_id)
    [charge] = reloader.stripe.cards.paid()
    assert (charge["amount"], charge["off_session"]) == (2500, "true")
    assert (await reloader.look()).reason is ReloadReason.ENOUGH
    assert [kind for kind, _ in await reloader.told()] == ["auto_reload_done"]
    assert [check.reason for check in await reloader.checks()] == [
        ReloadReason.ENOUGH,
        ReloadReason.FIRED,
        ReloadReason.ENOUGH,
    ]


async def test_a_deep_gap_is_one_payment(reloader: Reloader) -> None:
    """An overdraft far below the threshold is closed at once, not in steps of the amount."""
    await reloader.save_card()
    await reloader.choose(chosen("5", "10"))
    await reloader.spend("60.005")
    await reloader.look()
    [entry] = await reloader.top_ups()
    assert entry.paid_delta_nanos == nanos("55.01")
    assert (await reloader.account()).startable_nanos == nanos("5.005")


async def test_many_workers_at_once_make_one_payment(reloader: Reloader) -> None:
    """Eight workers that look at the same moment charge the card once."""
    await reloader.save_card()
    await reloader.choose()
    await reloader.spend("6")
    await asyncio.gather(*[reloader.look() for _ in range(8)])
    assert len(reloader.stripe.cards.paid()) == len(await reloader.top_ups()) == 1


async def test_ceilings_of_day_and_month(reloader: Reloader) -> None:
    """What a day may cost is never passed, and the next day there is as much again; nor a month."""
    await reloader.save_card()
    await reloader.choose(chosen("5", "25", "60", "110"))
    # From the first of a month at noon on.
    reloader.now = reloader.now.replace(day=1, hour=12) + timedelta(days=40)
    reloader.now = reloader.now.replace(day=1)
    charged: list[int] = []
    for _ in range(4):
        for _ in range(4):
            await reloader.spend("30")
            await reloader.look()
            reloader.passes(COOL_DOWN)
        charged.append(sum(entry.paid_delta_nanos for entry in await reloader.top_ups()))
        reloader.passes(timedelta(days=1))
    assert charged == [nanos("55"), nanos("110"), nanos("110"), nanos("110")]
    assert (await reloader.checks())[0].reason is ReloadReason.MONTH_CEILING


async def test_why_it_did_not_fire(reloader: Reloader) -> None:
    """Each look leaves its reason, the same one in a row as one line with its first and last."""
    await reloader.choose()
    await reloader.spend("6")
    first = reloader.now + timedelta(microseconds=1)
    for _ in range(3):
        assert (await reloader.look()).reason is ReloadReason.NO_CARD
        reloader.passes(timedelta(seconds=30))
    [check] = await reloader.checks()
    assert (check.reason, check.first_at) == (ReloadReason.NO_CARD, first)
    assert check.last_at - check.first_at == timedelta(seconds=60, microseconds=2)
    assert (check.startable_nanos, check.threshold_nanos) == (nanos("4"), nanos("5"))
    await reloader.choose(chosen(is_on=False))
    assert (await reloader.look()).reason is ReloadReason.OFF


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland", "America/Los_Angeles", "Asia/Kolkata"])
@pytest.mark.parametrize(
    ("day", "settings", "reason"),
    [
        # The clocks of Los Angeles go forward on 14 March, and those of Auckland back on 4 April.
        (date(2027, 3, 14), chosen("5", "25", "40", "500"), ReloadReason.DAY_CEILING),
        (date(2027, 4, 4), chosen("5", "25", "40", "500"), ReloadReason.DAY_CEILING),
        (date(2027, 3, 31), chosen("5", "25", "60", "60"), ReloadReason.MONTH_CEILING),
    ],
)
async def test_days_and_months_are_those_of_the_account(
    reloader: Reloader, zone: str, day: date, settings: ReloadSettings, reason: ReloadReason
) -> None:
    """A ceiling holds until midnight in the account's time zone, to the minute, and no longer."""
    async with reloader.platform.connection() as connection:
        await change_account(
            connection, reloader.account_id, AccountChange(time_zone=zone), now=reloader.now
        )
    await reloader.save_card()
    await reloader.choose(settings)

    def at(when: date, hour: int, minute: int) -> datetime:
        return datetime(
            when.year, when.month, when.day, hour, minute, tzinfo=ZoneInfo(zone)
        ).astimezone(UTC)

    await reloader.spend("6")
    if reason is ReloadReason.MONTH_CEILING:
        reloader.now = at(day.replace(day=1), 0, 0)
        assert (await reloader.look()).reason is ReloadReason.FIRED
        await reloader.spend("25")
    reloader.now = at(day, 0, 0)
    assert (await reloader.look()).reason is ReloadReason.FIRED
    await reloader.spend("25")
    reloader.now = at(day, 23, 59)
    assert (await reloader.look()).reason is reason
    reloader.now = at(day + timedelta(days=1), 0, 0)
    assert (await reloader.look()).reason is ReloadReason.FIRED
