"""The commands that set things up and look into things."""

import errno
import io
import json
import os
import random
import re
import uuid
from pathlib import Path

import pytest

from talktime.cli import complaint, main
from talktime.cli.price_lines import price_lines
from talktime.core.errors import (
    AccountUnknown,
    CallUnknown,
    InvalidAmount,
    InvalidInput,
    ReferenceConflict,
)
from talktime.core.receipt import receipt_of, write_receipt
from talktime.ops.keys import parse_key
from talktime.ops.prices import builtin_prices
from tests.cli.conftest import Command
from tests.core.receipts import some_call, tampered


@pytest.fixture
def account(command: Command) -> str:
    """An account opened on the command line, with the welcome bonus."""
    name = f"cli-{uuid.uuid4().hex[:12]}"
    opened = command(
        "accounts", "create", name, "--name", "Ada", "--email", f"{name}@example.com", "--verified"
    )
    assert opened.exit_code == 0
    assert "was opened" in opened.output
    return name


def test_an_account_is_opened_once(command: Command, account: str) -> None:
    """The same account again is answered as it stands."""
    again = command(
        "accounts", "create", account, "--name", "Ada", "--email", f"{account}@example.com"
    )
    assert "was there already" in again.output
    assert "$0.50" in again.output


def test_an_account_is_adjusted_once_per_id(command: Command, account: str) -> None:
    """An adjustment moves both balances, and its repeat moves nothing."""
    arguments = [
        "adjust",
        account,
        "--paid",
        "5.00",
        "--promo",
        "-0.20",
        "--reason",
        "x",
        "--id",
        "a",
    ]
    assert "is posted" in command("accounts", *arguments).output
    assert "was posted before" in command("accounts", *arguments).output
    shown = command("accounts", "show", account).output
    assert "$5.30" in shown
    assert account in command("accounts", "list", "--limit", "100000").output


def test_an_amount_that_is_none_is_refused(command: Command, account: str) -> None:
    """What cannot be USD names its option."""
    with pytest.raises(InvalidAmount, match="--paid"):
        command("accounts", "adjust", account, "--paid", "5 dollars", "--reason", "x")


def test_an_account_is_changed(command: Command, account: str) -> None:
    """What is given changes and stays, `platform` takes back a margin, and nothing is no change."""
    given = ["--status", "suspended", "--margin", "0.25", "--warning-level", "2.00"]
    command("accounts", "change", account, *given)
    shown = command("accounts", "show", account).output
    assert "suspended" in shown
    assert re.search(r"Warning level +\$2\.00\s+Margin rate +0\.25", shown)
    back = command("accounts", "change", account, "--status", "active", "--margin", "platform")
    assert "active" in back.output
    assert "$2.00" in back.output
    assert "Margin rate" not in back.output
    with pytest.raises(InvalidInput, match="nothing to change"):
        command("accounts", "change", account)


def test_a_link_leads_to_the_pages(command: Command, account: str, tmp_path: Path) -> None:
    """Links are made for the address that a running server has left word of."""
    (tmp_path / "address").write_text("https://billing.example.com\n")
    link = command("accounts", "link", account).output.strip()
    assert link.startswith("https://billing.example.com/enter?token=")
    with pytest.raises(AccountUnknown):
        command("accounts", "link", "nobody")


def test_a_key_is_made_listed_and_revoked(command: Command, account: str) -> None:
    """The key is printed once; the list shows it without its secret."""
    made = command("keys", "create", "reader", "--scope", "calls:read", "--account", account)
    presented = parse_key(made.stdout.strip())
    assert presented is not None
    assert presented.account_id == account
    listed = command("keys", "list", "--account", account).output
    assert presented.key_id in listed
    assert "calls:read" in listed
    command("keys", "revoke", presented.key_id, "--account", account)
    assert command("keys", "list", "--account", account).output.count("20") > listed.count("20")


def test_a_coupon_is_issued_once(command: Command) -> None:
    """The same coupon again changes nothing; a time needs its offset."""
    code = f"CLI-{uuid.uuid4().hex[:8]}"
    assert "is issued" in command("coupons", "create", code, "5.00").output
    assert "was issued before" in command("coupons", "create", code, "5.00").output
    with pytest.raises(InvalidInput, match="--ends-at"):
        command("coupons", "create", "OTHER", "1", "--ends-at", "2026-12-01T00:00:00")


def test_coupons_are_listed_with_their_use(command: Command) -> None:
    """The list shows each coupon's bonus, how often it was redeemed, and its note."""
    code = f"CLI-{uuid.uuid4().hex[:8]}"
    command("coupons", "create", code, "5.00", "--max-redemptions", "3", "--note", "[autumn]")
    (row,) = [line for line in command("coupons", "list").output.splitlines() if code in line]
    assert row.split() == [code, "$5.00", "0", "of", "3", "[autumn]"]


