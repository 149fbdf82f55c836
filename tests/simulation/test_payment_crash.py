"""Servers that take notices of payments and ask the provider are killed, again and again.

A life ends at a step that the dice choose: when the provider is asked and has not acted, when it
has acted and nobody heard of it, or a moment after anything was asked. ``TALKTIME_FULL=1`` takes
many more lives.
"""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from msgspec.structs import replace

from talktime.gateways.stripe_checkout import StripeCheckout
from talktime.ops.platform import Payments, Platform, utc_now
from tests.api.caller import OPERATOR_KEY
from tests.conftest import AccountFactory
from tests.payments.looping import do_once
from tests.payments.money_world import MoneyWorld, check_books
from tests.payments.paying import SECRET
from tests.payments.reloading import Reloader, chosen
from tests.payments.stripe_checkouts import StripeCheckouts, served

SEED = 20261123
FULL = "TALKTIME_FULL" in os.environ
LIVES = 80 if FULL else 8
BUYERS, SAVERS = (6, 3) if FULL else (3, 2)
HANDS = 4
"""Customers and notices that are at it side by side."""

AMID_A_REQUEST = 0.3
"""How many of these count as steps; all that ask Stripe do."""

PROCESS = Path(__file__).with_name("paying_process.py")
ROOT = Path(__file__).parents[2]
PAUSES = [timedelta(minutes=3), timedelta(minutes=12), timedelta(minutes=61)]


class Reaper:
    """Kills the life that there is, after a number of steps."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._left = 0
        self._pid: int | None = None
        self.where: list[str] = []
        """Where each life ended."""

    def is_after(self, pid: int) -> None:
        self._left, self._pid = self._dice.randint(1, 30), pid

    def is_at(self, step: str, *, late: float = 0.0) -> bool:
        """A step; whether it was the last one."""
        if self._pid is None:
            return False
        self._left -= 1
        if self._left > 0:
            return False
        pid, self._pid = self._pid, None
        self.where.append(step)
        if late:
            asyncio.get_running_loop().call_later(late, os.kill, pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)
        return True

    def beside(self, app: ASGIApp) -> ASGIApp:
        """Stripe, with a reaper at its doors."""

        async def asked(scope: Scope, receive: Receive, send: Send) -> None:
            path = scope.get("path", "")
            if self.is_at(f"before {path}"):
                # It never got there: Stripe does nothing.
                await send({"type": "http.response.start", "status": 503, "headers": []})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return

            async def answer(message: Message) -> None:
                if message["type"] == "http.response.start":
                    late = self._dice.choice([0.0, 0.0, self._dice.uniform(0.0005, 0.01)])
                    self.is_at(f"after {path}", late=late)
                await send(message)

            await app(scope, receive, answer)

        return asked


class Lives:
    """Servers one after another, each when the one before is dead."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = 0
        self.url = ""

    async def begin(self, ahead: timedelta) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{ahead.total_seconds()}\n")
        self._process.stdin.flush()
        pid, port = (await self._line()).split()
        self.pid, self.url = int(pid), f"http://127.0.0.1:{port}"

    async def end(self) -> None:
        """Wait until it is dead, by our hand if need be."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        while await self._line() != "ended":
            pass

    async def _line(self) -> str:
        assert self._process.stdout is not None
        line = await asyncio.to_thread(self._process.stdout.readline)
        assert line, "the process that begins the lives is gone"
        return line.strip()


@contextlib.contextmanager
def lives_of(database_url: str, stripe_url: str) -> Iterator[Lives]:
    process = subprocess.Popen(
        [sys.executable, str(PROCESS), database_url, stripe_url],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
    )  # fmt: skip
    lives = Lives(process)
    with process:
        try:
            yield lives
        finally:
            if lives.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(lives.pid, signal.SIGKILL)
            process.kill()


@contextlib.asynccontextmanager
async def backend_of(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=url, headers={"Authorization": f"Bearer {OPERATOR_KEY}"}, timeout=20
    ) as client:
        yield client


async def live(world: MoneyWorld, url: str, reaper: Reaper, dice: random.Random) -> int:
    """What happens while a server lives; how much."""
    before = len(reaper.where)
    acts = 0

    async def hand(client: httpx.AsyncClient) -> None:
        nonlocal acts
        while len(reaper.where) == before:
            if dice.random() < AMID_A_REQUEST:
                reaper.is_at("amid a request", late=dice.uniform(0.0005, 0.02))
            await world.act(client)
            acts += 1

    async with backend_of(url) as client:
        await asyncio.gather(*(hand(client) for _ in range(HANDS)))
    return acts


@pytest.mark.timeout(1800 if FULL else 120)
async def test_servers_killed_while_money_moves(
    platform: Platform, database_url: str, make_account: AccountFactory
) -> None:
    """However often servers die, and whatever is told twice, late or in another order: each payment
    is credited once, each refund sent once and debited once, each need charged for once, and the
    ledger and the comparison with Stripe's books are clean."""
    print(f"seed {SEED}")
    dice = random.Random(SEED)
    reaper = Reaper(dice)
    ahead = timedelta()
    async with (
        served([reaper.beside]) as (stripe, stripe_url),
        contextlib.AsyncExitStack() as at_the_end,
    ):
        stripe.cards.clock = lambda: time.time() + ahead.total_seconds()
        provider = StripeCheckout("sk_test_right", api_base=stripe_url)
        at_the_end.push_async_callback(provider.close)
        ours = replace(
            platform,
            clock=lambda: utc_now() + ahead,
            payments=Payments(provider=provider, notice_secret=SECRET),
        )
        world = MoneyWorld(
            stripe,
            dice,
            buyers=[await make_account() for _ in range(BUYERS)],
            reloaders=[await saver(ours, provider, stripe, make_account) for _ in range(SAVERS)],
        )
        with lives_of(database_url, stripe_url) as lives:
            for nth in range(LIVES):
                await lives.begin(ahead)
                reaper.is_after(lives.pid)
                acts = await live(world, lives.url, reaper, dice)
                await lives.end()
                print(f"life {nth}: {acts} acts, killed {reaper.where[-1]}")
                ahead += dice.choice(PAUSES)
            await lives.begin(ahead)
            async with backend_of(lives.url) as client:
                for _ in range(4):
                    await world.finish(client)
                    world.close_pages()
                    ahead += timedelta(minutes=95)
                    await do_once(ours, "payments", "resumes", "sweeps", "reloads", "refunds")
            await lives.end()
        await check_books(ours, world)


async def saver(
    platform: Platform,
    provider: StripeCheckout,
    stripe: StripeCheckouts,
    make_account: AccountFactory,
) -> str:
    """A fresh account whose card is charged where it runs low."""
    reloader = Reloader(platform, provider, stripe, await make_account())
    await reloader.save_card(f"pm_pays_{reloader.account_id}")
    await reloader.choose(chosen("5", "25", "2000", "5000"))
    return reloader.account_id
