"""The end of calls, as settle_calls turns it into money."""

from datetime import UTC, datetime, timedelta

import pytest

from talktime.core.call import BillingStatus, FreeReason, Outcome
from tests.db.desk import (
    CENT,
    FLOOR,
    NOW,
    USD,
    Desk,
    bill_of,
    entry,
    settlement,
    start,
    usage,
)

UNPRICED = BillingStatus.UNPRICED
FREE = BillingStatus.FREE


@pytest.mark.parametrize(
    ("promo", "paid", "charge", "split", "after"),
    [
        (5, 10 * USD, 3, (3, 0), (2, 10 * USD)),
        (5, 10 * USD, 5, (5, 0), (0, 10 * USD)),
        (5, 10 * USD, 6, (5, 1), (0, 10 * USD - 1)),
        (USD // 2, 5 * USD, 52_000_000, (52_000_000, 0), (USD // 2 - 52_000_000, 5 * USD)),
        (0, 10 * USD, 7, (0, 7), (0, 10 * USD - 7)),
        (0, FLOOR, 3 * FLOOR, (0, 3 * FLOOR), (0, -2 * FLOOR)),
        (FLOOR, 0, 3 * FLOOR, (FLOOR, 2 * FLOOR), (0, -2 * FLOOR)),
        (USD, -FLOOR, FLOOR + 1, (FLOOR + 1, 0), (USD - FLOOR - 1, -FLOOR)),
    ],
)
async def test_promo_first_to_the_last_nano(  # noqa: PLR0917 - the columns of its table
    desk: Desk,
    promo: int,
    paid: int,
    charge: int,
    split: tuple[int, int],
    after: tuple[int, int],
) -> None:
    """A debit takes promo to its last nano, then paid, which alone may fall below zero."""
    account = await desk.open_account(promo=promo, paid=paid)
    await desk.start(start(account, "call"))
    [verdict] = await desk.settle(settlement(account, "call", charge))
    assert verdict.verdict == "settled"
    assert (verdict.promo_charged_nanos, verdict.paid_charged_nanos) == split
    assert (verdict.promo_after_nanos, verdict.paid_after_nanos) == after
    assert await desk.money(account) == (*after, 0)
    row = (await desk.rows("entry", account))[-1]
    assert (row["kind"], row["ref"], row["seq"]) == ("call", "call", verdict.entry_seq)
    assert (row["promo_delta_nanos"], row["paid_delta_nanos"]) == (-split[0], -split[1])
    assert (row["promo_after_nanos"], row["paid_after_nanos"]) == after
    call = await desk.call(account, "call")
    assert (call["promo_charged_nanos"], call["paid_charged_nanos"]) == split
    assert (call["entry_seq"], call["billing_status"]) == (verdict.entry_seq, "charged")


async def test_many_calls_of_one_account_in_one_batch(desk: Desk) -> None:
    """Running balances are exact after every item, and one call may be split over both."""
    account = await desk.open_account(promo=25, paid=10 * USD)
    names = [f"call-{n}" for n in range(6)]
    await desk.start(*[start(account, name) for name in names])
    verdicts = await desk.settle(*[settlement(account, name, 10) for name in names])
    assert [v.promo_after_nanos for v in verdicts] == [15, 5, 0, 0, 0, 0]
    assert [v.paid_after_nanos for v in verdicts] == [
        10 * USD - paid for paid in (0, 0, 5, 15, 25, 35)
    ]
    assert [(v.promo_charged_nanos, v.paid_charged_nanos) for v in verdicts] == [
        (10, 0), (10, 0), (5, 5), (0, 10), (0, 10), (0, 10),
    ]  # fmt: skip
    assert [v.entry_seq for v in verdicts] == [2, 3, 4, 5, 6, 7]
    assert await desk.money(account) == (0, 10 * USD - 35, 0)


async def test_accounts_of_one_batch_stay_apart(desk: Desk) -> None:
    """Interleaved calls of several accounts each run along their own account's balances."""
    accounts = [await desk.open_account(promo=n, paid=10 * USD) for n in (0, 5, 15)]
    keys = [(account, f"call-{n}") for n in range(2) for account in accounts]
    await desk.start(*[start(*key) for key in keys])
    verdicts = await desk.settle(*[settlement(*key, 10) for key in keys])
    assert [v.promo_after_nanos for v in verdicts] == [0, 0, 5, 0, 0, 0]
    assert [10 * USD - (v.paid_after_nanos or 0) for v in verdicts] == [10, 5, 0, 20, 15, 5]
    assert [v.item for v in verdicts] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("billing", "charge", "reason", "outcome"),
    [
        (FREE, 5 * CENT, FreeReason.BUSY, Outcome.BUSY),
        (FREE, None, FreeReason.FAILED, Outcome.FAILED),
        (BillingStatus.CHARGED, 0, None, Outcome.COMPLETED),
    ],
)
async def test_free_and_zero_calls_write_no_entry(
    desk: Desk,
    billing: BillingStatus,
    charge: int | None,
    reason: FreeReason | None,
    outcome: Outcome,
) -> None:
    """Nothing is debited, no entry stands for it, the hold is gone, the call says why."""
    account = await desk.open_account(paid=USD)
    await desk.start(start(account, "call"))
    [verdict] = await desk.settle(
        settlement(account, "call", charge, billing=billing, outcome=outcome, free_reason=reason)
    )
    assert (verdict.verdict, verdict.entry_seq) == ("settled", None)
    assert await desk.money(account) == (0, USD, 0)
    assert len(await desk.rows("entry", account)) == 1
    call = await desk.call(account, "call")
    assert (call["billing_status"], call["free_reason"]) == (billing, reason)
    assert (call["promo_charged_nanos"], call["paid_charged_nanos"]) == (0, 0)
    assert call["charge_nanos"] == charge
    assert (await desk.events(account))[-1][1:] == ("call.settled", "call")


