"""How long the server takes for each of the customer's pages: ``python -m bench.pages``.

Accounts of several sizes are written first (bench.seeding), or found in ``--home``. A page's time
is from the request to its last byte, in the process that serves it, with the database beside it.
"""

import argparse
import asyncio
import gc
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
import psycopg
from litestar import Litestar
from rich.console import Console
from rich.table import Table

from bench.seeding import seed_account
from talktime.db.embedded import start_server
from talktime.db.migrate import upgrade
from talktime.db.pool import connection_of, open_pool
from talktime.installation import DEFAULT_PORT
from talktime.ops.platform import Platform, open_platform, utc_now
from talktime.ops.portal_access import create_portal_link
from talktime.ops.terms import Terms
from talktime.portal.routes import portal_router

RUNS: Final = 40
SMALL, MANY, MILLION = 1_000, 100_000, 1_000_000
HISTORY: Final = 10_000_000
HISTORY_KEPT: Final = 100_000
"""Calls kept beside a history of ten million entries."""


class PageSpeed(msgspec.Struct, frozen=True, kw_only=True):
    """What one page of one account took."""

    name: str
    calls: int
    p50_ms: float
    p99_ms: float
    statements: int
    """SQL statements for one page."""
    kilobytes: float


def addresses(call_id: str, year: int) -> dict[str, str]:
    """Every page that grows with the account, by a name for it; some calls have ``call_id``."""
    past = f"from={year - 1}-12-01&to={year}-03-31"
    return {
        "Billing": "/billing",
        "Billing, 90 days": "/billing?days=90",
        "Billing, top-ups": "/billing?kind=top_up",
        "Billing, coupons": "/billing?kind=coupon",
        "Billing, adjustments (none)": "/billing?kind=adjustment",
        "Billing, calls": "/billing?kind=call",
        "Billing, by date": f"/billing?{past}",
        "Billing, top-ups by date": f"/billing?kind=top_up&{past}",
        "Billing, search of a call": f"/billing?q={call_id}",
        "Billing, search without a hit": "/billing?q=nothing-is-called-so",
        "Calls": "/calls",
        "Calls, free": "/calls?show=free",
        "Calls, running": "/calls?show=running",
        "Calls, price pending (none)": "/calls?show=pending",
        "Calls, by channel": "/calls?channel=chat",
        "Calls, by outcome": "/calls?outcome=failed",
        "Calls, by agent": "/calls?agent=front-desk",
        "Calls, by unknown agent": "/calls?agent=nobody",
        "Calls, by date": f"/calls?{past}",
        "Calls, by cost": "/calls?min=1",
        "Calls, by cost (none)": "/calls?min=1000",
        "Calls, sorted by cost": "/calls?sort=dearest",
        "Calls, sorted by duration": "/calls?sort=longest",
        "Calls, search of a call": f"/calls?q={call_id}",
        "Calls, search without a hit": "/calls?q=nothing-is-called-so",
        "Receipt": f"/calls/{call_id}",
        "Spend": "/spend",
        "Spend, 90 days": "/spend?period=90-days",
        "Spend, by date": f"/spend?{past}",
        "Estimate": "/spend/estimate",
        "Settings": "/settings",
        "Settings, people": "/settings/people",
        "Settings, keys": "/settings/keys",
        "Settings, webhooks": "/settings/webhooks",
    }


