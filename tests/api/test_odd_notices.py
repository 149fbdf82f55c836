"""Signed notices that are odd: whatever is in them, the door answers in words, without credit."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talktime.config import Settings
from talktime.gateways.payment_notices import EVENT_TYPES
from talktime.ops.ledger_verify import verify_ledger
from talktime.ops.platform import Platform
from tests.api.account_client import balances
from tests.api.refund_desk import Desk, opened

AMOUNTS = ("amount", "amount_total", "amount_received")

ODD: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(
        [
            *(0, -1, -(10**15), 10**8, 10**12, 10**15, 2**63, 10**30, -(2**64), 0.5, 1e300),
            *("", "\0", "a\0b", "x" * 3_000, "ä", " ", "../..", "a?b#c", True, False, None),
            *([], {}, [[]], {"a": {}}, "usd", "eur", "USD", "paid", "succeeded"),
        ]
    ),
    st.integers(),
    st.text(max_size=20),
    st.lists(st.fixed_dictionaries({"amount": st.integers(), "currency": st.text(max_size=4)})),
)

PLACES = st.sampled_from(
    [
        *(("id",), ("currency",), ("payment_intent",), ("status",), ("metadata",)),
        *(("payment_status",), ("last_payment_error",), ("last_payment_error", "message")),
        *(("metadata", "account_id"), ("metadata", "payment_id"), ("metadata", "part_id")),
        *(("metadata", "setup_id"), ("failure_reason",), ("balance_transactions",)),
    ]
) | st.sampled_from([(name,) for name in AMOUNTS])

CHANGES = st.lists(st.tuples(PLACES, ODD), min_size=1, max_size=4)


@pytest.fixture
async def desk(platform: Platform, settings: Settings) -> AsyncIterator[Desk]:
    async with opened(platform, settings) as found:
        yield found


def notice_of(kind: str, session: dict[str, Any]) -> dict[str, Any]:
    """A right notice of a kind about a payment of 25 dollars."""
    intent_id = session["payment_intent"]
    of_ours = {"metadata": dict(session["metadata"]), "currency": "usd"}
    if kind.startswith("checkout."):
        return dict(session) | of_ours
    if kind.startswith("payment_intent."):
        return {"id": intent_id, "amount_received": 2500} | of_ours
    money = {"amount": 2500, "payment_intent": intent_id} | of_ours
    if "dispute" in kind:
        moved = [{"amount": -2500, "currency": "usd"}, {"amount": 2500, "currency": "usd"}]
        return money | {"id": "dp_1", "balance_transactions": moved}
    if "refund" in kind and kind != "charge.refunded":
        return money | {"id": "re_1", "status": "succeeded"}
    return money | {"id": "ch_1"}


def with_changes(about: dict[str, Any], changes: list[tuple[tuple[str, ...], Any]]) -> Any:
    changed = about
    for place, odd in changes:
        if len(place) == 1:
            changed = changed | {place[0]: odd}
        else:
            inner = changed.get(place[0])
            known = inner if isinstance(inner, dict) else {}
            changed = changed | {place[0]: known | {place[1]: odd}}
    return changed


@pytest.mark.parametrize("kind", EVENT_TYPES)
async def test_whatever_is_in_it(desk: Desk, kind: str) -> None:
    """Each kind of event with anything at all in its fields: never an error of ours, nothing is
    credited, and an amount that no payment can have moves nothing."""
    account_id, session = await desk.paid("25")
    right, loop = notice_of(kind, session), asyncio.get_running_loop()

    async def knock(changes: list[tuple[tuple[str, ...], Any]]) -> None:
        about = with_changes(right, changes)
        before = (await balances(desk.client, account_id))["paid"]
        answered = await desk.knock(kind, about)
        assert answered.status_code in {200, 400, 404, 409}, answered.text
        after = (await balances(desk.client, account_id))["paid"]
        assert float(after) <= float(before)
        amount = about.get("amount")
        if not isinstance(amount, int) or not 0 < amount <= 2500:
            assert after == before

    @settings(max_examples=40, deadline=None)
    @given(CHANGES)
    def check(changes: list[tuple[tuple[str, ...], Any]]) -> None:
        asyncio.run_coroutine_threadsafe(knock(changes), loop).result(timeout=30)

    await asyncio.to_thread(check)
    async with desk.platform.connection() as connection:
        assert (await verify_ledger(connection, account_id=account_id)).faults == []


@pytest.mark.parametrize("cents", [0, -1, 10**8, 10**15, 10**30])
@pytest.mark.parametrize(
    "kind",
    [
        "checkout.session.completed",
        "payment_intent.succeeded",
        "refund.updated",
        "charge.dispute.funds_withdrawn",
    ],
)
async def test_an_amount_that_no_payment_can_have(desk: Desk, kind: str, cents: int) -> None:
    """Zero, negative or beyond any payment: a mismatch that an operator reads of, and nothing is
    moved."""
    account_id, session = await desk.paid("25")
    about = notice_of(kind, session)
    for name in AMOUNTS:
        if name in about:
            about[name] = cents
    answered = await desk.knock(kind, about)
    assert answered.json()["code"] == "payment_mismatch", answered.text
    assert (await balances(desk.client, account_id))["paid"] == "25"
