"""What looking for something to tell costs, and that nothing is overlooked."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import msgspec
import pytest

from talktime.core.webhook import PLATFORM, Delivery, DeliveryState
from talktime.db.pool import Connection
from talktime.deliverer import Deliverer
from talktime.gateways.webhook import WebhookSender
from talktime.ops.accounts import create_account
from talktime.ops.platform import Platform, open_platform
from talktime.ops.webhook_relay import find_recent, find_untold
from talktime.ops.webhooks import list_deliveries
from talktime.telling import Teller
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.conftest import AccountFactory
from tests.worker.listening import Listen, Listening


@contextmanager
def statements(connection: Connection) -> Iterator[list[str]]:
    """What is asked of the database on a connection, by the driver's own record of the wire."""
    asked: list[str] = []
    with tempfile.TemporaryFile("w+") as record:
        connection.pgconn.trace(record.fileno())
        try:
            yield asked
        finally:
            connection.pgconn.untrace()
            record.seek(0)
            sent = [line.split("\t") for line in record if "\tF\t" in line]
            asked += [words[3] for words in sent if words[3] in {"Execute", "Query"}]


@pytest.fixture
async def unheard(untouched: Platform) -> Bots:
    """An account where nobody at all listens. The one connection that its platform has tells by
    its own records what is asked and read."""
    async with untouched.connection() as connection:
        await create_account(
            connection,
            account_id="quiet",
            name="Ada's Bots",
            email="ada@example.com",
            verified=True,
            terms=untouched.terms,
            now=untouched.clock(),
        )
    return Bots(untouched, "quiet")


async def test_an_idle_look_is_one_statement(unheard: Bots) -> None:
    """Where nobody listens a look asks one thing, however much has happened."""
    await unheard.call("CA1", *MINUTE_BY_PHONE)
    deliverer = Deliverer(unheard.platform, WebhookSender(allow_private=True))
    await deliverer.run()
    async with unheard.platform.connection() as connection:
        pass
    with statements(connection) as asked:
        await deliverer.run()
    await deliverer.close()
    assert asked == ["Execute"]


async def test_a_settlement_asks_the_same_whoever_listens(
    platform: Platform, database_url: str, bots: Bots, listen: Listen
) -> None:
    """The money path does nothing for webhooks: with an endpoint as many statements as without."""
    counts = []
    async with open_platform(
        database_url, terms=platform.terms, public_url="", pool_size=1
    ) as alone:
        quick = Bots(alone, bots.account_id)
        await quick.call("CA0", *MINUTE_BY_PHONE)
        for name in ("CA1", "CA2"):
            async with alone.connection() as connection:
                pass
            with statements(connection) as asked:
                await quick.call(name, *MINUTE_BY_PHONE)
            counts.append(asked)
            await listen(bots.account_id)
    assert counts[0] == counts[1]
    assert counts[0]


async def test_nothing_is_read_where_nobody_listens(unheard: Bots) -> None:
    """Without an endpoint no account, event or call is looked at, and nothing is kept."""
    await unheard.call("CA1", *MINUTE_BY_PHONE)
    deliverer = Deliverer(unheard.platform, WebhookSender(allow_private=True))
    await deliverer.run()
    before = await looked_at(unheard.platform)
    for _ in range(3):
        await deliverer.run()
    assert await looked_at(unheard.platform) == before
    await deliverer.close()
    async with unheard.platform.connection() as connection:
        for table in ("webhook_delivery", "webhook_lane"):
            rows = await connection.execute(f"SELECT count(*) FROM {table}")
            assert await rows.fetchone() == (0,)


async def looked_at(platform: Platform) -> list[tuple[str, int]]:
    """How often each table of the money path was scanned."""
    async with platform.connection() as connection:
        await connection.execute("SELECT pg_stat_force_next_flush()")
        await connection.execute("SELECT 1")
        rows = await connection.execute(
            "SELECT relname, seq_scan + coalesce(idx_scan, 0) FROM pg_stat_user_tables "
            "WHERE relname IN ('account', 'call', 'entry') OR relname LIKE 'event%' ORDER BY 1"
        )
        return await rows.fetchall()


SELDOM = 10**9
"""A teller that sweeps so small a part of its time has swept once, for a test's purposes."""


async def test_between_sweeps_is_seen_what_happened_lately(
    platform: Platform, make_account: AccountFactory, listen: Listen
) -> None:
    """Without comparing all lanes: of accounts known and new, to their endpoints and the
    platform's, and each event once."""
    known, quiet = [Bots(platform, await make_account(paid="5")) for _ in range(2)]
    everyone = await listen(PLATFORM, ["call.started"])
    own = await listen(known.account_id, ["call.started"])
    teller = Teller(platform, share_of_time=SELDOM)
    await teller.run()
    new = Bots(platform, await make_account(paid="5"))
    await known.start("CA1")
    await new.start("CA2")
    for _ in range(3):
        await teller.run()
    await known.start("CA3")
    await teller.run()
    assert await own.deliveries() == [("call.started", 0)] * 2
    assert await everyone.deliveries() == [("call.started", 0)] * 3
    assert quiet.account_id not in {one.account_id for one in await waiting(platform, everyone)}


async def test_a_sweep_finds_what_was_recorded_out_of_its_time(
    platform: Platform, connection: Connection, bots: Bots, listen: Listen
) -> None:
    """A look at what is recent misses what carries an older time; the next sweep does not."""
    await listen(bots.account_id)
    await bots.start("CA1")
    since = platform.clock() + timedelta(seconds=1)
    assert bots.account_id not in await find_recent(connection, since=since)
    assert bots.account_id in await find_recent(connection, since=since - timedelta(minutes=1))
    assert bots.account_id in await find_untold(connection)


async def test_an_endpoint_enabled_again_hears_at_once_of_what_it_missed(
    platform: Platform, bots: Bots, listen: Listen
) -> None:
    """However long ago it happened: when somebody new listens, all is looked through."""
    heard = await listen(bots.account_id, ["call.started"])
    await listen(PLATFORM, ["coupon.redeemed"])
    now = platform.clock()
    hour_later = msgspec.structs.replace(platform, clock=lambda: now + timedelta(hours=1))
    await heard.change(is_enabled=False)
    await bots.start("CA1")
    teller = Teller(hour_later, share_of_time=SELDOM)
    for _ in range(2):
        await teller.run()
    assert await heard.deliveries() == []
    await heard.change(is_enabled=True)
    await teller.run()
    assert await heard.deliveries() == [("call.started", 0)]


async def waiting(platform: Platform, heard: Listening) -> list[Delivery]:
    async with platform.connection() as connection:
        page, _ = await list_deliveries(
            connection,
            heard.endpoint.account_id,
            heard.endpoint.endpoint_id,
            before=None,
            state=DeliveryState.WAITING,
            limit=100,
        )
    return page
