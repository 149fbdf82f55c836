"""Running totals and the hold, as report_usage writes them."""

from datetime import timedelta

from talktime.core.call import BillingStatus
from tests.db.desk import CENT, FLOOR, NOW, Desk, bill_of, settlement, start, usage


async def test_hold_follows_the_accrued_charge(desk: Desk) -> None:
    """The hold moves by the difference, and the account's held is the sum of its calls' holds."""
    account = await desk.open_account(paid=10 * FLOOR)
    await desk.start(start(account, "a"), start(account, "b"))
    [grown] = await desk.report(usage(account, "a", accrued=3 * FLOOR))
    assert (grown.verdict, grown.held_nanos) == ("taken", 4 * FLOOR)
    [shrunk] = await desk.report(usage(account, "a", accrued=2 * FLOOR, revision=2))
    assert shrunk.held_nanos == 3 * FLOOR
    assert await desk.money(account) == (0, 10 * FLOOR, 3 * FLOOR)
    assert (await desk.call(account, "a"))["hold_nanos"] == 2 * FLOOR


async def test_several_calls_of_one_account_in_one_batch(desk: Desk) -> None:
    """Held runs along the batch, exact after each item, accounts apart."""
    one, two = await desk.open_account(paid=FLOOR * 10), await desk.open_account(paid=FLOOR * 10)
    await desk.start(*[start(acct, call) for acct in (one, two) for call in ("a", "b")])
    verdicts = await desk.report(
        usage(one, "a", accrued=FLOOR + 1),
        usage(two, "a", accrued=FLOOR + 10),
        usage(one, "b", accrued=FLOOR + 2),
        usage(two, "b", accrued=FLOOR + 20),
    )
    assert [v.held_nanos for v in verdicts] == [
        2 * FLOOR + 1, 2 * FLOOR + 10, 2 * FLOOR + 3, 2 * FLOOR + 30,
    ]  # fmt: skip
    assert (await desk.money(two))[2] == 2 * FLOOR + 30


async def test_a_hold_may_push_startable_below_zero(desk: Desk) -> None:
    """A running call is never refused: its hold grows past what is there, new calls wait."""
    account = await desk.open_account(paid=FLOOR)
    await desk.start(start(account, "call"))
    [taken] = await desk.report(usage(account, "call", accrued=20 * FLOOR))
    assert taken.verdict == "taken"
    assert (taken.available_nanos, taken.held_nanos) == (FLOOR, 20 * FLOOR)
    [refused] = await desk.start(start(account, "next"))
    assert (refused.verdict, refused.startable_nanos) == ("insufficient_credits", -19 * FLOOR)


async def test_stale_changes_nothing(desk: Desk) -> None:
    """Another revision, an unknown call or account, an ended call: stale, and the books stand."""
    account = await desk.open_account(paid=10 * FLOOR)
    await desk.start(start(account, "call"), start(account, "ended"))
    await desk.settle(settlement(account, "ended", CENT))
    before = await desk.books(account)
    verdicts = await desk.report(
        usage(account, "call", accrued=5 * FLOOR, revision=2),
        usage(account, "nothing", accrued=5 * FLOOR),
        usage("nobody", "call", accrued=5 * FLOOR),
        usage(account, "ended", accrued=5 * FLOOR, revision=2),
    )
    assert [v.verdict for v in verdicts] == ["stale"] * 4
    assert await desk.books(account) == before


async def test_second_of_duplicates_is_stale(desk: Desk) -> None:
    """Of two writes from one revision the first stands; the other must read again."""
    account = await desk.open_account(paid=10 * FLOOR)
    await desk.start(start(account, "call"))
    first, second = await desk.report(
        usage(account, "call", accrued=2 * FLOOR), usage(account, "call", accrued=7 * FLOOR)
    )
    assert (first.verdict, second.verdict) == ("taken", "stale")
    row = await desk.call(account, "call")
    assert (row["hold_nanos"], row["revision"]) == (2 * FLOOR, 2)


async def test_a_report_is_a_sign_of_life(desk: Desk) -> None:
    """The first report's time stays, last heard moves forward, and everything rated is kept."""
    account = await desk.open_account(paid=10 * FLOOR)
    await desk.start(start(account, "call"))
    soon, later = NOW + timedelta(seconds=9), NOW + timedelta(seconds=30)
    for number, then in enumerate((soon, later, NOW), 1):
        await desk.report(usage(account, "call", accrued=CENT, revision=number), now=then)
    row = await desk.call(account, "call")
    assert (row["first_reported_at"], row["last_heard_at"]) == (soon, later)
    bill = bill_of(CENT)
    assert (row["cost_nanos"], row["margin_nanos"], row["charge_nanos"]) == (
        bill.cost_nanos, bill.margin_nanos, CENT,
    )  # fmt: skip
    assert row["llm_nanos"] + row["stt_nanos"] + row["tts_nanos"] + row["sip_nanos"] == (
        bill.cost_nanos
    )
    assert row["billing_status"] == BillingStatus.PENDING
    assert row["lines"][0][4] == {"input_tokens": 7}


async def test_usage_is_no_event(desk: Desk) -> None:
    """Reports of running calls are ticks: no event, no entry, no change of balances."""
    account = await desk.open_account(paid=10 * FLOOR)
    await desk.start(start(account, "call"))
    before = await desk.books(account)
    await desk.report(usage(account, "call", accrued=2 * FLOOR))
    after = await desk.books(account)
    assert [after[t] for t in ("event", "entry", "usage_rollup")] == [
        before[t] for t in ("event", "entry", "usage_rollup")
    ]
