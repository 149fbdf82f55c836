"""The SDK against a real Talktime server, where one is installed beside it."""

import asyncio
import contextlib
import importlib.util
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from talktime_sdk import (
    BalanceChanged,
    CallChanged,
    CallOver,
    Conflict,
    EntryWritten,
    InsufficientCredits,
    InvalidRequest,
    NotFound,
    RetryPolicy,
    TalktimeClient,
    Unauthenticated,
    UsageLine,
)

if importlib.util.find_spec("talktime") is None:
    pytest.skip("no talktime server is installed", allow_module_level=True)

OPERATOR_KEY = "an-operator-key-of-this-test-run-only"
WORKED_EXAMPLE = {"llm": "0.005", "stt": "0.006", "tts": "0.022", "sip": "0.007"}
FAST = RetryPolicy(attempts=10, first_delay=0.01, max_delay=0.05)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server with a database of its own, in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (
        tempfile.TemporaryDirectory(prefix="talktime-sdk-") as home,
        Path(home, "log").open("w") as log,
    ):
        # Under root the database runs as a user of its own, which must get in here.
        Path(home).chmod(0o755)
        env = os.environ | {
            "TALKTIME_HOME": f"{home}/home",
            "TALKTIME_OPERATOR_KEY": OPERATOR_KEY,
            "TALKTIME_LEASE_SECONDS": "30",
        }
        env.pop("TALKTIME_DATABASE_URL", None)
        command = [str(Path(sys.executable).with_name("talktime")), "serve", "--port", str(port)]
        with subprocess.Popen(command, env=env, stdout=log, stderr=log) as process:
            try:
                _wait_for(f"http://127.0.0.1:{port}/healthz", process, Path(home, "log"))
                yield f"http://127.0.0.1:{port}"
            finally:
                if process.poll() is not None or "error" in Path(home, "log").read_text():
                    print(Path(home, "log").read_text()[-20000:])
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(20)
                process.kill()


