"""The how-to pages, followed by the letter: files and commands are taken from the pages."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from talktime.ops.keys import parse_key
from tests.cli.conftest import Command
from tests.cli.running import OPERATOR_KEY, served, talktime, talktime_environ

ROOT = Path(__file__).parents[2]
HOW_TO = ROOT / "docs/how-to"


def block(page: Path, language: str) -> str:
    """The first block of a language on a page."""
    found = re.search(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def acme(command: Command) -> None:
    """The account of the pages; it outlives a test, as it does a reader's attempts."""
    command("accounts", "create", "acme", "--name", "Acme", "--email", "pat@acme.example")


@pytest.mark.usefixtures("acme")
def test_the_file_of_import_calls_comes_in(command: Command, tmp_path: Path) -> None:
    """The page's three lines are imported, priced, and known the second time."""
    file = tmp_path / "calls.jsonl"
    file.write_text(block(HOW_TO / "import-calls.md", "json"))
    assert "of 3 calls were imported and charged $" in command("calls", "import", str(file)).output
    again = command("calls", "import", str(file)).output
    assert "0 of 3 calls were imported and charged $0.00; 3 were there already, 0 contra" in again
    assert "$0.0351" in command("calls", "show", "acme", "CA7002").output
    assert "the line was busy" in command("calls", "show", "acme", "CA7003").output


def test_the_card_of_add_prices_is_taken(command: Command, tmp_path: Path) -> None:
    """The page's card loads, prices what it says from its date on, and needs all its members."""
    file = tmp_path / "card.yaml"
    text = block(HOW_TO / "add-prices.md", "yaml")
    file.write_text(text)
    assert "acme-2026-12 is kept, with 4 prices" in command("prices", "load", str(file)).output
    for at, usd in (("2026-12-02", "$0.0059/minute"), ("2026-11-01", "$0.0077/minute")):
        asked = ["--service", "stt", "--provider", "deepgram", "--model", "nova-3", "--at", at]
        assert usd in command("prices", "show", *asked).output
    file.write_text(re.sub(r"    (effective|source): .*\n", "", text, count=2))
    missing = "entries[0].effective and card.entries[0].source are missing"
    with pytest.raises(Exception, match=re.escape(missing)):
        command("prices", "load", str(file))


@pytest.mark.usefixtures("acme")
def test_the_keys_of_keys_and_scopes_are_made(command: Command) -> None:
    """Every command of the page that makes a key makes one."""
    commands = re.findall(
        r"^talktime (keys create .*)$", (HOW_TO / "keys-and-scopes.md").read_text(), re.MULTILINE
    )
    assert len(commands) > 3
    for line in commands:
        assert parse_key(command(*shlex.split(line)).stdout.strip()) is not None


@pytest.mark.timeout(120)
def test_the_bots_of_the_pages_bill_their_calls(home: Path, tmp_path: Path) -> None:
    """Bots copied from the pages run against a server, with a key that is for calls only, twice;
    webhooks of hosted bots and of a carrier bill theirs, however often they come; the quickstart's
    requests answer what it says."""
    environ = talktime_environ(home)
    with served(environ) as server:
        arguments = ["--name", "Acme", "--email", "pat@acme.example", "--verified"]
        talktime(environ, "accounts", "create", "acme", *arguments)
        key = talktime(environ, "keys", "create", "bot", "--scope", "calls:write").stdout.strip()
        requests = block(ROOT / "docs/quickstart.md", "sh").replace(
            "$(cat operator.key)", OPERATOR_KEY
        )
        told = subprocess.run(
            ["bash", "-euc", requests.replace("http://127.0.0.1:8080", server.url)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert told.returncode == 0, told.stderr
        for expected in re.findall(r'"\w+":(?:"[0-9.]+"|true)', requests):
            assert expected in told.stdout
        for page, bearer in (
            (HOW_TO / "report-from-a-bot.md", key),
            (ROOT / "sdk/README.md", OPERATOR_KEY),
        ):
            for _ in range(2):
                bot = subprocess.run(
                    [sys.executable, "-W", "error", "-c", block(page, "python")],
                    env=os.environ | {"TALKTIME_URL": server.url, "TALKTIME_KEY": bearer},
                    capture_output=True,
                    text=True,
                    timeout=60,
                    check=False,
                )
                assert bot.returncode == 0, bot.stderr
                assert "charged $0.0" in bot.stdout
        handlers = tmp_path / "handlers.py"
        handlers.write_text(block(HOW_TO / "bill-hosted-bots.md", "python"))
        told = subprocess.run(
            [sys.executable, "-W", "error", Path(__file__).with_name("hosted_bots.py"), handlers],
            env=os.environ | {"TALKTIME_URL": server.url, "TALKTIME_KEY": OPERATOR_KEY},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert told.returncode == 0, told.stderr
        assert re.findall(r"^(\w+ \w+ [0-9.]+)", told.stdout, re.MULTILINE) == [
            "vapi completed 0.052",
            "vapi busy 0",
            "retell completed 0.052",
            "twilio no_answer 0",
        ]
    assert "clean: 3 accounts" in talktime(environ, "ledger", "verify").stdout