async def measure(
    platform: Platform, account_id: str, calls: int, *, only: str = "", runs: int = RUNS
) -> AsyncIterator[PageSpeed]:
    """Each page whose name contains ``only``; pages that answer 404 do not exist (yet)."""
    async with signed_in(platform, account_id) as browser:
        call_id = await _some_call(platform, account_id)
        for name, path in addresses(call_id, platform.clock().year).items():
            if only.lower() not in name.lower():
                continue
            first = await browser.get(path)
            if first.status_code == 404:
                continue
            if first.status_code != 200:
                print(f"{name}: {path} answers {first.status_code}")
                continue
            with counted_statements() as statements:
                await browser.get(path)
            times = []
            budget = time.perf_counter() + 8
            for _ in range(runs):
                begin = time.perf_counter()
                await browser.get(path)
                times.append((time.perf_counter() - begin) * 1000)
                if time.perf_counter() > budget:
                    break
            times.sort()
            yield PageSpeed(
                name=name,
                calls=calls,
                p50_ms=times[len(times) // 2],
                p99_ms=times[len(times) * 99 // 100],
                statements=len(statements),
                kilobytes=len(first.content) / 1024,
            )


@asynccontextmanager
async def signed_in(platform: Platform, account_id: str) -> AsyncIterator[httpx.AsyncClient]:
    """A browser of the account's, before the pages in this process."""
    app = Litestar([portal_router(platform)], openapi_config=None, logging_config=None)
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with (
        httpx.AsyncClient(transport=transport, base_url=platform.public_url) as browser,
        platform.connection() as connection,
    ):
        token, _ = await create_portal_link(
            connection,
            account_id=account_id,
            secret=secrets.token_urlsafe(32),
            now=platform.clock(),
        )
        entered = await browser.get(f"/enter?token={token}")
        assert entered.status_code == 303, entered.text[:300]
        yield browser


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    """The statements that are sent while the block runs."""
    sent: list[str] = []
    execute = psycopg.AsyncCursor.execute

    async def counting(self: Any, statement: Any, *args: Any, **kwargs: Any) -> Any:
        sent.append(statement if isinstance(statement, str) else str(statement))
        return await execute(self, statement, *args, **kwargs)

    psycopg.AsyncCursor.execute = counting  # type: ignore[assignment, method-assign]
    try:
        yield sent
    finally:
        psycopg.AsyncCursor.execute = execute  # type: ignore[method-assign]


async def _some_call(platform: Platform, account_id: str) -> str:
    async with platform.connection() as connection:
        cursor = await connection.execute(
            "SELECT call_id FROM call WHERE account_id = %s AND billing_status = 'charged'"
            " ORDER BY admitted_at DESC OFFSET 20 LIMIT 1",
            [account_id],
        )
        row = await cursor.fetchone()
    return row[0] if row else "none"


def table(speeds: list[PageSpeed]) -> Table:
    """Pages down, sizes across: p50 / p99 in ms and, once, the number of statements."""
    sizes = sorted({speed.calls for speed in speeds})
    shown = Table(title="Server time per page, ms (p50 / p99)", title_justify="left")
    shown.add_column("page", no_wrap=True)
    shown.add_column("statements", justify="right")
    for size in sizes:
        shown.add_column(f"{size:,} calls", justify="right")
    if len(sizes) > 1:
        shown.add_column("ratio", justify="right")
    by_key = {(speed.name, speed.calls): speed for speed in speeds}
    for name in dict.fromkeys(speed.name for speed in speeds):
        found = [by_key.get((name, size)) for size in sizes]
        known = [speed for speed in found if speed is not None]
        cells = [f"{s.p50_ms:.1f} / {s.p99_ms:.1f}" if s else "" for s in found]
        if len(sizes) > 1:
            cells.append(f"{known[-1].p50_ms / known[0].p50_ms:.1f}")
        shown.add_row(name, str(max(speed.statements for speed in known)), *cells)
    return shown


async def _play(conninfo: str, sizes: list[int], only: str) -> list[PageSpeed]:
    now = utc_now()
    speeds: list[PageSpeed] = []
    async with open_platform(
        conninfo, terms=Terms(), public_url=f"http://127.0.0.1:{DEFAULT_PORT}"
    ) as platform:
        for size in sizes:
            account_id = f"seeded-{size}"
            if not await _is_there(conninfo, account_id):
                kept = HISTORY_KEPT if size >= HISTORY else None
                await seed_account(
                    conninfo,
                    account_id=account_id,
                    calls=size,
                    kept=kept,
                    now=now - timedelta(minutes=1),
                )
            gc.collect()
            gc.freeze()
            async for speed in measure(platform, account_id, size, only=only):
                print(f"{size:>10,} {speed.name}: {speed.p50_ms:.1f} ms", flush=True)
                speeds.append(speed)
    return speeds


async def _is_there(conninfo: str, account_id: str) -> bool:
    async with open_pool(conninfo, size=1) as pool, connection_of(pool) as connection:
        cursor = await connection.execute(
            "SELECT 1 FROM account WHERE account_id = %s", [account_id]
        )
        return await cursor.fetchone() is not None


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, help="calls per account")
    parser.add_argument("--home", type=Path, help="kept, with its accounts; else a passing one")
    parser.add_argument("--only", default="", help="pages whose name contains this")
    asked = parser.parse_args()
    home = asked.home or Path(tempfile.mkdtemp(prefix="talktime-bench-"))
    if asked.home is None:
        home.chmod(0o755)  # PostgreSQL's own user must get through
    try:
        with start_server(home) as server:
            upgrade(server.conninfo())
            sizes = asked.sizes or [SMALL, MANY, MILLION]
            speeds = asyncio.run(_play(server.conninfo(), sizes, asked.only))
    finally:
        if asked.home is None:
            shutil.rmtree(home, ignore_errors=True)
    Console(width=120).print(table(speeds))


if __name__ == "__main__":
    main()
