"""Disputes: what a bank took back of a payment, and gave again where the dispute was won.

Keyed by the dispute and the direction. An inquiry takes nothing, so it moves nothing. Money that is
told of as given again before it was told of as taken waits for that.
"""

from datetime import datetime, timedelta
from typing import Final

from talktime.core.dispute import Dispute, DisputeState
from talktime.core.errors import (
    DisputeClear,
    DisputeUnknown,
    InvalidAmount,
    PaymentMismatch,
    PaymentUnknown,
)
from talktime.core.money import format_usd
from talktime.core.payment import CENTS_MAX, CURRENCY, NANOS_PER_CENT
from talktime.core.refund import DisputeNotice, check_refund_amount
from talktime.db import disputes
from talktime.db.disputes import Place
from talktime.db.pool import Connection
from talktime.ops.accounts import check_limit
from talktime.ops.money_back_alarms import sound_alarm
from talktime.ops.terms import Terms

_NOT_TAKEN: Final = frozenset({"payment_unknown", "amount_differs"})

ASK_WITHDRAWAL_AFTER: Final = timedelta(hours=1)
"""Money given again of which nobody told that it was taken: the provider is asked this often."""


async def settle_dispute(
    connection: Connection, notice: DisputeNotice, *, terms: Terms, now: datetime
) -> None:
    """Act on a provider's verified word on a dispute; the same word again changes nothing.

    The notice says whose it is. Raises PaymentUnknown, and PaymentMismatch where currency or
    amounts are not those known, and nothing was moved; or where the provider, asked, cannot say
    how much was given again: both are an operator's to look at.
    """
    if notice.account_id is None or notice.payment_id is None:
        raise PaymentUnknown("whose dispute it is was not found out")
    told = (notice.withdrawn_cents, notice.reinstated_cents)
    verdict = "amount_differs"
    if notice.currency == CURRENCY and all(
        cents is None or 0 < cents <= CENTS_MAX for cents in told
    ):
        async with connection.transaction():
            verdict = await disputes.settle_dispute(
                connection,
                account_id=notice.account_id,
                payment_id=notice.payment_id,
                intent_id=notice.intent_id,
                dispute_id=notice.dispute_id,
                withdrawn_nanos=_nanos(notice.withdrawn_cents),
                reinstated_nanos=_nanos(notice.reinstated_cents),
                due_at=now + ASK_WITHDRAWAL_AFTER,
                floor_nanos=terms.floor_nanos,
                now=now,
            )
            if (
                notice.is_taken_again
                and verdict not in _NOT_TAKEN
                and await disputes.note_taken_again(
                    connection, account_id=notice.account_id, dispute_id=notice.dispute_id, now=now
                )
            ):
                verdict = "taken_again"
    if verdict == "payment_unknown":
        raise PaymentUnknown(f"there is no top-up {notice.payment_id} on this account")
    if verdict == "amount_differs":
        raise PaymentMismatch(
            f"dispute {notice.dispute_id} of payment {notice.payment_id} of account "
            f"{notice.account_id} was not taken: its amounts are not those known of it"
        )
    ids = {"account_id": notice.account_id, "payment_id": notice.payment_id}
    sound_alarm(verdict, **ids, dispute_id=notice.dispute_id, intent_id=notice.intent_id)
    if notice.is_unclear and notice.withdrawn_cents is not None and verdict != "taken_again":
        raise PaymentMismatch(
            f"how much dispute {notice.dispute_id} gave again of payment {notice.payment_id} of "
            f"account {notice.account_id} cannot be told: see what the provider's dashboard says, "
            "and credit it with `talktime disputes credit`"
        )


async def credit_dispute(
    connection: Connection,
    *,
    account_id: str,
    dispute_id: str,
    amount_nanos: int,
    terms: Terms,
    now: datetime,
) -> Dispute:
    """Credit by an operator's word what a dispute gave again, where the provider's is not clear.

    A repeat of the same amount changes nothing. Raises DisputeUnknown, InvalidAmount, and
    DisputeClear where it is known what was given again, or nothing is said to have been.
    """
    check_refund_amount(amount_nanos, field="amount")
    dispute = await read_dispute(connection, account_id, dispute_id)
    if dispute.reinstated_nanos == amount_nanos and dispute.reversal_seq is not None:
        return dispute
    if dispute.state is not DisputeState.GIVEN_AGAIN_UNCLEAR or dispute.withdrawn_nanos is None:
        raise DisputeClear(
            "the provider says clearly what this dispute took and gave again; correct a balance "
            "by an adjustment"
        )
    if amount_nanos > dispute.withdrawn_nanos:
        taken = format_usd(dispute.withdrawn_nanos)
        raise InvalidAmount(f"amount must be at most the ${taken} that were taken", field="amount")
    async with connection.transaction():
        verdict = await disputes.settle_dispute(
            connection,
            account_id=account_id,
            payment_id=dispute.payment_id,
            intent_id=dispute.intent_id,
            dispute_id=dispute_id,
            withdrawn_nanos=dispute.withdrawn_nanos,
            reinstated_nanos=amount_nanos,
            due_at=now,
            floor_nanos=terms.floor_nanos,
            now=now,
        )
    if verdict == "amount_differs":
        raise DisputeClear("the provider has said meanwhile what this dispute gave again")
    return await read_dispute(connection, account_id, dispute_id)


async def read_dispute(connection: Connection, account_id: str, dispute_id: str) -> Dispute:
    """One dispute of an account. Raises DisputeUnknown."""
    found = await disputes.list_disputes(
        connection, account_id=account_id, dispute_id=dispute_id, before=None, limit=1
    )
    if not found:
        raise DisputeUnknown(f"there is no dispute {dispute_id} on this account")
    return found[0]


async def list_disputes(
    connection: Connection, *, account_id: str | None, before: Place | None, limit: int
) -> tuple[list[Dispute], Place | None]:
    """A page of at most ``limit`` (1 to 200) disputes of one account or of all, the one heard of
    last first, and where to go on below."""
    check_limit(limit)
    found = await disputes.list_disputes(
        connection, account_id=account_id, before=before, limit=limit + 1
    )
    page = found[:limit]
    last = page[-1] if len(found) > limit else None
    return page, (last.heard_at, last.account_id, last.dispute_id) if last else None


def _nanos(cents: int | None) -> int | None:
    return None if cents is None else cents * NANOS_PER_CENT
