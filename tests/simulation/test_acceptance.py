"""The promises that the product stands on, at a size that finds races.

``TALKTIME_FULL=1`` plays them at full size: 20,000 calls, each submitted four times.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from talktime.core.call import EndFacts, Outcome, StartFacts
from talktime.core.errors import InsufficientCredits
from talktime.core.money import format_usd
from talktime.core.ratecard import Channel
from talktime.core.usage import LineReport
from talktime.db.pool import Connection
from talktime.ops.call_end import EndAnswer, EndRequest, end_calls
from talktime.ops.call_start import Admission, start_calls
from talktime.ops.call_usage import UsageAnswer, UsageReport, report_usage
from talktime.ops.ledger_verify import verify_ledger
from talktime.ops.terms import Terms
from tests.conftest import AccountFactory
from tests.db.desk import CENT, FLOOR, USD, Desk, cut
from tests.simulation.workload import BOOK

FULL = "TALKTIME_FULL" in os.environ
SEED = int(os.environ.get("TALKTIME_SEED", "1"))
CALLS = 20_000 if FULL else 4_000
BURST = 1_000
ACCOUNTS = 50
COPIES = 4
TERMS = Terms()
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def paid_line(cost_nanos: int) -> LineReport:
    return LineReport(service="llm", provider="acme", provider_cost=format_usd(cost_nanos))


async def share(
    connections: Sequence[Connection],
    batches: Sequence[Sequence[Any]],
    act: Callable[[Connection, Sequence[Any]], Awaitable[list[Any]]],
) -> list[tuple[Any, Any]]:
    """(item, answer) of every item, the batches taken by all connections at once."""
    waiting = list(batches)
    answered: list[tuple[Any, Any]] = []

    async def work(connection: Connection) -> None:
        while waiting:
            batch = waiting.pop()
            answered.extend(zip(batch, await act(connection, batch), strict=True))

    await asyncio.gather(*[work(connection) for connection in connections])
    return answered


def shuffled(rng: random.Random, items: Sequence[Any], copies: int) -> list[Sequence[Any]]:
    """Every item several times, in batches of any size, so that batches overlap in all ways."""
    many = list(items) * copies
    rng.shuffle(many)
    return cut(many, [rng.choice([1, 10, 100, 300]) for _ in range(len(many))])


@pytest.mark.timeout(600)
async def test_each_call_is_settled_exactly_once(
    make_account: AccountFactory, connections: list[Connection]
) -> None:
    """Calls submitted four times over eight connections, shuffled: settled once, to the nano."""
    print(f"TALKTIME_SEED={SEED}")
    rng = random.Random(SEED)
    accounts = [await make_account(promo="0.5", paid="10000") for _ in range(ACCOUNTS)]
    starts = [
        StartFacts(account_id=accounts[n % ACCOUNTS], call_id=f"call-{n}", channel=Channel.PHONE)
        for n in range(CALLS)
    ]
    admitted = await share(
        connections,
        shuffled(rng, starts, COPIES),
        lambda connection, batch: start_calls(connection, batch, terms=TERMS, now=NOW),
    )
    assert all(isinstance(answer, Admission) for _, answer in admitted)
    assert Counter(answer.repeated for _, answer in admitted) == {
        False: CALLS, True: CALLS * (COPIES - 1),
    }  # fmt: skip

    # Provider costs in steps of ten nanos, so that 30 % is a whole number of them.
    costs = {facts.call_id: rng.randrange(0, 10**8, 10) for facts in starts}
    ends = [
        EndRequest(
            account_id=facts.account_id,
            call_id=facts.call_id,
            facts=EndFacts(outcome=Outcome.COMPLETED),
            lines=[paid_line(costs[facts.call_id])],
        )
        for facts in starts
    ]
    answered = await share(
        connections,
        shuffled(rng, ends, COPIES),
        lambda connection, batch: end_calls(connection, batch, book=BOOK, terms=TERMS, now=NOW),
    )
    assert all(isinstance(answer, EndAnswer) for _, answer in answered)
    assert Counter(answer.repeated for _, answer in answered) == {
        False: CALLS, True: CALLS * (COPIES - 1),
    }  # fmt: skip
    for end, answer in answered:
        assert answer.call.charge_nanos == costs[end.call_id] * 13 // 10
        assert answer.call.entry_seq is not None or not answer.call.charge_nanos

    desk = Desk(connections[0])
    for account in accounts:
        due = {c.call_id: costs[c.call_id] * 13 // 10 for c in starts if c.account_id == account}
        promo, paid, held = await desk.money(account)
        assert held == 0
        assert promo + paid == 10_000 * USD + USD // 2 - sum(due.values())
        entries = await desk.rows("entry", account)
        debits = {
            e["ref"]: -(e["promo_delta_nanos"] + e["paid_delta_nanos"])
            for e in entries
            if e["kind"] == "call"
        }
        assert debits == {call: charge for call, charge in due.items() if charge}
        assert len(entries) == 1 + len(debits)
        numbers = [event["event_seq"] for event in await desk.rows("event", account)]
        assert numbers == list(range(1, len(numbers) + 1))
        assert (await verify_ledger(connections[0], account_id=account)).fault_count == 0


@pytest.mark.timeout(300)
@pytest.mark.parametrize("size", [1, 50], ids=["one by one", "in batches"])
async def test_a_burst_at_the_gate(
    make_account: AccountFactory, connections: list[Connection], size: int
) -> None:
    """$0.55 admits five of a burst of concurrent starts; the overdraft after them is in bounds."""
    account = await make_account(promo="0.3", paid="0.25")
    burst = [
        StartFacts(account_id=account, call_id=f"call-{n}", channel=Channel.PHONE)
        for n in range(BURST)
    ]
    judged = await share(
        connections,
        cut(burst, [size]),
        lambda connection, batch: start_calls(connection, batch, terms=TERMS, now=NOW),
    )
    running = [facts for facts, answer in judged if isinstance(answer, Admission)]
    refused = [answer for _, answer in judged if not isinstance(answer, Admission)]
    assert len(running) == 5
    assert all(isinstance(answer, InsufficientCredits) for answer in refused)
    assert {answer.facts["floor"] for answer in refused} == {"0.1"}
    desk = Desk(connections[0])
    assert await desk.money(account) == (30 * CENT, 25 * CENT, 5 * FLOOR)

    # They talk on: each costs more than it holds, and new starts find nothing any more.
    final = {facts.call_id: (n + 1) * 130_000_000 for n, facts in enumerate(running)}
    reports = [
        UsageReport(
            account_id=account,
            call_id=facts.call_id,
            lines=[paid_line(final[facts.call_id] // 26 * 10)],
        )
        for facts in running
    ]
    heard = await share(
        connections,
        shuffled(random.Random(SEED), reports, 3),
        lambda connection, batch: report_usage(connection, batch, book=BOOK, now=NOW),
    )
    assert all(isinstance(answer, UsageAnswer) for _, answer in heard)
    holds = {call: max(FLOOR, charge // 2) for call, charge in final.items()}
    assert (await desk.money(account))[2] == sum(holds.values())
    [late] = await start_calls(
        connections[0],
        [StartFacts(account_id=account, call_id="late", channel=Channel.PHONE)],
        terms=TERMS,
        now=NOW,
    )
    assert isinstance(late, InsufficientCredits)

    ends = [
        EndRequest(
            account_id=account,
            call_id=facts.call_id,
            facts=EndFacts(outcome=Outcome.COMPLETED),
            lines=[paid_line(final[facts.call_id] // 13 * 10)],
        )
        for facts in running
    ]
    answered = await share(
        connections,
        shuffled(random.Random(SEED), ends, COPIES),
        lambda connection, batch: end_calls(connection, batch, book=BOOK, terms=TERMS, now=NOW),
    )
    assert all(isinstance(answer, EndAnswer) for _, answer in answered)
    promo, paid, held = await desk.money(account)
    assert (promo, held) == (0, 0)
    assert paid == 55 * CENT - sum(final.values())
    bound = sum(max(0, charge - FLOOR) for charge in final.values())
    assert 0 < -paid <= bound
    assert (await verify_ledger(connections[0], account_id=account)).fault_count == 0
