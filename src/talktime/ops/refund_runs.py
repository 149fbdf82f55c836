"""Having the provider send refunds, and asking it about what nothing was heard of.

The provider is never asked while a transaction is open. A part is counted as tried before the
provider is asked; whoever tries it again looks first whether the provider has it already, since
the provider remembers our idempotency keys for a day and not for ever. So no crash, no retry and no
second worker sends money twice.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Final

import structlog
from msgspec.structs import replace

from talktime.core.errors import (
    NotFound,
    PaymentMismatch,
    PaymentUnknown,
    ProviderAway,
    RefundRefused,
    RefundUnknown,
)
from talktime.core.refund import (
    DisputeNotice,
    MoneyBackNotice,
    PartStatus,
    PaymentProvider,
    RefundNotice,
    RefundOrder,
    RefundPart,
    RefundProvider,
    RefundsChanged,
)
from talktime.db import disputes, refunds
from talktime.db.disputes import WaitingDispute
from talktime.db.pool import Connection
from talktime.ops.disputes import settle_dispute
from talktime.ops.refunds import settle_refund
from talktime.ops.terms import Terms

log = structlog.get_logger("talktime.refunds")

Connections = Callable[[], AbstractAsyncContextManager[Connection]]

CLAIM_LIFE: Final = timedelta(minutes=2)
"""For how long nobody else takes up what a worker asks about; longer than an answer takes."""

LONGEST_PAUSE: Final = timedelta(hours=1)

DISPUTES_FOUND_FOR: Final = timedelta(days=30)
"""How long after it was begun a dispute is found of which no notice came; reconciling looks back
farther. Stripe tries a notice for three days (https://docs.stripe.com/webhooks#retries)."""

DOUBT_LASTS: Final = timedelta(days=3)
"""For how long a provider is asked what a dispute gave again, where it told that something was."""


async def take_money_back(
    connections: Connections,
    provider: PaymentProvider,
    notice: MoneyBackNotice,
    *,
    terms: Terms,
    now: datetime,
) -> bool:
    """Act on a provider's notice, finding out first whose it is; False where it is not ours.

    Raises PaymentUnknown, PaymentMismatch, ProviderAway (the notice is to be sent again).
    """
    account_id, payment_id = notice.account_id, notice.payment_id
    if account_id is None or payment_id is None:
        found = await provider.refunds.find_payment(notice.intent_id)
        if found is None:
            return False
        account_id, payment_id = found
        notice = replace(notice, account_id=account_id, payment_id=payment_id)
    told: list[RefundNotice | DisputeNotice]
    if isinstance(notice, RefundsChanged):
        # What came back first: what was sent in its place is then no more than was paid.
        told = [
            replace(one, account_id=account_id, payment_id=payment_id)
            for one in sorted(
                await provider.refunds.list_refunds(notice.intent_id, account_id),
                key=lambda one: one.status is not PartStatus.FAILED,
            )
        ]
    else:
        told = [notice]
    misfits: list[PaymentMismatch] = []
    for one in told:
        try:
            async with connections() as connection:
                if isinstance(one, RefundNotice):
                    await settle_refund(connection, one, terms=terms, now=now)
                else:
                    await settle_dispute(connection, one, terms=terms, now=now)
        except PaymentMismatch as error:
            # One that does not fit keeps none of the others from the ledger.
            misfits.append(error)
    if misfits:
        raise misfits[0]
    return True


async def claim_due_parts(
    connections: Connections, provider: PaymentProvider, *, limit: int, now: datetime
) -> list[RefundPart]:
    """Parts to be sent or asked about; nobody else is given them for CLAIM_LIFE."""
    async with connections() as connection:
        return await refunds.claim_due_parts(
            connection, provider=provider.name, now=now, again_at=now + CLAIM_LIFE, limit=limit
        )


async def run_part(
    connections: Connections,
    provider: PaymentProvider,
    part: RefundPart,
    *,
    terms: Terms,
    now: datetime,
) -> bool:
    """Send a part, or ask about it; False where the provider gave no answer to act on."""
    try:
        notice = await _ask(provider.refunds, part)
    except (ProviderAway, RefundUnknown, PaymentUnknown) as error:
        pause = min(LONGEST_PAUSE, CLAIM_LIFE * 2 ** min(part.attempts, 10))
        async with connections() as connection:
            await refunds.delay_part(connection, part, due_at=now + pause, failure=error.message)
        log.warning("a refund could not be asked about", part_id=part.part_id, why=error.message)
        return False
    except RefundRefused as error:
        async with connections() as connection, connection.transaction():
            await refunds.give_up_part(
                connection, part, failure=error.message, floor_nanos=terms.floor_nanos, now=now
            )
        return True
    whose = replace(
        notice, account_id=part.account_id, payment_id=part.payment_id, part_id=part.part_id
    )
    try:
        async with connections() as connection:
            await settle_refund(
                connection, whose, terms=terms, now=now, pending_since=part.created_at
            )
    except PaymentMismatch:
        log.exception("a refund needs an operator")
        return False
    return True


async def hear_of_disputes(
    connections: Connections,
    provider: PaymentProvider,
    heard: Mapping[str, DisputeNotice],
    *,
    terms: Terms,
    now: datetime,
) -> dict[str, DisputeNotice]:
    """Ask which disputes were begun in DISPUTES_FOUND_FOR, and act on each that took money as if
    its notice had come, unless it is as ``heard`` before; all of them, by id. Raises ProviderAway.
    """
    listed = await provider.refunds.list_disputes(now - DISPUTES_FOUND_FOR)
    for notice in listed:
        if notice.withdrawn_cents is None or heard.get(notice.dispute_id) == notice:
            continue
        try:
            await take_money_back(connections, provider, notice, terms=terms, now=now)
        except (PaymentUnknown, PaymentMismatch) as error:
            log.error(  # noqa: TRY400  (for an operator to read, not to debug)
                "a dispute that the provider lists does not fit",
                dispute_id=notice.dispute_id,
                code=error.code,
                why=error.message,
            )
    return {notice.dispute_id: notice for notice in listed}


async def claim_due_disputes(
    connections: Connections, provider: PaymentProvider, *, limit: int, now: datetime
) -> list[WaitingDispute]:
    """Disputes to be asked about; nobody else is given them for LONGEST_PAUSE."""
    async with connections() as connection:
        return await disputes.claim_due_disputes(
            connection, provider=provider.name, now=now, again_at=now + LONGEST_PAUSE, limit=limit
        )


async def ask_about_dispute(
    connections: Connections,
    provider: PaymentProvider,
    dispute: WaitingDispute,
    *,
    terms: Terms,
    now: datetime,
) -> None:
    """Ask about one dispute; what cannot be asked now is asked again later."""
    try:
        notice = await provider.refunds.read_dispute(dispute.dispute_id, dispute.account_id)
        whose = replace(notice, account_id=dispute.account_id, payment_id=dispute.payment_id)
        async with connections() as connection:
            await settle_dispute(connection, whose, terms=terms, now=now)
            is_given_up = await disputes.end_asking(
                connection, dispute, doubted_before=now - DOUBT_LASTS
            )
        if is_given_up:
            log.error(
                "the provider told that a dispute gave something again, and does not say how much: "
                "see its dashboard, and credit it with `talktime disputes credit`",
                dispute_id=dispute.dispute_id,
                account_id=dispute.account_id,
            )
    except (ProviderAway, NotFound) as error:
        log.warning(
            "a dispute could not be asked about",
            dispute_id=dispute.dispute_id,
            why=error.message,
        )
    except PaymentMismatch:
        log.exception("a dispute needs an operator")


async def _ask(provider: RefundProvider, part: RefundPart) -> RefundNotice:
    if part.provider_refund_id is not None:
        return await provider.read_refund(part.provider_refund_id, part.account_id)
    if part.attempts > 1 or part.status is not PartStatus.RESERVED:
        for known in await provider.list_refunds(part.intent_id, part.account_id):
            if (known.account_id, known.part_id) == (part.account_id, part.part_id):
                return known
    return await provider.create_refund(
        RefundOrder(
            account_id=part.account_id,
            payment_id=part.payment_id,
            part_id=part.part_id,
            intent_id=part.intent_id,
            amount_nanos=part.amount_nanos,
        )
    )
