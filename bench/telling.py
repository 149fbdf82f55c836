"""What it costs the money path that somebody is told: settlements with nobody told, and with.

Settled in two ways: one by one over HTTP, as bots do, and by the database's function in batches of
a hundred from one writer, with nothing of ours in between: far more per second, so that the same
share of them told weighs more.

A worker runs all the time. In turns nobody is told, one of the hundred accounts is told of
everything by webhook, and one settlement in a thousand crosses its account's warning level, which
is mailed. Each round has all three, in an order that changes so that each comes equally often
first; what is compared is compared within its round, and the median of the rounds is told with
its quartiles. A round has some seconds of settlements, so that what is told of the last of them,
after the clock has stopped, is little of the whole.

Besides the clock, processor time is counted: the writer's, the worker's, and the database's for
both. It says what telling takes, wherever it is taken; the clock says what settlements notice of
it on these two cores. The receiver and the mail server are other people's machines, which these
cores have to play too: both run at nice 19 (``bench.beside``). The worker is as it makes itself: it
gives way (``talktime.process``). Autovacuum is off in here, and what it would do is done between
the rounds, for all alike.
"""

import asyncio
import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import msgspec
import psycopg

from bench import book
from bench.beside import mail_server, receiver, spent_seconds, worker
from bench.database import ACCOUNTS, settle_tasks
from bench.report import Figure, Spread
from bench.writers import Speed, measure, processor_seconds
from talktime.endpoints import add_endpoint
from talktime.ops.platform import open_platform
from talktime.ops.webhooks import delete_endpoint

CALLS_PER_CROSSING = 1_000
NOBODY, WEBHOOK, ALERTS = (
    "nobody told",
    "one told by webhook",
    "crossings told by mail",
)
WAIT_SECONDS = 60
TARGET = 1.05
TERMS = msgspec.structs.replace(book.TERMS, webhooks_private=True)


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One way of telling, once."""

    calls: int
    speed: Speed
    told: int
    """Deliveries or mails."""
    seconds: float
    """From the writer's start until all is told."""
    worker_seconds: float
    """Processor time of the worker, and of the database's processes but the writer's."""
    database_seconds: float

    @property
    def processor_us(self) -> float:
        """Of who settles, the worker and the database, per settlement."""
        beside = (self.worker_seconds + self.database_seconds) / self.calls * 1e6
        return self.speed.python_us + (self.speed.backend_us or 0.0) + beside


class Way(Protocol):
    """How calls are settled."""

    @property
    def name(self) -> str: ...
    @property
    def accounts(self) -> Sequence[str]:
        """The settlements are shared out over these evenly."""
        ...

    @property
    def charge_nanos(self) -> int:
        """Of each call."""
        ...

    def prepare(self, calls: int) -> Callable[[], Speed]:
        """Start so many calls; settles them as fast as it goes."""
        ...


class Batches:
    """By the function, from one writer."""

    name = "settle, 100 per batch"

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self.accounts = [book.account_name(number) for number in range(ACCOUNTS)]
        [one] = book.settlements([(self.accounts[0], "any")], book.utc_now())
        assert one.bill.charge_nanos is not None
        self.charge_nanos = one.bill.charge_nanos

    def prepare(self, calls: int) -> Callable[[], Speed]:
        starts, settlements = settle_tasks(self._conninfo, calls)
        measure([starts])
        return lambda: measure([settlements])


