"""What this process may take of the machine."""

import os
import resource
from contextlib import suppress
from typing import Final

OPEN_FILES: Final = 65_536
"""Thousands of open pages and callers, and room; beyond it a leak had better end at a limit."""
GIVEN_WAY: Final = 5
"""Steps of niceness: on a machine that is full, a third of the processor time of a process with
none. Enough for calls to come first, and for telling of them not to stand still."""


def allow_open_files() -> None:
    """Raise the limit on open files to OPEN_FILES, or as far as the system lets us.

    Many systems begin at 1,024, for the sake of programs older than this one: fewer than the pages
    that may be left open at one server.
    """
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
    if now != resource.RLIM_INFINITY and now < wanted:
        with suppress(ValueError, OSError):  # where the system has less than it promises
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def give_way() -> None:
    """Let others of this machine go first where it is full. What is started from here inherits
    it, and nobody but root can take it back."""
    os.nice(GIVEN_WAY)
