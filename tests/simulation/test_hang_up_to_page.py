"""From hang-up to the changed number on an open page, with a real server and a real browser.

``TALKTIME_FULL=1`` plays 100 calls per second for a minute and holds the page to a quarter of a
second; otherwise a few seconds show that what the page tells is in order.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from bench.open_page import Asked, play
from tests.cli.running import OPERATOR_KEY, Server, served, talktime_environ

pytestmark = pytest.mark.browser

FULL = "TALKTIME_FULL" in os.environ
PER_SECOND, SECONDS = (100, 60) if FULL else (20, 2)
VARIANTS = [(10, 1), (10, 20), (1, 1), (1, 20)] if FULL else [(4, 1), (1, 20)]
"""Over how many accounts the calls are spread, and how many pages of one of them are open."""
P99_MS = 250


@pytest.fixture(scope="module")
def server(chromium: object) -> Iterator[Server]:
    """``talktime serve`` as a process of its own, with its own database, fsync and all."""
    home = Path(tempfile.mkdtemp(prefix="talktime-hang-up-"))
    home.chmod(0o755)  # PostgreSQL's own user must get through
    with served(talktime_environ(home)) as running:
        yield running
    shutil.rmtree(home, ignore_errors=True)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("accounts", "pages"), VARIANTS)
async def test_from_hang_up_to_page(server: Server, accounts: int, pages: int) -> None:
    """Balances on an open page go down and never back while calls end, each is shown within a
    quarter of a second of its hang-up (p99), and the last of them is the ledger's."""
    shown = await play(
        server.url,
        OPERATOR_KEY,
        Asked(per_second=PER_SECOND, seconds=SECONDS, accounts=accounts, pages=pages),
    )
    assert shown.balances[-1] == shown.final
    assert all(before > after for before, after in pairwise(shown.balances))
    assert shown.rows == sorted(shown.rows, reverse=True)
    assert len(set(shown.rows)) == len(shown.rows) == shown.rows[0] - shown.rows[-1] + 1
    assert len(shown.delays_ms) == PER_SECOND * SECONDS // accounts
    assert shown.delays_ms[0] > 0
    print(
        f"accounts {accounts}, pages {pages}: p50 {shown.percentile(50):.0f} ms, "
        f"p99 {shown.percentile(99):.0f} ms, at most {shown.delays_ms[-1]:.0f} ms"
    )
    if FULL:
        assert shown.percentile(99) < P99_MS
