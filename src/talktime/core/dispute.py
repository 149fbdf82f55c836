"""A dispute: what a bank took back of a payment, and gave again where the dispute was won."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec


class DisputeState(StrEnum):
    WAITS_FOR_WITHDRAWAL = "waits_for_withdrawal"  # given again was told alone -> any other
    WAITS_FOR_PAYMENT = "waits_for_payment"  # of a payment not credited yet -> any below
    NEVER_CREDITED = "never_credited"  # of other money than was credited; the end, nothing moves
    TAKEN = "taken"  # debited -> any below
    GIVEN_AGAIN_UNCLEAR = "given_again_unclear"  # how much is asked -> any below
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


_WORDS: Final[Mapping[DisputeState, str]] = {
    DisputeState.WAITS_FOR_WITHDRAWAL: (
        "given again, and not heard yet what was taken: the provider is asked"
    ),
    DisputeState.WAITS_FOR_PAYMENT: "waits for its payment to be credited",
    DisputeState.NEVER_CREDITED: "of money that was never credited: no balance is touched",
    DisputeState.TAKEN: "taken back by the bank",
    DisputeState.GIVEN_AGAIN_UNCLEAR: (
        "given again, and not clear how much of it: the provider is asked"
    ),
    DisputeState.GIVEN_AGAIN_IN_PART: "given again in part",
    DisputeState.GIVEN_AGAIN: "given again",
}


def say_state(state: DisputeState) -> str:
    """How a dispute stands, in words for operators and customers."""
    return _WORDS[state]
