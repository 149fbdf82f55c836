"""What moves, or was to move, between an account and its cards: top-ups, refunds, chargebacks."""

from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias

import msgspec

from talktime.core.ledger import Entry
from talktime.core.payment import Payment
from talktime.core.refund import Refund, RefundPart


class MoveKind(StrEnum):
    TOP_UP = "top_up"  # a payment, by hand or by auto-reload
    REFUND = "refund"  # what the customer asked back
    DIRECT_REFUND = "direct_refund"  # what the platform sent back at the provider itself
    CHARGEBACK = "chargeback"  # what a bank took back
    CHARGEBACK_REVERSED = "chargeback_reversed"  # what it gave again


REFUND_KINDS: Final = frozenset({MoveKind.REFUND, MoveKind.DIRECT_REFUND})
CHARGEBACK_KINDS: Final = frozenset({MoveKind.CHARGEBACK, MoveKind.CHARGEBACK_REVERSED})

MovePlace: TypeAlias = tuple[datetime, str, str]
"""Of a move in lists: when it began, its kind, its reference."""


class MoneyMove(msgspec.Struct, frozen=True, kw_only=True):
    """One of them, as it stands."""

    kind: MoveKind
    moved_at: datetime
    """When it began; of a chargeback, when it was posted."""
    ref: str
    """The id of the payment, the refund, its part, or the dispute."""
    about: Payment | Refund | RefundPart | Entry


class OpenState(StrEnum):
    """How a move stands that has not come to its end, or whose end asks the customer for more."""

    NEEDS_CUSTOMER = "needs_customer"  # the bank wants to hear the customer
    DECLINED = "declined"  # the card was declined; another can be tried
    RELOAD_FAILED = "reload_failed"  # auto-reload's last attempt failed; it tries again
    RELOAD_STOPPED = "reload_stopped"  # and after that one it has stopped
    UNPAID = "unpaid"  # the page to pay on is open
    LATE = "late"  # its time is over, and the provider is asked how it ended
    CHARGING = "charging"  # a saved card is being charged
    SENDING = "sending"  # a refund is on its way to the card
    ASKED = "asked"  # a refund waits for an operator


NEEDS_ACTION: Final = frozenset(
    {
        OpenState.NEEDS_CUSTOMER,
        OpenState.DECLINED,
        OpenState.RELOAD_FAILED,
        OpenState.RELOAD_STOPPED,
    }
)
"""What goes on only with the customer, or better with them."""


class OpenMove(msgspec.Struct, frozen=True, kw_only=True):
    """One that has not come to its end."""

    kind: MoveKind
    ref: str
    amount_nanos: int
    state: OpenState
