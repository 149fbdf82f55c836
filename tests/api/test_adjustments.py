"""Adjustments over HTTP."""

import httpx
import pytest

from tests.api.account_client import balances, entries, open_account, problem


async def test_an_adjustment_answers_201_with_the_entry(client: httpx.AsyncClient) -> None:
    """Every member of the entry is there, and the balances are moved."""
    account_id = await open_account(client)
    posted = await client.post(
        f"/v1/accounts/{account_id}/adjustments",
        json={"adjustment_id": "a1", "paid": "5.00", "promo": "0.50", "reason": "goodwill"},
    )
    assert posted.status_code == 201
    entry = posted.json()
    assert entry["occurred_at"] == entry["recorded_at"]
    assert entry.pop("occurred_at").endswith("Z")
    assert entry.pop("recorded_at").endswith("Z")
    assert entry == {
        "account_id": account_id,
        "seq": 1,
        "kind": "adjustment",
        "ref": "a1",
        "promo_delta": "0.5",
        "paid_delta": "5",
        "amount": "5.5",
        "promo_after": "0.5",
        "paid_after": "5",
        "available_after": "5.5",
        "note": "goodwill",
    }
    assert await entries(client, account_id) == [posted.json()]
    account = await balances(client, account_id)
    assert (account["available"], account["promo"], account["paid"]) == ("5.5", "0.5", "5")


async def test_either_amount_may_be_left_out_and_be_negative(client: httpx.AsyncClient) -> None:
    """An absent amount, or null, moves nothing."""
    account_id = await open_account(client)
    bodies: list[tuple[dict[str, str | None], str, str]] = [
        ({"paid": "-0.000000001"}, "-0.000000001", "0"),
        ({"promo": "0.3", "paid": None}, "-0.000000001", "0.3"),
        ({"promo": "-0.3", "paid": "0.000000001"}, "0", "0"),
    ]
    for n, (body, paid, promo) in enumerate(bodies):
        facts = {"adjustment_id": f"a{n}", "reason": "test", **body}
        posted = await client.post(f"/v1/accounts/{account_id}/adjustments", json=facts)
        assert posted.status_code == 201, posted.text
        account = await balances(client, account_id)
        assert (account["paid"], account["promo"]) == (paid, promo)


async def test_the_same_adjustment_again_answers_200(client: httpx.AsyncClient) -> None:
    """A retry answers the first entry; other facts under its id are refused."""
    account_id = await open_account(client)
    url = f"/v1/accounts/{account_id}/adjustments"
    facts = {"adjustment_id": "a1", "paid": "5", "reason": "goodwill"}
    first = await client.post(url, json=facts)
    again = await client.post(url, json={**facts, "paid": "5.00", "promo": "0"})
    assert (again.status_code, again.json()) == (200, first.json())
    for other in ({"paid": "6"}, {"promo": "1"}, {"reason": "another"}):
        refused = await client.post(url, json={**facts, **other})
        problem(refused, 409, "reference_conflict", "adjustment_id")
    assert await entries(client, account_id) == [first.json()]


async def test_promo_cannot_go_below_zero(client: httpx.AsyncClient) -> None:
    """It answers 409 promo_insufficient, and the paid part is not posted either."""
    account_id = await open_account(client, promo="1")
    before = await entries(client, account_id)
    refused = await client.post(
        f"/v1/accounts/{account_id}/adjustments",
        json={"adjustment_id": "a1", "promo": "-1.000000001", "paid": "5", "reason": "test"},
    )
    problem(refused, 409, "promo_insufficient", "promo")
    assert await entries(client, account_id) == before


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"paid": 5}, "invalid_amount", "paid"),
        ({"paid": 5.25}, "invalid_amount", "paid"),
        ({"paid": "5 USD"}, "invalid_amount", "paid"),
        ({"paid": "1e3"}, "invalid_amount", "paid"),
        ({"paid": "0.0000000001"}, "invalid_amount", "paid"),
        ({"paid": "10000000.000000001"}, "invalid_amount", "paid"),
        ({"promo": []}, "invalid_amount", "promo"),
        ({"paid": "0"}, "invalid_input", "paid"),
        ({"paid": None}, "invalid_input", "paid"),
        ({"reason": ""}, "invalid_input", "reason"),
        ({"reason": None}, "invalid_input", "reason"),
        ({"adjustment_id": ""}, "invalid_input", "adjustment_id"),
        ({"amount": "5"}, "invalid_input", "amount"),
    ],
)
async def test_a_bad_adjustment_answers_400(
    client: httpx.AsyncClient, change: dict[str, object], code: str, field: str
) -> None:
    """The problem names the member, and nothing is posted."""
    account_id = await open_account(client)
    body = {"adjustment_id": "a1", "paid": "5", "reason": "goodwill", **change}
    refused = await client.post(f"/v1/accounts/{account_id}/adjustments", json=body)
    problem(refused, 400, code, field)
    assert await entries(client, account_id) == []


@pytest.mark.parametrize("member", ["adjustment_id", "reason"])
async def test_what_an_auditor_needs_cannot_be_left_out(
    client: httpx.AsyncClient, member: str
) -> None:
    """No adjustment without its id and its reason."""
    account_id = await open_account(client)
    body = {"adjustment_id": "a1", "paid": "5", "reason": "goodwill"}
    del body[member]
    refused = await client.post(f"/v1/accounts/{account_id}/adjustments", json=body)
    problem(refused, 400, "invalid_input", member)
    assert await entries(client, account_id) == []
