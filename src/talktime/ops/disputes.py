"""Disputes: what a bank took back of a payment, and gave again where the dispute was won.

Keyed by the dispute and the direction. An inquiry takes nothing, so it moves nothing. Money that is
told of as given again before it was told of as taken waits for that.
"""

from datetime import datetime, timedelta
from typing import Final

from talktime.core.dispute import Dispute
from talktime.core.errors import PaymentMismatch, PaymentUnknown
from talktime.core.payment import CENTS_MAX, CURRENCY, NANOS_PER_CENT
from talktime.core.refund import DisputeNotice
from talktime.db import disputes
from talktime.db.disputes import Place
from talktime.db.pool import Connection
from talktime.ops.accounts import check_limit
from talktime.ops.money_back_alarms import sound_alarm
from talktime.ops.terms import Terms

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
    if verdict == "payment_unknown":
        raise PaymentUnknown(f"there is no top-up {notice.payment_id} on this account")
    if verdict == "amount_differs":
        raise PaymentMismatch(
            f"dispute {notice.dispute_id} of payment {notice.payment_id} of account "
            f"{notice.account_id} was not taken: its amounts are not those known of it"
        )
    ids = {"account_id": notice.account_id, "payment_id": notice.payment_id}
    sound_alarm(verdict, **ids, dispute_id=notice.dispute_id, intent_id=notice.intent_id)
    if notice.is_unclear and notice.withdrawn_cents is not None:
        raise PaymentMismatch(
            f"how much dispute {notice.dispute_id} gave again of payment {notice.payment_id} of "
            f"account {notice.account_id} cannot be told: see what the provider's dashboard says, "
            "and credit it with `talktime disputes credit`"
        )


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