def test_the_version_is_told(command: Command) -> None:
    """talktime --version is one line, without a command and without a database."""
    assert re.fullmatch(r"talktime \d+\.\d+\.\d+\n", command("--version").output)


class FullDisk(io.StringIO):
    def write(self, _text: str, /) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be written ends with exit code 1 and one sentence, not with a traceback."""
    monkeypatch.setattr("sys.argv", ["talktime", "--version"])
    monkeypatch.setattr("sys.stdout", FullDisk())
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.strip().endswith("the disk is full")


@pytest.mark.parametrize("command", ["accounts change", "payments list"])
def test_an_argument_that_is_no_text(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bytes that are not UTF-8 are refused as a bad argument, in one sentence that shows them."""
    monkeypatch.setattr("sys.argv", ["talktime", *command.split(), os.fsdecode(b"a\xff")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(r"talktime: the argument b'a\xff' is not UTF-8")
    assert said.count("\n") == 1


def test_refusals_name_the_next_command(command: Command, account: str) -> None:
    """Where the API's refusal names a request, the command line's names a command."""
    with pytest.raises(AccountUnknown) as nobody:
        command("accounts", "show", "nobody")
    assert complaint(nobody.value) == (
        "there is no account nobody; talktime accounts create opens one"
    )
    with pytest.raises(CallUnknown) as call:
        command("calls", "show", account, "CA1")
    assert "POST" not in complaint(call.value)
    assert complaint(InvalidInput("a; b")) == "a; b"


def call_line(call_id: str, **changes: object) -> str:
    call = {
        "call_id": call_id,
        "channel": "web",
        "outcome": "completed",
        "started_at": "2026-11-01T10:00:00Z",
        "duration_seconds": 60,
        "lines": [
            {
                "service": "tts",
                "provider": "openai",
                "model": "tts-1",
                "quantities": {"characters": 1000},
            }
        ],
    }
    return json.dumps(call | changes)


def test_past_calls_come_in_from_a_file(command: Command, account: str, tmp_path: Path) -> None:
    """A file is imported whole, its second run changes nothing, and each call has its receipt."""
    file = tmp_path / "calls.jsonl"
    lines = [call_line(f"past-{n}") for n in range(450)] + [call_line("busy", outcome="busy")]
    file.write_text("\n\n".join(lines))
    first = command("calls", "import", str(file), "--account", account)
    assert "451 of 451 calls were imported and charged $8.775" in first.output
    again = command("calls", "import", str(file), "--account", account)
    assert "0 of 451 calls were imported and charged $0.00; 451 were there already" in again.output

    receipt = command("calls", "show", account, "past-449").output
    for words in ("1,000 characters", "$15.00 per million characters", "$0.0195", "30"):
        assert words in receipt
    assert "Free: the line was busy." in command("calls", "show", account, "busy").output
    with pytest.raises(CallUnknown):
        command("calls", "show", account, "other")
    assert "clean" in command("ledger", "verify", "--account", account).output


def test_what_contradicts_the_books_is_counted_apart(
    command: Command, account: str, tmp_path: Path
) -> None:
    """Lines that tell a known call otherwise are named by number, change nothing, and exit 1."""
    file = tmp_path / "calls.jsonl"
    file.write_text(call_line("one"))
    command("calls", "import", str(file), "--account", account)
    lines = [call_line("one"), call_line("two"), call_line("one", duration_seconds=7)]
    file.write_text("\n".join([*lines, call_line("two", outcome="voicemail")]))
    second = command("calls", "import", str(file), "--account", account)
    assert second.exit_code == 1
    assert "1 of 4 calls were imported" in second.output
    assert "1 were there already, 2 contradict calls that are there, 0 were" in second.output
    assert "line 3: there is a call one" in second.output
    assert "with another duration; it stays as it is" in second.output
    assert "line 4: call two of account" in second.output
    assert "clean" in command("ledger", "verify", "--account", account).output


def test_a_bad_line_stops_the_import_before_it_begins(
    command: Command, account: str, tmp_path: Path
) -> None:
    """The fault names line and field, and nothing was written."""
    file = tmp_path / "calls.jsonl"
    file.write_text("\n".join([call_line("good"), call_line("bad", channel="fax")]))
    result = command("calls", "import", str(file), "--account", account)
    assert result.exit_code == 1
    assert "calls.jsonl, line 2: channel: " in result.output
    with pytest.raises(CallUnknown):
        command("calls", "show", account, "good")


def test_a_file_for_an_unknown_account_names_the_line(command: Command, tmp_path: Path) -> None:
    """Accounts are not made by importing."""
    file = tmp_path / "calls.jsonl"
    file.write_text(call_line("one", account_id="nobody-here"))
    result = command("calls", "import", str(file))
    assert result.exit_code == 1
    assert "line 1: account_id: there is no account nobody-here" in result.output


def test_prices_are_shown_as_of_a_time(command: Command) -> None:
    """A model's price in force is one row; before there was one, there is none."""
    asked = ["prices", "show", "--service", "stt", "--provider", "Deepgram", "--model", "nova-3"]
    now = command(*asked)
    assert "$0.0077/minute" in now.output
    assert command(*asked, "--at", "2020-01-01").exit_code == 1
    assert "elevenlabs" in command("prices", "show", "--service", "tts").output
    assert (
        "gpt-4o-mini"
        in command("prices", "show", "--service", "llm", "--provider", "OpenAI").output
    )


def test_prices_fit_the_terminal_with_whole_names(command: Command) -> None:
    """One price a line of at most 80 characters, no model cut; the sources come when asked for."""
    # Of the built-in cards alone: other tests have loaded cards of their own into this database.
    lines = price_lines(builtin_prices(), with_source=False)
    assert "stt  assemblyai  universal-streaming-multilingual  $0.15/hour" in lines
    assert max(map(len, lines)) <= 80
    assert len(lines) < 120
    sources = command("prices", "show", "--service", "sip", "--source").output
    assert "builtin-sip-2026-11, since 2024-01-01: public pricing page, Twilio" in sources


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["--service", "llm"], ["--service llm --provider P --model M", "anthropic, ", "openai, "]),
        (["--service", "llm", "--provider", "openai", "--model", "gpt-9"], ["gpt-4o-mini, "]),
        (["--model", "gpt-4o"], ["--service llm --provider openai --model gpt-4o"]),
        (["--service", "stt", "--provider", "acme"], ["no stt price of acme", "assemblyai, "]),
        (
            ["--service", "stt", "--provider", "deepgram", "--model", "nova-9"],
            ["no stt price of deepgram for a model nova-9", "nova-3, ", "prices load FILE"],
        ),
        (["--service", "stt", "--at", "2001-01-01"], ["--at"]),
    ],
)
def test_no_price_says_what_could_be_asked(
    command: Command, asked: list[str], words: list[str]
) -> None:
    """A filter that matches nothing is answered with what is possible, and exit code 1."""
    answer = command("prices", "show", *asked)
    assert answer.exit_code == 1
    for word in words:
        assert word in answer.output


