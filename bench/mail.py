"""From a settlement that crosses to the mail server's yes, at 200 settlements a second.

The worker and the mail server are processes of their own. One settlement in ten crosses its
account's warning level: far more than ever should, as a customer is warned once per top-up.
"""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from statistics import quantiles

from bench import book
from bench.beside import mail_server, worker
from bench.report import Figure
from talktime.core.call import EndFacts, Outcome, StartFacts
from talktime.core.message import MessageKind, MessageState
from talktime.core.ratecard import Channel
from talktime.core.usage import LineReport
from talktime.ops.accounts import create_account
from talktime.ops.adjustments import post_adjustment
from talktime.ops.call_end import EndRequest, end_calls
from talktime.ops.call_start import start_calls
from talktime.ops.messages import list_messages
from talktime.ops.platform import Platform, open_platform

PER_SECOND = 200
ACCOUNTS = 400
CALLS_EACH = 10
LEVEL_NANOS = 1_000_000_000
CHARGE_NANOS = 10_400_000
COST = LineReport(service="llm", provider="acme", provider_cost="0.008")
BATCH = 20
TARGET_MS = 2_000.0
WAIT_SECONDS = 60


def mail_figures(home: Path, conninfo: str) -> Iterator[Figure]:
    """How old a crossing is when its mail is handed over."""
    with mail_server() as port, worker(home, conninfo, port):
        ages = sorted(asyncio.run(_crossings(conninfo)))
    cut = quantiles(ages, n=100)
    yield Figure(
        part="mail",
        name=f"settlement to mail server, {PER_SECOND} settlements/s, one in ten crosses",
        p50_ms=cut[49] * 1000,
        p99_ms=cut[98] * 1000,
        target_p99_ms=TARGET_MS,
    )


async def _crossings(conninfo: str) -> list[float]:
    async with open_platform(
        conninfo, terms=book.TERMS, public_url="https://bench.example.com"
    ) as platform:
        accounts = [f"mail-{number:04}" for number in range(ACCOUNTS)]
        await _open(platform, accounts)
        loop = asyncio.get_running_loop()
        began = loop.time()
        keys = [(account, f"c{n}") for n in range(CALLS_EACH) for account in accounts]
        for first in range(0, len(keys), BATCH):
            await asyncio.sleep(max(0.0, began + first / PER_SECOND - loop.time()))
            await _settle(platform, keys[first : first + BATCH])
        return [await _age(platform, account) for account in accounts]


async def _open(platform: Platform, accounts: list[str]) -> None:
    now = platform.clock()
    async with platform.connection() as connection:
        for number, name in enumerate(accounts):
            before = number % CALLS_EACH  # calls that cross nothing yet
            await create_account(
                connection, account_id=name, name="Bench", email=f"{name}@example.com",
                verified=False, terms=platform.terms, now=now,
            )  # fmt: skip
            await post_adjustment(
                connection, account_id=name, adjustment_id="opening balance", promo_nanos=0,
                paid_nanos=LEVEL_NANOS + before * CHARGE_NANOS, reason="benchmark",
                terms=platform.terms, now=now,
            )  # fmt: skip


async def _settle(platform: Platform, keys: list[tuple[str, str]]) -> None:
    starts = [StartFacts(account_id=a, call_id=c, channel=Channel.CHAT) for a, c in keys]
    ends = [
        EndRequest(
            account_id=account,
            call_id=call,
            facts=EndFacts(outcome=Outcome.COMPLETED),
            lines=(COST,),
        )
        for account, call in keys
    ]
    async with platform.connection() as connection:
        await start_calls(connection, starts, terms=platform.terms, now=platform.clock())
        await end_calls(
            connection, ends, book=platform.prices.book, terms=platform.terms, now=platform.clock()
        )


async def _age(platform: Platform, account_id: str) -> float:
    """Seconds from the settlement that crossed to the mail server's yes."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            async with platform.connection() as connection:
                found = await list_messages(
                    connection, account_id=account_id, state=MessageState.SENT, limit=2
                )
            if found:
                [message] = found
                assert message.kind is MessageKind.BELOW_WARNING
                assert message.sent_at is not None
                return (message.sent_at - message.created_at) / timedelta(seconds=1)
            await asyncio.sleep(0.1)
