"""Disputes over the API: the operator's list, and what is credited by hand."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from talktime.config import Settings
from talktime.ops.platform import Platform
from tests.api.account_client import account_key, balances, problem
from tests.api.refund_desk import Desk, opened


@pytest.fixture
async def desk(platform: Platform, settings: Settings) -> AsyncIterator[Desk]:
    async with opened(platform, settings) as found:
        yield found


async def test_the_operators_list(desk: Desk) -> None:
    """Of one account or of all, in pages, each with how it stands; an account's own key may not."""
    account_id, session = await desk.paid("25")
    other_id, other = await desk.paid("10")
    told = [desk.stripe.back.dispute(session["payment_intent"], cents) for cents in (500, 600, 700)]
    for dispute in (*told, desk.stripe.back.dispute(other["payment_intent"], 1000)):
        await desk.knock("charge.dispute.funds_withdrawn", dispute)
    desk.stripe.back.give_again(told[0], 200)
    await desk.knock("charge.dispute.funds_reinstated", told[0])
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    for _ in range(2):
        asked = {"account_id": account_id, "limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await desk.client.get("/v1/disputes", params=asked)).json()
        found += page["items"]
        cursor = page["next_cursor"]
    assert (cursor, [one["dispute_id"] for one in found]) == (
        None,
        [one["id"] for one in told][::-1],
    )
    assert (found[2]["state"], found[2]["taken"], found[2]["given_again"]) == (
        "given_again_in_part",
        "5",
        "2",
    )
    assert found[2]["says"] == "given again in part"
    everybody = (await desk.client.get("/v1/disputes", params={"limit": "200"})).json()["items"]
    # Those of other tests' accounts may be of a later day.
    ours = [one["account_id"] for one in everybody if one["account_id"] in {account_id, other_id}]
    assert ours == [other_id, *[account_id] * 3]
    key = await account_key(desk.client, account_id, ["entries:read", "refunds:ask"])
    assert (await desk.client.get("/v1/disputes", headers=key)).status_code == 403
    refused = await desk.client.get("/v1/disputes", params={"cursor": "x"})
    problem(refused, 400, "invalid_input", "cursor")


async def test_won_in_another_currency(desk: Desk) -> None:
    """A Stripe account that settles in euros: half won is half credited; where no rate tells how
    much that is nothing is, until the operator says it."""
    account_id, session = await desk.paid("25")
    clear = desk.stripe.back.dispute(session["payment_intent"], 1000)
    clear["balance_transactions"] = [
        {"amount": -900, "currency": "eur", "fee": 2000, "exchange_rate": 0.9},
        {"amount": 440, "currency": "eur", "fee": 0, "exchange_rate": 0.88},
    ]
    unclear = desk.stripe.back.dispute(session["payment_intent"], 1500)
    unclear["balance_transactions"] = [
        {"amount": -1350, "currency": "eur"},
        {"amount": 600, "currency": "eur"},
    ]
    for dispute in (clear, unclear):
        for way in ("withdrawn", "reinstated"):
            taken = await desk.knock(f"charge.dispute.funds_{way}", dispute)
            assert (taken.status_code, taken.json()["taken"]) == (200, True)
    assert (await balances(desk.client, account_id))["paid"] == "5"
    path = f"/v1/accounts/{account_id}/disputes"
    for _ in range(2):
        credited = await desk.client.post(f"{path}/{unclear['id']}/credit", json={"amount": "7"})
        assert (credited.status_code, credited.json()["given_again"]) == (200, "7")
    assert (await balances(desk.client, account_id))["paid"] == "12"
    again = await desk.client.post(f"{path}/{clear['id']}/credit", json={"amount": "7"})
    problem(again, 409, "dispute_clear")
    unknown = await desk.client.post(f"{path}/dp_other/credit", json={"amount": "7"})
    problem(unknown, 404, "dispute_unknown")
