"""One PostgreSQL for a whole test run, and in it a database for each xdist worker."""

import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol, TextIO

import psycopg
import pytest
from psycopg import sql

from talktime.core.money import parse_usd
from talktime.core.ratecard import PriceBook
from talktime.db.embedded import EmbeddedServer, start_server
from talktime.db.migrate import upgrade
from talktime.db.pool import Connection
from talktime.ops.accounts import create_account
from talktime.ops.adjustments import post_adjustment
from talktime.ops.platform import Platform, open_platform
from talktime.ops.terms import Terms


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


class MakeDatabase(Protocol):
    """Makes a database of the migrated template, to be dropped when it is left."""

    def __call__(self, name: str) -> AbstractContextManager[str]:
        """The owner's connection string to the database of this name."""
        ...


@pytest.fixture(scope="session")
def make_database(embedded_server: EmbeddedServer, test_run_dir: Path) -> MakeDatabase:
    """Databases of this worker's own; the first to ask in a run migrates the template."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")

    @contextmanager
    def make(name: str) -> Iterator[str]:
        made = f"{name}_{worker}"
        admin_url = embedded_server.conninfo("postgres")
        with (
            locked(test_run_dir / "template.lock"),
            psycopg.connect(admin_url, autocommit=True) as admin,
        ):
            template = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE])
            if template.fetchone() is None:
                admin.execute("DROP DATABASE IF EXISTS template_part")
                admin.execute("CREATE DATABASE template_part")
                upgrade(embedded_server.conninfo("template_part"))
                admin.execute(f"ALTER DATABASE template_part RENAME TO {TEMPLATE}")
            admin.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                    sql.Identifier(made), sql.Identifier(TEMPLATE)
                )
            )
        yield embedded_server.conninfo(made)
        with psycopg.connect(admin_url, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(made)))

    return make


@pytest.fixture(scope="session")
def database_url(make_database: MakeDatabase) -> Iterator[str]:
    """The owner's connection string to the database that the tests of this worker share."""
    with make_database("test") as url:
        yield url


class AccountFactory(Protocol):
    """Opens a fresh account with the given balances, through the front door; answers its id."""

    async def __call__(
        self, promo: str = "0", paid: str = "0", *, verified: bool = False, email: str | None = None
    ) -> str: ...


@pytest.fixture(scope="session")
async def platform(database_url: str) -> AsyncIterator[Platform]:
    """Talktime on this worker's database, on the default terms."""
    async with open_platform(
        database_url, terms=Terms(), public_url="https://talktime.test"
    ) as opened:
        yield opened


@pytest.fixture
async def untouched(make_database: MakeDatabase) -> AsyncIterator[Platform]:
    """Talktime on a database in which nothing has happened yet, by a single connection."""
    with make_database("untouched") as url:
        async with open_platform(url, terms=Terms(), public_url="", pool_size=1) as opened:
            yield opened


@pytest.fixture
async def connection(platform: Platform) -> AsyncIterator[Connection]:
    """A connection of the application's own, in autocommit."""
    async with platform.connection() as opened:
        yield opened


@pytest.fixture
def book(platform: Platform) -> PriceBook:
    """The reviewed list prices."""
    return platform.prices.book


@pytest.fixture
def now(platform: Platform) -> datetime:
    return platform.clock()


@pytest.fixture(scope="session")
def make_account(platform: Platform) -> AccountFactory:
    """Opens a fresh account of this test's own, with USD balances as on the wire."""

    async def make(
        promo: str = "0", paid: str = "0", *, verified: bool = False, email: str | None = None
    ) -> str:
        account_id = f"acct-{uuid.uuid4().hex}"
        async with platform.connection() as connection:
            await create_account(
                connection,
                account_id=account_id,
                name="Ada's Bots",
                email=email or f"{account_id[5:]}@example.com",
                verified=verified,
                terms=platform.terms,
                now=platform.clock(),
            )
            promo_nanos = parse_usd(promo, field="promo")
            paid_nanos = parse_usd(paid, field="paid")
            if promo_nanos or paid_nanos:
                await post_adjustment(
                    connection,
                    account_id=account_id,
                    adjustment_id="opening balance",
                    promo_nanos=promo_nanos,
                    paid_nanos=paid_nanos,
                    reason="what this test begins with",
                    terms=platform.terms,
                    now=platform.clock(),
                )
        return account_id

    return make


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Chromium is; without one the browser tests are skipped."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.skip("no chromium on PATH: install it (as root on Debian, make test does) to run this")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
