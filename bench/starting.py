"""How long the embedded database takes to serve: from nothing, and again."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.report import Figure
from talktime.db.embedded import start_server

WARM_STARTS = 5


def start_figures() -> Iterator[Figure]:
    """One cold start of a home of its own, synced, then some warm ones of the same."""
    home = Path(tempfile.mkdtemp(prefix="talktime-bench-start-"))
    home.chmod(0o755)  # PostgreSQL's own user must get through
    try:
        cold = _milliseconds(home)
        warm = sorted(_milliseconds(home) for _ in range(WARM_STARTS))
    finally:
        shutil.rmtree(home, ignore_errors=True)
    yield Figure(
        part="start",
        name="embedded database, cold start (aim: under 3 s)",
        p50_ms=cold,
        p99_ms=cold,
        target_p99_ms=3_000,
    )
    yield Figure(
        part="start",
        name=f"embedded database, {WARM_STARTS} warm starts (aim: under 0.5 s)",
        p50_ms=warm[WARM_STARTS // 2],
        p99_ms=warm[-1],
        target_p99_ms=500,
    )


def _milliseconds(home: Path) -> float:
    begin = time.monotonic()
    with start_server(home):
        return (time.monotonic() - begin) * 1000
