"""talktime statements: a month in the terminal, and papers as files."""

import re
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from talktime.core.errors import DocumentUnknown
from tests.cli.conftest import Command


def test_a_month_in_the_terminal_and_as_a_file(command: Command, tmp_path: Path) -> None:
    """The month shows what moved the balance, the paper is a PDF; a month or receipt that is none
    is refused, and so is a file that cannot be written."""
    account = f"acct-{uuid.uuid4().hex}"
    month = f"{datetime.now(UTC):%Y-%m}"
    command(
        "accounts", "create", account, "--name", "Ada", "--email", f"{account}@example.com",
        "--verified",
    )  # fmt: skip
    output = command("statements", "show", account, month).output
    assert "so far (UTC)" in output
    assert re.search(r"Welcome bonus \(1\)\W+\+\$0\.50\W+\$0\.00\W+\+\$0\.50", output)
    file = tmp_path / "statement.pdf"
    assert command("statements", "pdf", account, month, "--to", str(file)).exit_code == 0
    assert file.read_bytes().startswith(b"%PDF-")
    for wrong in (
        ("show", account, "2019-01"),
        ("receipt", account, "R-2026-999999", "--to", str(file)),
    ):
        with pytest.raises(DocumentUnknown):
            command("statements", *wrong)
    nowhere = str(tmp_path / "nowhere" / "x.pdf")
    assert command("statements", "pdf", account, month, "--to", nowhere).exit_code == 2
