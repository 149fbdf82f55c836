"""What an account that pays does, and what its provider says."""

import secrets
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec
import stripe

from talktime.core.account import Account
from talktime.core.errors import PaymentMismatch, ProviderAway
from talktime.core.ledger import Entry, EntryKind
from talktime.core.money import parse_usd
from talktime.core.payment import CheckoutProvider, NoticeKind, Payment, PaymentNotice
from talktime.ops.accounts import read_account
from talktime.ops.entries import list_entries
from talktime.ops.platform import Platform
from talktime.ops.top_ups import (
    begin_top_up,
    claim_open_payments,
    expire_strange_payments,
    read_payment,
    reconcile_payment,
    settle_payment,
)

SECRET = "whsec_of_these_tests"


class Payer:
    """One account; refusals are raised."""

    def __init__(self, platform: Platform, provider: CheckoutProvider, account_id: str) -> None:
        self.platform = platform
        self.provider = provider
        self.account_id = account_id

    async def begin(
        self,
        amount: str = "10",
        *,
        payment_id: str | None = None,
        return_url: str = "https://talktime.test/billing/top-up/x",
    ) -> Payment:
        payment, _ = await begin_top_up(
            self.platform.connection,
            self.provider,
            account_id=self.account_id,
            payment_id=payment_id or f"top_{secrets.token_hex(8)}",
            amount_nanos=parse_usd(amount, field="amount"),
            return_url=return_url,
            now=self.platform.clock(),
        )
        return payment

    async def tell(self, notice: PaymentNotice) -> Payment:
        async with self.platform.connection() as connection:
            return await settle_payment(
                connection, notice, terms=self.platform.terms, now=self.platform.clock()
            )

    async def reconcile(self, *, now: datetime) -> int:
        """Ask about all that is due; how many answers were acted on."""
        asked = 0
        asking = (self.platform.connection, self.provider)
        while due := await claim_open_payments(*asking, limit=10, now=now):
            for payment in due:
                with suppress(ProviderAway, PaymentMismatch):
                    await reconcile_payment(*asking, payment, terms=self.platform.terms, now=now)
                    asked += 1
        await expire_strange_payments(asking[0], provider=self.provider.name, now=now)
        return asked

    async def payment(self, payment_id: str) -> Payment:
        async with self.platform.connection() as connection:
            return await read_payment(connection, self.account_id, payment_id)

    async def account(self) -> Account:
        async with self.platform.connection() as connection:
            return await read_account(connection, self.account_id, now=self.platform.clock())

    async def top_ups(self) -> list[Entry]:
        async with self.platform.connection() as connection:
            found, _ = await list_entries(
                connection, self.account_id, before=None, kind=EntryKind.TOP_UP, limit=200
            )
        return found


def notice(payment: Payment, kind: NoticeKind = NoticeKind.PAID, **facts: Any) -> PaymentNotice:
    """What a provider says of a payment."""
    said: dict[str, Any] = {
        "kind": kind,
        "account_id": payment.account_id,
        "payment_id": payment.payment_id,
        "amount_cents": payment.amount_nanos // 10**7,
        "currency": "usd",
        "intent_id": f"pi_{payment.payment_id}",
    }
    return PaymentNotice(**(said | facts))


def event(kind: str, about: dict[str, Any]) -> bytes:
    """An event as Stripe sends it."""
    return msgspec.json.encode(
        {
            "id": f"evt_{secrets.token_hex(8)}",
            "object": "event",
            "api_version": "2026-10-28.endive",
            "created": 1_790_000_000,
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
            "data": {"object": about},
        }
    )


def signed(body: bytes, *, secret: str = SECRET, at: int | None = None) -> str:
    """The header that goes with an event."""
    return str(stripe.WebhookSignature.generate_signature_header(body.decode(), secret, at))
