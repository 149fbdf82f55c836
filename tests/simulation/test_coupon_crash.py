"""A redemption broken off between any two of its steps is whole or nothing."""

import asyncio
import contextlib
import random
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from talktime.core.coupon import Coupon
from talktime.core.errors import CouponAlreadyRedeemed, Overloaded
from talktime.core.ledger import EntryKind
from talktime.db.pool import Connection, connection_of, open_pool
from talktime.ops.accounts import read_account
from talktime.ops.coupons import create_coupon, read_coupon, redeem_coupon
from talktime.ops.entries import list_entries
from talktime.ops.platform import Platform
from tests.conftest import AccountFactory

SEED = 20261123
BONUS = 1_000_000_000
LIMITS = (1, 2, 3, 5, 7, 8, 20, None, None, None, None)
PROCESS = Path(__file__).with_name("redeeming_process.py")

# What somebody else holds so that a redemption waits before a step, in the order of its steps.
STEPS = {
    "locking the coupon": "SELECT FROM coupon WHERE code = %(code)s FOR UPDATE",
    "locking the account": "SELECT FROM account WHERE account_id = %(account_id)s FOR UPDATE",
    "writing the balance": "LOCK TABLE account IN SHARE MODE",
    "writing the entry": "LOCK TABLE entry IN SHARE MODE",
    "writing the event": "LOCK TABLE event IN SHARE MODE",
    "counting the use": "LOCK TABLE coupon IN SHARE MODE",
}


