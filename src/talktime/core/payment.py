"""A payment: money a customer puts on the paid balance, through a provider's checkout page.

The provider is asked to collect it; the balance moves only when the provider's signed notice, or
its answer to our own question, says that the money is there.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from talktime.core.errors import InvalidAmount
from talktime.core.money import NANOS_PER_USD, display_usd

NANOS_PER_CENT: Final = NANOS_PER_USD // 100
CURRENCY: Final = "usd"

CENTS_MAX: Final = 99_999_999
"""No payment, refund or dispute is larger: Stripe's own limit of eight digits
(https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts)."""

TOP_UP_MIN_NANOS: Final = 5 * NANOS_PER_USD
TOP_UP_MAX_NANOS: Final = 2_000 * NANOS_PER_USD
TOP_UP_PRESETS_NANOS: Final = tuple(dollars * NANOS_PER_USD for dollars in (10, 25, 50, 100))


class PaymentStatus(StrEnum):
    OPENING = "opening"  # the provider is being asked for a checkout -> waiting, expired, succeeded
    WAITING = "waiting"  # the customer may pay -> succeeded, failed, expired
    SUCCEEDED = "succeeded"  # the money is there and credited; the end
    FAILED = "failed"  # the bank refused for good -> succeeded, should it come all the same
    EXPIRED = "expired"  # nobody paid in time -> succeeded, should it come all the same


class PaymentOrigin(StrEnum):
    CHECKOUT = "checkout"  # the customer pays on a page
    AUTO_RELOAD = "auto_reload"  # a saved card is charged


OPEN_STATUSES: Final = frozenset({PaymentStatus.OPENING, PaymentStatus.WAITING})


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """One top-up as it stands."""

    account_id: str
    payment_id: str
    """Ours; the top-up's entry carries it as its reference."""
    provider: str
    status: PaymentStatus
    amount_nanos: int
    """Whole cents."""
    checkout_id: str | None
    checkout_url: str | None
    intent_id: str | None
    """The provider's name for the money itself, once it is known."""
    failure: str | None
    """Why the last attempt to pay failed, in the provider's words."""
    created_at: datetime
    expires_at: datetime
    """Until when it can be paid."""
    settled_at: datetime | None
    """When it was credited, failed or expired."""
    entry_seq: int | None
    origin: PaymentOrigin = PaymentOrigin.CHECKOUT
    needs_customer: bool = False
    """An auto-reload whose bank wants to hear the customer, who pays on a page after all."""
    return_url: str | None = None
    """Where the provider sends the payer back to, where that was kept."""


class CheckoutOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider needs to know to collect a payment."""

    account_id: str
    payment_id: str
    amount_nanos: int
    email: str
    success_url: str
    cancel_url: str
    expires_at: datetime


class Checkout(msgspec.Struct, frozen=True, kw_only=True):
    """A page on which the provider collects the payment."""

    checkout_id: str
    url: str


class NoticeKind(StrEnum):
    """What a provider says of a payment."""

    PAID = "paid"
    ATTEMPT_FAILED = "attempt_failed"  # the customer can try another card
    FAILED = "failed"
    EXPIRED = "expired"
    OPEN = "open"  # nothing new


class PaymentNotice(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's word on one of our payments, its signature or its connection verified."""

    kind: NoticeKind
    account_id: str
    payment_id: str
    amount_cents: int | None
    """What was paid or is to be paid; None where the provider does not say."""
    currency: str
    intent_id: str | None
    reason: str | None = None


class CheckoutProvider(Protocol):
    """Who collects payments. Raises ProviderAway where it cannot be reached or does not answer."""

    @property
    def name(self) -> str: ...

    async def create_checkout(self, order: CheckoutOrder) -> Checkout:
        """Open a page to pay on; the same order again answers the same page."""
        ...

    async def read_checkout(self, payment: Payment) -> PaymentNotice:
        """How the payment of a page stands by the provider's own word."""
        ...


def check_top_up_amount(nanos: int, *, field: str) -> int:
    """The amount, or InvalidAmount where no top-up can have it: whole cents within the limits."""
    if nanos % NANOS_PER_CENT:
        raise InvalidAmount(f"{field} must be whole cents, such as 25.00.", field=field)
    if not TOP_UP_MIN_NANOS <= nanos <= TOP_UP_MAX_NANOS:
        raise InvalidAmount(
            f"{field} must be from {display_usd(TOP_UP_MIN_NANOS)} to "
            f"{display_usd(TOP_UP_MAX_NANOS)}.",
            field=field,
        )
    return nanos
