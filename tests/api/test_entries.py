"""The transaction history over HTTP, as JSON and as CSV."""

import csv
import io
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.api.account_client import entries, open_account, problem


async def adjusted(client: httpx.AsyncClient, times: int) -> str:
    """An account with so many adjustments of one cent."""
    account_id = await open_account(client)
    for n in range(times):
        posted = await client.post(
            f"/v1/accounts/{account_id}/adjustments",
            json={"adjustment_id": f"a{n}", "paid": "0.01", "reason": "-1 cent"},
        )
        assert posted.status_code == 201
    return account_id


async def test_pages_follow_each_other(client: httpx.AsyncClient) -> None:
    """The cursor leads from the newest entry to the first, each once."""
    account_id = await adjusted(client, 5)
    seen: list[int] = []
    params: dict[str, str] = {"limit": "2"}
    while True:
        page = await client.get(f"/v1/accounts/{account_id}/entries", params=params)
        assert page.status_code == 200
        seen += [entry["seq"] for entry in page.json()["items"]]
        if page.json()["next_cursor"] is None:
            break
        params["cursor"] = page.json()["next_cursor"]
    assert seen == [5, 4, 3, 2, 1]


async def test_a_kind_can_be_picked(client: httpx.AsyncClient) -> None:
    """Other kinds are left out; one that does not exist is refused."""
    account_id = await adjusted(client, 1)
    url = f"/v1/accounts/{account_id}/entries"
    assert len((await client.get(url, params={"kind": "adjustment"})).json()["items"]) == 1
    assert (await client.get(url, params={"kind": "coupon"})).json()["items"] == []
    problem(await client.get(url, params={"kind": "gift"}), 400, "invalid_input", "kind")


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "0"}, "cursor"),
        ({"cursor": "9" * 30}, "cursor"),
        ({"format": "xml"}, "format"),
        ({"page": "2"}, "page"),
    ],
)
async def test_a_bad_question_answers_400(
    client: httpx.AsyncClient, params: dict[str, str], field: str
) -> None:
    """The problem names the parameter."""
    account_id = await open_account(client)
    answer = await client.get(f"/v1/accounts/{account_id}/entries", params=params)
    problem(answer, 400, "invalid_input", field)


@pytest.mark.parametrize(
    ("params", "accept"),
    [({"format": "csv"}, "*/*"), ({}, "text/csv"), ({"format": "csv"}, "application/json")],
)
async def test_csv_is_answered_where_asked_for(
    client: httpx.AsyncClient, params: dict[str, str], accept: str
) -> None:
    """By the Accept header or by ``format``, as a file with the same figures as the JSON."""
    account_id = await adjusted(client, 3)
    answer = await client.get(
        f"/v1/accounts/{account_id}/entries", params=params, headers={"accept": accept}
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment")
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    told = await entries(client, account_id)
    assert len(rows) == 3
    for row, entry in zip(rows, told, strict=True):
        assert row.pop("note") == "'-1 cent"
        assert entry.pop("note") == "-1 cent"
        assert row == {name: str(value) for name, value in entry.items()}


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json", "text/html", "application/json, text/csv"]
)
async def test_json_is_answered_otherwise(client: httpx.AsyncClient, accept: str) -> None:
    """Whoever does not ask for CSV gets JSON."""
    account_id = await open_account(client)
    answer = await client.get(f"/v1/accounts/{account_id}/entries", headers={"accept": accept})
    assert answer.json() == {"items": [], "next_cursor": None}


async def test_days_are_the_accounts_own(client: httpx.AsyncClient) -> None:
    """from_date and to_date are whole days of the account's time zone, both included."""
    account_id = await adjusted(client, 1)
    url = f"/v1/accounts/{account_id}/entries"
    zone = {"time_zone": "Pacific/Kiritimati"}
    assert (await client.patch(f"/v1/accounts/{account_id}", json=zone)).status_code == 200
    [entry] = (await client.get(url)).json()["items"]
    recorded = datetime.fromisoformat(entry["recorded_at"])
    day = recorded.astimezone(ZoneInfo("Pacific/Kiritimati")).date()
    for first, last, found in ((0, 0, 1), (-1, 1, 1), (1, 9, 0), (-9, -1, 0)):
        params = {
            "from_date": (day + timedelta(days=first)).isoformat(),
            "to_date": (day + timedelta(days=last)).isoformat(),
        }
        assert len((await client.get(url, params=params)).json()["items"]) == found
    ever = {"from_date": "0001-01-01", "to_date": "9999-12-31"}
    assert len((await client.get(url, params=ever)).json()["items"]) == 1
    problem(await client.get(url, params={"from_date": "today"}), 400, "invalid_input", "from_date")


async def test_search(client: httpx.AsyncClient) -> None:
    """q finds by the beginning of a reference, by note and by amount, as JSON and as CSV."""
    account_id = await adjusted(client, 3)
    url = f"/v1/accounts/{account_id}/entries"
    for text, seqs in (("a1", [2]), ("CENT", [3, 2, 1]), ("0.01", [3, 2, 1]), ("cent!", [])):
        page = await client.get(url, params={"q": text})
        assert [entry["seq"] for entry in page.json()["items"]] == seqs
        file = await client.get(url, params={"q": text, "format": "csv"})
        rows = list(csv.DictReader(io.StringIO(file.text, newline="")))
        assert [int(row["seq"]) for row in rows] == seqs
    problem(await client.get(url, params={"q": "a\x00"}), 400, "invalid_input", "q")
    problem(await client.get(url, params={"q": "x" * 301}), 400, "invalid_input", "q")
