"""Refunds and disputes in the sandbox: what a bank would do is made up, all else is as with Stripe.

A refund that we ask for is confirmed by a signed notice a moment later. On the sandbox's own page a
person plays the provider's dashboard and the card's bank: begins a refund there, sends one back,
disputes the payment, gives the money again.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Final

from talktime.core.errors import InvalidInput, PaymentUnknown, RefundRefused, RefundUnknown
from talktime.core.payment import CURRENCY, NANOS_PER_CENT
from talktime.core.refund import DisputeNotice, PartStatus, RefundNotice, RefundOrder
from talktime.db.pool import Connection
from talktime.db.sandbox_checkouts import SandboxPage
from talktime.db.sandbox_refunds import SandboxRefund, end_refund, open_refund, read_refunds

CONFIRMED_AFTER_SECONDS: Final = 1.0

Tell = Callable[[str, dict[str, Any]], Awaitable[None]]
"""Sends a notice of a kind about something."""


class SandboxRefunds:
    """The part of the sandbox that sends money back, and the hand that plays the rest."""

    keeps_disputes: Final = False

    def __init__(
        self,
        connections: Callable[[], AbstractAsyncContextManager[Connection]],
        *,
        clock: Callable[[], datetime],
        spawn: Callable[[Any], None],
        tell: Tell,
    ) -> None:
        self._connections = connections
        self._clock = clock
        self._spawn = spawn
        self._tell = tell

    async def create_refund(self, order: RefundOrder) -> RefundNotice:
        """A refund for the order, and the same one whenever it is asked for again."""
        refund = await self._open(
            order.account_id, _checkout_id(order.intent_id), order.amount_nanos, order.part_id
        )
        if refund is None:
            raise RefundRefused("the sandbox will not send back more than was paid")
        self._spawn(self._confirm(refund, order.payment_id))
        return _notice(refund)

    async def list_refunds(self, intent_id: str, account_id: str, /) -> list[RefundNotice]:
        """All refunds of one payment, newest first, whoever began them."""
        async with self._connections() as connection:
            found = await read_refunds(connection, account_id, checkout_id=_checkout_id(intent_id))
        return [_notice(refund) for refund in found]

    async def read_refund(self, provider_refund_id: str, account_id: str, /) -> RefundNotice:
        """How a refund stands; one that is asked about has had the time to succeed."""
        async with self._connections() as connection:
            await end_refund(connection, account_id, provider_refund_id, status="succeeded")
            found = await read_refunds(connection, account_id, sandbox_refund_id=provider_refund_id)
        if not found:
            raise RefundUnknown("the sandbox has no such refund")
        return _notice(found[0])

    async def read_dispute(self, _dispute_id: str, _account_id: str, /) -> DisputeNotice:
        """Nothing: the sandbox keeps no disputes, it tells of them alone."""
        raise PaymentUnknown("the sandbox keeps no disputes")

    async def list_disputes(self, _since: datetime, /) -> list[DisputeNotice]:
        """None: the sandbox keeps no disputes, it tells of them alone."""
        return []

    async def find_payment(self, _intent: str, /) -> tuple[str, str] | None:
        """None: each of its notices says whose it is."""
        return None

    async def refund_here(self, page: SandboxPage, amount_nanos: int) -> None:
        """A person begins a refund in the provider's dashboard.

        Raises InvalidInput where it is more than is left of the payment.
        """
        refund = await self._open(page.account_id, page.checkout_id, amount_nanos, None)
        if refund is None:
            raise InvalidInput("that is more than is left of this payment", field="amount")
        self._spawn(self._confirm(refund, page.payment_id))

    async def send_back(self, page: SandboxPage) -> None:
        """The card's bank does not take the last refund. Raises InvalidInput without one."""
        async with self._connections() as connection:
            for refund in await read_refunds(
                connection, page.account_id, checkout_id=page.checkout_id
            ):
                failed = await end_refund(
                    connection, page.account_id, refund.sandbox_refund_id, status="failed"
                )
                if failed is not None:
                    self._spawn(self._tell("refund.failed", _object(failed, page.payment_id)))
                    return
        raise InvalidInput("no refund of this payment can come back", field="choice")

    async def dispute(self, page: SandboxPage, *, won: bool) -> None:
        """The customer's bank takes the payment back, or gives it again."""
        cents = page.amount_nanos // NANOS_PER_CENT
        moved = (-cents, cents) if won else (-cents,)
        about = {
            "id": page.checkout_id.replace("cs_", "dp_", 1),
            "object": "dispute",
            "amount": cents,
            "currency": CURRENCY,
            "status": "won" if won else "needs_response",
            "payment_intent": _intent_id(page.checkout_id),
            "balance_transactions": [{"amount": one, "currency": CURRENCY} for one in moved],
            "metadata": {"account_id": page.account_id, "payment_id": page.payment_id},
        }
        way = "reinstated" if won else "withdrawn"
        self._spawn(self._tell(f"charge.dispute.funds_{way}", about))

    async def _open(
        self, account_id: str, checkout_id: str, amount_nanos: int, part_id: str | None
    ) -> SandboxRefund | None:
        async with self._connections() as connection:
            return await open_refund(
                connection,
                account_id=account_id,
                sandbox_refund_id=f"re_sandbox_{secrets.token_hex(12)}",
                checkout_id=checkout_id,
                part_id=part_id,
                amount_nanos=amount_nanos,
                now=self._clock(),
            )

    async def _confirm(self, refund: SandboxRefund, payment_id: str) -> None:
        await asyncio.sleep(CONFIRMED_AFTER_SECONDS)
        async with self._connections() as connection:
            ended = await end_refund(
                connection, refund.account_id, refund.sandbox_refund_id, status="succeeded"
            )
        if ended is not None:
            await self._tell("refund.updated", _object(ended, payment_id))


def _object(refund: SandboxRefund, payment_id: str) -> dict[str, Any]:
    part = {} if refund.part_id is None else {"part_id": refund.part_id}
    return {
        "id": refund.sandbox_refund_id,
        "object": "refund",
        "amount": refund.amount_nanos // NANOS_PER_CENT,
        "currency": CURRENCY,
        "status": refund.status,
        "payment_intent": _intent_id(refund.checkout_id),
        "metadata": {"account_id": refund.account_id, "payment_id": payment_id} | part,
    }


def _notice(refund: SandboxRefund) -> RefundNotice:
    return RefundNotice(
        provider_refund_id=refund.sandbox_refund_id,
        intent_id=_intent_id(refund.checkout_id),
        amount_cents=refund.amount_nanos // NANOS_PER_CENT,
        currency=CURRENCY,
        status=PartStatus(refund.status),
        part_id=refund.part_id,
    )


def _intent_id(checkout_id: str) -> str:
    return checkout_id.replace("cs_", "pi_", 1)


def _checkout_id(intent_id: str) -> str:
    return intent_id.replace("pi_", "cs_", 1)
