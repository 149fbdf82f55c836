"""One PostgreSQL for a whole test run, and in it a database for each xdist worker."""

import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TextIO

import psycopg
import pytest
from psycopg import sql

from talktime.db.embedded import EmbeddedServer, start_server
from talktime.db.migrate import upgrade


class Running(NamedTuple):
    server: EmbeddedServer
    in_use: TextIO
    """Locked, shared, by every worker that uses the server."""
    shared: Path


RUNNING = pytest.StashKey[Running]()

TEMPLATE = "talktime_template"
# Nothing here has to survive a power cut.
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "256MB",
    "max_connections": "200",
}


@pytest.fixture(scope="session")
def test_run_dir() -> Path:
    """A directory that all workers of this run share and that PostgreSQL's user can reach."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex
    shared = Path(tempfile.gettempdir()) / f"talktime-test-{run[:12]}"
    shared.mkdir(mode=0o755, exist_ok=True)
    if shared.stat().st_uid != os.geteuid():
        pytest.exit(f"{shared} belongs to somebody else", returncode=2)
    return shared


@pytest.fixture(scope="session")
def embedded_server(test_run_dir: Path, pytestconfig: pytest.Config) -> EmbeddedServer:
    """The run's own server, started by whichever worker asks first."""
    in_use = (test_run_dir / "users.lock").open("w")
    fcntl.flock(in_use, fcntl.LOCK_SH)
    server = start_server(test_run_dir / "home", settings=SETTINGS)
    pytestconfig.stash[RUNNING] = Running(server, in_use, test_run_dir)
    return server


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the server when the last worker that uses it is done; no time limit runs here."""
    running = session.config.stash.get(RUNNING, None)
    if running is None:
        return
    with running.in_use:
        owned = running.server.owned
        if owned:
            fcntl.flock(running.in_use, fcntl.LOCK_EX)
        running.server.stop()
        if owned:
            shutil.rmtree(running.shared)


@pytest.fixture(scope="session")
def database_url(embedded_server: EmbeddedServer, test_run_dir: Path) -> Iterator[str]:
    """The owner's connection string to this worker's database, made from the migrated template."""
    name = f"test_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    with (
        locked(test_run_dir / "template.lock"),
        psycopg.connect(embedded_server.conninfo("postgres"), autocommit=True) as admin,
    ):
        template = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE])
        if template.fetchone() is None:
            admin.execute("DROP DATABASE IF EXISTS template_part")
            admin.execute("CREATE DATABASE template_part")
            upgrade(embedded_server.conninfo("template_part"))
            admin.execute(f"ALTER DATABASE template_part RENAME TO {TEMPLATE}")
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(TEMPLATE)
            )
        )
    yield embedded_server.conninfo(name)
    with psycopg.connect(embedded_server.conninfo("postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


# Fixtures `pool` and `account` build on `database_url`.


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