async def test_unpriced_keeps_its_hold_until_the_price(desk: Desk) -> None:
    """An ended unpriced call debits nothing and holds what it held; the price then settles it."""
    account = await desk.open_account(paid=USD)
    await desk.start(start(account, "call"))
    await desk.report(usage(account, "call", accrued=2 * FLOOR))
    [pending] = await desk.settle(settlement(account, "call", None, billing=UNPRICED, revision=2))
    assert (pending.verdict, pending.entry_seq, pending.hold_nanos) == ("settled", None, 2 * FLOOR)
    assert await desk.money(account) == (0, USD, 2 * FLOOR)
    waiting = await desk.call(account, "call")
    assert (waiting["status"], waiting["billing_status"]) == ("ended", "unpriced")
    assert (waiting["settled_at"], waiting["promo_charged_nanos"]) == (None, None)
    [priced] = await desk.settle(settlement(account, "call", 3 * FLOOR, revision=3))
    assert (priced.verdict, priced.hold_nanos) == ("settled", 0)
    assert await desk.money(account) == (0, USD - 3 * FLOOR, 0)
    assert [e[1] for e in await desk.events(account)] == [
        "call.started", "call.price_pending", "call.settled", "balance.below_warning",
    ]  # fmt: skip


async def test_unpriced_may_end_up_free(desk: Desk) -> None:
    """Without a price for too long it is free, and its hold comes back."""
    account = await desk.open_account(paid=USD)
    await desk.start(start(account, "call"))
    await desk.settle(settlement(account, "call", None, billing=UNPRICED))
    await desk.settle(
        settlement(account, "call", None, billing=FREE, revision=2, free_reason=FreeReason.NO_PRICE)
    )
    assert await desk.money(account) == (0, USD, 0)


async def test_open_calls_are_listed(desk: Desk) -> None:
    """The list of open calls is those that run or wait for a price, and no other."""
    account = await desk.open_account(paid=10 * USD)
    names = ["charged", "free", "running", "waiting", "waited"]
    await desk.start(*[start(account, name) for name in names])
    await desk.settle(
        settlement(account, "charged", 5),
        settlement(account, "free", 5, billing=FREE, free_reason=FreeReason.BUSY),
        settlement(account, "waiting", None, billing=UNPRICED),
        settlement(account, "waited", None, billing=UNPRICED),
        settlement(account, "running", 5, revision=7),
    )
    await desk.settle(settlement(account, "waited", 5, revision=2))
    listed = [row["call_id"] for row in await desk.rows("open_call", account)]
    assert listed == ["running", "waiting"]


async def test_stale_changes_nothing(desk: Desk) -> None:
    """Another revision, a settled, unknown or foreign call: stale, and the books stand."""
    account = await desk.open_account(paid=10 * USD)
    await desk.start(start(account, "live"), start(account, "done"))
    await desk.settle(settlement(account, "done", CENT))
    before = await desk.books(account)
    verdicts = await desk.settle(
        settlement(account, "live", CENT, revision=2),
        settlement(account, "done", CENT, revision=2),
        settlement(account, "done", CENT, revision=1),
        settlement(account, "nothing", CENT),
        settlement("nobody", "live", CENT),
    )
    assert [v.verdict for v in verdicts] == ["stale"] * 5
    assert [v.entry_seq for v in verdicts] == [None] * 5
    assert await desk.books(account) == before


