"""The demo played whole, faster than life, as a newcomer starts it."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.cli.running import talktime, talktime_environ


@pytest.fixture
def home() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="talktime-demo-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.timeout(120)
def test_the_story_ends_with_clean_books_and_an_empty_purse(home: Path) -> None:
    """Calls are charged to the nano, the gate holds, nobody is cut off, all of it adds up.

    It happens on a fresh database: the operator's own, and what else lies there, is not touched.
    """
    (home / "demo" / "mine").mkdir(parents=True)
    (home / "demo" / "mine" / "notes").write_text("keep me")
    environ = talktime_environ(home, TALKTIME_DATABASE_URL="postgresql://127.0.0.1:9/real")
    told = talktime(environ, "demo", "--exit", "--speed", "20", "--port", "0", seconds=110)
    story = told.stdout
    assert told.returncode == 0, story + told.stderr
    for words in (
        "/enter?token=",
        " ledger verify\n",
        "TALKTIME_PAYMENTS=sandbox TALKTIME_HOME=",
        " payments reconcile\n",
        "CA1 completed",
        "$0.00253955",
        "worked-example-60s completed",
        "$0.052",
        "worked-example-5min completed",
        "$0.1716",
        "out-1 voicemail",
        "out-2 busy after 0:00: free, the line was busy",
        "out-5 failed after 0:00 (SIP 503): free, the call failed",
        "kill -9 of the bot of crash-1",
        "crash-1 failed after",
        "free, the bot went silent, so the call counts as failed",
        "chat-2 completed",
        "40 calls arrive at the same moment",
        "It is not cut off.",
        "late-1 refused (402 insufficient_credits)",
        "late-2 refused (402 insufficient_credits)",
        "ledger verify: clean",
        "/mailbox",
        "Mail to billing@harbor-dental.example: Welcome: $0.50 to start with",
        "Mail to billing@harbor-dental.example: New calls are now refused",
        "Coupon THANKS-1 is redeemed",
        "Mail to billing@harbor-dental.example: Coupon redeemed: $1.00 added",
        "auto-reload is on: below $2 it adds $10",
        "It fired by itself: one payment, credited once.",
        "$3.00 of it went back to the card, approved by the operator.",
        "The books are clean again.",
    ):
        assert words in story
    assert story.count("Balance below $1.00") == story.count("New calls are now refused") == 1
    rush = re.search(r"with \$([\d.]+) that can be started with.*\n.*?(\d+) of them", story)
    assert rush is not None
    assert int(rush[2]) * Decimal("0.10") <= Decimal(rush[1])
    balance = re.search(r"Balance: \N{MINUS SIGN}\$([\d.]+) ", story)
    assert balance is not None
    assert Decimal("0.02") < Decimal(balance[1]) < Decimal("0.15")
    assert_adds_up(story)
    assert [left.name for left in (home / "demo").iterdir()] == ["mine"]
    assert (home / "demo" / "mine" / "notes").read_text() == "keep me"
    assert "Traceback" not in told.stderr


def assert_adds_up(story: str) -> None:
    """As printed: the closing table by rows and columns, and each split by its parts."""
    rows = re.findall(r"^(\w+) +\d+ +\d+ +\$(\S+) +\$(\S+) +\$(\S+)$", story, re.MULTILINE)
    figures = {name: [Decimal(figure) for figure in rest] for name, *rest in rows}
    assert list(figures) == ["Phone", "Web", "WhatsApp", "Chat", "Together"]
    for cost, margin, charge in figures.values():
        assert cost + margin == charge
    *channels, together = figures.values()
    assert [sum(column) for column in zip(*channels, strict=True)] == together
    splits = re.findall(r"\$([\d.]+), \$([\d.]+) of it from promo and \$([\d.]+) from paid", story)
    assert splits
    for charge, promo, paid in splits:
        assert Decimal(promo) + Decimal(paid) == Decimal(charge)
