"""Receipts and statements over HTTP, as JSON and as PDF."""

from datetime import datetime

import httpx
import pytest
from litestar import Litestar

from talktime.core.money import parse_usd
from talktime.gateways.stripe_checkout import StripeCheckout
from talktime.ops.platform import Platform
from tests.api.account_client import account_key, open_account, problem
from tests.payments.paying import Payer, notice
from tests.payments.stripe_checkouts import served


@pytest.fixture
async def account_id(client: httpx.AsyncClient, platform: Platform) -> str:
    """An account with a bonus, a correction and three top-ups."""
    account_id = await open_account(client, paid="1.5", promo="0.25")
    async with served() as (_, address):
        provider = StripeCheckout("sk_test_right", api_base=address)
        payer = Payer(platform, provider, account_id)
        for amount in ("10", "20", "30"):
            await payer.tell(notice(await payer.begin(amount)))
        await provider.close()
    return account_id


async def test_receipts_in_pages(client: httpx.AsyncClient, account_id: str) -> None:
    """Every top-up has its receipt, newest first; the cursor leads to each once."""
    url = f"/v1/accounts/{account_id}/documents"
    first = (await client.get(url, params={"limit": "2"})).json()
    second = (await client.get(url, params={"cursor": first["next_cursor"]})).json()
    assert second["next_cursor"] is None
    found = first["items"] + second["items"]
    assert [one["amount"] for one in found] == ["30", "20", "10"]
    assert {one["kind"] for one in found} == {"receipt"}
    problem(await client.get(url, params={"cursor": "x"}), 400, "invalid_input", "cursor")


async def test_a_receipt_as_json_and_as_pdf(client: httpx.AsyncClient, account_id: str) -> None:
    """By its number, as JSON or, by ``format`` or ``Accept``, as the same PDF each time."""
    url = f"/v1/accounts/{account_id}/documents"
    [newest, *_] = (await client.get(url)).json()["items"]
    one = f"{url}/{newest['number']}"
    assert (await client.get(one)).json() == newest
    pdf = await client.get(one, params={"format": "pdf"})
    same = await client.get(one, headers={"Accept": "application/pdf"})
    assert pdf.headers["content-type"] == "application/pdf"
    assert pdf.content.startswith(b"%PDF-")
    assert same.content == pdf.content
    problem(await client.get(f"{url}/R-2026-999999"), 404, "document_unknown")
    problem(await client.get(one, params={"format": "odt"}), 400, "invalid_input", "format")


async def test_a_statement_adds_up(
    client: httpx.AsyncClient, account_id: str, now: datetime
) -> None:
    """Opening and the lines are closing, to the last decimal; it is on paper too."""
    url = f"/v1/accounts/{account_id}/statements/{now:%Y-%m}"
    told = (await client.get(url)).json()

    def nanos(amount: str) -> int:
        return parse_usd(amount, field="amount")

    for part in ("promo", "paid", "total"):
        lines = sum(nanos(line[part]) for line in told["lines"])
        assert nanos(told["opening"][part]) + lines == nanos(told["closing"][part])
    assert told["closing"] == {"promo": "0.25", "paid": "61.5", "total": "61.75"}
    assert [line["kind"] for line in told["lines"]] == ["top_up", "adjustment"]
    assert (told["lines"][0]["entries"], told["is_over"]) == (3, False)
    pdf = await client.get(url, params={"format": "pdf"})
    assert pdf.content.startswith(b"%PDF-")
    base = f"/v1/accounts/{account_id}/statements"
    problem(await client.get(f"{base}/2019-01"), 404, "document_unknown", "month")
    problem(await client.get(f"{base}/today"), 400, "invalid_input", "month")
    problem(await client.get("/v1/accounts/nobody/statements/2026-11"), 404, "account_unknown")


async def test_only_who_may_read_entries(
    app: Litestar, client: httpx.AsyncClient, account_id: str, now: datetime
) -> None:
    """An account's own key with entries:read reads its papers; others do not."""
    paths = [
        f"/v1/accounts/{account_id}/documents",
        f"/v1/accounts/{account_id}/statements/{now:%Y-%m}",
    ]
    other = await open_account(client)
    for holder, scopes, status in (
        (account_id, ["entries:read"], 200),
        (account_id, ["accounts:read"], 403),
        (other, ["entries:read"], 403),
    ):
        key = await account_key(client, holder, scopes)
        for path in paths:
            answer = await client.get(path, headers=key)
            assert answer.status_code == status
