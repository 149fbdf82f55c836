"""Rate cards over HTTP: published for good, asked for, and calls that waited for them settled."""

import asyncio
import uuid
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from talktime.ops.platform import Platform
from tests.api.account_client import balances, entries, open_account, problem


def card(provider: str, *, usd: str = "0.60", **other: Any) -> dict[str, Any]:
    """A fresh card with one price, per hour of speech to text."""
    return {
        "version": f"test-{uuid.uuid4().hex}",
        "currency": "USD",
        "entries": [
            {
                "service": "stt",
                "provider": provider,
                "model": "ear-1",
                "effective": "2026-01-01",
                "source": "a price list of this test",
                "prices": [
                    {
                        "quantity": "audio_seconds",
                        "usd": usd,
                        "per": 1,
                        "unit": "hour",
                        "increment": 1,
                    }
                ],
            }
        ],
        **other,
    }


def new_provider() -> str:
    return f"acme-{uuid.uuid4().hex[:12]}"


async def test_a_published_card_is_in_force_at_once(client: httpx.AsyncClient) -> None:
    """201, listed with the built-in ones, and the price that is asked for comes from it."""
    provider = new_provider()
    asked = {"service": "stt", "provider": provider, "model": "ear-1"}
    problem(await client.get("/v1/prices", params=asked), 404, "price_unknown")
    document = card(provider)
    published = await client.post("/v1/rate-cards", json=document)
    assert published.status_code == 201
    summary = {
        "version": document["version"],
        "is_builtin": False,
        "prices": 1,
        "first_effective": "2026-01-01T00:00:00Z",
        "last_effective": "2026-01-01T00:00:00Z",
    }
    assert published.json() == {**summary, "settled_calls": 0}
    listed = (await client.get("/v1/rate-cards")).json()["items"]
    assert summary in listed
    assert listed[0]["is_builtin"]
    assert (await client.get("/v1/prices", params=asked)).json() == {
        "service": "stt",
        "provider": provider,
        "model": "ear-1",
        "rate_card": document["version"],
        "effective": "2026-01-01T00:00:00Z",
        "source": "a price list of this test",
        "prices": [
            {
                "quantity": "audio_seconds",
                "usd": "0.6",
                "per": 3600,
                "unit": "second",
                "increment": 1,
            }
        ],
    }


async def test_a_price_counts_from_its_date(client: httpx.AsyncClient) -> None:
    """Asked for an earlier time, the answer is that there is none, or the older one."""
    provider = new_provider()
    await client.post("/v1/rate-cards", json=card(provider))
    newer = card(provider, usd="0.5")
    newer["entries"][0]["effective"] = "2026-06-01T12:00:00Z"
    await client.post("/v1/rate-cards", json=newer)
    for at, usd in [
        ("2025-12-31T23:59:59Z", None),
        ("2026-06-01T11:59:59Z", "0.6"),
        ("2026-06-01T14:00:00+02:00", "0.5"),
    ]:
        asked = {"service": "stt", "provider": provider, "model": "ear-1", "at": at}
        answer = await client.get("/v1/prices", params=asked)
        if usd is None:
            problem(answer, 404, "price_unknown")
        else:
            assert answer.json()["prices"][0]["usd"] == usd


async def test_the_same_card_again_answers_200(client: httpx.AsyncClient) -> None:
    """A retry changes nothing; another document under its version is refused."""
    document = card(new_provider())
    first = await client.post("/v1/rate-cards", json=document)
    again = await client.post("/v1/rate-cards", json=document)
    assert (again.status_code, again.json()) == (200, first.json())
    other = card(document["entries"][0]["provider"], usd="0.7", version=document["version"])
    refused = await client.post("/v1/rate-cards", json=other)
    problem(refused, 409, "reference_conflict", "version")


