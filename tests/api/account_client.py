"""What tests of accounts ask the API, and how its refusals are checked."""

import uuid
from typing import Any

import httpx
from litestar import Litestar

from tests.in_process import in_process

Json = dict[str, Any]


def operator_client(app: Litestar) -> httpx.AsyncClient:
    """A client whose requests carry the operator's key."""
    return httpx.AsyncClient(
        transport=in_process(app),
        base_url="https://api.test",
        headers={"authorization": f"Bearer {app.state.settings.operator_key}"},
    )


async def open_account(client: httpx.AsyncClient, *, paid: str = "0", promo: str = "0") -> str:
    """A fresh account through the API; its id."""
    account_id = f"acct-{uuid.uuid4().hex}"
    facts = {"account_id": account_id, "name": "Ada's Bots", "email": f"{account_id}@example.com"}
    opened = await client.post("/v1/accounts", json=facts)
    assert opened.status_code == 201, opened.text
    if (paid, promo) != ("0", "0"):
        adjusted = await client.post(
            f"/v1/accounts/{account_id}/adjustments",
            json={"adjustment_id": "opening", "paid": paid, "promo": promo, "reason": "test"},
        )
        assert adjusted.status_code == 201, adjusted.text
    return account_id


async def account_key(client: httpx.AsyncClient, account_id: str, scopes: list[str]) -> Json:
    """Headers with a fresh key of an account's own."""
    made = await client.post(
        "/v1/keys", json={"account_id": account_id, "name": "test", "scopes": scopes}
    )
    assert made.status_code == 201, made.text
    return {"authorization": f"Bearer {made.json()['key']}"}


async def balances(client: httpx.AsyncClient, account_id: str) -> Json:
    """The account as the API tells it."""
    read = await client.get(f"/v1/accounts/{account_id}")
    assert read.status_code == 200, read.text
    return dict(read.json())


async def entries(client: httpx.AsyncClient, account_id: str) -> list[Json]:
    """Its entries, newest first."""
    read = await client.get(f"/v1/accounts/{account_id}/entries")
    assert read.status_code == 200, read.text
    return list(read.json()["items"])


def problem(response: httpx.Response, status: int, code: str, field: str | None = None) -> Json:
    """The members of a refusal, which must be this one."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/problem+json")
    members = dict(response.json())
    assert (members["code"], members["status"]) == (code, status)
    if field is not None:
        assert members["field"] == field
    return members
