"""What an account that wants money back does, what an operator does, and what Stripe says."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from talktime.core.dispute import Dispute
from talktime.core.ledger import Entry
from talktime.core.money import format_usd, parse_usd
from talktime.core.payment import Payment
from talktime.core.refund import (
    DisputeNotice,
    MoneyBackNotice,
    PaymentProvider,
    Refund,
    RefundNotice,
)
from talktime.gateways.money_back_notices import ToldRefund, refund_notice
from talktime.ops.accounts import read_account
from talktime.ops.disputes import list_disputes
from talktime.ops.entries import list_entries
from talktime.ops.ledger_verify import verify_ledger
from talktime.ops.platform import Platform
from talktime.ops.refund_runs import (
    ask_about_dispute,
    claim_due_disputes,
    claim_due_parts,
    run_part,
    take_money_back,
)
from talktime.ops.refunds import (
    approve_refund,
    ask_refund,
    decline_refund,
    read_refund,
    read_refundable,
)
from tests.payments.paying import Payer, notice
from tests.payments.stripe_checkouts import StripeCheckouts

CLAIMED = 50


class Refunder:
    """One account with an operator behind it; refusals are raised."""

    def __init__(self, payer: Payer, provider: PaymentProvider, stripe: StripeCheckouts) -> None:
        self.payer = payer
        self.platform: Platform = payer.platform
        self.provider = provider
        self.stripe = stripe
        self.account_id = payer.account_id

    async def paid(self, amount: str) -> Payment:
        """Top up for good."""
        payment = await self.payer.begin(amount)
        intent_id = self.charge(payment)
        await self.payer.tell(notice(payment, intent_id=intent_id))
        return await self.payer.payment(payment.payment_id)

    def charge(self, payment: Payment) -> str:
        """Stripe collects it, and tells nobody yet; the id of the money."""
        assert payment.checkout_id is not None
        return str(self.stripe.pay(payment.checkout_id)["payment_intent"])

    async def refundable(self) -> str:
        async with self.platform.connection() as connection:
            return format_usd(
                await read_refundable(connection, self.account_id, provider=self.provider.name)
            )

    async def ask(
        self, amount: str | None = None, *, refund_id: str | None = None, reason: str = ""
    ) -> Refund:
        async with self.platform.connection() as connection:
            refund, _ = await ask_refund(
                connection,
                account_id=self.account_id,
                refund_id=refund_id or f"ref_{secrets.token_hex(6)}",
                provider=self.provider.name,
                amount_nanos=None if amount is None else parse_usd(amount, field="amount"),
                reason=reason,
                now=self.platform.clock(),
            )
        return refund

    async def approve(self, refund: Refund) -> Refund:
        async with self.platform.connection() as connection:
            return await approve_refund(
                connection,
                account_id=refund.account_id,
                refund_id=refund.refund_id,
                terms=self.platform.terms,
                now=self.platform.clock(),
            )

    async def decline(self, refund: Refund, answer: str) -> Refund:
        async with self.platform.connection() as connection:
            return await decline_refund(
                connection,
                account_id=refund.account_id,
                refund_id=refund.refund_id,
                answer=answer,
                now=self.platform.clock(),
            )

    async def refund(self, refund: Refund) -> Refund:
        async with self.platform.connection() as connection:
            return await read_refund(connection, refund.account_id, refund.refund_id)

    async def run(self, *, later: timedelta = timedelta()) -> int:
        """The worker's loop, as it is run then."""
        asked = (self.platform.connection, self.provider)
        now: datetime = self.platform.clock() + later
        terms = self.platform.terms
        for dispute in await claim_due_disputes(*asked, limit=CLAIMED, now=now):
            await ask_about_dispute(*asked, dispute, terms=terms, now=now)
        parts = await claim_due_parts(*asked, limit=CLAIMED, now=now)
        return sum([await run_part(*asked, part, terms=terms, now=now) for part in parts])

    async def tell(self, told: MoneyBackNotice) -> bool:
        return await take_money_back(
            self.platform.connection,
            self.provider,
            told,
            terms=self.platform.terms,
            now=self.platform.clock(),
        )

    async def balances(self) -> tuple[str, str]:
        """(paid, available)."""
        async with self.platform.connection() as connection:
            account = await read_account(connection, self.account_id, now=self.platform.clock())
        return format_usd(account.paid_nanos), format_usd(account.available_nanos)

    async def entries(self) -> list[tuple[str, str, str]]:
        """(kind, reference, paid delta), oldest first."""
        return [
            (entry.kind.value, entry.ref, format_usd(entry.paid_delta_nanos))
            for entry in await self.rows()
        ]

    async def rows(self) -> list[Entry]:
        async with self.platform.connection() as connection:
            newest, _ = await list_entries(
                connection, self.account_id, before=None, kind=None, limit=200
            )
        return newest[::-1]

    async def disputes(self) -> list[Dispute]:
        """Those of the account, the one heard of last first."""
        async with self.platform.connection() as connection:
            found, _ = await list_disputes(
                connection, account_id=self.account_id, before=None, limit=200
            )
        return found

    async def faults(self) -> list[str]:
        """What the audit of the account's ledger finds."""
        async with self.platform.connection() as connection:
            return (await verify_ledger(connection, account_id=self.account_id)).faults

    async def warnings(self) -> list[str]:
        """What the audit finds right and worth a look."""
        async with self.platform.connection() as connection:
            return (await verify_ledger(connection, account_id=self.account_id)).warnings


def said(told: dict[str, Any], **facts: Any) -> RefundNotice:
    """A refund of Stripe's as a notice tells it."""
    facts = told | facts
    known: dict[str, Any] = {name: facts.get(name) for name in ToldRefund.__struct_fields__}
    found = refund_notice(ToldRefund(**known))
    assert found is not None
    return found


def taken(dispute: dict[str, Any], cents: int | None = None) -> DisputeNotice:
    """The bank took the money of a dispute back."""
    return DisputeNotice(
        dispute_id=dispute["id"],
        intent_id=dispute["payment_intent"],
        currency="usd",
        withdrawn_cents=cents or dispute["amount"],
        reinstated_cents=None,
    )


def given(dispute: dict[str, Any], cents: int) -> DisputeNotice:
    """The bank gave it again."""
    return DisputeNotice(
        dispute_id=dispute["id"],
        intent_id=dispute["payment_intent"],
        currency="usd",
        withdrawn_cents=None,
        reinstated_cents=cents,
    )
