"""What is measured on a large account is measured on a true one."""

from datetime import timedelta

from bench.seeding import seed_account
from talktime.db.pool import Connection
from talktime.ops.ledger_verify import verify_ledger
from talktime.ops.platform import Platform

CALLS = 5_000


async def test_a_seeded_account_is_a_true_one(
    platform: Platform, connection: Connection, database_url: str
) -> None:
    """An account with a written year of calls has the books that living it would have left."""
    now = platform.clock() - timedelta(minutes=1)
    await seed_account(database_url, account_id="seeded", calls=CALLS, now=now)
    told = await verify_ledger(connection, account_id="seeded")
    assert told.faults == []
    assert told.calls == CALLS
    assert told.entries > CALLS * 3 // 4