def _wait_for(health: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 45
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(health, trust_env=False).status_code == 200:
                return
        time.sleep(0.1)
    pytest.fail(f"the server did not come up:\n{log.read_text()[-3000:]}")


def connect(url: str, **more: Any) -> TalktimeClient:
    return TalktimeClient(url, OPERATOR_KEY, retries=FAST, **more)


async def new_account(client: TalktimeClient, paid: str | None = "5.00") -> str:
    """A fresh account: welcome bonus as promo, and what was paid in."""
    account_id = f"sdk-{uuid.uuid4().hex[:12]}"
    await client.create_account(
        account_id=account_id, name="Acme", email=f"{account_id}@acme.example", verified=True
    )
    if paid is not None:
        await client.adjust(account_id, adjustment_id="start", paid=paid, reason="test")
    return account_id


async def test_the_worked_example(url: str) -> None:
    """A verified account has $0.50 promo; the worked example costs it $0.052, and every answer on
    the way can be read, to the nano-dollar."""
    async with connect(url) as client:
        account_id = await new_account(client)
        async with client.call(
            account_id=account_id, call_id="CA1", channel="phone", from_="+15550100"
        ) as call:
            assert call.admission.hold == Decimal("0.1")
            assert call.admission.lease_seconds == 30
            for service, cost in WORKED_EXAMPLE.items():
                call.add(service, provider_cost=cost)  # type: ignore[arg-type]
        receipt = call.receipt
        assert receipt is not None
        assert (receipt.provider_cost, receipt.margin) == (Decimal("0.04"), Decimal("0.012"))
        assert (receipt.charge, receipt.promo_charged) == (Decimal("0.052"), Decimal("0.052"))
        assert receipt.from_ == "+15550100"

        account = await client.get_account(account_id)
        assert (account.promo, account.paid, account.held) == (Decimal("0.448"), 5, 0)
        assert account.month_to_date == Decimal("0.052")
        kinds = [entry.kind for entry in (await client.entries(account_id)).items]
        assert sorted(kinds) == ["adjustment", "call", "welcome_bonus"]
        page = await client.list_calls(account_id, outcome="completed", limit=10)
        assert [listed.call_id for listed in page.items] == ["CA1"]
        assert (await client.get_call(account_id, "CA1")).charge == receipt.charge
        assert (await client.portal_link(account_id)).url.startswith("http")


async def test_priced_by_rate_card(url: str) -> None:
    """Quantities are priced by the server's rate card, and each line's parts multiply out."""
    async with connect(url) as client:
        account_id = await new_account(client)
        async with client.call(account_id=account_id, call_id="CA1", channel="web") as call:
            call.add("llm", "openai", "gpt-4o-mini", input_tokens=56, cached_input_tokens=28)
            call.add("llm", "OpenAI", "gpt-4o-mini", input_tokens=44, output_tokens=22)
            call.add("stt", "deepgram", "nova-3", audio_seconds=4.54)
        assert call.receipt is not None
        llm, stt = call.receipt.lines
        assert llm.quantities["input_tokens"] == 100
        assert stt.quantities == {"audio_seconds": Decimal("4.54")}
        for line in call.receipt.lines:
            assert line.priced_by == "rate_card"
            assert line.cost is not None
            parts = sum(part.billed * part.unit_price / part.per for part in line.parts)
            assert abs(parts - line.cost) <= Decimal("0.0000000005")
        costs = sum(line.cost or 0 for line in call.receipt.lines)
        assert call.receipt.provider_cost == costs


async def test_refusals_of_the_gate(url: str) -> None:
    """Too little money, an unknown account, a wrong key and an impossible id are told apart."""
    async with connect(url) as client:
        account_id = await new_account(client, paid=None)
        await client.adjust(account_id, adjustment_id="less", promo="-0.41", reason="test")
        call = {"account_id": account_id, "call_id": "CA1", "channel": "phone"}
        with pytest.raises(InsufficientCredits) as refusal:
            await client.start_call(**call)  # type: ignore[arg-type]
        assert refusal.value.available == Decimal("0.09")
        assert refusal.value.startable == Decimal("0.09")
        assert (refusal.value.held, refusal.value.floor) == (0, Decimal("0.1"))
        with pytest.raises(NotFound) as unknown:
            await client.start_call(**call | {"account_id": "nobody"})  # type: ignore[arg-type]
        assert unknown.value.code == "account_unknown"
        with pytest.raises(InvalidRequest):
            await client.start_call(**call | {"call_id": "a/b"})  # type: ignore[arg-type]
    async with TalktimeClient(url, "tt_platform_x_wrong") as stranger:
        with pytest.raises(Unauthenticated):
            await stranger.get_account(account_id)


async def test_step_by_step(url: str) -> None:
    """The acts by hand, each repeated as after a lost answer, charge once; another outcome for an
    ended call is a conflict, and its id starts no second call."""
    async with connect(url) as client:
        account_id = await new_account(client)
        line = UsageLine(service="llm", provider_cost="0.01")
        for _ in range(2):
            await client.start_call(account_id=account_id, call_id="C", channel="chat")
            usage = await client.report_usage(account_id, "C", [line])
            assert usage.accrued_charge == Decimal("0.013")
            await client.report_usage(account_id, "C")
        for _ in range(2):
            receipt = await client.end_call(
                account_id, "C", "completed", lines=[line], duration_seconds=12.5
            )
            assert (receipt.charge, receipt.duration_seconds) == (Decimal("0.013"), Decimal("12.5"))
        with pytest.raises(Conflict) as conflict:
            await client.end_call(account_id, "C", "failed")
        assert conflict.value.code == "call_already_ended"
        with pytest.raises(CallOver):
            async with client.call(account_id=account_id, call_id="C", channel="chat"):
                pytest.fail("a used-up id was admitted")
        assert (await client.get_account(account_id)).promo == Decimal("0.487")


async def test_coupons(url: str) -> None:
    """A coupon is previewed, credited once, and refused the second time."""
    code = f"Hello{uuid.uuid4().hex[:8]}"
    async with connect(url) as client:
        account_id = await new_account(client, paid=None)
        async with httpx.AsyncClient(base_url=url, trust_env=False) as operator:
            made = await operator.post(
                "/v1/coupons",
                json={"code": code, "amount": "2.50"},
                headers={"Authorization": f"Bearer {OPERATOR_KEY}"},
            )
        assert made.status_code == 201
        assert (await client.preview_coupon(account_id, code)).bonus == Decimal("2.5")
        entry = await client.redeem_coupon(account_id, code)
        assert (entry.kind, entry.promo_after) == ("coupon", 3)
        with pytest.raises(Conflict) as conflict:
            await client.redeem_coupon(account_id, code)
        assert conflict.value.code == "coupon_already_redeemed"
        with pytest.raises(NotFound):
            await client.preview_coupon(account_id, code.lower())


async def test_events(url: str) -> None:
    """Who follows an account sees its call begin and end, its entry and its balance, at once."""
    async with connect(url) as client:
        account_id = await new_account(client)
        outcomes, entries, balances = [], [], []
        async with (
            asyncio.timeout(20),
            contextlib.aclosing(client.events(account_id)) as events,
        ):
            await anext(events)
            async with client.call(account_id=account_id, call_id="CA1", channel="chat") as call:
                call.add("llm", provider_cost="0.1")
            async for event in events:
                if isinstance(event, CallChanged):
                    outcomes.append(event.call.outcome)
                elif isinstance(event, EntryWritten):
                    entries.append(event.entry)
                elif isinstance(event, BalanceChanged):
                    balances.append(event.available)
                if "completed" in outcomes and entries and Decimal("5.37") in balances:
                    break
        assert [entry.amount for entry in entries if entry.kind == "call"] == [Decimal("-0.13")]


class Unreliable(httpx.AsyncBaseTransport):
    """A network that loses every third request, on the way there or on the way back."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._real = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        fate = self._dice.random()
        if fate < 1 / 6:
            raise httpx.ConnectError("lost on the way there")
        response = await self._real.handle_async_request(request)
        if fate > 5 / 6:
            await response.aread()
            raise httpx.ReadError("lost on the way back")
        return response

    async def aclose(self) -> None:
        await self._real.aclose()


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_bad_network_changes_no_cent(url: str, seed: int) -> None:
    """Over a network that loses a third of everything, with one bot restarted in between, every
    call is charged exactly what it used, once."""
    async with connect(url) as client:
        account_id = await new_account(client)
    async with connect(url, transport=Unreliable(seed)) as client:

        async def converse(n: int) -> None:
            call_id = f"CA{n}"
            async with client.call(
                account_id=account_id, call_id=call_id, channel="web", report_every=0.02
            ) as call:
                for _ in range(10):
                    call.add("tts", provider_cost="0.001")
                    await asyncio.sleep(0.01)
                if n == 0:
                    while call.session.has_news:  # noqa: ASYNC110 - the reports end it
                        await asyncio.sleep(0.01)
                    async with client.call(
                        account_id=account_id, call_id=call_id, channel="web"
                    ) as restarted:
                        restarted.add("tts", provider_cost="0.01")
                    assert restarted.receipt is not None
            assert call.receipt is not None, call.undelivered

        await asyncio.gather(*(converse(n) for n in range(5)))
    async with connect(url) as client:
        calls = (await client.list_calls(account_id)).items
        charges = {call.call_id: call.charge for call in calls}
        assert charges.pop("CA0") == Decimal("0.026")
        assert charges == dict.fromkeys(["CA1", "CA2", "CA3", "CA4"], Decimal("0.013"))
        account = await client.get_account(account_id)
        assert (account.available, account.held) == (Decimal("5.422"), 0)


async def test_the_quickstart(url: str) -> None:
    """The quickstart of the README bills a call on a real server."""
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    async with connect(url) as client:
        await client.create_account(
            account_id="acme", name="Acme", email="billing@acme.example", verified=True
        )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        env=os.environ | {"TALKTIME_URL": url, "TALKTIME_KEY": OPERATOR_KEY},
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0
    assert printed.decode().startswith("charged $0.00")
