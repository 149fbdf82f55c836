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
from talktime.core.message import MessageKind
from talktime.core.money import display_usd, format_usd
from talktime.core.one_line import check_plain_id
from talktime.core.payment import CENTS_MAX, CURRENCY, NANOS_PER_CENT
from talktime.core.refund import (
    LONG,
    REASON_LENGTH_MAX,
    PartStatus,
    Refund,
    RefundNotice,
    RefundPart,
    RefundStatus,
    check_refund_amount,
)
from talktime.db import refunds
from talktime.db.auto_reload import write_event
from talktime.db.pool import Connection
from talktime.db.refunds import Place
from talktime.ops.accounts import account_unknown, check_limit, read_account
from talktime.ops.messages import write_message
from talktime.ops.money_back_alarms import sound_alarm
from talktime.ops.terms import Terms

ASKED_EVENT: Final = "refund.asked"
DECLINED_EVENT: Final = "refund.declined"
BEGUN_EVENT: Final = "refund.begun"
ENDED_EVENT: Final = "refund.ended"
"""No money moves with these, but open pages say how the refund stands; the last two are of one that
was begun at the provider itself, and that came to nothing there."""

ASK_PENDING_SOONEST: Final = timedelta(minutes=2)
ASK_PENDING_LATEST: Final = timedelta(hours=1)
"""A refund that the provider has and did not finish is asked about after these, first and last."""

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
    operator: str = "",
    now: datetime,
) -> tuple[Refund, bool]:
    """A refund for an operator to decide on; without an amount, all that can go back.

    The operator is told by mail where ``operator`` is an address. The same id and facts again
    answer the same refund, with False for "not new". Raises InvalidAmount, InvalidInput,
    AccountUnknown, ReferenceConflict, RefundOpen, and RefundTooMuch with the fact ``refundable``.
    """
    if amount_nanos is not None:
        check_refund_amount(amount_nanos, field="amount")
    check_plain_id(refund_id, "refund_id", most=ID_LENGTH_MAX)
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
        if verdict == "asked":
            await write_event(connection, account_id, kind=ASKED_EVENT, ref=refund_id, now=now)
        if verdict == "asked" and operator:
            await _tell_operator(connection, account_id, refund_id, operator, now=now)
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
    async with connection.transaction():
        is_news = await refunds.decline_refund(
            connection, account_id=account_id, refund_id=refund_id, answer=answer, now=now
        )
        refund = await read_refund(connection, account_id, refund_id)
        if is_news:
            await write_event(connection, account_id, kind=DECLINED_EVENT, ref=refund_id, now=now)
            await write_message(
                connection,
                account_id=account_id,
                kind=MessageKind.REFUND_DECLINED,
                ref=refund_id,
                recipient=None,
                facts={
                    "amount": format_usd(refund.amount_nanos),
                    "refund": refund_id,
                    "answer": answer,
                },
                now=now,
            )
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


async def list_unfinished_parts(
    connection: Connection, *, account_id: str | None, now: datetime
) -> Sequence[RefundPart]:
    """At most DIRECT_SHOWN_MAX refunds begun at the provider and not finished there for long."""
    return await refunds.list_unfinished_parts(
        connection, account_id=account_id, before=now - LONG, limit=DIRECT_SHOWN_MAX
    )


async def settle_refund(
    connection: Connection,
    notice: RefundNotice,
    *,
    terms: Terms,
    now: datetime,
    pending_since: datetime | None = None,
) -> None:
    """Act on a provider's verified word on a refund; the same word again changes nothing.

    Where it is pending it is asked about again, the later the longer it has been pending.

    The notice says whose it is. Debited once per refund of the provider when it says that the
    money is gone, and credited again should it come back. Raises PaymentUnknown, and
    PaymentMismatch where currency, amount or payment are not those known: an operator's to look
    at, and nothing was moved.
    """
    if notice.account_id is None or notice.payment_id is None:
        raise PaymentUnknown("whose refund it is was not found out")
    verdict = "amount_differs"
    if notice.currency == CURRENCY and 0 < notice.amount_cents <= CENTS_MAX:
        async with connection.transaction():
            verdict, is_direct_news = await refunds.settle_refund(
                connection,
                account_id=notice.account_id,
                payment_id=notice.payment_id,
                intent_id=notice.intent_id,
                part_id=notice.part_id,
                provider_refund_id=notice.provider_refund_id,
                amount_nanos=notice.amount_cents * NANOS_PER_CENT,
                status=notice.status,
                failure=notice.failure,
                due_at=now + _until_asked_again(now - (pending_since or now)),
                floor_nanos=terms.floor_nanos,
                now=now,
            )
            if is_direct_news and notice.status in _UNMOVED_EVENTS:
                await write_event(
                    connection,
                    notice.account_id,
                    kind=_UNMOVED_EVENTS[notice.status],
                    ref=notice.provider_refund_id,
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
    ids = {"account_id": notice.account_id, "payment_id": notice.payment_id}
    sound_alarm(verdict, **ids, refund=notice.provider_refund_id, intent_id=notice.intent_id)


_UNMOVED_EVENTS: Final = {PartStatus.PENDING: BEGUN_EVENT, PartStatus.FAILED: ENDED_EVENT}


def _until_asked_again(pending_for: timedelta) -> timedelta:
    """As long as it took so far, so that each pause is twice the one before, within bounds."""
    return min(max(pending_for, ASK_PENDING_SOONEST), ASK_PENDING_LATEST)


async def _tell_operator(
    connection: Connection, account_id: str, refund_id: str, operator: str, *, now: datetime
) -> None:
    refund = await read_refund(connection, account_id, refund_id)
    account = await read_account(connection, account_id, now=now)
    await write_message(
        connection,
        account_id=account_id,
        kind=MessageKind.REFUND_ASKED,
        ref=refund_id,
        recipient=operator,
        facts={
            "amount": format_usd(refund.amount_nanos),
            "refund": refund_id,
            "reason": refund.reason,
            "account_id": account_id,
            "account_name": account.name,
        },
        now=now,
    )


def _too_much(refundable_nanos: int) -> RefundTooMuch:
    words = f"at most {display_usd(refundable_nanos)} can go back to the cards it came from"
    if not refundable_nanos:
        words = (
            "nothing can go back: it is used, set aside for running calls, or came by no card; "
            "what is topped up by card can"
        )
    return RefundTooMuch(words, field="amount", refundable=format_usd(refundable_nanos))


def _check_words(words: str, field: str) -> None:
    if len(words) > REASON_LENGTH_MAX or "\0" in words:
        raise InvalidInput(
            f"{field} must be at most {REASON_LENGTH_MAX} characters of text.", field=field
        )
