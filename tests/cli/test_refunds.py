"""talktime refunds: what waits for the operator, and what is answered."""

import asyncio
import uuid

import pytest

from talktime.core.errors import RefundDecided, RefundUnknown
from talktime.ops.platform import Platform, open_platform
from talktime.ops.refunds import ask_refund
from talktime.ops.terms import Terms
from tests.cli.conftest import Command
from tests.payments.paying import Payer, notice
from tests.scenarios.test_top_ups import AnyProvider


@pytest.fixture
def account(command: Command) -> str:
    """A fresh account."""
    account_id = f"acct-{uuid.uuid4().hex}"
    email = f"{account_id}@example.com"
    command("accounts", "create", account_id, "--name", "Ada's Bots", "--email", email)
    return account_id


def asked(database_url: str, account_id: str, amount: str) -> str:
    """Top up, and ask for some of it."""
    refund_id = f"ref_{uuid.uuid4().hex[:8]}"

    async def act(platform: Platform) -> None:
        payer = Payer(platform, AnyProvider(), account_id)
        await payer.tell(notice(await payer.begin(amount)))
        async with platform.connection() as connection:
            await ask_refund(
                connection,
                account_id=account_id,
                refund_id=refund_id,
                provider="stripe",
                amount_nanos=None,
                reason="Not [needed]",
                now=platform.clock(),
            )

    async def run() -> None:
        async with open_platform(
            database_url, terms=Terms(), public_url="https://t.test"
        ) as platform:
            await act(platform)

    asyncio.run(run())
    return refund_id


def test_listed_and_let_go(command: Command, account: str, database_url: str) -> None:
    """What waits is listed with the customer's words; let go, it is on its way, once."""
    refund_id = asked(database_url, account, "10")
    listed = command("refunds", "list", "--status", "asked", "--account", account).output
    for word in (refund_id, "$10.00", "waits for your answer", "Not [needed]"):
        assert word in listed
    for _ in range(2):
        done = command("refunds", "approve", account, refund_id).output
        assert "$10.00" in done
        assert "on its way, over 1 payment." in done
    assert command("refunds", "list", "--status", "asked", "--account", account).output == (
        "There are none.\n"
    )
    with pytest.raises(RefundDecided):
        command("refunds", "decline", account, refund_id, "--reason", "Too late")


def test_declined(command: Command, account: str, database_url: str) -> None:
    """No is said with a reason, which the list then shows; an unknown refund is refused."""
    refund_id = asked(database_url, account, "5")
    assert (
        "declined"
        in command("refunds", "decline", account, refund_id, "--reason", "Used soon").output
    )
    assert "Used soon" in command("refunds", "list", "--account", account).output
    with pytest.raises(RefundUnknown):
        command("refunds", "approve", account, "ref_other")
