"""Starting, stopping and sharing the embedded server."""

import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from talktime.db.embedded import EmbeddedUnavailable, start_server
from talktime.db.embedded_postmaster import exists

SETTINGS = {"fsync": "off", "shared_buffers": "16MB", "min_wal_size": "32MB"}


def answer(conninfo: str, statement: Any) -> Any:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute(statement).fetchone()
        return None if row is None else row[0]


def write(conninfo: str, statement: Any) -> None:
    with psycopg.connect(conninfo) as connection:
        connection.execute(statement)


def test_it_starts_with_everything_synced(server_home: Path) -> None:
    """Cold and warm, with the settings that we run with, it serves and syncs what it is told.

    How fast it starts is measured by ``make bench``: a clock in a test only measures its machine.
    """
    for _ in range(2):
        with start_server(server_home) as server:
            assert answer(server.conninfo(), "SHOW fsync") == "on"
            assert answer(server.conninfo(), "SHOW synchronous_commit") == "on"


def test_what_is_written_stays(server_home: Path) -> None:
    """A row written before a stop is there after the next start."""
    with start_server(server_home, settings=SETTINGS) as server:
        write(server.conninfo(), "CREATE TABLE kept AS SELECT 7 AS n")
        pid = server.pid
    assert not exists(pid)
    with start_server(server_home, settings=SETTINGS) as server:
        assert answer(server.conninfo(), "SELECT n FROM kept") == 7


def test_our_settings_hold(server_home: Path) -> None:
    """Commits are durable unless told otherwise, no network is listened on, UTC and UTF-8."""
    with start_server(server_home, settings={"work_mem": "5MB"}) as server:
        wanted = {
            "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "jit": "off",
            "listen_addresses": "", "TimeZone": "UTC", "server_encoding": "UTF8",
            "data_checksums": "on", "work_mem": "5MB",
        }  # fmt: skip
        with psycopg.connect(server.conninfo()) as connection:
            found = {
                name: connection.execute("SELECT current_setting(%s)", [name]).fetchone()
                for name in wanted
            }
        assert found == {name: (value,) for name, value in wanted.items()}


def test_it_is_private(server_home: Path) -> None:
    """Only PostgreSQL's user may enter data and socket directories, and it is never root."""
    with start_server(server_home, settings=SETTINGS) as server:
        socket_dir = Path(str(psycopg.conninfo.conninfo_to_dict(server.conninfo())["host"]))
        for directory in (server.data_dir, socket_dir):
            assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert stat.S_IMODE(server.log_file.stat().st_mode) == 0o600
        assert server.data_dir.stat().st_uid != 0
        assert Path(f"/proc/{server.pid}").stat().st_uid == server.data_dir.stat().st_uid


def test_secrets_are_not_handed_on(server_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's environment has nothing of ours in it, and none of its own variables."""
    monkeypatch.setenv("TALKTIME_OPERATOR_KEY", "k" * 32)
    monkeypatch.setenv("PGPORT", "1")
    with start_server(server_home, settings=SETTINGS) as server:
        environment = Path(f"/proc/{server.pid}/environ").read_bytes()
        assert b"k" * 32 not in environment
        assert b"PGPORT=1" not in environment


def test_a_long_home_still_has_a_socket(server_home: Path) -> None:
    """A path too long for a unix socket is no hindrance, and the address stays the same."""
    home = server_home / ("long" * 20) / ("longer" * 20)
    with start_server(home, settings=SETTINGS) as server:
        first = server.conninfo()
        assert answer(first, "SELECT 1") == 1
    with start_server(home, settings=SETTINGS) as server:
        assert server.conninfo() == first


def test_a_second_process_attaches(server_home: Path, hold: Callable[..., Any]) -> None:
    """The same server serves both, and the second one's end leaves it to the first."""
    owner = hold(server_home)
    first = owner.told()
    assert first["owned"]
    second = start_server(server_home, settings=SETTINGS)
    assert not second.owned
    assert (second.pid, second.conninfo()) == (first["pid"], first["conninfo"])
    second.stop()
    assert owner.ask() == first
    with pytest.raises(EmbeddedUnavailable, match="stopped by this process"):
        second.ensure_running()


def test_simultaneous_first_starts_make_one_server(
    server_home: Path, hold: Callable[..., Any]
) -> None:
    """Of three processes on an empty home one owns the server, and all have the same."""
    told = [holder.told() for holder in [hold(server_home) for _ in range(3)]]
    assert sorted(one["owned"] for one in told) == [False, False, True]
    assert len({one["pid"] for one in told}) == 1


def test_an_attached_process_takes_over(
    server_home: Path, hold: Callable[..., Any], wait_for: Callable[..., None]
) -> None:
    """When the owner goes, whoever is attached runs the server on, at the same address."""
    owner = hold(server_home)
    first = owner.told()
    heir = start_server(server_home, settings=SETTINGS)
    write(heir.conninfo(), "CREATE TABLE kept AS SELECT 7 AS n")
    owner.kill()
    wait_for(lambda: heir.owned)
    heir.ensure_running()
    assert heir.pid != first["pid"]
    assert answer(first["conninfo"], "SELECT n FROM kept") == 7
    heir.stop()


def test_data_of_another_major_version_is_refused(server_home: Path) -> None:
    """Another PostgreSQL's data is left alone, and the refusal says what to do."""
    with start_server(server_home, settings=SETTINGS) as server:
        mark = server.data_dir / "PG_VERSION"
    mark.write_text("15\n")
    with pytest.raises(EmbeddedUnavailable, match=r"belongs to PostgreSQL 15.*pg_dump"):
        start_server(server_home, settings=SETTINGS)
    assert mark.read_text() == "15\n"


def test_a_bad_setting_is_told_in_postgres_words(server_home: Path) -> None:
    """A server that cannot start says why, and leaves no process and no lock behind."""
    with start_server(server_home, settings=SETTINGS):
        pass
    with pytest.raises(EmbeddedUnavailable, match="shared_buffers"):
        start_server(server_home, settings={"shared_buffers": "plenty"})
    with start_server(server_home, settings=SETTINGS) as server:
        assert server.owned


def test_a_half_made_data_directory_is_made_anew(server_home: Path) -> None:
    """What an interrupted first start left is not mistaken for data."""
    left = server_home / "postgres" / "data.new"
    left.mkdir(parents=True)
    left.parent.chmod(0o755)
    (left / "PG_VERSION").write_text("18\n")
    with start_server(server_home, settings=SETTINGS) as server:
        assert answer(server.conninfo(), "SELECT 1") == 1
    assert not left.exists()


def test_a_forked_child_does_not_stop_the_server(server_home: Path) -> None:
    """Only the process that started the server stops it, not a copy of that process."""
    script = (
        "import os, sys; from pathlib import Path; from talktime.db.embedded import start_server\n"
        "server = start_server(Path(sys.argv[1]), settings={'fsync': 'off'})\n"
        "if (child := os.fork()) == 0: server.stop(); os._exit(0)\n"
        "os.waitpid(child, 0); server.ensure_running(); os.kill(server.pid, 0); print('up')"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(server_home)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout == "up\n"
