"""Opening the one database of an installation: the embedded one, or the operator's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from talktime.core.errors import TalktimeError
from talktime.db.embedded import EmbeddedUnavailable, start_server
from talktime.db.embedded_place import find_place
from talktime.db.migrate import APP_ROLE, upgrade
from talktime.db.queries import query


class DatabaseAway(TalktimeError):
    """There is no database to be had; the message says which, why and what to do."""

    code = "database_away"


def has_database(home: Path) -> bool:
    """Whether the embedded database of `home` has been made. Raises DatabaseAway where the
    directory cannot be had."""
    try:
        return find_place(home).data_dir.exists()
    except EmbeddedUnavailable as error:
        raise DatabaseAway(str(error)) from error


@contextmanager
def opened_database(home: Path, database_url: str | None) -> Iterator[str]:
    """The connection string of a database with the present schema.

    It is that of the application's role where the server is ours; where the operator brings one, it
    is theirs, and connections take the application's role on opening.

    The embedded server of ``home`` is started, or shared with the process that runs it already;
    it stops with the block if it was started here. Raises DatabaseAway, or DatabaseUnfit where
    the database is there and cannot serve.
    """
    if database_url is not None:
        _reach(database_url)
        upgrade(database_url)
        yield database_url
        return
    try:
        server = start_server(home)
    except EmbeddedUnavailable as error:
        raise DatabaseAway(str(error)) from error
    with server:
        upgrade(server.conninfo())
        with psycopg.connect(server.conninfo(), autocommit=True) as owner:
            owner.execute(query("let_app_log_in"))
        yield server.conninfo(user=APP_ROLE)


def _reach(database_url: str) -> None:
    try:
        psycopg.connect(database_url, connect_timeout=10).close()
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        reason = str(error).strip().splitlines()[0]
        raise DatabaseAway(
            f"the database of TALKTIME_DATABASE_URL cannot be reached ({reason}): see that "
            "PostgreSQL runs there and that its address, user and password are right"
        ) from error
