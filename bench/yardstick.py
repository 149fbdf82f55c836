"""pgbench's simple update on the same server: the yardstick of every run."""

import re
import subprocess
from pathlib import Path

import psycopg

from bench.report import Figure

SCALE = "10"
CLIENTS = "8"


def pgbench_figure(bin_dir: Path, admin: str, conninfo: str, seconds: int) -> Figure:
    """Transactions per second of ``pgbench -N``, prepared, eight clients."""
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("CREATE DATABASE yardstick")
    program = str(bin_dir / "pgbench")
    _run(program, "-i", "-q", "-s", SCALE, conninfo)
    told = _run(
        program, "-N", "-M", "prepared", "-c", CLIENTS, "-j", "2", "-T", str(seconds), conninfo
    )
    found = re.search(r"tps = ([0-9.]+)", told)
    assert found is not None, told
    return Figure(
        part="pgbench",
        name=f"pgbench simple update, {CLIENTS} clients",
        per_second=float(found[1]),
    )


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise RuntimeError(f"pgbench failed: {done.stderr.strip()[-500:]}")
    return done.stdout
