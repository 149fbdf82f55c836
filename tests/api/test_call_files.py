"""Calls over HTTP as files, and by what they cost."""

import csv
import io
from decimal import Decimal

import httpx
import pytest

from talktime.core.focus import COLUMNS
from talktime.ops.call_export import CSV_COLUMNS
from talktime.ops.platform import Platform
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.api.account_client import problem
from tests.conftest import AccountFactory


@pytest.fixture
async def bots(platform: Platform, make_account: AccountFactory) -> Bots:
    """Bots of an account with one charged call."""
    bots = Bots(platform, await make_account(paid="5"))
    await bots.call("CA1", *MINUTE_BY_PHONE, from_number="+12025550123")
    await bots.start("CA2")
    return bots


async def test_calls_as_csv(client: httpx.AsyncClient, bots: Bots) -> None:
    """``format=csv`` and ``Accept: text/csv`` are the same file; its numbers are whole."""
    url = f"/v1/accounts/{bots.account_id}/calls"
    asked = await client.get(url, params={"format": "csv", "billing_status": "charged"})
    accepted = await client.get(
        url, params={"billing_status": "charged"}, headers={"Accept": "text/csv"}
    )
    assert asked.status_code == 200
    assert asked.text == accepted.text
    assert asked.headers["content-type"].startswith("text/csv")
    assert "calls.csv" in asked.headers["content-disposition"]
    [row] = csv.DictReader(io.StringIO(asked.text))
    assert list(row) == list(CSV_COLUMNS)
    assert (row["call_id"], row["charge"], row["from"]) == ("CA1", "0.052", "'+12025550123")


async def test_a_preference_beyond_all_numbers(client: httpx.AsyncClient, bots: Bots) -> None:
    """A quality that is no number asks for nothing in particular: the answer is JSON."""
    answer = await client.get(
        f"/v1/accounts/{bots.account_id}/calls", headers={"Accept": "text/csv;q=1e999"}
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/json")


async def test_calls_in_focus_columns(client: httpx.AsyncClient, bots: Bots) -> None:
    """``format=focus`` has a row per line and one for the margin, and they add up."""
    answer = await client.get(f"/v1/accounts/{bots.account_id}/calls", params={"format": "focus"})
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 5
    assert sum(Decimal(row["BilledCost"]) for row in rows) == Decimal("0.052")


@pytest.mark.parametrize(
    ("params", "ids"),
    [
        ({"min_cost": "0.052"}, ["CA1"]),
        ({"min_cost": "0.053"}, []),
        ({"max_cost": "0.051"}, ["CA2"]),
        ({"max_cost": "0.052"}, ["CA2", "CA1"]),
    ],
)
async def test_by_cost(
    client: httpx.AsyncClient, bots: Bots, params: dict[str, str], ids: list[str]
) -> None:
    """Calls are found by what they were charged, or have cost so far; both ends are included."""
    answer = await client.get(f"/v1/accounts/{bots.account_id}/calls", params=params)
    assert [call["call_id"] for call in answer.json()["items"]] == ids


async def test_what_cannot_be_asked(client: httpx.AsyncClient, bots: Bots) -> None:
    """A cost that is none and a format that does not exist are refused, naming the parameter."""
    url = f"/v1/accounts/{bots.account_id}/calls"
    problem(await client.get(url, params={"min_cost": "x"}), 400, "invalid_amount", "min_cost")
    problem(await client.get(url, params={"format": "pdf"}), 400, "invalid_input", "format")
    problem(
        await client.get("/v1/accounts/nobody/calls", params={"format": "csv"}),
        404,
        "account_unknown",
        None,
    )
