"""Comparing payments, refunds and disputes with what their provider says of them itself.

The worker asks about what is open; this asks about what is settled too, for whoever wants to know
that the books agree.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Final, TypeVar

import msgspec
import structlog

from talktime.core.errors import NotFound, PaymentMismatch
from talktime.core.payment import NoticeKind, Payment, PaymentNotice, PaymentOrigin, PaymentStatus
from talktime.core.reconciliation import (
    Difference,
    compare_charge,
    compare_dispute,
    compare_page,
    compare_refunds,
    unheard_dispute,
)
from talktime.core.refund import DisputeNotice, PaymentProvider, RefundNotice
from talktime.db import reconciliation
from talktime.db.auto_reload import read_charge_order
from talktime.db.disputes import list_disputes
from talktime.db.payments import read_payments
from talktime.db.pool import Connection
from talktime.ops.disputes import settle_dispute
from talktime.ops.refunds import settle_refund
from talktime.ops.terms import Terms
from talktime.ops.top_ups import read_payment, settle_payment

log = structlog.get_logger("talktime.reconciliation")

Connections = Callable[[], AbstractAsyncContextManager[Connection]]
_Told = TypeVar("_Told")

PAGE: Final = 200
AT_ONCE: Final = 8
"""Payments that the provider is asked about side by side."""

DISPUTES_MAX: Final = 100
"""Of one payment; a card's network lets a payment be disputed a few times."""


class Comparison(msgspec.Struct, kw_only=True):
    """What was compared, and what differs."""

    payments: int = 0
    refunds: int = 0
    disputes: int = 0
    unasked: int = 0
    """Disputes that this provider keeps no record of."""
    differences: list[Difference] = []


async def compare_payments(
    connections: Connections,
    provider: PaymentProvider,
    *,
    since: datetime,
    account_id: str | None = None,
    tell: Callable[[Comparison], None] = lambda _: None,
) -> Comparison:
    """Ask the provider about every payment begun since then, or open, or of which a refund or
    dispute was first heard of since then; about each with all its refunds and disputes. And about
    disputes begun since then of which nothing was heard, whatever they are of.

    Nothing is changed. ``tell`` gets the state after each page. Raises ProviderAway.
    """
    comparison = Comparison()
    after = ("", "")
    room = asyncio.Semaphore(AT_ONCE)

    async def asked(payment: Payment) -> Comparison:
        async with room:
            return await compare_payment(connections, provider, payment)

    while True:
        async with connections() as connection:
            page = await reconciliation.list_payments_since(
                connection,
                provider=provider.name,
                account_id=account_id,
                since=since,
                after=after,
                limit=PAGE,
            )
        if not page:
            break
        outcomes = await asyncio.gather(*map(asked, page), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
            _add(comparison, outcome)
        after = (page[-1].account_id, page[-1].payment_id)
        tell(comparison)
    for one in await _unheard(connections, provider, since=since, account_id=account_id):
        _add(comparison, one)
    return comparison


async def compare_payment(
    connections: Connections, provider: PaymentProvider, payment: Payment
) -> Comparison:
    """Ask the provider about one payment, its refunds and its disputes. Raises ProviderAway."""
    account_id, payment_id = payment.account_id, payment.payment_id
    async with connections() as connection:
        order = await read_charge_order(connection, account_id, payment_id)
        parts = await reconciliation.list_payment_parts(connection, account_id, payment_id)
        disputes = await list_disputes(
            connection,
            account_id=account_id,
            payment_id=payment_id,
            before=None,
            limit=DISPUTES_MAX,
        )
    found = Comparison(payments=1, refunds=len(parts))
    page = None
    if payment.checkout_id is not None:
        page = await _known(provider.read_checkout(payment))
    if order is not None and _is_charged(payment, page):
        charge = await provider.cards.read_charge(order, payment.intent_id)
        found.differences += compare_charge(payment, charge)
    elif payment.checkout_id is not None:
        found.differences += compare_page(payment, page)
    if payment.status is PaymentStatus.SUCCEEDED and payment.intent_id is not None:
        refunds = await provider.refunds.list_refunds(payment.intent_id, account_id)
        found.differences += compare_refunds(payment, parts, refunds)
    if not provider.refunds.keeps_disputes:
        found.unasked = len(disputes)
        return found
    found.disputes = len(disputes)
    for dispute in disputes:
        told = await _known(provider.refunds.read_dispute(dispute.dispute_id, account_id))
        found.differences += compare_dispute(dispute, told)
    return found


async def _unheard(
    connections: Connections,
    provider: PaymentProvider,
    *,
    since: datetime,
    account_id: str | None,
) -> list[Comparison]:
    """The disputes that took money of payments of ours and that are not known here."""
    found = []
    for told in await provider.refunds.list_disputes(since):
        whose = told.withdrawn_cents and await provider.refunds.find_payment(told.intent_id)
        if not whose or account_id not in {None, whose[0]}:
            continue
        async with connections() as connection:
            payment = await read_payments(connection, [whose])
            known = await list_disputes(
                connection, account_id=whose[0], dispute_id=told.dispute_id, before=None, limit=1
            )
        if payment and not known:
            differs = unheard_dispute(payment[whose], told)
            found.append(Comparison(disputes=1, differences=[differs]))
    return found


async def reconcile_differences(
    connections: Connections,
    provider: PaymentProvider,
    differences: Sequence[Difference],
    *,
    terms: Terms,
    now: datetime,
) -> list[Difference]:
    """Act on the provider's word as if a notice brought it; what differs afterwards.

    What changed meanwhile by itself differs no more either. Raises ProviderAway.
    """
    left: list[Difference] = []
    for difference in differences:
        try:
            async with connections() as connection:
                await _act_on(connection, difference, terms=terms, now=now)
        except (PaymentMismatch, NotFound) as error:
            log.warning("a difference needs an operator", why=error.message)
    for account_id, payment_id in dict.fromkeys(
        (one.account_id, one.payment_id) for one in differences
    ):
        async with connections() as connection:
            payment = await read_payment(connection, account_id, payment_id)
        left += (await compare_payment(connections, provider, payment)).differences
    return left


async def _act_on(
    connection: Connection, difference: Difference, *, terms: Terms, now: datetime
) -> None:
    match difference.told:
        case PaymentNotice() as told:
            await settle_payment(connection, told, terms=terms, now=now)
        case RefundNotice() as told:
            await settle_refund(connection, told, terms=terms, now=now)
        case DisputeNotice() as told:
            await settle_dispute(connection, told, terms=terms, now=now)


def _is_charged(payment: Payment, page: PaymentNotice | None) -> bool:
    """Whether the saved card's charge says how a payment stands: there is no page, or the bank let
    the charge through after all while the page for it was open."""
    if payment.origin is not PaymentOrigin.AUTO_RELOAD:
        return False
    if payment.checkout_id is None:
        return True
    is_paid = page is not None and page.kind is NoticeKind.PAID
    return payment.status is PaymentStatus.SUCCEEDED and not is_paid


async def _known(asking: Awaitable[_Told]) -> _Told | None:
    try:
        return await asking
    except NotFound:
        return None


def _add(to: Comparison, one: Comparison) -> None:
    to.payments += one.payments
    to.refunds += one.refunds
    to.disputes += one.disputes
    to.unasked += one.unasked
    to.differences += one.differences
