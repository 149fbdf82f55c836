"""Top-ups: a payment is written down, the provider collects it, its word credits it once.

The provider is never asked while a transaction is open. Whatever happens between two steps, the
payment's row says how far it got, and reconcile_payment asks about what stayed open.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Final

from talktime.core.errors import (
    NotFound,
    PaymentMismatch,
    PaymentUnknown,
    ProviderAway,
    ReferenceConflict,
    TooManyAttempts,
)
from talktime.core.money import format_usd
from talktime.core.one_line import check_plain_id
from talktime.core.payment import (
    CENTS_MAX,
    CURRENCY,
    NANOS_PER_CENT,
    CheckoutOrder,
    CheckoutProvider,
    NoticeKind,
    Payment,
    PaymentNotice,
    PaymentOrigin,
    PaymentStatus,
    check_top_up_amount,
)
from talktime.core.return_address import with_outcome
from talktime.db import payments
from talktime.db.auto_reload import write_event
from talktime.db.payments import Place
from talktime.db.pool import Connection
from talktime.ops.accounts import check_limit, read_account
from talktime.ops.terms import Terms

Connections = Callable[[], AbstractAsyncContextManager[Connection]]

CHECKOUT_LIFE: Final = timedelta(hours=1)
"""How long a page can be paid on; Stripe allows 30 minutes to 24 hours."""

ASK_AFTER: Final = timedelta(minutes=2)
"""An open payment is asked about when nothing was heard of it for this long."""

ASK_YOUNG_AFTER: Final = timedelta(seconds=30)
"""The same for one just begun, whose payer may wait; a quarter of its age once that is more."""

GIVE_UP_AFTER: Final = timedelta(days=3)
"""A payment that the provider itself knows nothing of has expired by then."""

OPEN_MAX: Final = 20
"""Top-ups of one account that wait to be paid; each is asked about until it ends."""
ID_LENGTH_MAX: Final = 64

OPENED_EVENT: Final = "payment.opened"
DECLINED_EVENT: Final = "payment.declined"
CLOSED_EVENT: Final = "payment.closed"


async def begin_top_up(
    connections: Connections,
    provider: CheckoutProvider,
    *,
    account_id: str,
    payment_id: str,
    amount_nanos: int,
    return_url: str,
    asked_return_url: str | None = None,
    now: datetime,
) -> tuple[Payment, bool]:
    """A payment with the page to pay on; the same id and facts again answer the same one, with
    False for "not new".

    The provider sends the payer back to ``asked_return_url``, a fact like the amount, or without
    one to ``return_url``; what happened is added as ``?back=paid`` or ``?back=canceled``, and is
    not believed. Raises InvalidAmount, AccountUnknown, ReferenceConflict, TooManyAttempts where
    OPEN_MAX top-ups wait to be paid, ProviderAway (the same request can be repeated).
    """
    check_top_up_amount(amount_nanos, field="amount")
    check_plain_id(payment_id, "top_up_id", most=ID_LENGTH_MAX)
    async with connections() as connection:
        account = await read_account(connection, account_id, now=now)
        await _check_room(connection, account_id, payment_id)
        is_new = await payments.open_payment(
            connection,
            account_id=account_id,
            payment_id=payment_id,
            provider=provider.name,
            amount_nanos=amount_nanos,
            now=now,
            expires_at=now + CHECKOUT_LIFE,
            return_url=asked_return_url or return_url,
        )
        payment = await read_payment(connection, account_id, payment_id)
    _check_same(payment, amount_nanos, provider.name, asked_return_url)
    if payment.status is not PaymentStatus.OPENING:
        return payment, is_new
    # To the provider, another address would be another request under the same key.
    back_to = payment.return_url or return_url
    checkout = await provider.create_checkout(
        CheckoutOrder(
            account_id=account_id,
            payment_id=payment_id,
            amount_nanos=amount_nanos,
            email=account.email,
            success_url=with_outcome(back_to, "paid"),
            cancel_url=with_outcome(back_to, "canceled"),
            expires_at=payment.expires_at,
        )
    )
    async with connections() as connection:
        await payments.note_checkout(
            connection,
            account_id=account_id,
            payment_id=payment_id,
            checkout_id=checkout.checkout_id,
            checkout_url=checkout.url,
        )
        await _tell_pages(connection, account_id, payment_id, OPENED_EVENT, now=now)
        return await read_payment(connection, account_id, payment_id), is_new


def _check_same(
    payment: Payment, amount_nanos: int, provider: str, asked_return_url: str | None
) -> None:
    """Raise ReferenceConflict where a payment was begun before with other facts than these."""
    if (payment.amount_nanos, payment.provider, payment.origin) != (
        amount_nanos,
        provider,
        PaymentOrigin.CHECKOUT,
    ):
        raise ReferenceConflict(
            f"there is a top-up {payment.payment_id} of ${format_usd(payment.amount_nanos)} by "
            f"{payment.provider}; use a new id",
            field="top_up_id",
        )
    if asked_return_url not in {None, payment.return_url}:
        raise ReferenceConflict(
            f"there is a top-up {payment.payment_id} whose payer goes back elsewhere; use a new id",
            field="return_url",
        )


async def settle_payment(
    connection: Connection, notice: PaymentNotice, *, terms: Terms, now: datetime
) -> Payment:
    """Act on a provider's verified word; the same word again changes nothing.

    Only ``paid`` moves money, only by the amount that was asked for, and once per payment however
    many notices say so. Raises PaymentUnknown, and PaymentMismatch where currency, amount or the
    money itself is not the one expected: both need an operator, and nothing was credited.
    """
    if notice.kind is NoticeKind.PAID:
        return await _credit(connection, notice, terms=terms, now=now)
    payment = await read_payment(connection, notice.account_id, notice.payment_id)
    keys = {"account_id": payment.account_id, "payment_id": payment.payment_id}
    if notice.kind is NoticeKind.ATTEMPT_FAILED:
        if await payments.note_attempt(connection, **keys, failure=notice.reason):
            await _tell_pages(connection, **keys, kind=DECLINED_EVENT, now=now)
    elif notice.kind in _ENDS:
        status = _ENDS[notice.kind]
        if await payments.close_payment(
            connection, **keys, status=status, failure=notice.reason, now=now
        ):
            await _tell_pages(connection, **keys, kind=CLOSED_EVENT, now=now)
    return await read_payment(connection, notice.account_id, notice.payment_id)


async def read_payment(connection: Connection, account_id: str, payment_id: str) -> Payment:
    """One payment of an account. Raises PaymentUnknown."""
    payment = await payments.read_payment(connection, account_id, payment_id)
    if payment is None:
        raise PaymentUnknown(f"there is no top-up {payment_id} on this account", field="top_up_id")
    return payment


async def list_payments(
    connection: Connection,
    account_id: str | None,
    *,
    status: PaymentStatus | None = None,
    before: Place | None,
    limit: int,
) -> tuple[list[Payment], Place | None]:
    """A page of at most ``limit`` (1 to 200) payments of one account or of all, newest first, and
    where to go on below."""
    check_limit(limit)
    found = list(
        await payments.list_payments(
            connection, account_id, status=status, before=before, limit=limit + 1
        )
    )
    page = found[:limit]
    last = page[-1] if len(found) > limit else None
    return page, (last.created_at, last.account_id, last.payment_id) if last else None


async def claim_open_payments(
    connections: Connections, provider: CheckoutProvider, *, limit: int, now: datetime
) -> Sequence[Payment]:
    """The open payments that were asked about longest ago; they count as asked about now."""
    async with connections() as connection:
        return await payments.claim_open_payments(
            connection,
            provider=provider.name,
            after=ASK_AFTER,
            young_after=ASK_YOUNG_AFTER,
            limit=limit,
            now=now,
        )


async def reconcile_payment(
    connections: Connections,
    provider: CheckoutProvider,
    payment: Payment,
    *,
    terms: Terms,
    now: datetime,
) -> None:
    """Ask the provider about an open payment of which nothing was heard, and act on its answer.

    Raises ProviderAway, and then it is asked again later; PaymentMismatch.
    """
    try:
        notice = await provider.read_checkout(payment)
    except ProviderAway as error:
        if now - payment.created_at < GIVE_UP_AFTER:
            raise
        notice = _given_up(payment, error.message)
    except NotFound:
        if now < payment.expires_at:
            return
        notice = _given_up(payment, "the provider knows of no such checkout")
    async with connections() as connection:
        await settle_payment(connection, notice, terms=terms, now=now)


async def expire_strange_payments(
    connections: Connections, *, provider: str | None, now: datetime
) -> None:
    """Give up what another provider than this one, or any where there is none, was to collect.

    Nobody can be asked about it any more. It is given time, since a provider may come back.
    """
    async with connections() as connection:
        await payments.expire_strange_payments(
            connection, provider=provider, before=now - GIVE_UP_AFTER, now=now
        )


async def _credit(
    connection: Connection, notice: PaymentNotice, *, terms: Terms, now: datetime
) -> Payment:
    if not notice.currency:
        raise _mismatch(notice, "its currency is not said")
    if notice.currency != CURRENCY:
        raise _mismatch(notice, f"it is in {notice.currency.upper()}, not in USD")
    if notice.amount_cents is None:
        raise _mismatch(notice, "how much was paid is not said")
    if not 0 < notice.amount_cents <= CENTS_MAX:
        raise _mismatch(notice, "no payment can have this amount")
    async with connection.transaction():
        verdict, _ = await payments.credit_payment(
            connection,
            account_id=notice.account_id,
            payment_id=notice.payment_id,
            intent_id=notice.intent_id,
            amount_nanos=notice.amount_cents * NANOS_PER_CENT,
            floor_nanos=terms.floor_nanos,
            now=now,
        )
    if verdict == "amount_differs":
        paid = format_usd(notice.amount_cents * NANOS_PER_CENT)
        raise _mismatch(notice, f"${paid} were paid, another amount was asked for")
    if verdict == "paid_twice":
        raise _mismatch(notice, "it was credited before, for other money")
    if verdict == "balance_too_large":
        raise _mismatch(notice, "the balance cannot hold it")
    if verdict not in {"credited", "repeated", "payment_unknown"}:
        raise _mismatch(notice, f"the ledger answers {verdict}")
    # Which of the three it was, reading tells.
    return await read_payment(connection, notice.account_id, notice.payment_id)


async def _tell_pages(
    connection: Connection, account_id: str, payment_id: str, kind: str, *, now: datetime
) -> None:
    """No money moved, but open pages say how the payment stands; at worst they say it later."""
    await write_event(connection, account_id, kind=kind, ref=payment_id, now=now)


async def _check_room(connection: Connection, account_id: str, payment_id: str) -> None:
    """Bound what an account can have us ask its provider; two at once may pass the bound by one."""
    if await payments.count_open_payments(connection, account_id, but=payment_id) >= OPEN_MAX:
        raise TooManyAttempts(
            f"{OPEN_MAX} top-ups wait to be paid; pay one of them, or wait until they expire",
            retry_after=CHECKOUT_LIFE // timedelta(seconds=1),
        )


def _mismatch(notice: PaymentNotice, why: str) -> PaymentMismatch:
    return PaymentMismatch(
        f"payment {notice.payment_id} of account {notice.account_id} was not credited: {why}"
    )


def _given_up(payment: Payment, why: str) -> PaymentNotice:
    return PaymentNotice(
        kind=NoticeKind.EXPIRED,
        account_id=payment.account_id,
        payment_id=payment.payment_id,
        amount_cents=None,
        currency=CURRENCY,
        intent_id=None,
        reason=why,
    )


_ENDS: Final[Mapping[NoticeKind, PaymentStatus]] = {
    NoticeKind.FAILED: PaymentStatus.FAILED,
    NoticeKind.EXPIRED: PaymentStatus.EXPIRED,
}
