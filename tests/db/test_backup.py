from pathlib import Path

import psycopg
import pytest

from talktime.db.backup import BackupFailed, dump_database, fill_database, write_backup
from talktime.db.embedded import EmbeddedServer
from talktime.db.migrate import is_current
from tests.conftest import AccountFactory

ENTRIES = "SELECT * FROM entry WHERE account_id = %s ORDER BY seq"


async def test_a_backup_brings_everything_back(
    embedded_server: EmbeddedServer, database_url: str, make_account: AccountFactory, tmp_path: Path
) -> None:
    """A database filled from a backup has the schema of this release and every entry, and one
    that has something is never filled."""
    account_id = await make_account(promo="0.50", paid="5.00")
    file = tmp_path / "backup"
    dump_database(embedded_server, database_url, file)
    assert file.stat().st_mode & 0o077 == 0
    with pytest.raises(BackupFailed, match="never replaces"):
        fill_database(embedded_server, database_url, file)
    admin_url, filled_url = (embedded_server.conninfo(name) for name in ("postgres", tmp_path.name))
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{tmp_path.name}"')
        try:
            fill_database(embedded_server, filled_url, file)
            with psycopg.connect(database_url) as before, psycopg.connect(filled_url) as after:
                told = after.execute(ENTRIES, [account_id]).fetchall()
                assert told == before.execute(ENTRIES, [account_id]).fetchall()
                assert len(told) == 1
                assert is_current(after)
        finally:
            admin.execute(f'DROP DATABASE "{tmp_path.name}" WITH (FORCE)')


def test_a_home_is_not_mistaken(tmp_path: Path) -> None:
    """A home without a database is not backed up as an empty one, and leaves no file."""
    with pytest.raises(BackupFailed, match="TALKTIME_HOME"):
        write_backup(tmp_path, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


@pytest.mark.parametrize("typed", ["", ".", "/", ".."])
def test_a_directory_is_not_taken_for_a_file(tmp_path: Path, typed: str) -> None:
    """The name of a directory is refused before anything is begun, with one to give instead."""
    with pytest.raises(BackupFailed, match=r"FILE .* is a directory.*\.dump"):
        write_backup(tmp_path, Path(typed))
