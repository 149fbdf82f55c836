"""talktime refunds: what waits for the operator, and what is answered."""

import asyncio
import uuid

import psycopg
import pytest
from psycopg import sql

from talktime.core.errors import RefundDecided, RefundUnknown
from talktime.core.refund import PartStatus, RefundNotice
from talktime.ops.platform import Platform, open_platform
from talktime.ops.refunds import ask_refund, settle_refund
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


def days_later(database_url: str, account_id: str) -> None:
    """Three days and a bit go by for what the account asked back."""
    with psycopg.connect(database_url) as connection:
        for column, table in (("asked_at", "refund"), ("created_at", "refund_part")):
            connection.execute(
                sql.SQL("UPDATE {} SET {} = {} - interval '73 hours' WHERE account_id = %s").format(
                    sql.Identifier(table), sql.Identifier(column), sql.Identifier(column)
                ),
                [account_id],
            )


def begun_at_provider(database_url: str, account_id: str) -> None:
    """A refund that is pending in the provider's dashboard."""

    async def run() -> None:
        async with open_platform(
            database_url, terms=Terms(), public_url="https://t.test"
        ) as platform:
            payer = Payer(platform, AnyProvider(), account_id)
            payment = await payer.tell(notice(await payer.begin("5")))
            async with platform.connection() as connection:
                await settle_refund(
                    connection,
                    RefundNotice(
                        provider_refund_id="re_direct",
                        intent_id=payment.intent_id or "",
                        amount_cents=100,
                        currency="usd",
                        status=PartStatus.PENDING,
                        account_id=account_id,
                        payment_id=payment.payment_id,
                    ),
                    terms=platform.terms,
                    now=platform.clock(),
                )

    asyncio.run(run())


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


def test_of_a_provider_that_is_gone(
    command: Command, account: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What only a provider that is not set up can send says so at once, and nothing else does."""
    refund_id = asked(database_url, account, "10")
    assert "set it up" not in command("refunds", "list", "--account", account).output
    command("refunds", "approve", account, refund_id)
    gone = "stripe is not set up, and nobody else can send it: set it up again"
    assert gone in command("refunds", "list", "--account", account).output
    monkeypatch.setenv("TALKTIME_PAYMENTS", "sandbox")
    assert gone in command("refunds", "list", "--account", account).output
    monkeypatch.delenv("TALKTIME_PAYMENTS")
    with_stripe(monkeypatch)
    assert gone not in command("refunds", "list", "--account", account).output


def with_stripe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stripe is set up; a list asks it nothing."""
    monkeypatch.setenv("TALKTIME_STRIPE_KEY", "sk_test_ofNobody")
    monkeypatch.setenv("TALKTIME_STRIPE_WEBHOOK_SECRET", "whsec_of_nobody")


def test_what_waits_for_long(
    command: Command, account: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refund that nobody answers, and one that the provider does not finish, say so in words and
    what to do next."""
    with_stripe(monkeypatch)
    refund_id = asked(database_url, account, "10")
    listed = command("refunds", "list", "--account", account).output
    assert "talktime refunds approve, or decline" in listed
    assert "it waits for" not in listed
    days_later(database_url, account)
    assert "it waits for 3 days" in command("refunds", "list", "--account", account).output
    command("refunds", "approve", account, refund_id)
    assert "not finished" not in command("refunds", "list", "--account", account).output
    days_later(database_url, account)
    assert "the provider does not answer" in command("refunds", "list", "--account", account).output
    begun_at_provider(database_url, account)
    days_later(database_url, account)
    listed = command("refunds", "list", "--account", account).output
    assert "look at re_direct in its dashboard" in listed
