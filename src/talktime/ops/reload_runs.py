"""Charging saved cards: the provider is asked outside any transaction, and its answer acted on.

A process that dies between two steps leaves a row that says how far it got: resume_charge goes on
from there. It looks for the charge; where there is none it orders it, within minutes and while it
is still wanted, which to the provider is the same charge.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Final

import msgspec

from talktime.core.account import AccountStatus
from talktime.core.auto_reload import FAILURES_MAX, LOOK_AGAIN, Decision
from talktime.core.errors import ProviderAway
from talktime.core.message import MessageKind
from talktime.core.money import format_usd
from talktime.core.payment import CheckoutOrder, NoticeKind, PaymentNotice, PaymentStatus
from talktime.core.refund import PaymentProvider
from talktime.core.saved_card import CardProvider, Charge, ChargeOrder, ChargeOutcome, Gone
from talktime.db import auto_reload, payments, saved_cards
from talktime.db.pool import Connection
from talktime.ops.accounts import read_account
from talktime.ops.auto_reload import look_at_reload, read_auto_reload
from talktime.ops.messages import write_message
from talktime.ops.terms import Terms
from talktime.ops.top_ups import CLOSED_EVENT, GIVE_UP_AFTER, read_payment, settle_payment

Connections = Callable[[], AbstractAsyncContextManager[Connection]]

MOVED_WITHIN: Final = timedelta(seconds=15)
"""What happened on an account is looked at for this long."""

DUE_WITHIN: Final = timedelta(seconds=60)
"""As is that its time has come; later a sweep finds it."""

SWEPT_AT_ONCE: Final = 1_000
"""Accounts brought back by one sweep; more than are looked at until the next one."""

ASK_AFTER: Final = timedelta(seconds=90)
"""A charge whose answer nobody noted is asked about; longer than an answer may take."""

REPEAT_WITHIN: Final = timedelta(minutes=10)
"""How long an unanswered charge may be ordered again under its key; Stripe keeps keys for a day."""

PAGE_LIFE: Final = timedelta(hours=23)
"""How long a customer whose bank wants to hear them can pay; a page of Stripe's is open for 24."""

_UNHEARD: Final = "The payment provider never heard of it."
_UNDECIDED: Final = "The bank has not decided in time."

FAILED_EVENT: Final = "auto_reload.failed"
STOPPED_EVENT: Final = "auto_reload.stopped"


class Tills(msgspec.Struct, frozen=True, kw_only=True):
    """Who is asked for money, and the terms on which: what every step of a reload needs."""

    connections: Connections
    provider: PaymentProvider
    terms: Terms
    public_url: str

    @property
    def cards(self) -> CardProvider:
        return self.provider.cards


async def claim_due_accounts(tills: Tills, *, limit: int, now: datetime) -> Sequence[str]:
    """Accounts that run low and are to be looked at now; nobody else is given them for a while."""
    async with tills.connections() as connection:
        return await auto_reload.claim_due_reloads(
            connection,
            moved_since=now - MOVED_WITHIN,
            due_since=now - DUE_WITHIN,
            now=now,
            again_at=now + LOOK_AGAIN,
            limit=limit,
        )


async def sweep_accounts(connections: Connections, *, now: datetime) -> None:
    """Find whoever runs low and was passed over, because no worker looked at the time."""
    async with connections() as connection:
        await auto_reload.sweep_reloads(
            connection, due_since=now - DUE_WITHIN, limit=SWEPT_AT_ONCE, now=now
        )


async def claim_stopped_charges(
    tills: Tills, *, limit: int, now: datetime
) -> Sequence[tuple[str, str]]:
    """Account and payment ids of charges that stopped half-way; they count as asked about now."""
    async with tills.connections() as connection:
        return await auto_reload.claim_open_reloads(
            connection,
            provider=tills.cards.name,
            asked_before=now - ASK_AFTER,
            now=now,
            limit=limit,
        )


async def reload_account(
    tills: Tills, account_id: str, *, payment_id: str, now: datetime
) -> Decision:
    """Look at one account and charge its card where that is due. Raises ProviderAway, and then the
    charge is asked about later."""
    async with tills.connections() as connection:
        decision, order = await look_at_reload(
            connection, tills.cards, account_id, payment_id=payment_id, now=now
        )
    if order is not None:
        await settle_charge(tills, order, await tills.cards.charge_card(order), now=now)
    return decision