@contextlib.contextmanager
def owner_of(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as owner:
        yield owner


async def issue(connection: Connection, platform: Platform, *, most: int | None = None) -> str:
    code = f"Crash-{secrets.token_hex(6)}"
    coupon = Coupon(
        code=code, amount_nanos=BONUS, max_redemptions=most, created_at=platform.clock()
    )
    await create_coupon(connection, coupon)
    return code


async def redeem(platform: Platform, connection: Connection, account_id: str, code: str) -> None:
    await redeem_coupon(
        connection,
        account_id=account_id,
        code=code,
        terms=platform.terms,
        now=platform.clock(),
    )


async def uses(platform: Platform, account_id: str, code: str) -> int:
    """How often the account redeemed the coupon, of which all its records say the same."""
    async with platform.connection() as connection:
        account = await read_account(connection, account_id, now=platform.clock())
        entries, _ = await list_entries(
            connection, account_id, before=None, kind=EntryKind.COUPON, limit=200
        )
        coupon = await read_coupon(connection, code)
    assert [entry.ref for entry in entries] == [code] * coupon.redemptions
    assert account.promo_nanos == BONUS * coupon.redemptions
    return coupon.redemptions


async def wait_until_it_waits(owner: psycopg.Connection, pid: int) -> None:
    for _ in range(500):
        row = owner.execute(
            "SELECT wait_event_type FROM pg_stat_activity WHERE pid = %s", [pid]
        ).fetchone()
        if row == ("Lock",):
            return
        await asyncio.sleep(0.01)
    pytest.fail("the redemption does not wait")


@pytest.mark.parametrize("step", STEPS)
async def test_a_connection_lost_before_a_step_leaves_nothing(
    platform: Platform,
    connection: Connection,
    database_url: str,
    make_account: AccountFactory,
    step: str,
) -> None:
    """Neither use nor credit; and the customer who tries again gets both, once."""
    account_id, code = await make_account(), await issue(connection, platform, most=1)
    async with open_pool(database_url, size=1) as pool:
        with owner_of(database_url) as owner, owner_of(database_url) as other:
            lost = False

            async def redeem_in_vain() -> None:
                nonlocal lost
                try:
                    async with connection_of(pool) as own:
                        pids.put_nowait(own.info.backend_pid)
                        await redeem(platform, own, account_id, code)
                except Overloaded:
                    lost = True

            pids: asyncio.Queue[int] = asyncio.Queue()
            with other.transaction():
                other.execute(STEPS[step], {"account_id": account_id, "code": code})
                redeeming = asyncio.create_task(redeem_in_vain())
                pid = await pids.get()
                await wait_until_it_waits(owner, pid)
                owner.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
                await redeeming
            assert lost
    assert await uses(platform, account_id, code) == 0
    await redeem(platform, connection, account_id, code)
    assert await uses(platform, account_id, code) == 1
    with pytest.raises(CouponAlreadyRedeemed):
        await redeem(platform, connection, account_id, code)
    assert await uses(platform, account_id, code) == 1


@pytest.mark.parametrize("is_committed", [False, True])
async def test_a_connection_lost_about_the_commit(
    platform: Platform,
    connection: Connection,
    database_url: str,
    make_account: AccountFactory,
    is_committed: bool,
) -> None:
    """Before it nothing is left; after it, untold, both are, and trying again says so."""
    account_id, code = await make_account(), await issue(connection, platform, most=1)
    async with open_pool(database_url, size=1) as pool:
        with owner_of(database_url) as owner, contextlib.suppress(Overloaded):
            async with connection_of(pool) as own:
                transaction = contextlib.nullcontext() if is_committed else own.transaction()
                async with transaction:
                    await redeem(platform, own, account_id, code)
                    owner.execute("SELECT pg_terminate_backend(%s, 5000)", [own.info.backend_pid])
                await own.execute("SELECT 1")
    assert await uses(platform, account_id, code) == int(is_committed)
    if is_committed:
        with pytest.raises(CouponAlreadyRedeemed):
            await redeem(platform, connection, account_id, code)
    else:
        await redeem(platform, connection, account_id, code)
    assert await uses(platform, account_id, code) == 1


def redeem_until_killed(
    database_url: str, pairs: list[tuple[str, str]], dice: random.Random
) -> set[tuple[str, str]]:
    """Kill a process that redeems after a number of uses that the dice choose; what it told."""
    process = subprocess.Popen(
        [sys.executable, str(PROCESS), database_url, str(dice.random())],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        process.stdin.write("".join(f"{account} {code}\n" for account, code in pairs))
        process.stdin.close()
        told: list[str] = []
        enough = dice.randint(1, 12)
        for line in process.stdout:
            told.append(line)
            if len(told) == enough:
                process.kill()
    # The last line may have been cut off.
    pairs_told = [line.split() for line in told if line.endswith("\n")]
    return {(account, code) for account, code in pairs_told}


def redeemed(owner: psycopg.Connection, codes: list[str]) -> set[tuple[str, str]]:
    rows = owner.execute(
        "SELECT account_id, ref FROM entry WHERE kind = 'coupon' AND ref = any(%s)", [codes]
    ).fetchall()
    assert len(rows) == len(set(rows))
    return {(row[0], row[1]) for row in rows}


@pytest.mark.timeout(120)
async def test_processes_killed_while_redeeming(
    platform: Platform, connection: Connection, database_url: str, make_account: AccountFactory
) -> None:
    """However often a server is killed: what it told stands, uses are credits, none is too many."""
    print(f"seed {SEED}")
    dice = random.Random(SEED)
    accounts = [await make_account() for _ in range(8)]
    most = {await issue(connection, platform, most=m): m for m in LIMITS}
    pairs = [(account, code) for account in accounts for code in most]
    acknowledged: set[tuple[str, str]] = set()
    with owner_of(database_url) as owner:
        for kills in range(6):
            told = await asyncio.to_thread(redeem_until_killed, database_url, pairs, dice)
            acknowledged |= told
            # What the killed process had begun ends by itself, whole or not at all.
            while owner.execute(  # noqa: ASYNC110  (a rough moment)
                "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%redeem_coupon%'"
                " AND state = 'active' AND pid <> pg_backend_pid()"
            ).fetchone():
                await asyncio.sleep(0.01)
            found = redeemed(owner, list(most))
            print(f"kill {kills}: {len(told)} told, {len(found)} redeemed")
            assert acknowledged <= found
            for code, limit in most.items():
                coupon = await read_coupon(connection, code)
                used = sum(one[1] == code for one in found)
                assert coupon.redemptions == used <= (limit or len(accounts))
            for account_id in accounts:
                account = await read_account(connection, account_id, now=platform.clock())
                assert account.promo_nanos == BONUS * sum(one[0] == account_id for one in found)
        for account_id, code in pairs:
            with contextlib.suppress(Exception):
                await redeem(platform, connection, account_id, code)
        found = redeemed(owner, list(most))
    for code, limit in most.items():
        assert sum(one[1] == code for one in found) == min(limit or len(accounts), len(accounts))
