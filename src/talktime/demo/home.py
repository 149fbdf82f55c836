"""Where a demo keeps its database: a directory of its own each time, thrown away afterwards."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from talktime.db.embedded_place import try_lock

MARK: Final = "talktime-demo"
"""A file that only demos make: nothing without it is ever removed."""


@contextlib.contextmanager
def demo_home(home: Path, now: datetime) -> Iterator[Path]:
    """A fresh directory below TALKTIME_HOME/demo; real data is never touched.

    Removed with the block, and so is what killed demos have left behind.
    """
    demos = home / "demo"
    if demos.is_dir():
        for left in demos.iterdir():
            _remove(left)
    own = demos / f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    own.mkdir(parents=True)
    (own / MARK).touch()
    try:
        yield own
    finally:
        _remove(own)


def _remove(demo: Path) -> None:
    if not (demo / MARK).is_file():
        return
    cluster = _cluster(demo)
    lock = None
    with contextlib.suppress(OSError):
        lock = try_lock(cluster / "owner.lock")
        if lock is None:
            return  # somebody is looking at it
    shutil.rmtree(cluster, ignore_errors=True)
    shutil.rmtree(demo, ignore_errors=True)
    if lock is not None:
        os.close(lock)


def _cluster(demo: Path) -> Path:
    """Elsewhere where PostgreSQL's user cannot reach this home."""
    pointer = demo / "postgres.location"
    return Path(pointer.read_text().strip()) if pointer.is_file() else demo / "postgres"
