"""Migrations lead to exactly what schema.sql says the database is."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files

import psycopg
import pytest
from psycopg import sql

from talktime.db.embedded import EmbeddedServer
from talktime.db.migrate import is_current, upgrade

MakeDatabase = Callable[[str], str]


@pytest.fixture
def make_database(embedded_server: EmbeddedServer) -> Iterator[MakeDatabase]:
    """Makes empty databases of this test's own; answers their connection strings."""
    made: list[sql.Identifier] = []
    with psycopg.connect(embedded_server.conninfo("postgres"), autocommit=True) as admin:

        def make(name: str) -> str:
            made.append(sql.Identifier(name))
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(made[-1]))
            admin.execute(sql.SQL("CREATE DATABASE {}").format(made[-1]))
            return embedded_server.conninfo(name)

        yield make
        for name in made:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@contextmanager
def owner_of(conninfo: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(conninfo, autocommit=True) as owner:
        yield owner


def dump(server: EmbeddedServer, conninfo: str) -> list[str]:
    """What pg_dump tells of a database, but for the partitions of the day and the queue."""
    done = subprocess.run(
        [
            str(server.bin_dir / "pg_dump"), "--schema-only", "--no-owner",
            "--restrict-key=compared", "--exclude-table=event_2*",
            "--exclude-table=alembic_version", "--exclude-schema=jobs", f"--dbname={conninfo}",
        ],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout.splitlines()


def test_migrations_lead_to_the_schema(
    embedded_server: EmbeddedServer, make_database: MakeDatabase, worker_id: str
) -> None:
    """All migrations in turn make the same database as schema.sql at once, functions included."""
    migrated = make_database(f"migrated_{worker_id}")
    written = make_database(f"written_{worker_id}")
    upgrade(migrated)
    source = files("talktime.db")
    functions = sorted(
        (entry for entry in (source / "functions").iterdir() if entry.name.endswith(".sql")),
        key=lambda entry: entry.name,
    )
    with owner_of(written) as owner:
        owner.execute((source / "schema.sql").read_bytes())
        for function in functions:
            owner.execute(function.read_bytes())
    assert dump(embedded_server, migrated) == dump(embedded_server, written)


def test_upgrading_again_changes_nothing(
    embedded_server: EmbeddedServer, make_database: MakeDatabase, worker_id: str
) -> None:
    """An upgrade of an up-to-date database is recognised and leaves it as it is."""
    conninfo = make_database(f"twice_{worker_id}")
    upgrade(conninfo)
    before = dump(embedded_server, conninfo)
    with owner_of(conninfo) as owner:
        assert is_current(owner)
    upgrade(conninfo)
    assert dump(embedded_server, conninfo) == before


def test_a_lost_stamp_is_harmless(make_database: MakeDatabase, worker_id: str) -> None:
    """Where the digest does not fit, the functions are replaced and the data stays."""
    conninfo = make_database(f"stamp_{worker_id}")
    upgrade(conninfo)
    with owner_of(conninfo) as owner:
        owner.execute("UPDATE schema_stamp SET digest = 'another release'")
        owner.execute(
            "INSERT INTO account (account_id, name, email, created_at)"
            " VALUES ('kept', 'Ada', 'ada@example.org', now())"
        )
        assert not is_current(owner)
    upgrade(conninfo)
    with owner_of(conninfo) as owner:
        assert is_current(owner)
        assert owner.execute("SELECT count(*) FROM account").fetchone() == (1,)
