"""The gate and the hold, as start_calls does them."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from talktime.core.call import Outcome
from talktime.core.ratecard import Channel
from tests.db.desk import CENT, FLOOR, LEASE_MS, MARGIN_PPM, NOW, Desk, settlement, start, usage

FACTS: dict[str, Any] = {
    "channel": Channel.PHONE,
    "direction": "inbound",
    "agent_id": "agent-1",
    "from_number": "+15550100",
    "to_number": "+15550101",
    "started_at": NOW,
}
OTHER: dict[str, Any] = {
    "channel": Channel.WEB,
    "direction": "outbound",
    "agent_id": "agent-2",
    "from_number": "+15550102",
    "to_number": "+15550103",
    "started_at": NOW + timedelta(seconds=1),
}


async def test_unknown_account_comes_before_everything(desk: Desk) -> None:
    """A start on an account that does not exist is refused as such and leaves no trace."""
    [verdict] = await desk.start(start("nobody", "call"))
    assert verdict.verdict == "account_unknown"
    assert verdict.available_nanos is None
    assert (await desk.books("nobody")) == {
        "account": [], "call": [], "open_call": [], "entry": [], "event": [], "refusal": [],
        "usage_rollup": [],
    }  # fmt: skip


async def test_suspension_comes_before_what_was_started(desk: Desk) -> None:
    """A suspended account is told so even for a known call id, other facts or no money."""
    account = await desk.open_account(paid=FLOOR)
    await desk.start(start(account, "call"))
    await desk.connection.execute(
        "UPDATE account SET status = 'suspended' WHERE account_id = %s", [account]
    )
    verdicts = await desk.start(
        start(account, "call"), start(account, "call", direction="inbound"), start(account, "new")
    )
    assert [v.verdict for v in verdicts] == ["account_suspended"] * 3
    assert len(await desk.rows("call", account)) == 1
    assert len(await desk.events(account)) == 1


async def test_known_call_comes_before_the_balance(desk: Desk) -> None:
    """A repeated start is answered by its facts, though a new one would find no money."""
    account = await desk.open_account(paid=FLOOR)
    await desk.start(start(account, "call", **FACTS))
    before = await desk.books(account)
    same, other = await desk.start(
        start(account, "call", **FACTS), start(account, "call", **FACTS | {"agent_id": "else"})
    )
    assert (same.verdict, other.verdict) == ("repeated", "call_id_conflict")
    assert await desk.books(account) == before
    [poor] = await desk.start(start(account, "new"))
    assert poor.verdict == "insufficient_credits"


@pytest.mark.parametrize("fact", FACTS)
@pytest.mark.parametrize("batched", [True, False], ids=["one batch", "two batches"])
async def test_facts_are_compared_as_sent(desk: Desk, fact: str, batched: bool) -> None:
    """Any one fact that differs is a conflict, an absent one being a value; the same is not."""
    account = await desk.open_account(paid=100 * FLOOR)
    absent = dict(FACTS)
    if fact != "channel":
        absent[fact] = None
    pairs = [
        (FACTS, FACTS | {fact: OTHER[fact]}, "call_id_conflict"),
        (FACTS, absent, "repeated" if fact == "channel" else "call_id_conflict"),
        (absent, FACTS, "repeated" if fact == "channel" else "call_id_conflict"),
        (absent, absent, "repeated"),
    ]
    for nth, (first, second, expected) in enumerate(pairs):
        both = [start(account, f"call-{nth}", **first), start(account, f"call-{nth}", **second)]
        if batched:
            verdicts = await desk.start(*both)
        else:
            verdicts = await desk.start(both[0]) + await desk.start(both[1])
        assert [v.verdict for v in verdicts] == ["admitted", expected]
    assert (await desk.money(account))[2] == len(pairs) * FLOOR


async def test_metadata_is_no_fact(desk: Desk) -> None:
    """Other metadata is the same start; the first stays, byte for byte."""
    account = await desk.open_account(paid=FLOOR)
    text = '{"b": 1,  "a": [1.50]}'
    await desk.start(start(account, "call", metadata=text))
    [again] = await desk.start(start(account, "call", metadata="{}"))
    assert again.verdict == "repeated"
    cursor = await desk.connection.execute(
        "SELECT metadata::text FROM call WHERE account_id = %s", [account]
    )
    assert await cursor.fetchall() == [(text,)]


@pytest.mark.parametrize(
    ("paid", "reserved", "verdict"),
    [
        (FLOOR, 0, "admitted"),
        (FLOOR - 1, 0, "insufficient_credits"),
        (FLOOR + 5, 5, "admitted"),
        (FLOOR + 5, 6, "insufficient_credits"),
        (0, 0, "insufficient_credits"),
        (-FLOOR, 0, "insufficient_credits"),
    ],
)
async def test_exactly_the_floor_is_enough(
    desk: Desk, paid: int, reserved: int, verdict: str
) -> None:
    """What can be started with is compared with the floor to the nano; exactly it is admitted."""
    account = await desk.open_account(paid=paid, reserved=reserved)
    [judged] = await desk.start(start(account, "call"))
    assert judged.verdict == verdict
    assert judged.available_nanos == paid - reserved


async def test_holds_of_one_batch_add_up(desk: Desk) -> None:
    """$0.55 admits five calls at $0.10 each in one batch; each sees the holds before it."""
    account = await desk.open_account(promo=30 * CENT, paid=25 * CENT)
    verdicts = await desk.start(*[start(account, f"call-{n}") for n in range(8)])
    assert [v.verdict for v in verdicts] == ["admitted"] * 5 + ["insufficient_credits"] * 3
    assert [v.held_nanos for v in verdicts] == [n * FLOOR for n in (1, 2, 3, 4, 5, 5, 5, 5)]
    assert {v.startable_nanos for v in verdicts[5:]} == {5 * CENT}
    assert {v.available_nanos for v in verdicts} == {55 * CENT}
    assert await desk.money(account) == (30 * CENT, 25 * CENT, 5 * FLOOR)


async def test_a_refusal_is_for_all_that_follow(desk: Desk) -> None:
    """Where a voice call is refused, a chat with its small hold is too: the floor is the same."""
    account = await desk.open_account(paid=FLOOR)
    verdicts = await desk.start(
        start(account, "voice"),
        start(account, "voice-2"),
        start(account, "chat", channel=Channel.CHAT, hold=CENT),
    )
    assert [v.verdict for v in verdicts] == ["admitted", *["insufficient_credits"] * 2]


async def test_first_of_duplicates_wins(desk: Desk) -> None:
    """Of several starts of one id in a batch the first is admitted, the others compared with it."""
    account = await desk.open_account(paid=10 * FLOOR)
    verdicts = await desk.start(
        start(account, "call"),
        start(account, "other"),
        start(account, "call"),
        start(account, "call", agent_id="someone"),
        start(account, "call"),
    )
    assert [v.verdict for v in verdicts] == [
        "admitted", "admitted", "repeated", "call_id_conflict", "repeated",
    ]  # fmt: skip
    assert (await desk.money(account))[2] == 2 * FLOOR
    assert [e[1:] for e in await desk.events(account)] == [
        ("call.started", "call"),
        ("call.started", "other"),
    ]


async def test_refused_starts_are_logged_and_judged_afresh(desk: Desk) -> None:
    """Each refusal is kept with the figures of that moment; with money the same id is admitted."""
    account = await desk.open_account(paid=FLOOR + 3 * CENT)
    await desk.start(start(account, "a"), start(account, "b"), start(account, "b"))
    assert [
        (r["call_id"], r["reason"], r["available_nanos"], r["held_nanos"], r["startable_nanos"])
        for r in await desk.rows("refusal", account)
    ] == [("b", "insufficient_credits", FLOOR + 3 * CENT, FLOOR, 3 * CENT)] * 2
    assert [e[1:] for e in await desk.events(account)] == [
        ("call.started", "a"), ("call.refused", "b"), ("call.refused", "b"),
    ]  # fmt: skip
    await desk.settle(settlement(account, "a", 1))
    [again] = await desk.start(start(account, "b", agent_id="other facts are fine now"))
    assert again.verdict == "admitted"


async def test_repeat_tells_the_present(desk: Desk) -> None:
    """A repeated start answers the call's present status, hold and revision, for ever."""
    account = await desk.open_account(paid=10 * FLOOR)
    await desk.start(start(account, "call"))
    await desk.report(usage(account, "call", accrued=3 * FLOOR))
    [live] = await desk.start(start(account, "call"), now=NOW + timedelta(hours=1))
    assert (live.status, live.billing_status, live.hold_nanos) == ("live", "pending", 3 * FLOOR)
    assert (live.revision, live.admitted_at) == (2, NOW)
    await desk.settle(settlement(account, "call", 4 * FLOOR, revision=2))
    [ended] = await desk.start(start(account, "call"))
    assert (ended.status, ended.billing_status, ended.hold_nanos) == ("ended", "charged", 0)


