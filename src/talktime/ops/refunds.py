"""Refunds: asked for by the customer, decided by an operator, kept true to the provider's word.

Nothing moves until an operator lets a refund go; from then on its money is set aside, per card
payment and newest first, and ops.refund_runs has the provider send it. The entry is written when
the provider says that the money is gone, keyed by the provider's id for it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from talktime.core.errors import (
    InvalidInput,
    PaymentMismatch,
    PaymentUnknown,
    ReferenceConflict,
    RefundDecided,
    RefundOpen,
    RefundTooMuch,
    RefundUnknown,
)
from talktime.core.money import format_usd
from talktime.core.payment import CURRENCY, NANOS_PER_CENT
from talktime.core.refund import (
    REASON_LENGTH_MAX,
    Refund,
    RefundNotice,
    RefundPart,
    RefundStatus,
    check_refund_amount,
)
from talktime.db import refunds
from talktime.db.pool import Connection
from talktime.db.refunds import Place
from talktime.ops.accounts import account_unknown, check_limit
from talktime.ops.terms import Terms

ASK_PENDING_AFTER: Final = timedelta(hours=1)
"""A refund that the provider has and did not finish is asked about this often."""

DIRECT_SHOWN_MAX: Final = 100
ID_LENGTH_MAX: Final = 60


async def read_refundable(connection: Connection, account_id: str, *, provider: str) -> int:
    """How many nanos can go back to their cards, in whole cents. Raises AccountUnknown."""
    found = await refunds.read_refundable(connection, account_id, provider)
    if found is None:
        raise account_unknown(account_id)
    return found


async def ask_refund(
    connection: Connection,
    *,
    account_id: str,
    refund_id: str,
    provider: str,
    amount_nanos: int | None,
    reason: str = "",
    now: datetime,
) -> tuple[Refund, bool]:
    """A refund for an operator to decide on; without an amount, all that can go back.

    The same id and facts again answer the same refund, with False for "not new". Raises
    InvalidAmount, InvalidInput, AccountUnknown, ReferenceConflict, RefundOpen, and RefundTooMuch
    with the fact ``refundable``.
    """
    if amount_nanos is not None:
        check_refund_amount(amount_nanos, field="amount")
    _check_id(refund_id)
    _check_words(reason, "reason")
    async with connection.transaction():
        verdict, refundable = await refunds.ask_refund(
            connection,
            account_id=account_id,
            refund_id=refund_id,
            provider=provider,
            amount_nanos=amount_nanos,
            reason=reason,
            now=now,
        )
    if verdict == "account_unknown":
        raise account_unknown(account_id)
    if verdict == "reference_conflict":
        raise ReferenceConflict(
            f"there is a refund {refund_id} of another amount or reason; use a new id",
            field="refund_id",
        )
    if verdict == "refund_open":
        raise RefundOpen(
            "a refund of this account waits for a decision or is under way; ask again after it"
        )
    if verdict == "refund_too_much":
        raise _too_much(refundable)
    return await read_refund(connection, account_id, refund_id), verdict == "asked"


async def approve_refund(
    connection: Connection, *, account_id: str, refund_id: str, terms: Terms, now: datetime
) -> Refund:
    """Let a refund go: its money is set aside. A repeat changes nothing.

    Raises RefundUnknown, RefundDecided where it was declined, and RefundTooMuch with the fact
    ``refundable`` where the balance has been used since: decline it, the customer can ask again.
    """
    async with connection.transaction():
        verdict, refundable = await refunds.approve_refund(
            connection,
            account_id=account_id,
            refund_id=refund_id,
            floor_nanos=terms.floor_nanos,
            now=now,
        )
    if verdict == "refund_decided":
        raise RefundDecided("this refund was declined; the customer can ask again")
    if verdict == "refund_too_much":
        raise _too_much(refundable)
    return await read_refund(connection, account_id, refund_id)


async def decline_refund(
    connection: Connection, *, account_id: str, refund_id: str, answer: str, now: datetime
) -> Refund:
    """Say no, and why, for the customer to read. A repeat changes nothing.

    Raises InvalidInput, RefundUnknown, and RefundDecided where it was approved.
    """
    if not answer.strip():
        raise InvalidInput("reason must say why: the customer reads it", field="reason")
    _check_words(answer, "reason")
    await refunds.decline_refund(
        connection, account_id=account_id, refund_id=refund_id, answer=answer, now=now
    )
    refund = await read_refund(connection, account_id, refund_id)
    if refund.status is not RefundStatus.DECLINED:
        raise RefundDecided("this refund was approved; what is sent cannot be called back")
    return refund


async def read_refund(connection: Connection, account_id: str, refund_id: str) -> Refund:
    """One refund with its parts. Raises RefundUnknown."""
    refund = await refunds.read_refund(connection, account_id, refund_id)
    if refund is None:
        raise RefundUnknown(f"there is no refund {refund_id} on this account", field="refund_id")
    return refund


async def list_refunds(
    connection: Connection,
    *,
    account_id: str | None,
    status: RefundStatus | None = None,
    before: Place | None,
    limit: int,
) -> tuple[list[Refund], Place | None]:
    """A page of at most ``limit`` (1 to 200) refunds of one account or of all, newest first, and
    where to go on below."""
    check_limit(limit)
    found = await refunds.list_refunds(
        connection, account_id=account_id, status=status, before=before, limit=limit + 1
    )
    page = found[:limit]
    last = page[-1] if len(found) > limit else None
    return page, (last.asked_at, last.account_id, last.refund_id) if last else None


async def list_direct_refunds(connection: Connection, account_id: str) -> Sequence[RefundPart]:
    """The last DIRECT_SHOWN_MAX refunds that were begun at the provider, newest first."""
    return await refunds.list_direct_refunds(connection, account_id, limit=DIRECT_SHOWN_MAX)


async def settle_refund(
    connection: Connection, notice: RefundNotice, *, terms: Terms, now: datetime
) -> None:
    """Act on a provider's verified word on a refund; the same word again changes nothing.

    The notice says whose it is. Debited once per refund of the provider when it says that the
    money is gone, and credited again should it come back. Raises PaymentUnknown, and
    PaymentMismatch where currency, amount or payment are not those known: an operator's to look
    at, and nothing was moved.
    """
    if notice.account_id is None or notice.payment_id is None:
        raise PaymentUnknown("whose refund it is was not found out")
    verdict = "amount_differs"
    if notice.currency == CURRENCY and notice.amount_cents > 0:
        async with connection.transaction():
            verdict = await refunds.settle_refund(
                connection,
                account_id=notice.account_id,
                payment_id=notice.payment_id,
                intent_id=notice.intent_id,
                part_id=notice.part_id,
                provider_refund_id=notice.provider_refund_id,
                amount_nanos=notice.amount_cents * NANOS_PER_CENT,
                status=notice.status,
                failure=notice.failure,
                due_at=now + ASK_PENDING_AFTER,
                floor_nanos=terms.floor_nanos,
                now=now,
            )
    if verdict == "payment_unknown":
        raise PaymentUnknown(f"there is no top-up {notice.payment_id} on this account")
    if verdict == "amount_differs":
        raise PaymentMismatch(
            f"refund {notice.provider_refund_id} of payment {notice.payment_id} of account "
            f"{notice.account_id} was not taken: {notice.amount_cents} cents in "
            f"{notice.currency.upper()} are not what is known of it"
        )


def _too_much(refundable_nanos: int) -> RefundTooMuch:
    can = format_usd(refundable_nanos)
    words = f"at most ${can} can go back to the cards it came from"
    if not refundable_nanos:
        words = "nothing can go back: it is used, set aside for running calls, or came by no card"
    return RefundTooMuch(words, field="amount", refundable=can)


def _check_id(refund_id: str) -> None:
    if (
        not 1 <= len(refund_id) <= ID_LENGTH_MAX
        or not refund_id.isascii()
        or not refund_id.replace("-", "").replace("_", "").isalnum()
    ):
        raise InvalidInput(
            f"refund_id must be 1 to {ID_LENGTH_MAX} letters, digits, hyphens or underscores.",
            field="refund_id",
        )


def _check_words(words: str, field: str) -> None:
    if len(words) > REASON_LENGTH_MAX or "\0" in words:
        raise InvalidInput(
            f"{field} must be at most {REASON_LENGTH_MAX} characters of text.", field=field
        )
