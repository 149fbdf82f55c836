"""talktime disputes: what banks took back, and how each stands."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from talktime.core.errors import DisputeClear, DisputeUnknown, InvalidAmount
from talktime.core.refund import DisputeNotice
from talktime.ops.disputes import settle_dispute
from talktime.ops.platform import Platform, open_platform
from talktime.ops.terms import Terms
from tests.cli.conftest import Command
from tests.payments.paying import Payer, notice
from tests.scenarios.test_top_ups import AnyProvider

Disputed = Callable[..., None]


@pytest.fixture
def account(command: Command) -> str:
    """A fresh account."""
    account_id = f"acct-{uuid.uuid4().hex}"
    email = f"{account_id}@example.com"
    command("accounts", "create", account_id, "--name", "Ada's Bots", "--email", email)
    return account_id


def disputed(database_url: str, account_id: str, *words: dict[str, Any]) -> None:
    """Top up $10, and hear that of a dispute of it."""

    async def run() -> None:
        async with open_platform(
            database_url, terms=Terms(), public_url="https://t.test"
        ) as platform:
            await tell(platform)

    async def tell(platform: Platform) -> None:
        payer = Payer(platform, AnyProvider(), account_id)
        payment = await payer.tell(notice(await payer.begin("10")))
        told: dict[str, Any] = {
            "dispute_id": "dp_1",
            "intent_id": payment.intent_id,
            "currency": "usd",
            "withdrawn_cents": None,
            "reinstated_cents": None,
            "account_id": account_id,
            "payment_id": payment.payment_id,
        }
        for word in words:
            async with platform.connection() as connection:
                await settle_dispute(
                    connection,
                    DisputeNotice(**(told | word)),
                    terms=platform.terms,
                    now=platform.clock(),
                )

    asyncio.run(run())


def test_listed(command: Command, account: str, database_url: str) -> None:
    """Each is listed in words with what was taken and given again; without any, that is said."""
    assert command("disputes", "list", "--account", account).output == "There are none.\n"
    disputed(database_url, account, {"withdrawn_cents": 600}, {"reinstated_cents": 150})
    listed = command("disputes", "list", "--account", account).output
    for word in (account, "dp_1", "given again in part", "$6.00", "$1.50"):
        assert word in listed
    with pytest.raises(DisputeClear):
        command("disputes", "credit", account, "dp_1", "2.00")


def test_credited_by_hand(command: Command, account: str, database_url: str) -> None:
    """What the provider does not say clearly is listed with what to do, and credited by hand,
    once, and never more than was taken."""
    disputed(database_url, account, {"withdrawn_cents": 600}, {"is_unclear": True})
    listed = command("disputes", "list", "--account", account).output
    assert "not clear how much" in listed
    assert "talktime disputes credit" in listed
    with pytest.raises(InvalidAmount):
        command("disputes", "credit", account, "dp_1", "6.01")
    for _ in range(2):
        done = command("disputes", "credit", account, "dp_1", "4.00").output
        assert done == f"$4.00 of {account}: given again in part.\n"
    assert "$8.00" in command("accounts", "show", account).output
    with pytest.raises(DisputeUnknown):
        command("disputes", "credit", account, "dp_other", "1.00")
    assert "clean" in command("ledger", "verify", "--account", account).output


def test_other_money(command: Command, account: str, database_url: str) -> None:
    """A dispute of money that was never credited is listed as that, and the audit names it."""
    disputed(database_url, account, {"withdrawn_cents": 600, "intent_id": "pi_second"})
    assert "never credited" in command("disputes", "list", "--account", account).output
    verified = command("ledger", "verify", "--account", account)
    assert (verified.exit_code, "Worth a look:" in verified.output) == (0, True)
    assert "dp_1" in verified.output
