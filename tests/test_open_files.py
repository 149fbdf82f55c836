"""How many connections a process may have."""

import resource
import subprocess
import sys

COUNTS = """
import resource
from talktime.open_files import allow_open_files

allow_open_files()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def limits_from(soft: int, hard: int) -> list[int]:
    """The limits of a process that begins with some."""
    told = subprocess.run(
        [sys.executable, "-c", COUNTS],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)),
        capture_output=True,
        text=True,
        check=True,
    )
    return [int(word) for word in told.stdout.split()]


def test_a_low_limit_is_raised_as_far_as_it_may_be() -> None:
    """A server that starts with room for 256 open files takes all that it is allowed to take."""
    assert limits_from(256, 1_000) == [1_000, 1_000]
