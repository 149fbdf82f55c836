"""Tables of commands: ids stand whole on their lines, in a narrow terminal and when piped."""

import asyncio
import uuid
from datetime import UTC, datetime

import pytest

from talktime.core.message import MessageKind
from talktime.ops.messages import write_message
from talktime.ops.platform import open_platform
from talktime.ops.terms import Terms
from tests.cli.conftest import Command


def write_to(database_url: str, account_id: str) -> None:
    async def act() -> None:
        async with (
            open_platform(database_url, terms=Terms(), public_url="https://t.test") as platform,
            platform.connection() as connection,
        ):
            await write_message(
                connection,
                account_id=account_id,
                kind=MessageKind.COUPON_REDEEMED,
                ref="1",
                recipient=f"{account_id}@a-rather-long-name-of-a-platform.example",
                facts={"code": "X"},
                now=datetime.now(UTC),
            )

    asyncio.run(act())


@pytest.mark.parametrize("is_terminal", [False, True])
def test_what_is_copied_stands_whole(
    command: Command, database_url: str, monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool
) -> None:
    """An id or a code is neither cut nor broken where only eighty columns are there."""
    monkeypatch.setenv("COLUMNS", "80")
    if is_terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
    account = f"acct-{uuid.uuid4().hex}"
    code = f"{uuid.uuid4().hex.upper()}-WELCOME-BACK"
    command("accounts", "create", account, "--name", "Ada", "--email", f"{account}@example.com")
    rules = ["--only-account", account, "--new-account-days", "30", "--note", "a longer note"]
    command("coupons", "create", code, "5.00", *rules)
    write_to(database_url, account)
    mail = command("mail", "list", account).output
    coupons = command("coupons", "list").output
    assert "…" not in mail + coupons
    [row] = [line for line in mail.splitlines() if account in line]
    uuid.UUID(row.split()[0])
    assert code in coupons
    if not is_terminal:
        [row] = [line for line in coupons.splitlines() if code in line]
        assert row.rstrip().endswith("a longer note")
