"""Brings a database to the present schema.

Alembic moves the tables; the functions and views are replaced whole.
"""

import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable

import psycopg

from talktime.core.errors import TalktimeError
from talktime.db.queries import query

APP_ROLE = "talktime_app"
_LOCK = 0x7A1C71  # one migration at a time, whoever starts it
_HERE: Traversable = files("talktime.db")


class DatabaseUnfit(TalktimeError):
    """The database cannot serve: too old, or we may not do there what we must."""

    code = "database_unfit"


def upgrade(conninfo: str) -> None:
    """Apply what is missing, as the schema's owner; safe to repeat, from several processes too.

    Raises DatabaseUnfit where the server is older than PostgreSQL 15 or the role may not create
    what is needed.
    """
    with psycopg.connect(conninfo, autocommit=True) as owner:
        if owner.info.server_version < 150000:
            raise DatabaseUnfit(
                "PostgreSQL 15 or newer is needed, this is "
                f"{owner.info.parameter_status('server_version')}"
            )
        owner.execute(query("lock_migrations"), [_LOCK])
        try:
            if is_current(owner):
                return
            make_app_role(owner)
            _run_migrations(conninfo)
            with owner.transaction():
                for source in _function_sources():
                    owner.execute(source)
                owner.execute((_HERE / "after_upgrade.sql").read_bytes())
                owner.execute(query("write_schema_stamp"), [_wanted_stamp()])
        except psycopg.errors.InsufficientPrivilege as error:
            raise DatabaseUnfit(
                f"the database user may not set up the schema ({error.diag.message_primary}); "
                f"let its administrator create the role {APP_ROLE}, grant it to this user, "
                "and grant CREATE on schema public"
            ) from error


def is_current(connection: psycopg.Connection) -> bool:
    """Whether this database has exactly the schema and functions of this release."""
    return _stamp_of(connection) == _wanted_stamp()


def has_schema(connection: psycopg.Connection) -> bool:
    """Whether this database has a schema of Talktime's, of whichever release."""
    return _stamp_of(connection) is not None


def make_app_role(owner: psycopg.Connection) -> None:
    """Make the application's role where the server has none; roles are no part of a database."""
    owner.execute((_HERE / "app_role.sql").read_bytes())


def _run_migrations(conninfo: str) -> None:
    # Imported here: an unchanged database is recognised without them, and they take a second.
    import sqlalchemy  # noqa: PLC0415
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "talktime.db:migrations")
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(conninfo),
        poolclass=sqlalchemy.NullPool,
    )
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _function_sources() -> list[bytes]:
    folder = _HERE / "functions"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(folder / name).read_bytes() for name in names]


def _wanted_stamp() -> str:
    """A digest of every migration and function: tells an unchanged database in one query."""
    versions = _HERE / "migrations" / "versions"
    names = sorted(entry.name for entry in versions.iterdir() if entry.name.endswith(".sql"))
    digest = hashlib.sha256()
    for source in [
        *((versions / name).read_bytes() for name in names),
        *_function_sources(),
        (_HERE / "after_upgrade.sql").read_bytes(),
    ]:
        digest.update(hashlib.sha256(source).digest())
    return digest.hexdigest()


def _stamp_of(connection: psycopg.Connection) -> str | None:
    try:
        row = connection.execute(query("read_schema_stamp")).fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    return None if row is None else str(row[0])