async def test_terms_are_pinned(desk: Desk) -> None:
    """A call keeps the margin, lease and time of its admission, the account's margin first."""
    plain = await desk.open_account(paid=FLOOR)
    special = await desk.open_account(paid=FLOOR, margin_ppm=50_000)
    earlier = NOW - timedelta(days=3)
    verdicts = await desk.start(start(plain, "call"), start(special, "call", admitted_at=earlier))
    assert [v.margin_ppm for v in verdicts] == [MARGIN_PPM, 50_000]
    row = await desk.call(special, "call")
    assert (row["margin_ppm"], row["lease_ms"]) == (50_000, LEASE_MS)
    assert (row["admitted_at"], row["last_heard_at"], row["started_at"]) == (earlier, NOW, NOW)


async def test_outcome_of_one_account_is_not_anothers(desk: Desk) -> None:
    """Call ids are unique per account only; accounts mixed in one batch do not touch each other."""
    rich, poor = await desk.open_account(paid=10 * FLOOR), await desk.open_account(paid=1)
    verdicts = await desk.start(
        start(poor, "call"), start(rich, "call"), start("nobody", "call"), start(rich, "second")
    )
    assert [v.verdict for v in verdicts] == [
        "insufficient_credits", "admitted", "account_unknown", "admitted",
    ]  # fmt: skip
    assert [v.item for v in verdicts] == [1, 2, 3, 4]
    assert (await desk.money(poor))[2] == 0


async def test_an_ended_call_id_is_not_free_again(desk: Desk) -> None:
    """An id belongs to its first call for ever, whatever its outcome."""
    account = await desk.open_account(paid=10 * FLOOR)
    await desk.start(start(account, "call"))
    ended = replace(settlement(account, "call", 0), free_reason=None)
    await desk.settle(replace(ended, facts=replace(ended.facts, outcome=Outcome.COMPLETED)))
    [again] = await desk.start(start(account, "call", direction="outbound"))
    assert again.verdict == "call_id_conflict"


async def test_an_empty_batch_is_nothing(desk: Desk) -> None:
    """No items, no verdicts, from any of the functions."""
    assert await desk.start() == []
    assert await desk.report() == []
    assert await desk.settle() == []
    assert await desk.post() == []
