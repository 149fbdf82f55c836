"""A payment provider for trying things out: no card, no bank, no money.

It opens checkout pages of its own (``/sandbox/checkout/…``), on which a person chooses what the
bank says. Its word comes the way Stripe's does: as a signed notice, over HTTP, to the same door;
and it answers when it is asked about a payment. Only what the bank would do is made up.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import httpx
import msgspec
import stripe
import structlog

from talktime.core.errors import PaymentUnknown
from talktime.core.payment import (
    CURRENCY,
    NANOS_PER_CENT,
    Checkout,
    CheckoutOrder,
    NoticeKind,
    Payment,
    PaymentNotice,
)
from talktime.db.pool import Connection
from talktime.db.sandbox_checkouts import SandboxPage, end_checkout, open_checkout, read_checkout
from talktime.gateways.sandbox_cards import SandboxCards
from talktime.gateways.sandbox_refunds import SandboxRefunds

log = structlog.get_logger("talktime.sandbox")

TRIES: Final = 5
TIMEOUT_SECONDS: Final = 10.0
NOTICE_DOOR: Final = "/hooks/payments"


class SandboxPayments:
    """The provider, and the hand that works its checkout pages."""

    name: Final = "sandbox"

    def __init__(
        self,
        connections: Callable[[], AbstractAsyncContextManager[Connection]],
        *,
        public_url: str,
        clock: Callable[[], datetime],
        secret: str | None = None,
    ) -> None:
        self._connections = connections
        self._public_url = public_url
        self._clock = clock
        self.secret: Final = secret or f"whsec_{secrets.token_hex(24)}"
        """What its notices are signed with."""
        self._sending: set[asyncio.Task[None]] = set()
        self.refunds: Final = SandboxRefunds(
            connections, clock=clock, spawn=self._spawn, tell=self._tell
        )
        self.cards: Final = SandboxCards(
            connections,
            public_url=public_url,
            clock=clock,
            spawn=self._spawn,
            tell=self._tell,
        )

    async def create_checkout(self, order: CheckoutOrder) -> Checkout:
        """A page for the order, and the same one whenever it is asked for again."""
        async with self._connections() as connection:
            checkout_id = await open_checkout(
                connection,
                account_id=order.account_id,
                checkout_id=f"cs_sandbox_{secrets.token_hex(16)}",
                payment_id=order.payment_id,
                amount_nanos=order.amount_nanos,
                success_url=order.success_url,
                cancel_url=order.cancel_url,
                now=self._clock(),
            )
        place = f"{quote(order.account_id, safe='')}/{checkout_id}"
        return Checkout(checkout_id=checkout_id, url=f"{self._public_url}/sandbox/checkout/{place}")

    async def read_checkout(self, payment: Payment) -> PaymentNotice:
        """How a page stands. Raises PaymentUnknown."""
        if payment.checkout_id is None:
            raise PaymentUnknown("no checkout was opened for this payment")
        page = await self.page(payment.account_id, payment.checkout_id)
        kind = NoticeKind.PAID if page.status == "paid" else NoticeKind.OPEN
        if kind is NoticeKind.OPEN and self._clock() >= payment.expires_at:
            async with self._connections() as connection:
                await end_checkout(connection, page.account_id, page.checkout_id, status="expired")
            kind = NoticeKind.EXPIRED
        return PaymentNotice(
            kind=kind,
            account_id=page.account_id,
            payment_id=page.payment_id,
            amount_cents=page.amount_nanos // NANOS_PER_CENT,
            currency=CURRENCY,
            intent_id=_intent_id(page),
        )

    async def page(self, account_id: str, checkout_id: str) -> SandboxPage:
        """A checkout page. Raises PaymentUnknown."""
        async with self._connections() as connection:
            page = await read_checkout(connection, account_id, checkout_id)
        if page is None:
            raise PaymentUnknown("the sandbox has no such checkout page")
        return page

    async def pay(self, page: SandboxPage, *, after_seconds: float = 0, times: int = 1) -> None:
        """The bank says yes. The notice follows, later and more than once where that is wanted."""
        async with self._connections() as connection:
            await end_checkout(connection, page.account_id, page.checkout_id, status="paid")
        notices = [_paid(page) for _ in range(times)]
        self._spawn(self._send_all(notices, after_seconds))

    async def decline(self, page: SandboxPage, reason: str) -> None:
        """The bank says no; the page can be paid with another card."""
        self._spawn(self._send_all([_declined(page, reason)], 0))

    async def close(self) -> None:
        """Give up notices that are still to be sent; the provider can be asked all the same."""
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)

    def _spawn(self, sending: Any) -> None:
        task = asyncio.create_task(sending)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _tell(self, kind: str, about: dict[str, Any]) -> None:
        await self._send_all([_event(kind, about)], 0)

    async def _send_all(self, notices: list[dict[str, Any]], after_seconds: float) -> None:
        await asyncio.sleep(after_seconds)
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            for notice in notices:
                await self._send(client, msgspec.json.encode(notice).decode())

    async def _send(self, client: httpx.AsyncClient, body: str) -> None:
        for attempt in range(TRIES):
            header = stripe.WebhookSignature.generate_signature_header(body, self.secret)
            try:
                answer = await client.post(
                    f"{self._public_url}{NOTICE_DOOR}",
                    content=body,
                    headers={"Stripe-Signature": header, "Content-Type": "application/json"},
                )
            except httpx.HTTPError as error:
                log.warning("a notice could not be delivered", error=str(error))
            else:
                if answer.is_success:
                    return
                log.warning("a notice was refused", status=answer.status_code)
            await asyncio.sleep(2**attempt)


def _paid(page: SandboxPage) -> dict[str, Any]:
    return _event(
        "checkout.session.completed",
        {
            "id": page.checkout_id,
            "object": "checkout.session",
            "status": "complete",
            "payment_status": "paid",
            "amount_total": page.amount_nanos // NANOS_PER_CENT,
            "currency": CURRENCY,
            "payment_intent": _intent_id(page),
            "metadata": _metadata(page),
        },
    )


def _declined(page: SandboxPage, reason: str) -> dict[str, Any]:
    return _event(
        "payment_intent.payment_failed",
        {
            "id": _intent_id(page),
            "object": "payment_intent",
            "status": "requires_payment_method",
            "amount": page.amount_nanos // NANOS_PER_CENT,
            "currency": CURRENCY,
            "last_payment_error": {"message": reason},
            "metadata": _metadata(page),
        },
    )


def _event(kind: str, about: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"evt_sandbox_{secrets.token_hex(12)}",
        "object": "event",
        "created": int(time.time()),
        "livemode": False,
        "type": kind,
        "data": {"object": about},
    }


def _metadata(page: SandboxPage) -> dict[str, str]:
    return {"account_id": page.account_id, "payment_id": page.payment_id}


def _intent_id(page: SandboxPage) -> str:
    return page.checkout_id.replace("cs_", "pi_", 1)
