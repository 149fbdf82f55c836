"""What a process may take of the machine."""

import os
import resource
import subprocess
import sys

from talktime.process import GIVEN_WAY

COUNTS = """
import resource
from talktime.process import allow_open_files

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


def test_a_worker_gives_way() -> None:
    """Who gives way is nicer than before, and what it starts from then on is as nice."""
    asked = "import os; from talktime.process import *; give_way(); print(os.nice(0))"
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert int(told.stdout) == min(19, os.nice(0) + GIVEN_WAY)
