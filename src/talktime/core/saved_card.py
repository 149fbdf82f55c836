"""A saved card: what a provider may charge while nobody is there, and how it answers."""

from calendar import monthrange
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from talktime.core.payment import Checkout


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A card as its provider knows it; its number never reaches us."""

    card_id: str
    brand: str
    last4: str
    expires_on: date | None = None
    """The last day on which it is good, as it was saved; None where its provider did not say."""


def last_day(month: int, year: int) -> date:
    """Until when a card is good that says this month."""
    return date(year, month, monthrange(year, month)[1])


class SavedCard(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of an account's card at one provider, and of saving another."""

    account_id: str
    provider: str
    customer_id: str | None = None
    card: Card | None = None
    setup_id: str | None = None
    """A card is being saved, or was going to be."""
    setup_checkout_id: str | None = None
    setup_url: str | None = None


class SetupOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider needs to know to save a card."""

    account_id: str
    setup_id: str
    customer_id: str
    success_url: str
    cancel_url: str


class CardNotice(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's word that a page to save a card on was finished; which card, it is asked."""

    account_id: str
    setup_id: str


class ChargeOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider needs to know to charge a saved card."""

    account_id: str
    payment_id: str
    amount_nanos: int
    customer_id: str
    card_id: str
    ordered_at: datetime


class ChargeOutcome(StrEnum):
    """How a charge went, by the provider's own word."""

    PAID = "paid"
    PROCESSING = "processing"  # the bank takes its time
    DECLINED = "declined"  # this time; another time it may go better
    UNUSABLE = "unusable"  # for good: expired, reported lost, or no longer at the provider
    NEEDS_AUTHENTICATION = "needs_authentication"  # the bank wants to hear the customer


class Gone(StrEnum):
    """What the provider no longer has."""

    CARD = "card"
    CUSTOMER = "customer"  # and every card with it


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's answer to a charge."""

    outcome: ChargeOutcome
    intent_id: str | None
    amount_cents: int | None = None
    currency: str = ""
    reason: str | None = None
    gone: Gone | None = None


class CardProvider(Protocol):
    """Who keeps cards. Raises ProviderAway where it cannot be reached or does not answer."""

    @property
    def name(self) -> str: ...

    async def create_customer(self, account_id: str, email: str, former: str | None) -> str:
        """The provider's id for an account; asked again within a day, the same one.

        ``former`` is the one before, which the provider has no longer.
        """
        ...

    async def create_setup(self, order: SetupOrder) -> Checkout | None:
        """Open a page to save a card on; the same order again answers the same page.

        None where the provider has no such customer any more.
        """
        ...

    async def read_setup(self, saved: SavedCard) -> Card | None:
        """The card that was saved on a page, or None as long as there is none."""
        ...

    async def forget_card(self, card_id: str) -> None:
        """Give up the right to charge a card."""
        ...

    async def charge_card(self, order: ChargeOrder) -> Charge:
        """Charge a saved card; the same order again is the same charge."""
        ...

    async def read_charge(self, order: ChargeOrder, intent_id: str | None) -> Charge | None:
        """How a charge stands that was ordered before; None where the provider has none."""
        ...