async def test_first_of_duplicates_settles(desk: Desk) -> None:
    """However often a call stands in a batch, it is settled once, by the first that still fits."""
    account = await desk.open_account(paid=10 * USD)
    await desk.start(start(account, "a"), start(account, "b"))
    verdicts = await desk.settle(
        settlement(account, "a", 10, revision=9),
        settlement(account, "a", 20),
        settlement(account, "b", 1),
        settlement(account, "a", 30),
        settlement(account, "b", 2),
    )
    assert [v.verdict for v in verdicts] == ["stale", "settled", "settled", "stale", "stale"]
    assert await desk.money(account) == (0, 10 * USD - 21, 0)
    assert len(await desk.rows("entry", account)) == 3


async def test_a_live_call_must_be_admitted_first(desk: Desk) -> None:
    """Settling releases exactly the call's own hold and leaves the others' alone."""
    account = await desk.open_account(paid=10 * USD)
    await desk.start(*[start(account, name) for name in ("a", "b", "c")])
    await desk.report(usage(account, "b", accrued=3 * FLOOR))
    await desk.settle(settlement(account, "b", FLOOR, revision=2))
    assert (await desk.money(account))[2] == 2 * FLOOR
    await desk.settle(settlement(account, "a", FLOOR), settlement(account, "c", FLOOR))
    assert (await desk.money(account))[2] == 0


@pytest.mark.parametrize(
    ("paid", "charge", "kinds"),
    [
        (2 * USD, USD - 1, []),
        (2 * USD, USD, []),
        (2 * USD, USD + 1, ["balance.below_warning"]),
        (2 * USD, 2 * USD, ["balance.below_warning", "balance.below_floor"]),
        (USD, 1, ["balance.below_warning"]),
        (USD - 1, 1, []),
        (USD - 1, USD - 1 - FLOOR, []),
        (USD - 1, USD - FLOOR, ["balance.below_floor"]),
        (FLOOR, 1, ["balance.below_floor"]),
        (FLOOR - 1, 1, []),
    ],
)
async def test_crossings_are_events_of_the_debit(
    desk: Desk, paid: int, charge: int, kinds: list[str]
) -> None:
    """Falling below warning level or floor is told once, after the call, the warning first."""
    account = await desk.open_account(paid=10 * USD)
    await desk.start(start(account, "call"))
    await desk.post(entry(account, "down", paid=paid - 10 * USD))
    seen = len(await desk.events(account))
    await desk.settle(settlement(account, "call", charge))
    told = (await desk.events(account))[seen:]
    assert [e[1] for e in told] == ["call.settled", *kinds]
    assert {e[2] for e in told} == {"call"}


async def test_crossings_come_once_each_per_fall(desk: Desk) -> None:
    """In a batch only the call that crosses says so; after a top-up the threshold counts again."""
    account = await desk.open_account(paid=USD + 2)
    names = [f"call-{n}" for n in range(4)]
    await desk.start(*[start(account, name) for name in names])
    await desk.settle(*[settlement(account, name, 1) for name in names[:3]])
    assert [e[1:] for e in await desk.events(account)][4:] == [
        ("call.settled", "call-0"),
        ("call.settled", "call-1"),
        ("call.settled", "call-2"),
        ("balance.below_warning", "call-2"),
    ]
    await desk.post(entry(account, "top-up", paid=1, kind="top_up"))
    await desk.settle(settlement(account, "call-3", 1))
    assert (await desk.events(account))[-1][1:] == ("balance.below_warning", "call-3")


async def test_reserved_money_counts_as_gone(desk: Desk) -> None:
    """Thresholds and entries see the available balance: what a refund reserves is not there."""
    account = await desk.open_account(paid=2 * USD, reserved=USD)
    await desk.start(start(account, "call"))
    await desk.settle(settlement(account, "call", 1))
    assert [e[1] for e in await desk.events(account)][1:] == [
        "call.settled", "balance.below_warning",
    ]  # fmt: skip
    row = (await desk.rows("entry", account))[-1]
    assert row["reserved_after_nanos"] == USD
    assert (await desk.rows("event", account))[-1]["available_nanos"] == USD - 1


