"""Accounts over HTTP: opened, read, listed, changed, entered."""

import uuid
from typing import Any

import httpx
import pytest

from tests.api.account_client import (
    account_key,
    balances,
    entries,
    open_account,
    problem,
)


def facts(**other: object) -> dict[str, Any]:
    account_id = f"acct-{uuid.uuid4().hex}"
    return {
        "account_id": account_id,
        "name": "Ada's Bots",
        "email": f"{account_id}@example.com",
        "verified": True,
        **other,
    }


async def test_a_sign_up_answers_201_with_the_balances(client: httpx.AsyncClient) -> None:
    """Every member of the answer is there, amounts as exact strings."""
    body = facts()
    opened = await client.post("/v1/accounts", json=body)
    assert opened.status_code == 201
    account = opened.json()
    assert account.pop("created_at").endswith("Z")
    assert account == {
        **body,
        "status": "active",
        "available": "0.5",
        "promo": "0.5",
        "paid": "0",
        "held": "0",
        "startable": "0.5",
        "refund_reserved": "0",
        "month_to_date": "0",
        "floor": "0.1",
        "warning_level": "1",
        "margin_rate": None,
        "time_zone": "UTC",
        "number_mask": "full",
    }
    assert await balances(client, body["account_id"]) == opened.json()


async def test_the_same_sign_up_again_answers_200(client: httpx.AsyncClient) -> None:
    """A retry is no second account and no second bonus."""
    body = facts()
    first = await client.post("/v1/accounts", json=body)
    again = await client.post("/v1/accounts", json=body)
    assert (again.status_code, again.json()) == (200, first.json())


async def test_an_id_with_other_facts_answers_409(client: httpx.AsyncClient) -> None:
    """The account stays as it was."""
    body = facts(verified=False)
    await client.post("/v1/accounts", json=body)
    other = await client.post("/v1/accounts", json={**body, "name": "Eve", "verified": True})
    problem(other, 409, "account_exists", "account_id")
    assert (await balances(client, body["account_id"]))["available"] == "0"


async def test_an_account_without_id_gets_one(client: httpx.AsyncClient) -> None:
    """The id made for it leads to it."""
    body = facts()
    del body["account_id"]
    opened = (await client.post("/v1/accounts", json=body)).json()
    assert (await balances(client, opened["account_id"]))["email"] == body["email"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"email": None}, "email"),
        ({"name": ""}, "name"),
        ({"account_id": "a/b"}, "account_id"),
        ({"account_id": 7}, "account_id"),
        ({"verified": "yes"}, "verified"),
        ({"paid": "1000"}, "paid"),
    ],
)
async def test_a_bad_sign_up_answers_400(
    client: httpx.AsyncClient, change: dict[str, object], field: str
) -> None:
    """The problem names the member, one that is not known too; nothing is opened."""
    body = facts()
    problem(await client.post("/v1/accounts", json={**body, **change}), 400, "invalid_input", field)
    problem(await client.get(f"/v1/accounts/{body['account_id']}"), 404, "account_unknown")


async def test_a_change_is_told_and_kept(client: httpx.AsyncClient) -> None:
    """PATCH answers the account as it is from then on."""
    account_id = await open_account(client, paid="5")
    before = await balances(client, account_id)
    change = {
        "status": "suspended",
        "margin_rate": "0.250",
        "warning_level": "2.50",
        "time_zone": "America/New_York",
        "number_mask": "last4",
    }
    changed = await client.patch(f"/v1/accounts/{account_id}", json=change)
    assert changed.status_code == 200
    expected = {**before, **change, "margin_rate": "0.25", "warning_level": "2.5"}
    assert changed.json() == expected == await balances(client, account_id)
    back = await client.patch(f"/v1/accounts/{account_id}", json={"margin_rate": None})
    assert back.json() == {**expected, "margin_rate": None}
    nothing = await client.patch(f"/v1/accounts/{account_id}", json={})
    assert nothing.json() == back.json()


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"status": "closed"}, "invalid_input", "status"),
        ({"status": None}, "invalid_input", "status"),
        ({"margin_rate": "25"}, "invalid_input", "margin_rate"),
        ({"margin_rate": 0.25}, "invalid_input", "margin_rate"),
        ({"warning_level": "-1"}, "invalid_input", "warning_level"),
        ({"warning_level": 1}, "invalid_amount", "warning_level"),
        ({"warning_level": None}, "invalid_amount", "warning_level"),
        ({"time_zone": "Mars"}, "invalid_input", "time_zone"),
        ({"number_mask": "first4"}, "invalid_input", "number_mask"),
        ({"paid": "100"}, "invalid_input", "paid"),
    ],
)
async def test_a_bad_change_answers_400(
    client: httpx.AsyncClient, change: dict[str, object], code: str, field: str
) -> None:
    """One bad member refuses them all."""
    account_id = await open_account(client)
    before = await balances(client, account_id)
    refused = await client.patch(
        f"/v1/accounts/{account_id}", json={"time_zone": "Asia/Tokyo", **change}
    )
    problem(refused, 400, code, field)
    assert await balances(client, account_id) == before


