"""Money that goes back to the card it came from: asked for by the customer, let go by an operator,
sent by the payment provider; begun in the provider's own dashboard; or taken back by a bank.

The ledger follows the provider's word alone. Until it says that the money is gone, what an operator
let go is set aside.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol, TypeAlias

import msgspec

from talktime.core.errors import InvalidAmount
from talktime.core.payment import NANOS_PER_CENT, CheckoutProvider
from talktime.core.saved_card import CardProvider

REASON_LENGTH_MAX: Final = 500

LONG: Final = timedelta(days=1)
"""What is not answered or not finished by then is for an operator to look at; Stripe hands a refund
to the card's bank at once (https://docs.stripe.com/refunds)."""


class RefundStatus(StrEnum):
    ASKED = "asked"  # by the customer -> running, declined
    DECLINED = "declined"  # by an operator, who says why; the end
    RUNNING = "running"  # let go; the money is set aside -> succeeded, partly, failed
    SUCCEEDED = "succeeded"  # all of it is gone -> partly, failed, where a bank sends it back
    PARTLY = "partly"  # some of it is gone, the rest is free again -> failed
    FAILED = "failed"  # nothing is gone, everything is free again; the end


class PartStatus(StrEnum):
    RESERVED = "reserved"  # set aside, the provider does not have it yet -> any other
    PENDING = "pending"  # the provider has it -> succeeded, failed
    SUCCEEDED = "succeeded"  # the provider says the money is gone: debited -> failed
    FAILED = "failed"  # it did not go, or came back: released, or credited again; the end


class RefundPart(msgspec.Struct, frozen=True, kw_only=True):
    """What goes back to the card of one payment."""

    account_id: str
    part_id: str
    """Ours; the provider's id where it was begun there."""
    payment_id: str
    intent_id: str
    refund_id: str | None
    """None: begun in the provider's dashboard."""
    provider_refund_id: str | None
    """The provider's id, once it has one; the entries carry it as their reference."""
    amount_nanos: int
    status: PartStatus
    failure: str | None
    attempts: int
    """How often the provider was asked to send it."""
    entry_seq: int | None
    reversal_seq: int | None
    created_at: datetime


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer asked back."""

    account_id: str
    refund_id: str
    provider: str
    amount_nanos: int
    """Whole cents."""
    status: RefundStatus
    reason: str
    """The customer's words, perhaps none."""
    answer: str | None
    """The operator's words, where it was declined."""
    asked_at: datetime
    decided_at: datetime | None
    ended_at: datetime | None
    parts: tuple[RefundPart, ...] = ()
    """From the approval on, the newest payment first."""


def unfinished_for_long(part: RefundPart, *, now: datetime) -> bool:
    """Whether the provider should have finished it by now."""
    is_open = part.status in {PartStatus.RESERVED, PartStatus.PENDING}
    return is_open and now - part.created_at > LONG


class RefundOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider needs to know to send money back."""

    account_id: str
    payment_id: str
    part_id: str
    intent_id: str
    amount_nanos: int


class RefundNotice(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's word on one refund; whose it is may have to be looked up by ``intent_id``."""

    provider_refund_id: str
    intent_id: str
    amount_cents: int
    currency: str
    status: PartStatus
    """pending, succeeded or failed."""
    failure: str | None = None
    account_id: str | None = None
    payment_id: str | None = None
    part_id: str | None = None
    """Ours, where it answers what we asked for."""


class RefundsChanged(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's word that something of a payment went back, without saying what."""

    intent_id: str
    account_id: str | None = None
    payment_id: str | None = None


class DisputeNotice(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's word on what a bank took back of a payment, or gave again."""

    dispute_id: str
    intent_id: str
    currency: str
    withdrawn_cents: int | None
    """None: nothing is said of it."""
    reinstated_cents: int | None
    """Less what was taken again of it; None where nothing of it is said, or left."""
    is_unclear: bool = False
    """Something was given again, and how much of the payment that is cannot be told."""
    is_taken_again: bool = False
    """The bank took it, gave it again and took it once more."""
    account_id: str | None = None
    payment_id: str | None = None


MoneyBackNotice: TypeAlias = RefundNotice | RefundsChanged | DisputeNotice


class RefundProvider(Protocol):
    """Who sends money back. Raises ProviderAway where it cannot be reached or does not answer."""

    @property
    def keeps_disputes(self) -> bool:
        """Whether it can be asked about a dispute that it told of."""
        ...

    async def create_refund(self, order: RefundOrder) -> RefundNotice:
        """Send money back to its card; the same order again is the same refund for at least a day.

        Raises RefundRefused where the provider will never do it.
        """
        ...

    async def list_refunds(self, intent_id: str, account_id: str, /) -> list[RefundNotice]:
        """All refunds of one payment, whoever began them."""
        ...

    async def read_refund(self, provider_refund_id: str, account_id: str, /) -> RefundNotice:
        """How a refund stands. Raises RefundUnknown."""
        ...

    async def read_dispute(self, dispute_id: str, account_id: str, /) -> DisputeNotice:
        """What was taken back and given again in a dispute. Raises PaymentUnknown."""
        ...

    async def list_disputes(self, since: datetime, /) -> list[DisputeNotice]:
        """What was taken back and given again in each dispute begun since then, newest first."""
        ...

    async def find_payment(self, intent_id: str, /) -> tuple[str, str] | None:
        """(account_id, payment_id) that a payment was begun for; None where it is not ours."""
        ...


class PaymentProvider(CheckoutProvider, Protocol):
    """Who collects payments, sends them back and keeps cards."""

    @property
    def refunds(self) -> RefundProvider: ...

    @property
    def cards(self) -> CardProvider: ...


def check_refund_amount(nanos: int, *, field: str) -> int:
    """The amount, or InvalidAmount where no refund can have it: whole cents, and some."""
    if nanos <= 0 or nanos % NANOS_PER_CENT:
        raise InvalidAmount(f"{field} must be at least one cent, in whole cents.", field=field)
    return nanos