async def test_event_numbers_have_no_gap(desk: Desk) -> None:
    """Whatever a batch mixes, an account's events are numbered 1, 2, 3 … as its row says."""
    account = await desk.open_account(paid=USD + 3)
    names = [f"call-{n}" for n in range(12)]
    await desk.start(*[start(account, name) for name in names])
    await desk.settle(
        settlement(account, "call-0", 5),
        settlement(account, "call-0", 5),
        settlement(account, "nothing", 5),
        settlement(account, "call-1", None, billing=UNPRICED),
        settlement(account, "call-2", 5, billing=FREE, free_reason=FreeReason.BUSY),
        settlement(account, "call-3", USD),
        settlement(account, "call-4", 7, revision=3),
        settlement(account, "call-5", 7),
    )
    events = await desk.events(account)
    numbers = [row["event_seq"] for row in await desk.rows("event", account)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert (await desk.account(account))["event_seq"] == numbers[-1]
    assert [e[1:] for e in events if not e[1].startswith(("call.started", "call.refused"))] == [
        ("call.settled", "call-0"),
        ("balance.below_warning", "call-0"),
        ("call.price_pending", "call-1"),
        ("call.settled", "call-2"),
        ("call.settled", "call-3"),
        ("balance.below_floor", "call-3"),
        ("call.settled", "call-5"),
    ]


async def test_roll_ups_add_up_by_recorded_time(desk: Desk) -> None:
    """Charged calls are summed per quarter of an hour (UTC) of recording; free ones are not."""
    account = await desk.open_account(paid=100 * USD)
    names = [f"call-{n}" for n in range(5)]
    await desk.start(*[start(account, name) for name in names])
    first = datetime(2026, 11, 24, 12, 29, 59, 999_999, tzinfo=UTC)
    await desk.settle(
        settlement(account, "call-0", 1_001), settlement(account, "call-1", 2_003), now=first
    )
    await desk.settle(settlement(account, "call-2", 5), now=first - timedelta(minutes=14))
    await desk.settle(
        settlement(account, "call-3", 7, billing=FREE, free_reason=FreeReason.BUSY), now=first
    )
    await desk.settle(settlement(account, "call-4", 9), now=first + timedelta(microseconds=1))
    rows = await desk.rows("usage_rollup", account)
    assert [(r["bucket_start"], r["calls"], r["charge_nanos"]) for r in rows] == [
        (datetime(2026, 11, 24, 12, 15, tzinfo=UTC), 3, 3_009),
        (datetime(2026, 11, 24, 12, 30, tzinfo=UTC), 1, 9),
    ]
    bills = [bill_of(charge) for charge in (1_001, 2_003, 5)]
    assert rows[0]["margin_nanos"] == sum(b.margin_nanos for b in bills)
    assert rows[0]["tts_nanos"] == sum(b.tts_nanos for b in bills)
    for row in rows:
        parts = ("llm", "stt", "tts", "sip", "margin")
        assert sum(row[f"{part}_nanos"] for part in parts) == row["charge_nanos"]


async def test_settled_call_keeps_all_it_was_told(desk: Desk) -> None:
    """The call's row has outcome, times, lines and sums as decided, and the revision moved on."""
    account = await desk.open_account(paid=USD)
    await desk.start(start(account, "call"))
    await desk.settle(settlement(account, "call", 52, outcome=Outcome.VOICEMAIL))
    row = await desk.call(account, "call")
    assert (row["status"], row["outcome"], row["ended_by"]) == ("ended", "voicemail", "caller")
    assert (row["ended_at"], row["duration_ms"], row["settled_at"]) == (NOW, 1_000, NOW)
    assert (row["revision"], row["hold_nanos"]) == (2, 0)
    assert (row["cost_nanos"], row["margin_nanos"], row["charge_nanos"]) == (39, 13, 52)
    assert [line[0] for line in row["lines"]] == ["llm"]


async def test_a_ledger_runs_forward_in_time(desk: Desk) -> None:
    """A clock a little behind records at the last entry's time; one far behind as it says."""
    account = await desk.open_account(paid=USD)
    await desk.start(*[start(account, f"call-{n}") for n in range(3)])
    later = NOW + timedelta(seconds=30)
    await desk.settle(settlement(account, "call-0", 7), now=later)
    await desk.settle(settlement(account, "call-1", 7), now=later - timedelta(seconds=2))
    await desk.settle(settlement(account, "call-2", 7), now=later - timedelta(hours=2))
    recorded = [row["recorded_at"] for row in await desk.rows("entry", account)][-3:]
    assert recorded == [later, later, later - timedelta(hours=2)]