async def settle_charge(tills: Tills, order: ChargeOrder, charge: Charge, *, now: datetime) -> None:
    """Act on the provider's answer to our own question; the same answer again changes nothing.

    Raises PaymentMismatch where the money is not what was asked for.
    """
    async with tills.connections() as connection:
        if charge.outcome is ChargeOutcome.PAID:
            await settle_payment(connection, _paid(order, charge), terms=tills.terms, now=now)
        elif charge.outcome is ChargeOutcome.PROCESSING:
            await auto_reload.note_intent(
                connection, order.account_id, order.payment_id, charge.intent_id
            )
        else:
            await _take_failure(connection, tills, order, charge, now=now)
    if charge.outcome is ChargeOutcome.NEEDS_AUTHENTICATION:
        await _open_page(tills, order, now=now)


async def _take_failure(
    connection: Connection, tills: Tills, order: ChargeOrder, charge: Charge, *, now: datetime
) -> None:
    """One transaction: the payment's state, the count, the messages and the event of it."""
    asks_customer = charge.outcome is ChargeOutcome.NEEDS_AUTHENTICATION
    account_id, payment_id = order.account_id, order.payment_id
    async with connection.transaction():
        await auto_reload.lock_account(connection, account_id)
        if asks_customer:
            is_news = await auto_reload.note_needs_customer(
                connection,
                account_id,
                payment_id,
                intent_id=charge.intent_id,
                failure=charge.reason,
                expires_at=now + PAGE_LIFE,
            )
        else:
            is_news = await payments.close_payment(
                connection,
                account_id=account_id,
                payment_id=payment_id,
                status=PaymentStatus.FAILED,
                failure=charge.reason,
                now=now,
            )
        if not is_news:
            return
        failures_max = FAILURES_MAX
        if charge.outcome is ChargeOutcome.UNUSABLE:
            if not await _is_saved(connection, tills, order):
                # Another card was saved meanwhile; what was wrong with this one is over.
                await auto_reload.write_event(
                    connection, account_id, kind=CLOSED_EVENT, ref=payment_id, now=now
                )
                return
            failures_max = 1
        if charge.gone is not None:
            await _forget(connection, tills, order, charge.gone)
        failures, has_stopped = await auto_reload.count_failure(
            connection, account_id, failures_max=failures_max, now=now
        )
        facts = {
            "amount": format_usd(order.amount_nanos),
            "reason": charge.reason or "The bank gave no reason.",
            "failures": str(failures),
            "failures_max": str(FAILURES_MAX),
        }
        await _tell(
            connection, tills, order, facts, asks=asks_customer, has_stopped=has_stopped, now=now
        )


async def _tell(
    connection: Connection,
    tills: Tills,
    order: ChargeOrder,
    facts: dict[str, str],
    *,
    asks: bool,
    has_stopped: bool,
    now: datetime,
) -> None:
    """What people and programs are told of a failure."""
    account_id, payment_id = order.account_id, order.payment_id
    kinds = [MessageKind.AUTHENTICATION_NEEDED] if asks else []
    if has_stopped:
        kinds.append(MessageKind.AUTO_RELOAD_STOPPED)
    if asks:
        facts = facts | {"link": f"{tills.public_url}/billing/top-up/{payment_id}"}
    for kind in kinds or [MessageKind.AUTO_RELOAD_FAILED]:
        await write_message(
            connection,
            account_id=account_id,
            kind=kind,
            ref=payment_id,
            recipient=None,
            facts=facts,
            now=now,
        )
    event = STOPPED_EVENT if has_stopped else FAILED_EVENT
    await auto_reload.write_event(connection, account_id, kind=event, ref=payment_id, now=now)


async def _is_saved(connection: Connection, tills: Tills, order: ChargeOrder) -> bool:
    """Whether the card of an order is the one that the customer lets us charge now."""
    saved = await saved_cards.read_saved_card(connection, order.account_id, tills.cards.name)
    return saved is not None and saved.card is not None and saved.card.card_id == order.card_id


