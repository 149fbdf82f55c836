"""What it costs the money path that somebody is told: settlements with nobody told, and with.

A worker runs all the time. In turns nobody is told, one of the hundred accounts is told of
everything by webhook, and one settlement in a thousand crosses its account's warning level, which
is mailed. Each round has all three, in changing order, so that a busy machine weighs on all alike;
what is compared is compared within its round, and the median of the rounds is told.
"""

import asyncio
import itertools
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psycopg

from bench import book
from bench.beside import mail_server, receiver, spent_seconds, worker
from bench.database import ACCOUNTS, settle_tasks
from bench.report import Figure
from bench.writers import Speed, measure, processor_seconds
from talktime.endpoints import add_endpoint
from talktime.ops.platform import open_platform
from talktime.ops.webhooks import delete_endpoint

ROUNDS = 9
CROSSING = 10
"""Accounts that cross their warning level in a round of theirs."""
NOBODY, WEBHOOK, ALERTS = (
    "nobody told",
    "one account told by webhook",
    "one in a thousand crosses, told by mail",
)
WAIT_SECONDS = 60
TARGET = 1.05
TERMS = msgspec.structs.replace(book.TERMS, webhooks_private=True)


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One way of telling, once."""

    speed: Speed
    told: int
    """Deliveries or mails."""
    seconds: float
    worker_seconds: float
    """Processor time of the worker, and of the backends of its connections."""
    backends_seconds: float


def telling_figures(home: Path, conninfo: str, calls: int) -> Iterator[Figure]:
    """Settled calls per second while somebody is told, beside nobody."""
    rounds: dict[str, list[Round]] = {NOBODY: [], WEBHOOK: [], ALERTS: []}
    orders = itertools.cycle(itertools.permutations(rounds))
    with (
        mail_server() as port,
        worker(home, conninfo, port) as pid,
        receiver() as url,
        psycopg.connect(conninfo, autocommit=True) as owner,
    ):
        stage = Stage(conninfo=conninfo, owner=owner, worker=pid, receiver=url)
        for _ in range(ROUNDS):
            for name in next(orders):
                rounds[name].append(_round(name, stage, calls // 2))
    quiet = rounds[NOBODY]
    for name, done in rounds.items():
        yield Figure(
            part="webhooks",
            name=f"settle, 100 per batch, {ACCOUNTS} accounts, {name}",
            per_second=statistics.median(one.speed.per_second for one in done),
            backend_us=statistics.median(one.speed.backend_us or 0.0 for one in done),
            python_us=statistics.median(one.speed.python_us for one in done),
            slower=None if name == NOBODY else _slower(quiet, done),
            target_slower=None if name == NOBODY else TARGET,
        )
    for name, what in ((WEBHOOK, "webhook"), (ALERTS, "mail")):
        told = sum(one.told for one in rounds[name])
        # What the worker does anyway grows with time, and is no part of it.
        seconds = sum(one.seconds for one in rounds[name]) / sum(one.seconds for one in quiet)
        python = sum(one.worker_seconds for one in rounds[name])
        python -= seconds * sum(one.worker_seconds for one in quiet)
        backends = sum(one.backends_seconds for one in rounds[name])
        backends -= seconds * sum(one.backends_seconds for one in quiet)
        yield Figure(
            part="webhooks",
            name=f"the worker's part, per {what} ({told:,} sent)",
            backend_us=backends / told * 1e6,
            python_us=python / told * 1e6,
        )


def _slower(quiet: list[Round], told: list[Round]) -> float:
    """How many times as long it takes."""
    pairs = zip(quiet, told, strict=True)
    return statistics.median(a.speed.per_second / b.speed.per_second for a, b in pairs)


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """What is there in every round."""

    conninfo: str
    owner: psycopg.Connection
    worker: int
    """Its process id."""
    receiver: str
    """Its URL."""


def _round(name: str, stage: Stage, calls: int) -> Round:
    conninfo, owner, pid = stage.conninfo, stage.owner, stage.worker
    endpoint_id = asyncio.run(_listen(conninfo, stage.receiver)) if name == WEBHOOK else None
    starts, settlements = settle_tasks(conninfo, calls)
    if name == ALERTS:
        _set_levels(owner, calls)
    told, backends = _told(owner), _backends(owner)
    spent, began = spent_seconds(pid) or 0.0, time.monotonic()
    measure([starts])
    speed = measure([settlements])
    _wait_until_told(owner)
    seconds = time.monotonic() - began
    spent = (spent_seconds(pid) or 0.0) - spent
    used = sum(now - backends[one] for one, now in _backends(owner).items() if one in backends)
    told = _told(owner) - told
    if endpoint_id is not None:
        asyncio.run(_forget(conninfo, endpoint_id))
    return Round(
        speed=speed, told=told, seconds=seconds, worker_seconds=spent, backends_seconds=used
    )


async def _listen(conninfo: str, url: str) -> str:
    async with open_platform(conninfo, terms=TERMS, public_url="http://bench", pool_size=1) as one:
        endpoint, _ = await add_endpoint(one, book.account_name(0), url=url)
        return endpoint.endpoint_id


async def _forget(conninfo: str, endpoint_id: str) -> None:
    async with (
        open_platform(conninfo, terms=TERMS, public_url="http://bench", pool_size=1) as one,
        one.connection() as connection,
    ):
        await delete_endpoint(connection, book.account_name(0), endpoint_id)


def _set_levels(owner: psycopg.Connection, calls: int) -> None:
    """Some accounts are warned half-way through the round."""
    charge = book.settlements([(book.account_name(0), "any")], book.utc_now())[0].bill.charge_nanos
    assert charge is not None
    names = [book.account_name(number) for number in range(CROSSING)]
    owner.execute(
        "UPDATE account SET warning_level_nanos = promo_nanos + paid_nanos - %s "
        "WHERE account_id = ANY(%s)",
        [charge * (calls // ACCOUNTS // 2), names],
    )


def _told(owner: psycopg.Connection) -> int:
    row = owner.execute(
        "SELECT (SELECT count(*) FROM webhook_delivery WHERE state = 'delivered') "
        "+ (SELECT count(*) FROM message WHERE state = 'sent')"
    ).fetchone()
    assert row is not None
    return int(row[0])


def _backends(owner: psycopg.Connection) -> dict[int, float]:
    rows = owner.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
        "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
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