async def test_accounts_are_listed_by_cursor(client: httpx.AsyncClient) -> None:
    """Pages follow each other without gap or repeat."""
    made = sorted([await open_account(client) for _ in range(3)])
    seen: list[str] = []
    cursor: str | None = made[0][:-1]
    while cursor is not None:
        page = await client.get("/v1/accounts", params={"limit": 2, "cursor": cursor})
        assert page.status_code == 200
        seen += [account["account_id"] for account in page.json()["items"]]
        cursor = page.json()["next_cursor"]
    assert seen == sorted(set(seen))
    assert set(made) <= set(seen)
    for limit in ("0", "201", "x"):
        refused = await client.get("/v1/accounts", params={"limit": limit})
        problem(refused, 400, "invalid_input", "limit")


async def test_an_accounts_own_key_reads_its_own_account_only(client: httpx.AsyncClient) -> None:
    """It sees neither another account nor the list, and changes and opens nothing."""
    account_id, other = await open_account(client), await open_account(client)
    own = await account_key(client, account_id, ["accounts:read", "entries:read"])
    assert (await client.get(f"/v1/accounts/{account_id}", headers=own)).status_code == 200
    assert (await client.get(f"/v1/accounts/{account_id}/entries", headers=own)).status_code == 200
    adjustment = {"adjustment_id": "gift", "paid": "100", "reason": "please"}
    for refused in (
        await client.get(f"/v1/accounts/{other}", headers=own),
        await client.get(f"/v1/accounts/{other}/entries", headers=own),
        await client.get("/v1/accounts", headers=own),
        await client.post("/v1/accounts", headers=own, json=facts()),
        await client.patch(f"/v1/accounts/{account_id}", headers=own, json={"time_zone": "UTC"}),
        await client.post(f"/v1/accounts/{account_id}/adjustments", headers=own, json=adjustment),
        await client.post(f"/v1/accounts/{account_id}/portal-sessions", headers=own, json={}),
        await client.post("/v1/coupons", headers=own, json={"code": "own", "amount": "1"}),
        await client.post(
            f"/v1/accounts/{account_id}/coupons/redeem", headers=own, json={"code": "own"}
        ),
        await client.post("/v1/rate-cards", headers=own, json={}),
    ):
        problem(refused, 403, "forbidden")
    assert await entries(client, account_id) == []


async def test_without_a_key_nothing_is_told(client: httpx.AsyncClient) -> None:
    """No key is 401, whether the account exists or not."""
    account_id = await open_account(client)
    for path in (f"/v1/accounts/{account_id}", "/v1/accounts/acct-nobody", "/v1/accounts"):
        problem(await client.get(path, headers={"authorization": ""}), 401, "unauthenticated")


async def test_an_unknown_account_answers_404(client: httpx.AsyncClient) -> None:
    """Every address below an account that is not there."""
    for method, path, body in [
        ("GET", "", None),
        ("PATCH", "", {"time_zone": "UTC"}),
        ("POST", "/portal-sessions", {}),
        ("GET", "/entries", None),
        ("GET", "/entries?format=csv", None),
        ("POST", "/adjustments", {"adjustment_id": "a", "paid": "1", "reason": "r"}),
        ("POST", "/coupons/preview", {"code": "abc"}),
        ("POST", "/coupons/redeem", {"code": "abc"}),
    ]:
        answer = await client.request(method, f"/v1/accounts/acct-nobody{path}", json=body)
        problem(answer, 404, "account_unknown")
