"""talktime coupons: whom a coupon is for, and who redeemed it."""

import asyncio
import re
import shlex
import uuid
from pathlib import Path

import pytest

from talktime.core.errors import CouponUnknown
from talktime.ops.coupons import redeem_coupon
from talktime.ops.platform import open_platform
from talktime.ops.terms import Terms
from tests.cli.conftest import Command


@pytest.fixture
def account(command: Command) -> str:
    """A fresh account."""
    account_id = f"acct-{uuid.uuid4().hex}"
    email = f"{account_id}@example.com"
    command("accounts", "create", account_id, "--name", "Ada's Bots", "--email", email)
    return account_id


def redeem(database_url: str, account_id: str, code: str) -> None:
    async def act() -> None:
        async with (
            open_platform(database_url, terms=Terms(), public_url="https://t.test") as platform,
            platform.connection() as connection,
        ):
            await redeem_coupon(
                connection,
                account_id=account_id,
                code=code,
                terms=platform.terms,
                now=platform.clock(),
            )

    asyncio.run(act())


def test_a_coupon_shows_its_rules_and_its_uses(
    command: Command, account: str, database_url: str
) -> None:
    """Each rule has a line; before the first use it says so, then it lists who redeemed it."""
    code = f"CLI-{uuid.uuid4().hex[:8]}"
    rules = ["--only-account", account, "--new-account-days", "30", "--note", "[booth]"]
    command("coupons", "create", code, "5.00", *rules)
    shown = command("coupons", "show", code).output
    for text in (code, "$5.00", account, "younger than 30 days", "[booth]", "never"):
        assert text in shown
    assert "Nobody has redeemed it yet." in shown
    redeem(database_url, account, code)
    shown = command("coupons", "show", code).output
    (row,) = [line for line in shown.splitlines() if line.startswith(f" {account}")]
    assert row.split()[-2:] == ["$5.00", "1"]
    (row,) = [line for line in command("coupons", "list").output.splitlines() if code in line]
    assert account in row


def test_another_letter_case_is_another_coupon(command: Command) -> None:
    """What is shown is the coupon with exactly this code, or none."""
    with pytest.raises(CouponUnknown):
        command("coupons", "show", f"cli-{uuid.uuid4().hex}")


def test_the_commands_of_issue_coupons_work(command: Command) -> None:
    """Each command of the page, in its order."""
    page = Path(__file__).parents[2] / "docs/how-to/issue-coupons.md"
    lines = re.findall(r"^talktime (coupons .*)$", page.read_text(), re.MULTILINE)
    assert len(lines) > 3
    outputs = [command(*shlex.split(line)).output for line in lines]
    assert "$5.00" in outputs[-1]
    assert "of 500" in outputs[-1]