def test_a_card_is_loaded_for_good(command: Command, tmp_path: Path) -> None:
    """A new card prices what had no price; the same version with other prices is refused."""
    version = f"cli-{uuid.uuid4().hex[:8]}"
    text = f"""
version: {version}
currency: USD
entries:
  - service: stt
    provider: {version}
    model: ours
    effective: 2026-01-01
    source: our own contract
    prices:
      - {{quantity: audio_seconds, usd: "0.01", per: 1, unit: minute}}
"""
    file = tmp_path / "card.yaml"
    file.write_text(text)
    for _ in range(2):
        assert (
            f"Rate card {version} is kept, with one price"
            in command("prices", "load", str(file)).output
        )
    shown = command(
        "prices", "show", "--service", "stt", "--provider", version, "--model", "ours"
    ).output
    assert "$0.01/minute" in shown
    file.write_text(text.replace('"0.01"', '"0.02"'))
    with pytest.raises(ReferenceConflict):
        command("prices", "load", str(file))
    file.write_text("- 1")
    with pytest.raises(InvalidInput, match="is no rate card"):
        command("prices", "load", str(file))


def test_faults_end_the_audit_with_one(command: Command, account: str, database_url: str) -> None:
    """ledger verify says in words what is wrong, and exits with 1."""
    import psycopg  # noqa: PLC0415  (to do what Talktime would not)

    with psycopg.connect(database_url) as owner:
        owner.execute(
            "UPDATE account SET paid_nanos = paid_nanos + 1 WHERE account_id = %s", [account]
        )
    result = command("ledger", "verify", "--account", account)
    assert result.exit_code == 1
    assert f"account {account}: paid is 1 nanos, its entries give 0" in result.output
    with psycopg.connect(database_url) as owner:
        owner.execute(
            "UPDATE account SET paid_nanos = paid_nanos - 1 WHERE account_id = %s", [account]
        )


@pytest.mark.parametrize("seed", range(3))
def test_a_receipt_is_checked_offline(command: Command, tmp_path: Path, seed: int) -> None:
    """A true receipt passes; one with a figure changed does not, and neither does another file."""
    chance = random.Random(seed)
    receipt = receipt_of(some_call(chance))
    file = tmp_path / "receipt.json"
    file.write_bytes(write_receipt(receipt))
    right = command("calls", "check", str(file))
    assert right.exit_code == 0
    assert "Every figure is right." in right.output
    file.write_text(json.dumps(tampered(receipt, chance)))
    wrong = command("calls", "check", str(file))
    assert wrong.exit_code == 1
    assert "not right" in wrong.output
    assert "WRONG" in wrong.output
    file.write_text("{}")
    with pytest.raises(InvalidInput, match="no receipt"):
        command("calls", "check", str(file))
