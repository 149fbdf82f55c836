"""As whom the embedded server runs, and where its files lie."""

import os
import pwd
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from talktime.db.embedded import EmbeddedUnavailable, start_server
from talktime.db.embedded_place import (
    installed_binaries,
    reachable_binaries,
    socket_dir_of,
    sweep_temporary,
)
from talktime.db.embedded_user import SYSTEM_DIR, can_run, system_user

SETTINGS = {"fsync": "off", "shared_buffers": "16MB", "min_wal_size": "32MB"}
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")


@pytest.fixture
def nobody_python() -> tuple[str, int]:
    """An interpreter like ours that the user nobody can run our code with, and that user's id."""
    uid = pwd.getpwnam("nobody").pw_uid
    wanted = f"import talktime, psycopg, sys; assert sys.version_info[:2] == {sys.version_info[:2]}"
    for python in (sys.executable, f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}"):
        try:
            done = subprocess.run(
                [python, "-c", wanted],
                user=uid,
                group=uid,
                extra_groups=[],
                env={"PYTHONPATH": os.pathsep.join(sys.path)},
                capture_output=True,
                timeout=20,
                check=False,
            )
        except OSError:
            continue
        if done.returncode == 0:
            return python, uid
    pytest.skip("the user nobody can reach neither our interpreter nor the system's")


@as_root
def test_an_ordinary_user_runs_it_as_itself(
    server_home: Path, hold: Callable[..., Any], nobody_python: tuple[str, int]
) -> None:
    """Without root, the server runs as whoever starts it, in a home of that user's."""
    python, uid = nobody_python
    os.chown(server_home, uid, uid)
    holder = hold(server_home, python=python, uid=uid)
    told = holder.told()
    assert Path(f"/proc/{told['pid']}").stat().st_uid == uid
    assert Path(told["data_dir"]).stat().st_uid == uid
    with psycopg.connect(told["conninfo"]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert holder.close() == 0


@as_root
def test_a_home_that_we_may_not_write_to_is_refused(
    hold: Callable[..., Any], nobody_python: tuple[str, int]
) -> None:
    """Another user's home is refused with the variable to set."""
    python, uid = nobody_python
    assert "TALKTIME_HOME" in hold(Path("/root/home"), python=python, uid=uid).told()["error"]


@as_root
def test_root_does_not_take_over_a_users_cluster(server_home: Path) -> None:
    """Started by root on a home that another user began, it refuses instead of changing owners."""
    cluster = server_home / "postgres"
    cluster.mkdir()
    os.chown(cluster, 65534, 65534)
    with pytest.raises(EmbeddedUnavailable, match="belongs to user 65534"):
        start_server(server_home, settings=SETTINGS)


@pytest.fixture
def closed_home(server_home: Path) -> Iterator[Path]:
    """A home that only root can enter, as made by mktemp -d."""
    home = server_home / "closed"
    home.mkdir(mode=0o700)
    yield home
    pointer = home / "postgres.location"
    if pointer.exists():
        shutil.rmtree(pointer.read_text().strip())


@as_root
def test_an_unreachable_home_keeps_its_permissions(closed_home: Path) -> None:
    """The data goes where PostgreSQL's user can reach it; the home stays closed and says where."""
    with start_server(closed_home, settings=SETTINGS) as server:
        with psycopg.connect(server.conninfo()) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
        assert server.data_dir.is_relative_to(SYSTEM_DIR)
        data_dir = server.data_dir
    assert stat.S_IMODE(closed_home.stat().st_mode) == 0o700
    assert (closed_home / "postgres.location").read_text().strip() == str(data_dir.parent)
    with start_server(closed_home, settings=SETTINGS) as server:
        assert server.data_dir == data_dir
        with psycopg.connect(server.conninfo()) as connection:
            assert connection.execute("SELECT n FROM kept").fetchone() == (7,)


@as_root
def test_a_lost_cluster_is_not_replaced_by_an_empty_one(closed_home: Path) -> None:
    """Where the pointer leads nowhere, starting refuses instead of beginning with no money."""
    (closed_home / "postgres.location").write_text("/var/lib/talktime/clusters/gone\n")
    with pytest.raises(EmbeddedUnavailable, match="nothing is there"):
        start_server(closed_home, settings=SETTINGS)
    (closed_home / "postgres.location").unlink()


@as_root
def test_unreachable_programs_are_copied(server_home: Path) -> None:
    """Programs below a closed directory are run from a copy, and the directory stays closed."""
    closed = server_home / "closed"
    closed.mkdir(mode=0o700)
    package = installed_binaries().parent
    for tree in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(tree, closed / tree.name, symlinks=True)
    installed = closed / package.name / "pginstall"
    run_as = system_user()
    before = set(SYSTEM_DIR.glob("postgres-*"))
    bin_dir = reachable_binaries(installed, run_as)
    assert bin_dir.is_relative_to(SYSTEM_DIR)
    assert can_run(bin_dir / "initdb", run_as)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert reachable_binaries(installed, run_as) == bin_dir
    for made in set(SYSTEM_DIR.glob("postgres-*")) - before:
        shutil.rmtree(made)


def test_programs_that_can_be_reached_are_used_in_place() -> None:
    """Whoever runs PostgreSQL as itself needs no copy."""
    assert reachable_binaries(Path("/somewhere"), None) == Path("/somewhere/bin")


def test_only_clusters_of_temporary_homes_are_swept(tmp_path: Path) -> None:
    """A cluster goes when its home was temporary and is gone; any other stays."""
    homes = {
        "gone": tmp_path / "gone",
        "there": tmp_path,
        "unmounted": Path("/mnt/unmounted/home"),
    }
    for name, home in homes.items():
        (tmp_path / "clusters" / name).mkdir(parents=True)
        (tmp_path / "clusters" / name / "home").write_text(f"{home}\n")
    sweep_temporary(tmp_path / "clusters")
    kept = sorted(path.name for path in (tmp_path / "clusters").iterdir() if path.is_dir())
    assert kept == ["there", "unmounted"]


def test_simultaneous_starts_sweep_once(tmp_path: Path) -> None:
    """Starts that sweep at the same time leave nothing stale, and none of them fails."""
    clusters = tmp_path / "clusters"
    for n in range(40):
        (clusters / f"stale-{n}" / "data").mkdir(parents=True)
        (clusters / f"stale-{n}" / "home").write_text(f"{tmp_path / 'gone'}\n")
    with ThreadPoolExecutor(8) as starts:
        for sweep in [starts.submit(sweep_temporary, clusters) for _ in range(32)]:
            sweep.result()
    assert [path for path in clusters.iterdir() if path.is_dir()] == []


def test_the_socket_lies_inside_where_its_name_fits() -> None:
    """A short cluster holds its socket; a long one has a short stand-in, always the same."""
    assert socket_dir_of(Path("/srv/talktime/postgres")) == Path("/srv/talktime/postgres/run")
    long = Path("/srv") / ("x" * 100)
    assert len(str(socket_dir_of(long))) < 60
    assert socket_dir_of(long) == socket_dir_of(long)
    assert socket_dir_of(long) != socket_dir_of(long / "other")
