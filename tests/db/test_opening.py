"""Opening an installation's database."""

from pathlib import Path

import psycopg
import pytest

from talktime.db.opening import opened_database


def test_the_application_is_not_the_owner(server_home: Path) -> None:
    """What connects to the embedded server has no rights to take back: it logs in as itself."""
    with (
        opened_database(server_home, None) as conninfo,
        psycopg.connect(conninfo, autocommit=True) as connection,
    ):
        connection.execute("SET ROLE NONE")
        assert connection.execute("SELECT current_user").fetchone() == ("talktime_app",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SET ROLE talktime_owner")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("TRUNCATE entry")


def test_planning_days_drops_nothing_that_is_told(server_home: Path) -> None:
    """A wrong date, or nothing to keep, is refused instead of dropping the outbox's days."""
    with (
        opened_database(server_home, None) as conninfo,
        psycopg.connect(conninfo, autocommit=True) as connection,
    ):
        for days in ("'2099-01-01', 0, 2", "current_date, 0, 0", "current_date, 400, 2"):
            with pytest.raises(psycopg.errors.InvalidParameterValue):
                connection.execute(f"SELECT plan_event_days({days})")