def telling_figures(
    home: Path, conninfo: str, opened: AbstractContextManager[Way], calls: int, cycles: int
) -> Iterator[Figure]:
    """Settled calls per second while somebody is told, beside nobody."""
    rounds: dict[str, list[Round]] = {NOBODY: [], WEBHOOK: [], ALERTS: []}
    orders = itertools.cycle(itertools.permutations(rounds))
    with (
        mail_server() as port,
        worker(home, conninfo, port) as pid,
        receiver() as url,
        opened as way,
        psycopg.connect(conninfo, autocommit=True) as owner,
        _without_autovacuum(owner),
    ):
        stage = Stage(conninfo=conninfo, owner=owner, worker=pid, receiver=url, way=way)
        for name in rounds:
            _round(name, stage, calls // 10)  # plans, caches and statistics, as after a while
        for _ in range(cycles):
            for name in next(orders):
                rounds[name].append(_round(name, stage, calls))
    quiet = rounds[NOBODY]
    where = f"{way.name}, {len(way.accounts)} accounts"
    yield _settling(f"{where}, {NOBODY}", quiet)
    for name, what in ((WEBHOOK, "webhook"), (ALERTS, "mail")):
        pairs = list(zip(quiet, rounds[name], strict=True))
        by_clock = _spread(a.speed.per_second / b.speed.per_second for a, b in pairs)
        by_processor = _spread(b.processor_us / a.processor_us for a, b in pairs)
        yield _settling(f"{where}, {name}", rounds[name], slower=by_clock, target_slower=TARGET)
        yield Figure(
            part="webhooks",
            name="    by processor time, with what telling takes",
            slower=by_processor,
        )
        if quiet[0].speed.backend_us is not None:  # otherwise the database's part is not told apart
            yield _share(what, quiet, rounds[name])


def _settling(
    name: str,
    rounds: list[Round],
    *,
    slower: Spread | None = None,
    target_slower: float | None = None,
) -> Figure:
    return Figure(
        part="webhooks",
        name=name,
        per_second=statistics.median(one.speed.per_second for one in rounds),
        backend_us=statistics.median(one.speed.backend_us or 0.0 for one in rounds) or None,
        python_us=statistics.median(one.speed.python_us for one in rounds),
        slower=slower,
        target_slower=target_slower,
    )


def _share(what: str, quiet: list[Round], rounds: list[Round]) -> Figure:
    """What one takes of the worker and of the database, beside what both do anyway."""
    told = sum(one.told for one in rounds)
    # That grows with time, and is no part of it.
    scale = sum(one.seconds for one in rounds) / sum(one.seconds for one in quiet)
    python = sum(one.worker_seconds for one in rounds)
    python -= scale * sum(one.worker_seconds for one in quiet)
    database = sum(one.database_seconds for one in rounds)
    database -= scale * sum(one.database_seconds for one in quiet)
    return Figure(
        part="webhooks",
        name=f"    the worker's part, per {what} ({told:,} sent)",
        backend_us=database / told * 1e6,
        python_us=python / told * 1e6,
    )


def _spread(ratios: Iterator[float]) -> Spread:
    low, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return Spread(median=median, low=low, high=high)


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """What is there in every round."""

    conninfo: str
    owner: psycopg.Connection
    worker: int
    """Its process id."""
    receiver: str
    """Its URL."""
    way: Way


def _round(name: str, stage: Stage, calls: int) -> Round:
    conninfo, owner, pid = stage.conninfo, stage.owner, stage.worker
    owner.execute("VACUUM (ANALYZE)")
    one = stage.way.accounts[0]
    endpoint_id = asyncio.run(_listen(conninfo, one, stage.receiver)) if name == WEBHOOK else None
    settle = stage.way.prepare(calls)
    if name == ALERTS:
        _set_levels(owner, stage.way, calls)
    _wait_until_told(owner)
    told, database = _told(owner), _database_seconds(owner)
    spent, began = spent_seconds(pid) or 0.0, time.monotonic()
    speed = settle()
    _wait_until_told(owner)
    seconds = time.monotonic() - began
    spent = (spent_seconds(pid) or 0.0) - spent
    used = _database_seconds(owner)
    told = _told(owner) - told
    if endpoint_id is not None:
        asyncio.run(_forget(conninfo, one, endpoint_id))
    return Round(
        calls=calls,
        speed=speed,
        told=told,
        seconds=seconds,
        worker_seconds=spent,
        database_seconds=sum(used[one] - before for one, before in database.items() if one in used),
    )


@contextmanager
def _without_autovacuum(owner: psycopg.Connection) -> Iterator[None]:
    """It would take its time from one round and not from another."""
    owner.execute("ALTER SYSTEM SET autovacuum = off")
    owner.execute("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        owner.execute("ALTER SYSTEM RESET autovacuum")
        owner.execute("SELECT pg_reload_conf()")


async def _listen(conninfo: str, account_id: str, url: str) -> str:
    async with open_platform(conninfo, terms=TERMS, public_url="http://bench", pool_size=1) as one:
        endpoint, _ = await add_endpoint(one, account_id, url=url)
        return endpoint.endpoint_id


async def _forget(conninfo: str, account_id: str, endpoint_id: str) -> None:
    async with (
        open_platform(conninfo, terms=TERMS, public_url="http://bench", pool_size=1) as one,
        one.connection() as connection,
    ):
        await delete_endpoint(connection, account_id, endpoint_id)


def _set_levels(owner: psycopg.Connection, way: Way, calls: int) -> None:
    """Some accounts are warned in this round, one after another."""
    crossing = calls // CALLS_PER_CROSSING
    assert crossing <= len(way.accounts), "an account crosses once in a round"
    for number in range(crossing):
        calls_before = calls // len(way.accounts) * (number + 1) // (crossing + 1)
        owner.execute(
            "UPDATE account SET warning_level_nanos = promo_nanos + paid_nanos - %s "
            "WHERE account_id = %s",
            [way.charge_nanos * calls_before, way.accounts[number]],
        )


def _told(owner: psycopg.Connection) -> int:
    row = owner.execute(
        "SELECT (SELECT count(*) FROM webhook_delivery WHERE state = 'delivered') "
        "+ (SELECT count(*) FROM message WHERE state = 'sent')"
    ).fetchone()
    assert row is not None
    return int(row[0])


def _database_seconds(owner: psycopg.Connection) -> dict[int, float]:
    """By process: those that work for somebody, and the one that writes the log for them."""
    rows = owner.execute(
        "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        " AND (backend_type = 'walwriter'"
        " OR backend_type = 'client backend' AND datname = current_database())"
    )
    return {pid: processor_seconds(pid) or 0.0 for (pid,) in rows.fetchall()}


def _wait_until_told(owner: psycopg.Connection) -> None:
    """Until nothing is on its way to anybody."""
    for _ in range(10 * WAIT_SECONDS):
        row = owner.execute(
            "SELECT count(*) FROM message WHERE state IN ('waiting', 'deferred')"
            " UNION ALL SELECT count(*) FROM webhook_delivery WHERE state = 'waiting'"
            " UNION ALL SELECT count(*) FROM webhook_lane l JOIN account a USING (account_id)"
            " WHERE l.event_seq < a.event_seq"
        ).fetchall()
        if not any(count for (count,) in row):
            return
        time.sleep(0.1)
    raise RuntimeError("what was to be told did not go out: the figures would say nothing")
