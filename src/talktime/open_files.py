"""How many files and connections this process may have open."""

import resource
from contextlib import suppress
from typing import Final

OPEN_FILES: Final = 65_536
"""Thousands of open pages and callers, and room; beyond it a leak had better end at a limit."""


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