async def _forget(connection: Connection, tills: Tills, order: ChargeOrder, gone: Gone) -> None:
    """What the provider has no longer is no saved card here either."""
    whose = {"provider": tills.cards.name}
    if gone is Gone.CUSTOMER:
        await saved_cards.forget_customer(
            connection, order.account_id, **whose, customer_id=order.customer_id
        )
    else:
        await saved_cards.remove_card(connection, order.account_id, **whose, card_id=order.card_id)


async def _open_page(tills: Tills, order: ChargeOrder, *, now: datetime) -> None:
    """The page on which the customer pays, for the same payment: it cannot be credited twice."""
    async with tills.connections() as connection:
        account = await read_account(connection, order.account_id, now=now)
        payment = await read_payment(connection, order.account_id, order.payment_id)
    if not payment.needs_customer or payment.status is not PaymentStatus.OPENING:
        return
    page = f"{tills.public_url}/billing/top-up/{payment.payment_id}"
    checkout = await tills.provider.create_checkout(
        CheckoutOrder(
            account_id=payment.account_id,
            payment_id=payment.payment_id,
            amount_nanos=payment.amount_nanos,
            email=account.email,
            success_url=f"{page}?back=paid",
            cancel_url=f"{page}?back=canceled",
            expires_at=payment.expires_at,
        )
    )
    async with tills.connections() as connection:
        await payments.note_checkout(
            connection,
            account_id=payment.account_id,
            payment_id=payment.payment_id,
            checkout_id=checkout.checkout_id,
            checkout_url=checkout.url,
        )


async def resume_charge(tills: Tills, account_id: str, payment_id: str, *, now: datetime) -> None:
    """Go on with a payment by saved card from where its row says it stopped.

    Raises ProviderAway, and then it is asked about again; PaymentMismatch.
    """
    async with tills.connections() as connection:
        payment = await read_payment(connection, account_id, payment_id)
        order = await auto_reload.read_charge_order(connection, account_id, payment_id)
    assert order is not None
    if payment.needs_customer:
        await _open_page(tills, order, now=now)
        return
    charge: Charge | None
    is_over = now - order.ordered_at >= GIVE_UP_AFTER
    try:
        charge = await tills.cards.read_charge(order, payment.intent_id)
        is_fresh = now - order.ordered_at <= REPEAT_WITHIN
        if charge is None and is_fresh and await _is_wanted(tills, order, now=now):
            charge = await tills.cards.charge_card(order)
    except ProviderAway:
        if not is_over:
            raise
        charge = None
    is_undecided = charge is not None and charge.outcome is ChargeOutcome.PROCESSING
    if charge is not None and not (is_undecided and is_over):
        await settle_charge(tills, order, charge, now=now)
        return
    # Should its money come all the same, it is credited.
    async with tills.connections() as connection, connection.transaction():
        await auto_reload.lock_account(connection, account_id)
        if await payments.close_payment(
            connection,
            account_id=account_id,
            payment_id=payment_id,
            status=PaymentStatus.EXPIRED,
            failure=_UNDECIDED if is_undecided else _UNHEARD,
            now=now,
        ):
            await auto_reload.write_event(
                connection, account_id, kind=CLOSED_EVENT, ref=payment_id, now=now
            )


async def _is_wanted(tills: Tills, order: ChargeOrder, *, now: datetime) -> bool:
    """Whether a charge that was decided on and never ordered is still what the customer wants."""
    async with tills.connections() as connection:
        account = await read_account(connection, order.account_id, now=now)
        state = await read_auto_reload(connection, order.account_id)
        is_saved = await _is_saved(connection, tills, order)
    return (
        is_saved
        and state.settings.is_on
        and state.stopped_at is None
        and account.status is AccountStatus.ACTIVE
        and account.startable_nanos < state.settings.threshold_nanos
    )


def _paid(order: ChargeOrder, charge: Charge) -> PaymentNotice:
    return PaymentNotice(
        kind=NoticeKind.PAID,
        account_id=order.account_id,
        payment_id=order.payment_id,
        amount_cents=charge.amount_cents,
        currency=charge.currency,
        intent_id=charge.intent_id,
    )
