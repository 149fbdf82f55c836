"""The loops themselves: what they repeat, what they survive, when they end."""

import asyncio
import uuid
from datetime import timedelta

import msgspec
import psycopg
import pytest

from talktime.core.call import BillingStatus, EndFacts, FreeReason, Outcome, StartFacts
from talktime.core.errors import Overloaded
from talktime.core.ratecard import Channel
from talktime.core.usage import LineReport
from talktime.loops import Loop, pause_seconds, run_loops
from talktime.ops.call_end import EndRequest, end_calls
from talktime.ops.call_history import read_call
from talktime.ops.call_start import start_calls
from talktime.ops.platform import Platform
from talktime.ops.prices import add_card
from talktime.ops.upkeep import sweep_database
from talktime.worker import (
    CLOCK_SKEW,
    Pricing,
    clock_loop,
    longest_gap,
    serving_loops,
    settle_all_unpriced,
    worker_loops,
)
from tests.conftest import AccountFactory


async def test_a_failing_act_ends_no_loop() -> None:
    """Whatever an act raises, it is tried again, and the others go on; a stop is heeded at once."""
    stop = asyncio.Event()
    seen: list[str] = []

    async def failing() -> None:
        seen.append("failing")
        if seen.count("failing") == 1:
            raise Overloaded("the database is away")
        if seen.count("failing") == 2:
            raise RuntimeError("something else")
        stop.set()

    async def steady() -> None:
        seen.append("steady")

    loops = [
        Loop(name="failing", act=failing, every_seconds=0.01),
        Loop(name="steady", act=steady, every_seconds=60),
    ]
    async with asyncio.timeout(5):
        await run_loops(loops, stop)
    assert (seen.count("failing"), seen.count("steady")) == (3, 1)


def test_pauses_grow_and_are_bounded() -> None:
    """An outage is not hammered on, and it is noticed within a minute that it is over."""
    pauses = [pause_seconds(1.0, failures) for failures in range(12)]
    assert pauses[:4] == [1.0, 2.0, 4.0, 8.0]
    assert max(pauses) == 60.0
    assert pause_seconds(3600.0, 5) == 3600.0


def test_a_busy_second_is_no_outage() -> None:
    """Between two beats may lie ten seconds, and never fewer than three."""
    assert longest_gap(900_000) == timedelta(seconds=10)
    assert longest_gap(15_000) == timedelta(seconds=5)
    assert longest_gap(1_000) == timedelta(seconds=3)


async def test_every_loop_runs_on_a_platform(platform: Platform) -> None:
    """Each act of a serving process with a worker can be done, and done again."""
    for loop in serving_loops(platform) + worker_loops(platform):
        await loop.act()
        await loop.act()


def price_card(provider: str) -> dict[str, object]:
    return {
        "version": f"card-of-{provider}",
        "currency": "USD",
        "entries": [
            {
                "service": "stt",
                "provider": provider,
                "effective": "2020-01-01",
                "source": "our own contract",
                "prices": [
                    {"quantity": "audio_seconds", "usd": "0.06", "per": 1, "unit": "minute"}
                ],
            }
        ],
    }


async def unpriced_call(platform: Platform, account_id: str, provider: str) -> None:
    """An ended call with a line that nobody has a price for."""
    facts = StartFacts(account_id=account_id, call_id="waits", channel=Channel.WEB)
    line = LineReport(service="stt", provider=provider, quantities={"audio_seconds": 60})
    end = EndRequest(
        account_id=account_id,
        call_id="waits",
        facts=EndFacts(outcome=Outcome.COMPLETED),
        lines=[line],
    )
    async with platform.connection() as connection:
        await start_calls(connection, [facts], terms=platform.terms, now=platform.clock())
        await end_calls(
            connection, [end], book=platform.prices.book, terms=platform.terms, now=platform.clock()
        )


