"""talktime payments: the state of each top-up in words, for the operator."""

import asyncio
import uuid
from datetime import timedelta

from talktime.core.payment import NoticeKind
from talktime.db import payments
from talktime.ops.platform import open_platform
from talktime.ops.terms import Terms
from talktime.ops.top_ups import settle_payment
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
    assert (
        "There are more than these 1" in command("payments", "list", account, "--limit", "1").output
    )
