"""What happens when the embedded server, or the process that holds it, is killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from talktime.db.embedded import start_server
from talktime.db.embedded_postmaster import LOG_BYTES, exists, rotate_log

SETTINGS = {"fsync": "off", "shared_buffers": "16MB", "min_wal_size": "32MB"}


def count(conninfo: str) -> int:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
        assert row is not None
        return int(row[0])


def fill(conninfo: str) -> None:
    with psycopg.connect(conninfo) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000)")


def test_it_shuts_down_cleanly_when_its_holder_is_killed(
    server_home: Path, hold: Callable[..., Any], wait_for: Callable[..., None]
) -> None:
    """kill -9 of the holder: the server ends by itself, with a clean shutdown in its log."""
    holder = hold(server_home)
    told = holder.told()
    fill(told["conninfo"])
    holder.kill()
    wait_for(lambda: not exists(told["pid"]))
    assert "database system is shut down" in Path(told["log_file"]).read_text()
    assert not (Path(told["data_dir"]) / "postmaster.pid").exists()
    with start_server(server_home, settings=SETTINGS) as server:
        assert count(server.conninfo()) == 1000


def test_it_ends_with_a_holder_that_is_terminated(
    server_home: Path, hold: Callable[..., Any], wait_for: Callable[..., None]
) -> None:
    """SIGTERM to a holder that does not handle it stops the server too."""
    holder = hold(server_home)
    told = holder.told()
    holder.process.terminate()
    assert holder.process.wait(10) == -signal.SIGTERM
    wait_for(lambda: not exists(told["pid"]))


def test_it_ends_with_a_holder_that_forgets_to_stop_it(server_home: Path) -> None:
    """A process that just ends stops its server on the way out."""
    script = (
        "import sys; from pathlib import Path; from talktime.db.embedded import start_server\n"
        "print(start_server(Path(sys.argv[1]), settings={'fsync': 'off'}).pid)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(server_home)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert not exists(int(done.stdout))
    assert done.stderr == ""


def test_it_comes_back_after_its_own_kill(server_home: Path, wait_for: Callable[..., None]) -> None:
    """kill -9 of the postmaster: a new one serves at the same address, nothing is lost."""
    with start_server(server_home, settings=SETTINGS) as server:
        address = server.conninfo()
        fill(address)
        with psycopg.connect(address) as client:
            for _ in range(2):
                killed = server.pid
                os.kill(killed, signal.SIGKILL)
                wait_for(lambda gone=killed: not exists(gone))
                server.ensure_running()
                assert server.pid != killed
                assert server.conninfo() == address
                assert count(address) == 1000
            assert client.info.dbname == "talktime"


def test_it_recovers_when_all_are_killed_at_once(
    server_home: Path, hold: Callable[..., Any]
) -> None:
    """Holder and postmaster killed together, as by a power cut: the next start recovers."""
    holder = hold(server_home)
    told = holder.told()
    fill(told["conninfo"])
    os.kill(told["pid"], signal.SIGKILL)
    holder.kill()
    with start_server(server_home, settings=SETTINGS) as server:
        assert server.owned
        assert count(server.conninfo()) == 1000


def test_a_stale_pid_file_with_a_living_number_is_no_hindrance(server_home: Path) -> None:
    """A process number that something else has now does not keep the server from starting."""
    with start_server(server_home, settings=SETTINGS) as server:
        pid_file = server.data_dir / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    with start_server(server_home, settings=SETTINGS) as server:
        assert server.pid != os.getpid()
        assert server.owned


def test_a_postmaster_that_outlived_its_owner_is_replaced(
    server_home: Path, wait_for: Callable[..., None]
) -> None:
    """A server without an owner is shut down cleanly before a new one starts on its data."""
    with start_server(server_home, settings=SETTINGS) as server:
        postgres, data_dir = server.bin_dir / "postgres", server.data_dir
        sockets = psycopg.conninfo.conninfo_to_dict(server.conninfo())["host"]
        fill(server.conninfo())
    orphan = subprocess.Popen(
        [postgres, "-D", data_dir, "-k", str(sockets), "-c", "listen_addresses="],
        user=data_dir.stat().st_uid if os.geteuid() == 0 else None,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
    )
    wait_for((data_dir / "postmaster.pid").exists)
    with start_server(server_home, settings=SETTINGS) as server:
        assert orphan.wait(10) == 0
        assert count(server.conninfo()) == 1000


def test_the_watchdog_stands_in_for_the_kernel(wait_for: Callable[..., None]) -> None:
    """Where the kernel does not tell of a parent's death, a waiting process does."""
    script = (
        "import signal, subprocess, sys\n"
        "from talktime.db.embedded_postmaster import watch_parent\n"
        "signal.signal(signal.SIGINT, signal.SIG_DFL)\n"  # which `make test &` would ignore
        "kept = subprocess.Popen(['sleep', '60'], start_new_session=True)\n"
        "watchdog = watch_parent(kept.pid, None)\n"
        "print(kept.pid, watchdog.pid, flush=True)\n"
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        kept, watchdog = map(int, parent.stdout.readline().split())
        assert exists(kept)
        parent.kill()
    wait_for(lambda: not exists(kept))
    wait_for(lambda: not exists(watchdog))


def test_the_log_is_cut_when_it_has_grown(tmp_path: Path) -> None:
    """A log over its limit is kept as one older part, and the present one begins anew."""
    log = tmp_path / "postgres.log"
    log.write_bytes(b"x" * (LOG_BYTES - 1))
    rotate_log(log)
    assert log.stat().st_size == LOG_BYTES - 1
    with log.open("ab") as writer:
        writer.write(b"y" * 2)
        writer.flush()
        rotate_log(log)
        writer.write(b"z")
    assert log.read_bytes() == b"z"
    assert log.with_name("postgres.log.1").stat().st_size == LOG_BYTES + 1
