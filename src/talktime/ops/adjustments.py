"""Corrections of a balance by an operator, each with a reason."""

from datetime import datetime
from typing import Final

from talktime.core.errors import InvalidAmount, InvalidInput, PromoInsufficient, ReferenceConflict
from talktime.core.ledger import Entry, EntryKind
from talktime.core.money import MAX_NANOS
from talktime.db import acts
from talktime.db.entries import entry_of
from talktime.db.pool import Connection
from talktime.ops.accounts import account_unknown
from talktime.ops.terms import Terms

REFERENCE_MAX: Final = 200
REASON_MAX: Final = 500


async def post_adjustment(
    connection: Connection,
    *,
    account_id: str,
    adjustment_id: str,
    promo_nanos: int,
    paid_nanos: int,
    reason: str,
    terms: Terms,
    now: datetime,
) -> tuple[Entry, bool]:
    """Add to either balance, or take from it; the same facts again: the first entry, and False.

    Paid may become negative, promo never. Raises InvalidInput, AccountUnknown, ReferenceConflict
    where the adjustment_id was used with other facts, PromoInsufficient, InvalidAmount where a
    balance would be beyond belief.
    """
    _check(adjustment_id, promo_nanos, paid_nanos, reason)
    row = acts.EntryRow(
        account_id=account_id,
        kind=EntryKind.ADJUSTMENT.value,
        ref=adjustment_id,
        promo_delta_nanos=promo_nanos,
        paid_delta_nanos=paid_nanos,
        occurred_at=now,
        note=reason,
    )
    [verdict] = await acts.post_entries(connection, [row], now=now, floor_nanos=terms.floor_nanos)
    if verdict.verdict == "account_unknown":
        raise account_unknown(account_id)
    if verdict.verdict == "reference_conflict":
        raise ReferenceConflict(
            f"adjustment {adjustment_id} was posted before with other facts; "
            "use a new adjustment_id",
            field="adjustment_id",
        )
    if verdict.verdict == "promo_insufficient":
        raise PromoInsufficient(
            "the promo balance is smaller than what is to be taken from it, and it may never be "
            "negative; take less, or take the rest from paid",
            field="promo",
        )
    if verdict.verdict == "balance_too_large":
        raise InvalidAmount(
            "a balance would be beyond $100 million; check the unit, amounts are in dollars",
            field="paid" if paid_nanos else "promo",
        )
    return entry_of(row, verdict), verdict.verdict == "posted"


def _check(adjustment_id: str, promo_nanos: int, paid_nanos: int, reason: str) -> None:
    if (
        not adjustment_id.strip()
        or len(adjustment_id) > REFERENCE_MAX
        or not adjustment_id.isprintable()
    ):
        raise InvalidInput(
            f"adjustment_id must be one line of 1 to {REFERENCE_MAX} characters: it makes a repeat "
            "the same adjustment.",
            field="adjustment_id",
        )
    if not promo_nanos and not paid_nanos:
        raise InvalidInput(
            "an adjustment moves something: give paid, promo or both, other than zero.",
            field="paid",
        )
    for field, nanos in (("promo", promo_nanos), ("paid", paid_nanos)):
        if abs(nanos) > MAX_NANOS:
            raise InvalidInput(f"{field} is out of range.", field=field)
    if not reason.strip() or len(reason) > REASON_MAX or "\x00" in reason:
        raise InvalidInput(
            f"reason must have 1 to {REASON_MAX} characters: auditors will read it.",
            field="reason",
        )