async def test_a_price_that_arrives_settles_what_waited(
    platform: Platform, make_account: AccountFactory
) -> None:
    """The loop takes up the new card by itself and charges the call at it; before, it leaves be."""
    account_id = await make_account(paid="5")
    provider = f"new-{uuid.uuid4().hex[:8]}"
    await unpriced_call(platform, account_id, provider)
    pricing = Pricing(platform)
    await pricing.run()
    async with platform.connection() as connection:
        waiting = await read_call(connection, account_id, "waits", now=platform.clock())
        assert (waiting.billing_status, waiting.charge_nanos) == (BillingStatus.UNPRICED, None)
        await add_card(connection, price_card(provider), now=platform.clock())
    await pricing.run()
    async with platform.connection() as connection:
        settled = await read_call(connection, account_id, "waits", now=platform.clock())
    assert settled.billing_status is BillingStatus.CHARGED
    assert settled.charge_nanos == 78_000_000


async def test_without_a_price_a_call_is_free_after_seven_days(
    platform: Platform, make_account: AccountFactory
) -> None:
    """Nobody pays for our missing price, and the hold does not stay for ever."""
    account_id = await make_account(paid="5")
    await unpriced_call(platform, account_id, f"unknown-{uuid.uuid4().hex[:8]}")
    for days, status in ((6.9, BillingStatus.UNPRICED), (7.1, BillingStatus.FREE)):
        then = platform.clock() + timedelta(days=days)
        await settle_all_unpriced(msgspec.structs.replace(platform, clock=lambda then=then: then))
        async with platform.connection() as connection:
            call = await read_call(connection, account_id, "waits", now=then)
        assert call.billing_status is status
    assert call.free_reason is FreeReason.NO_PRICE
    assert call.hold_nanos == 0


async def test_upkeep_forgets_what_has_expired_and_nothing_else(
    platform: Platform, make_account: AccountFactory, database_url: str
) -> None:
    """Old refusals, links and sessions go; the outbox has its coming days."""
    account_id = await make_account()
    now = platform.clock()
    ages = (timedelta(days=31), timedelta(hours=1))
    with psycopg.connect(database_url, autocommit=True) as owner:
        for n, age in enumerate(ages):
            owner.execute(
                "INSERT INTO refusal VALUES (%s, %s, 'c', 'web', 'r', 0, 0, 0, 0, %s)",
                [account_id, 1_000_000 + n, now - age],
            )
            owner.execute(
                "INSERT INTO portal_link (account_id, secret_sha256, created_at, expires_at, role) "
                "VALUES (%s, %s, %s, %s, 'owner')",
                [account_id, bytes([n]), now - age, now - age],
            )
            owner.execute(
                "INSERT INTO browser_session (account_id, secret_sha256, created_at, expires_at, "
                "session_id, role, user_agent, last_seen_at) "
                "VALUES (%s, %s, %s, %s, %s, 'owner', '', %s)",
                [account_id, bytes([n]), now - age, now - age, str(n), now - age],
            )
            owner.execute(
                "INSERT INTO sign_in_link VALUES (sha256(%s), 'a@example.com', '/', %s, %s)",
                [f"{account_id} {n}".encode(), now - age, now - age],
            )
        async with platform.connection() as connection:
            swept = await sweep_database(connection, now=now)
        assert (swept.refusals, swept.portal_links, swept.browser_sessions) >= (1, 1, 1)
        assert swept.sign_in_links >= 1
        for table in ("refusal", "portal_link", "browser_session"):
            left = owner.execute(
                f"SELECT count(*) FROM {table} WHERE account_id = %s", [account_id]
            ).fetchone()
            assert left == (1,), table
        days = [f"event_{now + timedelta(days=n):%Y%m%d}" for n in range(4)]
        made = owner.execute(
            "SELECT count(*) FROM pg_class WHERE relname = ANY(%s)", [days]
        ).fetchone()
        assert made == (4,)


async def test_a_wrong_clock_is_cried_out(
    platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    """A process whose clock is not the database's says so; one that is right is quiet."""
    await clock_loop(platform).act()
    assert abs(CLOCK_SKEW._value.get()) < 30
    ahead = msgspec.structs.replace(
        platform, clock=lambda: platform.clock() + timedelta(minutes=10)
    )
    before = capsys.readouterr().out
    await clock_loop(ahead).act()
    assert 570 < CLOCK_SKEW._value.get() < 630
    assert "not the database's" not in before
    assert "not the database's" in capsys.readouterr().out
