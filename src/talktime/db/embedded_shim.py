"""Become PostgreSQL: shed root, ask the kernel for a signal at the parent's death, exec.

Run by path in a process of its own (`python -I -S embedded_shim.py PARENT UID GID COMMAND…`),
so that nothing happens between fork and exec in the many-threaded server, and so that only root
needs to reach this interpreter. A UID of -1 keeps the present user.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> None:
    parent, uid, gid, *command = argv
    if int(uid) >= 0:
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    if sys.platform == "linux":
        # Only now: changing the user clears it. SIGINT is PostgreSQL's fast, clean shutdown.
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
        if os.getppid() != int(parent):
            sys.exit("the parent died while PostgreSQL was being started")
    os.umask(0o077)
    os.execv(command[0], command)  # noqa: S606  (no shell is the point)


if __name__ == "__main__":
    main(sys.argv[1:])
