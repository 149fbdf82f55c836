"""A dispute: what a bank took back of a payment, and gave again where the dispute was won."""

from datetime import datetime
from enum import StrEnum
from typing import assert_never

import msgspec


class DisputeState(StrEnum):
    WAITS_FOR_WITHDRAWAL = "waits_for_withdrawal"  # given again was told alone -> any other
    WAITS_FOR_PAYMENT = "waits_for_payment"  # of a payment not credited yet -> any below
    NEVER_CREDITED = "never_credited"  # of other money than was credited; the end, nothing moves
    TAKEN = "taken"  # debited -> given_again_in_part, given_again
    GIVEN_AGAIN_IN_PART = "given_again_in_part"  # some of it was credited; the end
    GIVEN_AGAIN = "given_again"  # all of it was credited; the end


class Dispute(msgspec.Struct, frozen=True, kw_only=True):
    """A dispute as it stands."""

    account_id: str
    dispute_id: str
    """The provider's id; the entries carry it as their reference."""
    payment_id: str
    intent_id: str
    state: DisputeState
    withdrawn_nanos: int | None
    """What was taken; None where that was not told yet."""
    reinstated_nanos: int | None
    """What was given again; None where nothing was."""
    heard_at: datetime
    """When it was first told of."""
    entry_seq: int | None
    """The entry that debited it."""
    reversal_seq: int | None
    """The entry that credited what was given again."""


def say_state(state: DisputeState) -> str:
    """How a dispute stands, in words for operators and customers."""
    match state:
        case DisputeState.WAITS_FOR_WITHDRAWAL:
            return "given again, and not heard yet what was taken: the provider is asked"
        case DisputeState.WAITS_FOR_PAYMENT:
            return "waits for its payment to be credited"
        case DisputeState.NEVER_CREDITED:
            return "of money that was never credited: the balance is not touched"
        case DisputeState.TAKEN:
            return "taken back by the bank"
        case DisputeState.GIVEN_AGAIN_IN_PART:
            return "given again in part"
        case DisputeState.GIVEN_AGAIN:
            return "given again"
        case _:
            assert_never(state)
