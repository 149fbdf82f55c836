"""The embedded database as one file, and a new home filled from such a file.

The file is pg_dump's, of one moment; calls go on while it is written. An operator's own server is
backed up by the tools that are there for it.
"""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from talktime.core.errors import TalktimeError
from talktime.db.embedded import EmbeddedServer, start_server
from talktime.db.embedded_user import clean_environment
from talktime.db.migrate import has_schema, make_app_role, upgrade
from talktime.db.opening import has_database


class BackupFailed(TalktimeError):
    """A backup could not be written or read; the message says why and what to do."""

    code = "backup_failed"


def write_backup(home: Path, file: Path) -> None:
    """Write the database of `home` to `file`, which appears whole, for its owner's eyes alone.

    Raises BackupFailed; a file of that name is then as it was.
    """
    if file.is_dir():  # as "" is, too
        raise BackupFailed(
            f"FILE is {str(file)!r}, which is a directory: name a file to write in it, as in "
            f"talktime db backup {file / 'talktime.dump'}"
        )
    if not has_database(home):
        raise BackupFailed(f"there is no database in {home}: name the right one in TALKTIME_HOME")
    with start_server(home) as server:
        try:
            # In a folder of our own: what somebody else made beside it would be theirs to read.
            with TemporaryDirectory(prefix=f".{file.name}.", dir=file.parent) as folder:
                part = Path(folder) / file.name
                dump_database(server, server.conninfo(), part)
                part.replace(file)
        except OSError as error:
            raise BackupFailed(f"{file} cannot be written ({error.strerror})") from error


def read_backup(home: Path, file: Path) -> None:
    """Fill a new home from a file of write_backup, and upgrade it. Raises BackupFailed."""
    with start_server(home) as server:
        fill_database(server, server.conninfo(), file)


def dump_database(server: EmbeddedServer, conninfo: str, file: Path) -> None:
    """Write a database of a running server, in the format that pg_restore reads."""
    _run(server, "pg_dump", "--format=custom", f"--file={file}", f"--dbname={conninfo}")


def fill_database(server: EmbeddedServer, conninfo: str, file: Path) -> None:
    """Fill an empty database of a running server, all or nothing, and upgrade it."""
    with psycopg.connect(conninfo, autocommit=True) as owner:
        if has_schema(owner):
            raise BackupFailed(
                "there is a database already, which a backup never replaces: set TALKTIME_HOME to "
                "a new directory"
            )
        make_app_role(owner)
    options = ("--single-transaction", "--exit-on-error", "--no-owner")
    _run(server, "pg_restore", *options, f"--dbname={conninfo}", str(file))
    upgrade(conninfo)


def _run(server: EmbeddedServer, program: str, *arguments: str) -> None:
    done = subprocess.run(  # noqa: S603  (our own binaries; the home's socket needs no password)
        [str(server.bin_dir / program), *arguments],
        env=clean_environment(),
        umask=0o077,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BackupFailed(f"{program} says: {done.stderr.strip()[-2000:]}")
