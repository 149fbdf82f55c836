"""As whom PostgreSQL runs: ourselves, or, since it refuses root, a system user of its own."""

import logging
import os
import pwd
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from talktime.core.errors import TalktimeError

log = logging.getLogger(__name__)

SYSTEM_USER: Final = "talktime"
SYSTEM_DIR: Final = Path("/var/lib/talktime")
COMMAND_SECONDS: Final = 120


class EmbeddedUnavailable(TalktimeError):
    """The embedded PostgreSQL cannot be had; the message says why and what to do."""

    code = "embedded_unavailable"


class RunAs(msgspec.Struct, frozen=True, kw_only=True):
    """The unprivileged user that PostgreSQL runs as when we are root."""

    uid: int
    gid: int


def system_user() -> RunAs:
    """The system user that PostgreSQL runs as under root; made if it is missing."""
    for attempt in range(2):
        try:
            entry = pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            if attempt == 0:
                create_system_user()
        else:
            return RunAs(uid=entry.pw_uid, gid=entry.pw_gid)
    raise EmbeddedUnavailable(
        f"PostgreSQL does not run as root, and the system user {SYSTEM_USER} could not be made: "
        f"create it (useradd --system {SYSTEM_USER}), run Talktime as another user than root, "
        "or set TALKTIME_DATABASE_URL."
    )


def create_system_user() -> None:
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir",
               str(SYSTEM_DIR), "--shell", "/usr/sbin/nologin", SYSTEM_USER]  # fmt: skip
    try:
        # Two starts at once: one of them fails here and then finds the other's user.
        done = subprocess.run(command, capture_output=True, timeout=30, check=False)  # noqa: S603
    except FileNotFoundError:
        return
    if done.returncode == 0:
        log.info("Created the system user %s, as which PostgreSQL runs", SYSTEM_USER)


def run_as_user(
    command: Sequence[str], run_as: RunAs | None, *, cwd: Path, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        command,
        user=run_as.uid if run_as else None,
        group=run_as.gid if run_as else None,
        extra_groups=[] if run_as else None,
        umask=0o077,
        cwd=cwd,
        env=clean_environment(),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )


def clean_environment() -> Mapping[str, str]:
    """What PostgreSQL gets to see: none of its own variables, and no secrets of ours."""
    kept = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LC_ALL": "C"}


def can_enter(directory: Path, run_as: RunAs) -> bool:
    # Asked of the kernel, as that user: mode bits alone would miss access lists and mounts.
    command = ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(directory)]
    return run_as_user(command, run_as, cwd=Path("/")).returncode == 0


def can_run(program: Path, run_as: RunAs) -> bool:
    try:
        done = run_as_user([str(program), "--version"], run_as, cwd=Path("/"))
    except OSError:
        return False
    return done.returncode == 0