async def test_a_builtin_card_cannot_be_replaced(client: httpx.AsyncClient) -> None:
    """Its version belongs to the prices that came with Talktime."""
    builtin = (await client.get("/v1/rate-cards")).json()["items"][0]["version"]
    refused = await client.post("/v1/rate-cards", json=card(new_provider(), version=builtin))
    problem(refused, 409, "reference_conflict", "card.version")


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (["version"], None, "card.version"),
        (["currency"], "EUR", "card.currency"),
        (["entries"], [], "card.entries"),
        (["margin"], "0.3", "card.margin"),
        (["entries", 0, "service"], "video", "card.entries[0].service"),
        (["entries", 0, "effective"], "soon", "card.entries[0].effective"),
        (["entries", 0, "prices", 0, "usd"], 0.6, "card.entries[0].prices[0].usd"),
        (["entries", 0, "prices", 0, "usd"], "-1", "card.entries[0].prices[0].usd"),
        (["entries", 0, "prices", 0, "unit"], "token", "card.entries[0].prices[0].unit"),
    ],
)
async def test_a_bad_card_answers_400(
    client: httpx.AsyncClient, path: list[Any], value: object, field: str
) -> None:
    """The problem names the member by its path, and no price is in force."""
    provider = new_provider()
    document: Any = card(provider)
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    refused = await client.post("/v1/rate-cards", json=document)
    assert refused.status_code == 400
    assert refused.json()["field"] == field
    asked = {"service": "stt", "provider": provider, "model": "ear-1"}
    problem(await client.get("/v1/prices", params=asked), 404, "price_unknown")


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({}, "service"),
        ({"service": "stt"}, "provider"),
        ({"service": "video", "provider": "acme"}, "service"),
        ({"service": "stt", "provider": "acme", "at": "today"}, "at"),
        ({"service": "stt", "provider": "acme", "at": "2026-01-01T00:00:00"}, "at"),
    ],
)
async def test_a_bad_question_for_a_price_answers_400(
    client: httpx.AsyncClient, params: dict[str, str], field: str
) -> None:
    """The problem names the parameter."""
    answer = await client.get("/v1/prices", params=params)
    problem(answer, 400, "invalid_input", field)


async def test_calls_that_waited_for_the_price_are_settled(client: httpx.AsyncClient) -> None:
    """Publishing the card charges the ended call at once and releases its hold."""
    account_id = await open_account(client, paid="5")
    provider = new_provider()
    start = {"account_id": account_id, "call_id": "c1", "channel": "web"}
    assert (await client.post("/v1/calls", json=start)).status_code == 201
    line = {
        "service": "stt",
        "provider": provider,
        "model": "ear-1",
        "quantities": {"audio_seconds": 60},
    }
    end = {"outcome": "completed", "duration_seconds": 60, "lines": [line]}
    url = f"/v1/accounts/{account_id}/calls/c1"
    ended = await client.post(f"{url}/end", json=end)
    assert (ended.json()["billing_status"], ended.json()["charge"]) == ("unpriced", None)
    assert (await balances(client, account_id))["held"] != "0"
    published = await client.post("/v1/rate-cards", json=card(provider))
    assert published.json()["settled_calls"] >= 1
    call = (await client.get(url)).json()
    assert (call["billing_status"], call["charge"]) == ("charged", "0.013")
    account = await balances(client, account_id)
    assert (account["paid"], account["held"]) == ("4.987", "0")
    assert account["month_to_date"] == "0.013"
    assert (await entries(client, account_id))[0]["ref"] == "c1"


async def test_one_of_many_publishes_it(client: httpx.AsyncClient, platform: Platform) -> None:
    """Published many times at once, a card is new to one of them only."""
    document = card(new_provider())
    async with AsyncExitStack() as held:
        # From now on the pool has a connection for each, so that none waits for another.
        for _ in range(6):
            await held.enter_async_context(platform.connection())
    answers = await asyncio.gather(
        *(client.post("/v1/rate-cards", json=document) for _ in range(6))
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
