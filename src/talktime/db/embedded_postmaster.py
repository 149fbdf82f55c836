"""One postmaster process: launched, recognised, watched, shut down."""

import contextlib
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from talktime.db.embedded_place import Place
from talktime.db.embedded_user import EmbeddedUnavailable, RunAs, clean_environment

log = logging.getLogger(__name__)

LOG_BYTES: Final = 10_000_000
"""The log is cut at this size, and one older part of as much is kept."""

OUTLIVED_SECONDS: Final = 60


class Postmaster:
    """A running postmaster: our child, or one that another process started (`process` is None)."""

    def __init__(
        self, pid: int, place: Place, *, process: "subprocess.Popen[bytes] | None" = None
    ) -> None:
        self.pid = pid
        self._place = place
        self._process = process
        self._watchdog: subprocess.Popen[bytes] | None = None
        if process is not None and sys.platform != "linux":
            self._watchdog = watch_parent(pid, place.run_as)

    def ended(self) -> bool:
        if self._process is not None:
            return self._process.poll() is not None
        return not is_postmaster(self.pid, self._place.data_dir)

    @contextlib.contextmanager
    def exit_signal(self) -> Iterator[int | None]:
        """A descriptor that becomes readable when the process ends; None if there is none here."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except (AttributeError, OSError):  # another system, an old kernel, or it has just ended
            yield None
            return
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def shut_down(self, seconds: float) -> None:
        """Fast shutdown, then, if that takes longer than `seconds`, an immediate one."""
        process = self._process
        if process is None:
            return
        for signum, patience in ((signal.SIGINT, seconds), (signal.SIGQUIT, 10.0)):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signum)
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                log.warning("PostgreSQL is still running %s s after %s", patience, signum.name)
            else:
                break
        else:
            process.kill()
            process.wait()
        self.end_watchdog()

    def end_watchdog(self) -> None:
        if self._watchdog is not None:
            self._watchdog.kill()
            self._watchdog.communicate()
            self._watchdog = None


def launch(place: Place, deadline: float, stopping: threading.Event) -> Postmaster:
    """Start a postmaster and wait until it accepts connections.

    Raises EmbeddedUnavailable with the end of its log if it ends instead, at `deadline`
    (monotonic seconds), or when `stopping` is set.
    """
    rotate_log(place.log_file)
    user = place.run_as
    with open_log(place.log_file) as output:
        written = output.tell()
        process = subprocess.Popen(  # noqa: S603
            [
                sys.executable, "-I", "-S", str(Path(__file__).with_name("embedded_shim.py")),
                str(os.getpid()), str(user.uid if user else -1), str(user.gid if user else -1),
                str(place.bin_dir / "postgres"), "-D", str(place.data_dir), "-p", "5432",
                "-c", "listen_addresses=", "-c", f"unix_socket_directories={place.socket_dir}",
                "-c", "unix_socket_permissions=0700", "-c", "logging_collector=off",
            ],
            cwd="/",
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # Ctrl-C is for us: we finish what is running, then shut the server down.
            start_new_session=True,
        )  # fmt: skip
    postmaster = Postmaster(process.pid, place, process=process)
    while process.poll() is None:
        ready = ready_postmaster(place)
        if ready is not None and ready.pid == process.pid:
            return postmaster
        if stopping.is_set() or time.monotonic() > deadline:
            postmaster.shut_down(10)
            raise EmbeddedUnavailable(
                f"PostgreSQL did not come up in time: see {place.log_file}, then start again."
            )
        time.sleep(0.01)
    postmaster.end_watchdog()
    said = place.log_file.read_bytes()[written:][-2000:].decode(errors="replace").strip()
    raise EmbeddedUnavailable(
        f"PostgreSQL ended at its start with status {process.returncode} ({place.log_file}): {said}"
    )


def ready_postmaster(place: Place) -> Postmaster | None:
    """The postmaster of this data directory, if one is alive and accepts connections."""
    lines = pid_file_lines(place)
    if len(lines) < 8 or lines[7].strip() != "ready":
        return None
    pid = int(lines[0])
    return Postmaster(pid, place) if is_postmaster(pid, place.data_dir) else None


def clear_the_way(place: Place) -> bool:
    """End what a dead owner left behind; only for the holder of the owner's lock.

    Answers whether the server had not been shut down cleanly.
    """
    lines = pid_file_lines(place)
    if not lines or not lines[0].strip().isdigit():
        return bool(lines)
    pid = int(lines[0])
    deadline = time.monotonic() + OUTLIVED_SECONDS
    if is_postmaster(pid, place.data_dir):
        log.warning("A PostgreSQL (process %s) outlived its owner; shutting it down first", pid)
        os.kill(pid, signal.SIGINT)
        while is_postmaster(pid, place.data_dir):
            if time.monotonic() > deadline:
                raise EmbeddedUnavailable(
                    f"A PostgreSQL (process {pid}) already runs on {place.data_dir} and does not "
                    "shut down: end its clients, or the process, then start again."
                )
            time.sleep(0.02)
        return pid_file(place).exists()
    if exists(pid):
        # The number now belongs to something else, for which PostgreSQL would take its own.
        pid_file(place).unlink()
    return True


def is_postmaster(pid: int, data_dir: Path) -> bool:
    """Whether process `pid` is a PostgreSQL that works in `data_dir`."""
    if not exists(pid):
        return False
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cwd").readlink() == data_dir.resolve()
        except OSError:  # ended meanwhile, or another user's, so not ours
            return False
    listed = subprocess.run(  # noqa: S603
        ["/bin/ps", "-o", "command=", "-p", str(pid)],
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    return f"-D {data_dir} " in listed.stdout


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def pid_file(place: Place) -> Path:
    return place.data_dir / "postmaster.pid"


def pid_file_lines(place: Place) -> list[str]:
    # pid, data directory, start time, port, socket directory, addresses, shared memory, status
    try:
        return pid_file(place).read_text().splitlines()
    except FileNotFoundError:
        return []


def watch_parent(pid: int, run_as: RunAs | None) -> "subprocess.Popen[bytes]":
    """A process that sends `pid` a SIGINT when this process dies, however it dies.

    It reads from a pipe whose other end only we hold. It has to be killed before `pid` ends.
    """
    return subprocess.Popen(  # noqa: S603
        ["/bin/sh", "-c", 'read -r _; kill -INT "$1"', "sh", str(pid)],
        user=run_as.uid if run_as else None,
        group=run_as.gid if run_as else None,
        extra_groups=[] if run_as else None,
        cwd="/",
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def open_log(path: Path) -> BinaryIO:
    # Statements that failed are in it, so it is private.
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")


def rotate_log(path: Path) -> None:
    """Cut the log where it has grown too long. It is opened for appending, so it may be cut."""
    try:
        if path.stat().st_size < LOG_BYTES:
            return
    except FileNotFoundError:
        return
    shutil.copy(path, path.with_name(f"{path.name}.1"))
    os.truncate(path, 0)
