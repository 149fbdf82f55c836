"""The server is killed in the middle of settling: nothing acknowledged is lost, nothing doubled."""

import asyncio
import contextlib
import random
import shutil
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.running import OPERATOR_KEY, Server, talktime, talktime_environ

SEED = 20261123
ACCOUNTS = 5
CALLS_PER_ACCOUNT = 80
PAID_USD = Decimal(100)
CONNECTIONS = 8
AUTHORIZED = {"Authorization": f"Bearer {OPERATOR_KEY}"}
EXPECTED = Decimal("0.0429")
"""A worked example: LLM 0.005, STT 0.006, TTS 0.022, and 30 % on top."""

Answer = dict[str, Any]


@pytest.fixture
def home() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="talktime-kill-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def keys() -> list[tuple[str, str]]:
    return [(f"acct-{a}", f"call-{c}") for a in range(ACCOUNTS) for c in range(CALLS_PER_ACCOUNT)]


def prepare(url: str) -> None:
    """Accounts with money, and calls that all run."""
    with httpx.Client(base_url=url, headers=AUTHORIZED, timeout=30) as client:
        for a in range(ACCOUNTS):
            account = {"account_id": f"acct-{a}", "name": "A", "email": f"a{a}@example.com"}
            assert client.post("/v1/accounts", json=account).status_code == 201
            credit = {"adjustment_id": "1", "paid": str(PAID_USD), "reason": "to be spent"}
            client.post(f"/v1/accounts/acct-{a}/adjustments", json=credit).raise_for_status()
        items = [
            {"account_id": account, "call_id": call, "channel": "web"} for account, call in keys()
        ]
        answers = client.post("/v1/batch/start", json={"items": items}).json()["items"]
        assert {answer["status"] for answer in answers} == {201}


async def end_calls(
    url: str, wanted: list[tuple[str, str]], acknowledged: dict[tuple[str, str], Answer]
) -> None:
    """End calls over several connections until there are none left or the server is gone."""
    waiting = list(reversed(wanted))
    body = {
        "outcome": "completed",
        "lines": [
            {"service": "llm", "provider_cost": "0.005"},
            {"service": "stt", "provider_cost": "0.006"},
            {"service": "tts", "provider_cost": "0.022"},
        ],
    }

    async def connection(client: httpx.AsyncClient) -> None:
        while waiting:
            account, call = waiting.pop()
            path = f"/v1/accounts/{account}/calls/{call}/end"
            try:
                answer = await client.post(path, json=body)
            except httpx.TransportError:
                return
            if answer.status_code == 200:
                acknowledged[account, call] = answer.json()

    async with httpx.AsyncClient(base_url=url, headers=AUTHORIZED, timeout=20) as client:
        await asyncio.gather(*(connection(client) for _ in range(CONNECTIONS)))


async def end_until_killed(
    server: Server, wanted: list[tuple[str, str]], dice: random.Random
) -> dict[tuple[str, str], Answer]:
    """Kill the server after some settlements, at a moment the dice choose."""
    acknowledged: dict[tuple[str, str], Answer] = {}
    ending = asyncio.create_task(end_calls(server.url, wanted, acknowledged))
    enough = dice.randint(20, 110)
    while len(acknowledged) < enough and not ending.done():  # noqa: ASYNC110  (a rough moment)
        await asyncio.sleep(0.001)
    await asyncio.sleep(dice.uniform(0.0, 0.004))
    server.process.kill()
    await asyncio.to_thread(server.kill)
    await ending
    return acknowledged


def money(answer: Answer) -> tuple[object, ...]:
    """What an answer says of a settlement; it may never say anything else."""
    return (
        answer["outcome"],
        answer["billing_status"],
        answer["charge"],
        answer["promo_charged"],
        answer["paid_charged"],
        answer["entry_seq"],
    )


@pytest.mark.timeout(180)
async def test_a_kill_in_the_middle_loses_and_doubles_nothing(home: Path) -> None:
    """Every acknowledged settlement is there after each restart, and every call is charged once."""
    dice = random.Random(SEED)
    print(f"seed {SEED}")
    environ = talktime_environ(home)
    acknowledged: dict[tuple[str, str], Answer] = {}
    wanted = keys()
    dice.shuffle(wanted)

    server = Server(environ)
    prepare(server.url)
    for _ in range(3):
        told = await end_until_killed(server, wanted, dice)
        acknowledged |= told
        print(f"killed after {len(told)} answers, {len(acknowledged)} acknowledged so far")
        wanted = [key for key in wanted if key not in acknowledged]
        dice.shuffle(wanted)
        server = Server(environ)
        check_acknowledged(server.url, acknowledged)

    with contextlib.ExitStack() as stack:
        stack.callback(server.stop)
        again: dict[tuple[str, str], Answer] = {}
        await end_calls(server.url, keys(), again)
        assert len(again) == len(keys())
        for key, answer in acknowledged.items():
            assert money(again[key]) == money(answer)
        assert {Decimal(answer["charge"]) for answer in again.values()} == {EXPECTED}
        check_balances(server.url)
    verified = talktime(environ, "ledger", "verify")
    assert verified.returncode == 0, verified.stdout
    counted = ACCOUNTS * (CALLS_PER_ACCOUNT + 1)
    assert f"{ACCOUNTS} accounts, {counted} entries, {len(keys())} calls" in verified.stdout


def check_acknowledged(url: str, acknowledged: dict[tuple[str, str], Answer]) -> None:
    with httpx.Client(base_url=url, headers=AUTHORIZED, timeout=30) as client:
        for (account, call), answer in acknowledged.items():
            found = client.get(f"/v1/accounts/{account}/calls/{call}").json()
            assert money(found) == money(answer)


def check_balances(url: str) -> None:
    with httpx.Client(base_url=url, headers=AUTHORIZED, timeout=30) as client:
        for a in range(ACCOUNTS):
            account = client.get(f"/v1/accounts/acct-{a}").json()
            assert Decimal(account["available"]) == PAID_USD - CALLS_PER_ACCOUNT * EXPECTED
            assert Decimal(account["held"]) == 0
