"""``python -m bench [parts]``: every figure from one run on one server, in about ten minutes."""

import argparse
import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

from rich.console import Console

from bench import database
from bench.http import ends_over_http, http_figures
from bench.mail import mail_figures
from bench.rating import rating_figure
from bench.report import Figure, keep, show
from bench.starting import start_figures
from bench.telling import Batches, telling_figures
from bench.yardstick import pgbench_figure
from talktime.db.embedded import EmbeddedServer, start_server
from talktime.db.migrate import upgrade
from talktime.db.pool import open_pool

PARTS = ("start", "rating", "pgbench", "settle", "gate", "usage", "webhooks", "mail", "http")
CALLS = 20_000
QUICK_CALLS = 4_000
CYCLES = 12
"""Rounds of telling (`bench.telling`): six orders of three, each twice."""
QUICK_CYCLES = 2
WIDTH = 180


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="left out: all of them")
    parser.add_argument("--quick", action="store_true", help="fewer calls: to see that it runs")
    parser.add_argument("--cycles", type=int, default=CYCLES, help="of telling and not telling")
    asked = parser.parse_args()
    parts = [part for part in PARTS if part in asked.parts or not asked.parts]
    calls = QUICK_CALLS if asked.quick else CALLS
    cycles = QUICK_CYCLES if asked.quick else asked.cycles
    console = Console()
    home = Path(tempfile.mkdtemp(prefix="talktime-bench-"))
    home.chmod(0o755)  # PostgreSQL's own user must get through
    figures = []
    try:
        with start_server(home) as server:
            for figure in _measured(server, home, parts, calls, cycles):
                speed = "" if figure.per_second is None else f"{figure.per_second:,.0f}/s"
                console.print(f"{figure.name}: {speed}", highlight=False)
                figures.append(figure)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    show(figures, Console(width=max(console.width, WIDTH)))
    console.print(f"kept in {keep(figures).relative_to(Path(__file__).parent.parent)}")


def _measured(
    server: EmbeddedServer, home: Path, parts: list[str], calls: int, cycles: int
) -> Iterator[Figure]:
    conninfo = server.conninfo()
    upgrade(conninfo)
    asyncio.run(_prepare(conninfo))
    if "start" in parts:
        yield from start_figures()
    if "rating" in parts:
        yield rating_figure()
    if "pgbench" in parts:
        seconds = 2 if calls == QUICK_CALLS else 10
        admin, database_url = server.conninfo("postgres"), server.conninfo("yardstick")
        yield pgbench_figure(server.bin_dir, admin, database_url, seconds)
    if "settle" in parts:
        yield from database.settle_figures(conninfo, calls)
    if "gate" in parts:
        yield from database.gate_figures(conninfo, calls)
    if "usage" in parts:
        yield from database.usage_figures(conninfo, calls)
    if "webhooks" in parts:
        batches, over_http = nullcontext(Batches(conninfo)), ends_over_http(home, conninfo)
        yield from telling_figures(home, conninfo, batches, 2 * calls, cycles)
        yield from telling_figures(home, conninfo, over_http, calls, cycles)
    if "mail" in parts:
        yield from mail_figures(home, conninfo)
    if "http" in parts:
        yield from http_figures(home, conninfo, calls)


async def _prepare(conninfo: str) -> None:
    async with open_pool(conninfo, size=1) as pool:
        await database.open_accounts(pool)


if __name__ == "__main__":
    main()
