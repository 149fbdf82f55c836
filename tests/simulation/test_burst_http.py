"""The gate under a burst as platforms meet it: over HTTP, against two servers on one database."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from talktime.config import Settings
from talktime.serve import listen, running_server
from tests.conftest import AccountFactory
from tests.db.desk import CENT, FLOOR, Desk

BURST = 1_000
AT_ONCE = 100
KEY = "burst-" + "0" * 40
REFUSED = {
    "code": "insufficient_credits",
    "available": "0.55",
    "held": "0.5",
    "startable": "0.05",
    "floor": "0.1",
}


@pytest.mark.timeout(120)
async def test_a_burst_over_http(
    database_url: str, make_account: AccountFactory, desk: Desk, tmp_path: Path
) -> None:
    """Of a thousand concurrent starts on $0.55 five are admitted, the rest get 402 and why."""
    account = await make_account(promo="0.3", paid="0.25")
    settings = Settings(home=tmp_path, operator_key=KEY, log_level="error")
    async with AsyncExitStack() as stack:
        clients = []
        for _ in range(2):
            listener = stack.enter_context(listen("127.0.0.1", 0))
            running = await stack.enter_async_context(
                running_server(settings, database_url, listener, with_worker=False)
            )
            client = httpx.AsyncClient(
                base_url=running.url,
                headers={"Authorization": f"Bearer {KEY}"},
                limits=httpx.Limits(max_connections=AT_ONCE),
                timeout=60,
                trust_env=False,
            )
            clients.append(await stack.enter_async_context(client))
        answers = await asyncio.gather(
            *[
                clients[n % 2].post(
                    "/v1/calls",
                    json={"account_id": account, "call_id": f"call-{n}", "channel": "phone"},
                )
                for n in range(BURST)
            ]
        )
        assert Counter(answer.status_code for answer in answers) == {201: 5, 402: BURST - 5}
        for answer in answers:
            if answer.status_code == 402:
                assert answer.headers["content-type"].startswith("application/problem+json")
                assert answer.json().items() >= REFUSED.items()
        assert await desk.money(account) == (30 * CENT, 25 * CENT, 5 * FLOOR)

        admitted = [n for n, answer in enumerate(answers) if answer.status_code == 201]
        final = {n: (place + 1) * 100_000_000 for place, n in enumerate(admitted)}
        ends = await asyncio.gather(
            *[
                clients[copy % 2].post(
                    f"/v1/accounts/{account}/calls/call-{n}/end",
                    json={
                        "outcome": "completed",
                        "lines": [
                            {
                                "service": "llm",
                                "provider": "acme",
                                "provider_cost": f"0.{place + 1}",
                            }
                        ],
                    },
                )
                for place, n in enumerate(admitted)
                for copy in range(4)
            ]
        )
        assert {answer.status_code for answer in ends} == {200}
    charges = [cost * 13 // 10 for cost in final.values()]
    promo, paid, held = await desk.money(account)
    assert (promo, paid, held) == (0, 55 * CENT - sum(charges), 0)
    assert 0 < -paid <= sum(max(0, charge - FLOOR) for charge in charges)
