"""Payments at Stripe and all that can become of them, with the notices that tell of it.

What Stripe's own books say in the end is what our balance has to be, whatever was told in which
order and how often.
"""

import contextlib
from typing import Any, Final, Literal

import msgspec

from talktime.core.errors import PaymentMismatch
from talktime.core.payment import Payment, PaymentNotice
from talktime.core.refund import MoneyBackNotice, RefundsChanged
from talktime.gateways.money_back_notices import read_money_back
from tests.payments.paying import notice
from tests.payments.refunding import Refunder

THEN, LATER = (2, 1), (17, 8)
"""Exchange rates of the day of a taking and of a giving back, as fractions that leave no rest."""

Told = PaymentNotice | MoneyBackNotice
Half = Literal["usd", "eur"]

WAYS: Final = {
    "taken": "charge.dispute.funds_withdrawn",
    "given": "charge.dispute.funds_reinstated",
}


class StripeWorld:
    """What happened at Stripe, and what it has to tell of it."""

    def __init__(self, refunder: Refunder) -> None:
        self.refunder = refunder
        self.stripe = refunder.stripe
        self.payments: list[Payment] = []
        self.intents: list[str] = []
        """Of money that was collected, some of it a second time for the same payment."""
        self.told: list[Told] = []
        """All notices so far."""
        self.given: dict[str, int] = {}
        """Of disputes, the cents of the payment that came back."""

    async def pay(self, amount: str) -> None:
        payment = await self.refunder.payer.begin(amount)
        intent_id = self.refunder.charge(payment)
        self.payments.append(payment)
        self.intents.append(intent_id)
        self.told.append(notice(payment, intent_id=intent_id))

    def pay_again(self, payment: Payment) -> None:
        """The customer pays on an old page, too: other money for the same payment."""
        assert payment.checkout_id is not None
        session = self.stripe.sessions[payment.checkout_id]
        intent_id = f"{session['payment_intent']}_again{len(self.intents)}"
        self.stripe.sessions[f"cs_of_{intent_id}"] = session | {"payment_intent": intent_id}
        self.intents.append(intent_id)
        self.told.append(notice(payment, intent_id=intent_id))

    def refund_in_dashboard(self, intent_id: str, cents: int) -> None:
        fields = {"payment_intent": intent_id, "amount": str(cents)}
        status, refund = self.stripe.back.create(fields, None)
        if status == 200:
            self._tell("refund.created", refund)

    def end_refund(self, refund_id: str, status: str) -> None:
        """It succeeds or fails, also after it had succeeded."""
        if self.stripe.back.refunds[refund_id]["status"] != "failed":
            refund = self.stripe.back.end(refund_id, status)
            self._tell("refund.failed" if status == "failed" else "refund.updated", refund)
            self.told.append(RefundsChanged(intent_id=refund["payment_intent"]))

    def dispute(self, intent_id: str, cents: int, settled_in: Half) -> None:
        """The bank takes cents back; at most one dispute of each."""
        if any(one["payment_intent"] == intent_id for one in self.stripe.back.disputes.values()):
            return
        dispute = self.stripe.back.dispute(intent_id, cents)
        if settled_in == "eur":
            dispute["balance_transactions"] = [_moved(-cents, THEN)]
        self._tell(WAYS["taken"], dispute)

    def give_again(self, dispute_id: str, cents: int) -> None:
        """The bank gives some of it, or all, again; once."""
        dispute = self.stripe.back.disputes[dispute_id]
        if dispute_id in self.given:
            return
        [taken] = dispute["balance_transactions"]
        if taken["currency"] == "usd":
            given = min(cents, dispute["amount"])
            self.stripe.back.give_again(dispute, given)
        else:
            # Whole eighths, and not so near to all of it that rounding would say so.
            given = cents - cents % 8 if cents < dispute["amount"] - 8 else dispute["amount"]
            moved = _moved(given, LATER)
            if given % 8 or not given or moved["amount"] == -taken["amount"]:
                return
            dispute["balance_transactions"].append(moved)
        self.given[dispute_id] = given
        self._tell(WAYS["given"], dispute)

    def lie(self, dispute_id: str) -> None:
        """A word on a dispute that says more than was taken, or that says no amount."""
        dispute = self.stripe.back.disputes[dispute_id]
        too_much = {"amount": dispute["amount"] + 1, "currency": "usd"}
        self._tell(WAYS["given"], dispute | {"balance_transactions": [too_much]})
        self._tell(WAYS["given"], dispute | {"balance_transactions": []})

    async def hear(self, told: Told) -> None:
        """Our side hears one notice; what does not fit is refused, as often as it is told."""
        with contextlib.suppress(PaymentMismatch):
            if isinstance(told, PaymentNotice):
                await self.refunder.payer.tell(told)
            else:
                await self.refunder.tell(told)

    async def owed(self) -> tuple[int, int]:
        """(paid balance, what can go back) in cents, as Stripe's books have it."""
        back, paid, left = self.stripe.back, 0, 0
        for begun in self.payments:
            payment = await self.refunder.payer.payment(begun.payment_id)
            assert payment.intent_id in self.intents
            rest = payment.amount_nanos // 10**7
            for refund in back.listed(payment.intent_id):
                rest -= refund["amount"] if refund["status"] == "succeeded" else 0
            for dispute in back.disputes.values():
                if dispute["payment_intent"] == payment.intent_id:
                    rest += self.given.get(dispute["id"], 0) - dispute["amount"]
            paid += rest
            left += max(0, rest)
        return paid, max(0, min(paid, left))

    def _tell(self, kind: str, about: dict[str, Any]) -> None:
        found = read_money_back(kind, msgspec.Raw(msgspec.json.encode(about)))
        assert found is not None
        self.told.append(found)


def _moved(cents: int, rate: tuple[int, int]) -> dict[str, Any]:
    """What the balance of an account says that does not settle in dollars."""
    return {
        "amount": cents * rate[0] // rate[1],
        "currency": "eur",
        "exchange_rate": rate[0] / rate[1],
        "fee": 2000,
    }
