"""Batches are a matter of speed: however the same items are cut, the books are the same."""

import os
import random
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import pytest

from talktime.core.call import BillingStatus, FreeReason
from talktime.core.ratecard import Channel
from talktime.db.acts import EntryRow, UsageRow
from tests.db.desk import CENT, FLOOR, USD, Desk, cut, entry, settlement, start, usage

SEEDS = [int(os.environ["TALKTIME_SEED"])] if "TALKTIME_SEED" in os.environ else list(range(1, 13))
ACCOUNTS = 4

_numbers = count(1)


@pytest.mark.parametrize("seed", SEEDS)
async def test_cut_anywhere_is_the_same(desk: Desk, seed: int) -> None:
    """One by one, all at once or cut anywhere: the same items make the same books, to the byte."""
    print(f"TALKTIME_SEED={seed}")
    rng = random.Random(seed)
    phases = [
        [_random_start(rng) for _ in range(40)],
        [_random_usage(rng, 1) for _ in range(25)],
        [_random_end(rng, 2) for _ in range(40)],
        [_random_entry(rng) for _ in range(12)],
        [_random_start(rng) for _ in range(15)],
        [_random_end(rng, 3) for _ in range(40)],
    ]
    money = [(rng.choice([0, 3, 30 * CENT]), rng.randrange(0, USD)) for _ in range(ACCOUNTS)]
    cuts: list[list[int]] = [[1], [1000], [rng.randrange(1, 9) for _ in range(50)], [7, 1000]]
    books = [await _play(desk, phases, money, sizes) for sizes in cuts]
    assert books[0] == books[1]
    assert books[0] == books[2]
    assert books[0] == books[3]


async def _play(
    desk: Desk,
    phases: Sequence[Sequence[Callable[[Sequence[str]], Any]]],
    money: Sequence[tuple[int, int]],
    sizes: Sequence[int],
) -> list[Any]:
    """The books of fresh accounts after the phases, each cut into batches of these sizes."""
    run = next(_numbers)
    names = [
        await desk.open_account(account_id=f"cut-{id(desk):x}-{run}-{n}", promo=promo, paid=paid)
        for n, (promo, paid) in enumerate(money)
    ]
    acts: list[Callable[..., Any]] = [
        desk.start, desk.report, desk.settle, desk.post, desk.start, desk.settle,
    ]  # fmt: skip
    for act, phase in zip(acts, phases, strict=True):
        items = [make(names) for make in phase]
        for batch in cut(items, sizes):
            await act(*batch)
    return [await desk.books(name) for name in names]


def _random_start(rng: random.Random) -> Any:
    which, call = rng.randrange(ACCOUNTS), f"call-{rng.randrange(8)}"
    chat = rng.random() < 0.3
    agent = rng.choice([None, None, None, "agent"])
    return lambda names: start(
        names[which],
        call,
        channel=Channel.CHAT if chat else Channel.PHONE,
        hold=CENT if chat else FLOOR,
        agent_id=agent,
    )


def _random_usage(rng: random.Random, phase: int) -> Any:
    which, call = rng.randrange(ACCOUNTS), f"call-{rng.randrange(8)}"
    accrued, revision = rng.randrange(3 * FLOOR), _revision_read(phase, which, call)

    def make(names: Sequence[str]) -> UsageRow:
        return usage(names[which], call, accrued=accrued, revision=revision)

    return make


def _random_end(rng: random.Random, phase: int) -> Any:
    which, call = rng.randrange(ACCOUNTS), f"call-{rng.randrange(8)}"
    charge = rng.choice([0, rng.randrange(USD), rng.randrange(30)])
    billing = rng.choice([*BillingStatus][1:] + [BillingStatus.CHARGED] * 3)
    revision = _revision_read(phase, which, call)
    return lambda names: settlement(
        names[which],
        call,
        None if billing is BillingStatus.UNPRICED else charge,
        billing=billing,
        revision=revision,
        free_reason=FreeReason.BUSY if billing is BillingStatus.FREE else None,
    )


def _revision_read(phase: int, which: int, call: str) -> int:
    """What was read of a call before a batch is one revision, right or stale, for all its items."""
    return random.Random(f"{phase} {which} {call}").randrange(1, phase + 1)


def _random_entry(rng: random.Random) -> Any:
    which, ref = rng.randrange(ACCOUNTS), f"ref-{rng.randrange(6)}"
    promo, paid = rng.choice([0, 5, -5]), rng.choice([0, USD, -USD])

    def make(names: Sequence[str]) -> EntryRow:
        return entry(names[which], ref, promo=promo, paid=paid)

    return make
