"""talktime payments: the state of each top-up in words, for the operator."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from talktime.core.errors import TopUpsOff
from talktime.core.payment import NoticeKind
from talktime.core.place import write_place
from talktime.db import payments
from talktime.db.sandbox_checkouts import end_checkout
from talktime.gateways.sandbox_payments import SandboxPayments
from talktime.ops.platform import open_platform
from talktime.ops.terms import Terms
from talktime.ops.top_ups import begin_top_up, settle_payment
from tests.cli.conftest import Command
from tests.payments.paying import notice


def pay(database_url: str, account_id: str, kind: NoticeKind) -> None:
    """A top-up of $25 of which the provider has said something."""

    async def act() -> None:
        async with (
            open_platform(database_url, terms=Terms(), public_url="https://t.test") as platform,
            platform.connection() as connection,
        ):
            now, payment_id = platform.clock(), f"top_{uuid.uuid4().hex[:8]}"
            await payments.open_payment(
                connection,
                account_id=account_id,
                payment_id=payment_id,
                provider="stripe",
                amount_nanos=25 * 10**9,
                now=now,
                expires_at=now + timedelta(hours=1),
            )
            payment = await payments.read_payment(connection, account_id, payment_id)
            assert payment is not None
            told = notice(payment, kind, reason="Your card was declined.")
            await settle_payment(connection, told, terms=platform.terms, now=now)

    asyncio.run(act())


def test_states_in_words(command: Command, database_url: str) -> None:
    """Each top-up says what became of it and why; before the first there is a sentence."""
    account = f"acct-{uuid.uuid4().hex}"
    command("accounts", "create", account, "--name", "A", "--email", f"{account}@example.com")
    assert "No top-ups yet." in command("payments", "list", account).output
    for kind in (NoticeKind.PAID, NoticeKind.FAILED):
        pay(database_url, account, kind)
    output = command("payments", "list", account).output
    for words in ("Credited", "Failed", "$25.00", "Your card was declined", "stripe"):
        assert words in output
    failed = command("payments", "list", "--status", "failed", account).output
    assert "Failed" in failed
    assert "Credited" not in failed


def test_of_all_accounts_page_by_page(command: Command, database_url: str) -> None:
    """Without an account those of all are listed, and a page says how to see the next one."""
    accounts = [f"acct-{uuid.uuid4().hex}" for _ in range(2)]
    for account in accounts:
        command("accounts", "create", account, "--name", "A", "--email", f"{account}@example.com")
        pay(database_url, account, NoticeKind.PAID)
    # Others in this database may have been begun by a clock that runs ahead.
    cursor, pages = write_place(datetime.now(UTC), "~", "~"), []
    for _ in accounts:
        pages.append(command("payments", "list", "--limit", "1", "--cursor", cursor).output)
        cursor = pages[-1].partition("--cursor ")[2].strip()
    assert [account in page for page in pages for account in accounts] == [
        False, True, True, False,
    ]  # fmt: skip


def lost(database_url: str, account_id: str) -> None:
    """A top-up paid on the sandbox's page, whose notice never came."""

    async def act() -> None:
        async with open_platform(
            database_url, terms=Terms(), public_url="https://t.test"
        ) as platform:
            sandbox = SandboxPayments(
                platform.connection, public_url="http://127.0.0.1:9", clock=platform.clock
            )
            payment, _ = await begin_top_up(
                platform.connection,
                sandbox,
                account_id=account_id,
                payment_id="top_lost",
                amount_nanos=25 * 10**9,
                return_url="https://t.test/back",
                now=platform.clock(),
            )
            assert payment.checkout_id is not None
            async with platform.connection() as connection:
                await end_checkout(connection, account_id, payment.checkout_id, status="paid")
            await sandbox.close()

    asyncio.run(act())


def test_reconciling(command: Command, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the provider says otherwise is settled and told, exit code 0; then it is clean. Without
    a provider there is nobody to ask, and the command says so."""
    account = f"acct-{uuid.uuid4().hex}"
    command("accounts", "create", account, "--name", "A", "--email", f"{account}@example.com")
    lost(database_url, account)
    with pytest.raises(TopUpsOff):
        command("payments", "reconcile", "--account", account)
    monkeypatch.setenv("TALKTIME_PAYMENTS", "sandbox")
    result = command("payments", "reconcile", "--account", account)
    assert result.exit_code == 0, result.output
    assert "settled: " in result.output
    assert "top_lost: paid at the provider, and waiting here" in result.output
    again = command("payments", "reconcile", "--account", account)
    assert again.exit_code == 0
    assert again.output.splitlines()[-1] == (
        "1 payment, 0 refunds, 0 disputes of the last 30 days compared with the provider: clean"
    )
    assert "settled" not in again.output
    assert "Credited" in command("payments", "list", account).output


def test_what_cannot_be_reconciled(
    command: Command, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credited here and not paid there: told, and exit code 1."""
    account = f"acct-{uuid.uuid4().hex}"
    command("accounts", "create", account, "--name", "A", "--email", f"{account}@example.com")
    lost(database_url, account)
    monkeypatch.setenv("TALKTIME_PAYMENTS", "sandbox")
    command("payments", "reconcile", "--account", account)
    with psycopg.connect(database_url) as owner:
        owner.execute(
            "UPDATE sandbox_checkout SET status = 'expired' WHERE account_id = %s", [account]
        )
    result = command("payments", "reconcile", "--account", account)
    assert result.exit_code == 1
    assert "differs: " in result.output
    assert "1 to look at" in result.output
