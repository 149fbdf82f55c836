"""Figures, their table, and the file they are appended to."""

import platform
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).with_name("results")


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """A median and its quartiles: half of what was seen lies between low and high."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3f} ({self.low:.3f} to {self.high:.3f})"


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    part: str
    name: str
    per_second: float | None = None
    target: float | None = None
    """What per_second is meant to be, on an idle machine with two cores."""
    backend_us: float | None = None
    """The database's processor time per item, in microseconds: it says more on a busy machine."""
    python_us: float | None = None
    """Processor time of our own process per item: the writers, or the server behind HTTP."""
    slower: Spread | None = None
    """How many times as long it takes as without what is measured, in the same round."""
    target_slower: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    target_p99_ms: float | None = None


def show(figures: list[Figure], console: Console) -> None:
    """The table; ratios are to pgbench's simple update in the same run."""
    yardstick = next((f.per_second for f in figures if f.part == "pgbench"), None)
    table = Table(title="Talktime, one run on this machine", title_justify="left")
    table.add_column("what", no_wrap=True)
    for heading in (
        "per second",
        "to pgbench",
        "of target",
        "database µs",
        "Python µs",
        "times as long (quartiles)",
        "p50 / p99 ms",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for figure in figures:
        speed = figure.per_second
        table.add_row(
            figure.name,
            "" if speed is None else f"{speed:,.0f}",
            "" if not yardstick or speed is None else f"{speed / yardstick:.2f}",
            "" if not figure.target or speed is None else f"{speed / figure.target:.0%}",
            "" if figure.backend_us is None else f"{figure.backend_us:.1f}",
            "" if figure.python_us is None else f"{figure.python_us:.1f}",
            "" if figure.slower is None else str(figure.slower),
            "" if figure.p99_ms is None else f"{figure.p50_ms:.1f} / {figure.p99_ms:.1f}",
        )
    console.print(table)


def keep(figures: list[Figure]) -> Path:
    """Append the run to bench/results (git-ignored); RESULTS.md holds what was reviewed."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / "runs.jsonl"
    run = {
        "at": datetime.now(UTC),
        "system": platform.system(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "figures": figures,
    }
    with path.open("ab") as file:
        file.write(msgspec.json.encode(run) + b"\n")
    return path
