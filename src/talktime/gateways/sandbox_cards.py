"""Saved cards in the sandbox: the card itself says how its bank behaves.

A charge that succeeds is a paid checkout of the sandbox, so that it can be refunded and disputed
like any other; its word comes as an answer and as a signed notice, as Stripe's does.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime
from typing import Any, Final
from urllib.parse import quote

from talktime.core.errors import PaymentUnknown
from talktime.core.payment import CURRENCY, NANOS_PER_CENT, Checkout
from talktime.core.saved_card import (
    Card,
    Charge,
    ChargeOrder,
    ChargeOutcome,
    SavedCard,
    SetupOrder,
)
from talktime.db.pool import Connection
from talktime.db.sandbox_checkouts import end_checkout, open_checkout
from talktime.db.saved_cards import (
    SandboxSetup,
    open_sandbox_setup,
    read_sandbox_setup,
    save_sandbox_card,
)

_GOOD_UNTIL: Final = date(2040, 12, 31)

CARDS: Final[Mapping[str, Card]] = {
    "pays": Card(card_id="pm_sandbox_pays", brand="Sandbox", last4="4242", expires_on=_GOOD_UNTIL),
    "declines": Card(
        card_id="pm_sandbox_declines", brand="Sandbox", last4="0341", expires_on=_GOOD_UNTIL
    ),
    "asks": Card(card_id="pm_sandbox_asks", brand="Sandbox", last4="3220", expires_on=_GOOD_UNTIL),
}
"""What a person can choose on the page: pays, says no, or wants to hear the customer each time."""

DECLINED: Final = "Your card was declined."
NOT_HEARD: Final = "Your bank asks you to authenticate this payment."


class SandboxCards:
    """The part of the sandbox that keeps cards, and the hand that works its page."""

    name: Final = "sandbox"

    def __init__(
        self,
        connections: Callable[[], AbstractAsyncContextManager[Connection]],
        *,
        public_url: str,
        clock: Callable[[], datetime],
        spawn: Callable[[Any], None],
        tell: Callable[[str, dict[str, Any]], Awaitable[None]],
    ) -> None:
        self._connections = connections
        self._public_url = public_url
        self._clock = clock
        self._spawn = spawn
        self._tell = tell

    async def create_customer(self, account_id: str, _email: str, _former: str | None, /) -> str:
        """The sandbox knows everybody by the name of the account."""
        return f"cus_sandbox_{account_id}"

    async def create_setup(self, order: SetupOrder) -> Checkout:
        """A page to save a card on; the same order again answers the same page."""
        async with self._connections() as connection:
            checkout_id = await open_sandbox_setup(
                connection,
                order,
                checkout_id=f"cs_sandbox_{secrets.token_hex(16)}",
                now=self._clock(),
            )
        place = f"{quote(order.account_id, safe='')}/{checkout_id}"
        return Checkout(checkout_id=checkout_id, url=f"{self._public_url}/sandbox/setup/{place}")

    async def read_setup(self, saved: SavedCard) -> Card | None:
        """The card that was chosen on a page, or None as long as there is none."""
        if saved.setup_checkout_id is None:
            return None
        page = await self.page(saved.account_id, saved.setup_checkout_id)
        return next((card for card in CARDS.values() if card.card_id == page.card_id), None)

    async def forget_card(self, _card_id: str, /) -> None:
        """Nothing is kept of a card that could be forgotten."""

    async def charge_card(self, order: ChargeOrder) -> Charge:
        """What the card's bank says, which is the same at every time it is asked."""
        if order.card_id == CARDS["asks"].card_id:
            return Charge(
                outcome=ChargeOutcome.NEEDS_AUTHENTICATION, intent_id=None, reason=NOT_HEARD
            )
        if order.card_id != CARDS["pays"].card_id:
            return Charge(outcome=ChargeOutcome.DECLINED, intent_id=None, reason=DECLINED)
        intent_id = await self._pay(order)
        return Charge(
            outcome=ChargeOutcome.PAID,
            intent_id=intent_id,
            amount_cents=order.amount_nanos // NANOS_PER_CENT,
            currency=CURRENCY,
        )

    async def read_charge(self, order: ChargeOrder, _intent_id: str | None, /) -> Charge:
        """As it is charged: the sandbox knows an order however late it is repeated."""
        return await self.charge_card(order)

    async def page(self, account_id: str, checkout_id: str) -> SandboxSetup:
        """A page on which a card is saved. Raises PaymentUnknown."""
        async with self._connections() as connection:
            page = await read_sandbox_setup(connection, account_id, checkout_id)
        if page is None:
            raise PaymentUnknown("the sandbox has no such page")
        return page

    async def choose(self, page: SandboxSetup, behaviour: str) -> None:
        """A person saves the card that behaves so; the notice follows."""
        async with self._connections() as connection:
            await save_sandbox_card(
                connection, page.account_id, page.checkout_id, card_id=CARDS[behaviour].card_id
            )
        about = {
            "id": page.checkout_id,
            "object": "checkout.session",
            "mode": "setup",
            "status": "complete",
            "payment_status": "no_payment_required",
            "metadata": {"account_id": page.account_id, "setup_id": page.setup_id},
        }
        self._spawn(self._tell("checkout.session.completed", about))

    async def _pay(self, order: ChargeOrder) -> str:
        async with self._connections() as connection:
            checkout_id = await open_checkout(
                connection,
                account_id=order.account_id,
                checkout_id=f"cs_sandbox_{secrets.token_hex(16)}",
                payment_id=order.payment_id,
                amount_nanos=order.amount_nanos,
                success_url=self._public_url,
                cancel_url=self._public_url,
                now=self._clock(),
            )
            is_new = await end_checkout(connection, order.account_id, checkout_id, status="paid")
        intent_id = checkout_id.replace("cs_", "pi_", 1)
        if is_new:
            about = {
                "id": intent_id,
                "object": "payment_intent",
                "status": "succeeded",
                "amount_received": order.amount_nanos // NANOS_PER_CENT,
                "currency": CURRENCY,
                "metadata": {"account_id": order.account_id, "payment_id": order.payment_id},
            }
            self._spawn(self._tell("payment_intent.succeeded", about))
        return intent_id
