"""The money of the story, on the sandbox: a top-up, a saved card that reloads, a refund.

All of it goes the way a customer's browser and an operator's program would go.
"""

import asyncio
from decimal import Decimal
from typing import Any, Final

import httpx

from talktime.demo.narrator import Narrator

LATEST_SECONDS: Final = 20.0
LOOK_SECONDS: Final = 0.1
RELOAD: Final = {
    "on": True,
    "threshold": "2",
    "amount": "10",
    "day_ceiling": "50",
    "month_ceiling": "200",
}
REFUND: Final = "3.00"


class PurseBroken(Exception):
    """Money did not come or go as the story has it; the message says which."""


class Purse:
    """What one account does with money."""

    def __init__(self, url: str, operator_key: str, account_id: str, narrator: Narrator) -> None:
        self._place = f"/v1/accounts/{account_id}"
        self._narrator = narrator
        self._client = httpx.AsyncClient(
            base_url=url, headers={"Authorization": f"Bearer {operator_key}"}, timeout=10.0
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def top_up(self, amount: str) -> None:
        """Begin a top-up, pay on the sandbox's page, wait for the signed notice."""
        before = await self._paid()
        begun = await self._ask("POST", "/top-ups", {"amount": amount, "top_up_id": "opening"})
        await self._choose(begun["checkout_url"], "pay")
        await self._until(before + Decimal(amount), "the top-up's notice")

    async def reload(self) -> None:
        """Save a card, switch auto-reload on, and see it charge the card by itself."""
        page = await self._ask("POST", "/auto-reload/card")
        await self._choose(page["url"], "pays")
        before = await self._paid()
        await self._ask("PUT", "/auto-reload", RELOAD)
        self._narrator.say(
            f"A card is saved, and auto-reload is on: below ${RELOAD['threshold']} it adds "
            f"${RELOAD['amount']}."
        )
        await self._until(before + Decimal(str(RELOAD["amount"])), "the auto-reload")
        self._narrator.say("It fired by itself: one payment, credited once.", style="bold")

    async def refund(self) -> None:
        """The customer asks for money back, the operator lets it go, the card has it."""
        before = await self._paid()
        asked = await self._ask(
            "POST", "/refunds", {"amount": REFUND, "reason": "Not needed", "refund_id": "story"}
        )
        await self._ask("POST", f"/refunds/{asked['refund_id']}/approve")
        await self._until(before - Decimal(REFUND), "the refund")
        self._narrator.say(f"${REFUND} of it went back to the card, approved by the operator.")

    async def _paid(self) -> Decimal:
        return Decimal((await self._ask("GET", ""))["paid"])

    async def _until(self, paid: Decimal, what: str) -> None:
        for _ in range(int(LATEST_SECONDS / LOOK_SECONDS)):
            if await self._paid() == paid:
                return
            await asyncio.sleep(LOOK_SECONDS)
        raise PurseBroken(f"{what} has not come: paid is {await self._paid()}, not {paid}")

    async def _ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        answer = await self._client.request(method, f"{self._place}{path}", json=body)
        if answer.is_error:
            raise PurseBroken(f"{method} {path} was answered {answer.status_code}: {answer.text}")
        found: dict[str, Any] = answer.json()
        return found

    async def _choose(self, page: str, choice: str) -> None:
        """What the customer presses on a page of the sandbox."""
        answer = await self._client.post(page, data={"choice": choice})
        if answer.status_code != 303:
            raise PurseBroken(f"the sandbox's page answered {answer.status_code}")
