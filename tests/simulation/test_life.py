"""Seeded chaos over many connections, judged by an independent auditor."""

import os
from decimal import Decimal

import pytest

from talktime.db.pool import Connection
from talktime.ops.terms import Terms
from tests.conftest import AccountFactory
from tests.db.desk import FLOOR, USD, Desk
from tests.simulation.workload import Workload

FULL = "TALKTIME_FULL" in os.environ
SEEDS = (
    [int(os.environ["TALKTIME_SEED"])]
    if "TALKTIME_SEED" in os.environ
    else list(range(1, 41 if FULL else 5))
)
CALLS = 1_500 if FULL else 250


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SEEDS)
async def test_the_auditor_agrees(
    make_account: AccountFactory, connections: list[Connection], seed: int
) -> None:
    """After any chaos: each call settled once, money conserved, holds zero, promo never below."""
    print(f"TALKTIME_SEED={seed}")
    money = [("0.5", "5"), ("0", "1"), ("3", "0"), ("0.000000007", "0.6"), ("0", "40"), ("0", "9")]
    accounts = [await make_account(promo, paid) for promo, paid in money]
    workload = Workload(accounts, terms=Terms(), seed=seed)
    auditor = workload.auditor
    for account, opening in zip(accounts, money, strict=True):
        nanos = [int(Decimal(part) * USD) for part in opening]
        auditor.credited(account, "opening balance", nanos[0], nanos[1])

    await workload.run(connections, calls=CALLS)

    desk = Desk(connections[0])
    assert auditor.calls, "nothing was admitted: the simulation says nothing"
    for account in accounts:
        rows = {
            table: await desk.rows(table, account)
            for table in ("call", "entry", "event", "refusal", "usage_rollup")
        }
        auditor.audit_calls(account, rows["call"])
        promo, paid = auditor.audit_entries(account, rows["entry"])
        assert await desk.money(account) == (promo, paid, 0)
        row = await desk.account(account)
        assert (row["entry_seq"], row["event_seq"]) == (len(rows["entry"]), len(rows["event"]))
        auditor.audit_rollups(account, rows["usage_rollup"])
        auditor.audit_events(account, rows["event"], rows["refusal"], floor=FLOOR, warning=USD)
