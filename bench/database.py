"""The money functions without anything above them: batches, accounts, writers."""

from collections.abc import Iterator
from itertools import count

import psycopg

from bench import book
from bench.report import Figure
from bench.writers import Task, measure
from talktime.db.pool import Pool, connection_of
from talktime.ops.accounts import create_account
from talktime.ops.adjustments import post_adjustment

ACCOUNTS = 100
PAID_NANOS = 10**15

_prefixes = count(1)


async def open_accounts(pool: Pool) -> None:
    """Accounts with more money than any benchmark spends."""
    now = book.utc_now()
    async with connection_of(pool) as connection:
        for number in range(ACCOUNTS + 2):
            name = book.account_name(number)
            await create_account(
                connection,
                account_id=name,
                name="Bench",
                email=f"bench-{number}@example.com",
                verified=False,
                terms=book.TERMS,
                now=now,
            )
            await post_adjustment(
                connection,
                account_id=name,
                adjustment_id="opening balance",
                promo_nanos=0,
                paid_nanos=PAID_NANOS,
                reason="benchmark",
                terms=book.TERMS,
                now=now,
            )


def settle_figures(conninfo: str, calls: int) -> Iterator[Figure]:
    """Settled calls per second, by batch size, writers and accounts."""
    for writers in (1, 2):
        for batch in (100, 500):
            for accounts, where in ((ACCOUNTS, f"{ACCOUNTS} accounts"), (1, "one hot account")):
                tasks = _tasks("start", conninfo, calls, accounts, writers=writers, batch=500)
                measure(tasks)
                speed = measure([_then("settle", task, batch) for task in tasks])
                yield Figure(
                    part="settle",
                    name=f"settle, {batch} per batch, {where}, {_writers(writers)}",
                    per_second=speed.per_second,
                    target=40_000 if accounts > 1 else None,
                    backend_us=speed.backend_us,
                    python_us=speed.python_us,
                )


def gate_figures(conninfo: str, calls: int) -> Iterator[Figure]:
    """Starts per second through the gate."""
    for accounts, where in ((ACCOUNTS, f"{ACCOUNTS} accounts"), (1, "one hot account")):
        speed = measure(_tasks("start", conninfo, calls, accounts, writers=1, batch=100))
        yield Figure(
            part="gate",
            name=f"gate, 100 per batch, {where}",
            per_second=speed.per_second,
            backend_us=speed.backend_us,
            python_us=speed.python_us,
        )


def usage_figures(conninfo: str, calls: int) -> Iterator[Figure]:
    """First reports of running calls per second."""
    tasks = _tasks("start", conninfo, calls, ACCOUNTS, writers=1, batch=500)
    measure(tasks)
    speed = measure([_then("usage", task, 100) for task in tasks])
    yield Figure(
        part="usage",
        name=f"usage reports, 100 per batch, {ACCOUNTS} accounts",
        per_second=speed.per_second,
        backend_us=speed.backend_us,
        python_us=speed.python_us,
    )


def settle_tasks(conninfo: str, calls: int) -> tuple[Task, Task]:
    """Fresh calls over all accounts to be started, and then settled by one writer."""
    [starts] = _tasks("start", conninfo, calls, ACCOUNTS, writers=1, batch=500)
    return starts, _then("settle", starts, 100)


def _tasks(
    act: str, conninfo: str, calls: int, accounts: int, *, writers: int, batch: int
) -> list[Task]:
    """Fresh calls, shared among the writers; hot accounts are not those of the many."""
    # Log files are used again from here on, as on a server that has run for a while.
    with psycopg.connect(conninfo, autocommit=True) as owner:
        owner.execute("CHECKPOINT")
    first = ACCOUNTS if accounts == 1 else 0
    keys = book.call_keys(f"{next(_prefixes):06x}", calls, accounts, first_account=first)
    return [
        Task(act=act, conninfo=conninfo, keys=keys[writer::writers], batch=batch)
        for writer in range(writers)
    ]


def _then(act: str, task: Task, batch: int) -> Task:
    return Task(act=act, conninfo=task.conninfo, keys=book.shuffled(task.keys), batch=batch)


def _writers(count: int) -> str:
    return "1 writer" if count == 1 else f"{count} writers"
