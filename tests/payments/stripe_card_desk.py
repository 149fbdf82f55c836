"""Stripe's customers, cards and off-session charges as far as we use them, strict: our model.

How a card behaves is in its id, up to what follows a second underscore: pm_pays, pm_asks (the bank
wants to hear the customer), pm_slow (the bank takes its time), and what is in REFUSALS.
"""

import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from litestar import Request, Response, get, post

SETUP_FIELDS = {
    "mode", "currency", "customer", "success_url", "cancel_url", "metadata[account_id]",
    "metadata[setup_id]", "setup_intent_data[metadata][account_id]",
    "setup_intent_data[metadata][setup_id]",
}  # fmt: skip
CUSTOMER_FIELDS = {"email", "metadata[account_id]"}
INTENT_FIELDS = {
    "amount", "currency", "customer", "payment_method", "off_session", "confirm", "description",
    "metadata[account_id]", "metadata[payment_id]",
}  # fmt: skip

Answered = tuple[int, dict[str, Any]]

DECLINED = {"code": "card_declined", "message": "Your card was declined."}
REFUSALS: dict[str, dict[str, str]] = {
    "declines": DECLINED | {"decline_code": "generic_decline", "advice_code": "try_again_later"},
    "poor": DECLINED | {"decline_code": "insufficient_funds"},
    "stolen": DECLINED | {"decline_code": "stolen_card", "advice_code": "do_not_try_again"},
    "never": DECLINED | {"decline_code": "generic_decline", "advice_code": "do_not_try_again"},
    "expired": {
        "code": "expired_card",
        "decline_code": "expired_card",
        "message": "Your card has expired.",
    },
    "asks": {
        "code": "authentication_required",
        "decline_code": "authentication_required",
        "message": "Your card was declined. It requires authentication.",
    },
}
"""What the bank of a card says, by its name: pm_declines, pm_declines_2, …"""


class StripeCardDesk:
    """Customers, setups and charges, and what was asked for."""

    def __init__(self, sessions: dict[str, dict[str, Any]]) -> None:
        self._sessions = sessions
        self.customers: dict[str, dict[str, Any]] = {}
        self.intents: dict[str, dict[str, Any]] = {}
        self.detached: list[str] = []
        self.owners: dict[str, str] = {}
        """By card, whose it is."""
        self._renewed: dict[str, str] = {}
        self._by_key: dict[str, tuple[dict[str, str], Answered]] = {}
        self.is_another_account = False
        """The key that it is asked with is right, and of an account that knows none of ours."""
        self.clock = time.time
        """Seconds, by which charges are dated."""

    def save(self, session_id: str, card_id: str) -> dict[str, Any]:
        """A customer finishes the page."""
        session = self._sessions[session_id]
        self.owners[card_id] = session["customer"]
        session["status"] = "complete"
        session["setup_intent"] = {
            "id": session_id.replace("cs_", "seti_"),
            "object": "setup_intent",
            "status": "succeeded",
            "payment_method": {
                "id": card_id,
                "object": "payment_method",
                "type": "card",
                "card": {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2030},
            },
        }
        return session

    def keyed(self, fields: dict[str, str], key: str | None, known: set[str]) -> Answered | None:
        """The first answer to this key; a refusal where it was used for something else."""
        if key is None:
            return 400, refused("our code sends a key with everything it asks for")
        if unknown := sorted(fields.keys() ^ known):
            return 400, refused(f"unknown or missing parameters: {unknown}")
        if key in self._by_key:
            first, answered = self._by_key[key]
            if first != fields:
                return 400, {"error": {"type": "idempotency_error", "message": "Keys differ"}}
            return answered
        return None

    def kept(self, fields: dict[str, str], key: str | None, answered: Answered) -> Answered:
        if key is not None:
            self._by_key[key] = (fields, answered)
        return answered

    def create_customer(self, fields: dict[str, str], key: str | None) -> Answered:
        if before := self.keyed(fields, key, CUSTOMER_FIELDS):
            return before
        customer_id = f"cus_{secrets.token_hex(8)}"
        self.customers[customer_id] = {
            "id": customer_id,
            "object": "customer",
            "email": fields["email"],
        }
        return self.kept(fields, key, (200, self.customers[customer_id]))

    def create_setup(self, fields: dict[str, str], key: str | None) -> Answered:
        if before := self.keyed(fields, key, SETUP_FIELDS):
            return before
        if not self.knows(fields["customer"]):
            return 400, missing("customer", fields["customer"])
        session_id = f"cs_test_{secrets.token_hex(12)}"
        self._sessions[session_id] = {
            "id": session_id,
            "object": "checkout.session",
            "mode": "setup",
            "status": "open",
            "payment_status": "no_payment_required",
            "url": f"https://checkout.stripe.com/c/setup/{session_id}",
            "customer": fields["customer"],
            "setup_intent": {"id": "seti", "object": "setup_intent", "status": "requires_action"},
            "payment_intent": None,
            "metadata": {name: fields[f"metadata[{name}]"] for name in ("account_id", "setup_id")},
        }
        return self.kept(fields, key, (200, self._sessions[session_id]))

    def create_intent(self, fields: dict[str, str], key: str | None) -> Answered:
        if self.is_another_account:
            return 400, missing("customer", fields["customer"])
        if before := self.keyed(fields, key, INTENT_FIELDS):
            return before
        card_id = fields["payment_method"]
        if not self.knows(fields["customer"]):
            return self.kept(fields, key, (400, missing("customer", fields["customer"])))
        if self.owners.get(card_id) != fields["customer"]:
            return self.kept(fields, key, (400, missing("payment_method", card_id)))
        intent = self._new_intent(fields)
        kind = self._renewed.get(card_id, card_id).split("_")[1]
        if kind not in REFUSALS:
            slow = kind == "slow"
            intent["status"] = "processing" if slow else "succeeded"
            intent["amount_received"] = 0 if slow else intent["amount"]
            return self.kept(fields, key, (200, intent))
        error = {"type": "card_error"} | REFUSALS[kind]
        intent["last_payment_error"] = error
        told = error | {"payment_intent": dict(intent)}
        return self.kept(fields, key, (402, {"error": told}))

    def renew(self, card_id: str, behaves_as: str) -> None:
        """The card keeps its id, and its bank changes its mind."""
        self._renewed[card_id] = behaves_as

    def delete_customer(self, customer_id: str) -> None:
        """In the dashboard, say; their cards are gone with them. That there was one stays known."""
        self.customers[customer_id] = {"id": customer_id, "object": "customer", "deleted": True}
        self.owners = {card: who for card, who in self.owners.items() if who != customer_id}

    def knows(self, customer_id: str) -> bool:
        """Whether something can be done with a customer."""
        found = self.customers.get(customer_id)
        return found is not None and "deleted" not in found and not self.is_another_account

    def read_customer(self, customer_id: str) -> Answered:
        """One that was deleted is still told of, as deleted."""
        if self.is_another_account or customer_id not in self.customers:
            return 404, missing("id", customer_id)
        return 200, self.customers[customer_id]

    def read_card(self, card_id: str) -> Answered:
        if self.is_another_account:
            return 404, missing("payment_method", card_id)
        whose = self.owners.get(card_id)
        return 200, {"id": card_id, "object": "payment_method", "type": "card", "customer": whose}

    def _new_intent(self, fields: dict[str, str]) -> dict[str, Any]:
        intent_id = f"pi_{secrets.token_hex(12)}"
        self.intents[intent_id] = {
            "id": intent_id,
            "object": "payment_intent",
            "status": "requires_payment_method",
            "amount": int(fields["amount"]),
            "amount_received": 0,
            "currency": fields["currency"],
            "customer": fields["customer"],
            "payment_method": fields["payment_method"],
            "off_session": fields["off_session"],
            "created": int(self.clock()),
            "last_payment_error": None,
            "metadata": {
                name: fields[f"metadata[{name}]"] for name in ("account_id", "payment_id")
            },
        }
        return self.intents[intent_id]

    def list_intents(self, asked: Mapping[str, str]) -> Answered:
        if not self.knows(asked["customer"]):
            return 404, missing("customer", asked["customer"])
        found = [
            one
            for one in self.intents.values()
            if one["customer"] == asked["customer"] and one["created"] >= int(asked["created[gte]"])
        ]
        return 200, {"object": "list", "url": "", "has_more": False, "data": found}

    def paid(self) -> list[dict[str, Any]]:
        """The charges that took money."""
        return [one for one in self.intents.values() if one["status"] == "succeeded"]


def routes(stripe: Any) -> list[Any]:
    """What the library asks for; ``stripe`` has ``broken``, ``answers`` and ``cards``, a desk."""

    async def asked(request: Request[Any, Any, Any]) -> tuple[dict[str, str], str | None]:
        fields = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        return fields, request.headers.get("idempotency-key")

    def answer(status: int, body: dict[str, Any]) -> Response[dict[str, Any]]:
        if stripe.broken:
            return Response({"error": {"type": "api_error", "message": "no"}}, status_code=500)
        return Response(body, status_code=status)

    @post("/v1/customers", status_code=200)
    async def customer(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        if stripe.broken:
            return answer(500, {})
        return answer(*stripe.cards.create_customer(*await asked(request)))

    @post("/v1/payment_intents", status_code=200)
    async def charge(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        if stripe.broken:
            return answer(500, {})
        fields, key = await asked(request)
        await stripe.answers(fields["customer"])
        return answer(*stripe.cards.create_intent(fields, key))

    @get("/v1/payment_intents")
    async def charges(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        await stripe.answers(request.query_params["customer"])
        return answer(*stripe.cards.list_intents(request.query_params))

    @post("/v1/payment_intents/{intent_id:str}/cancel", status_code=200)
    async def cancel(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        intent = stripe.cards.intents[request.path_params["intent_id"]]
        if intent["status"] == "succeeded":
            return answer(400, refused("This PaymentIntent has succeeded already"))
        intent["status"] = "canceled"
        return answer(200, intent)

    @post("/v1/payment_methods/{card_id:str}/detach", status_code=200)
    async def detach(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        card_id = request.path_params["card_id"]
        stripe.cards.detached.append(card_id)
        stripe.cards.owners.pop(card_id, None)
        return answer(200, {"id": card_id, "object": "payment_method", "type": "card"})

    return [customer, charge, charges, cancel, detach, *_reading_routes(stripe)]


def _reading_routes(stripe: Any) -> list[Any]:
    @get("/v1/customers/{customer_id:str}")
    async def customer(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        status, body = stripe.cards.read_customer(request.path_params["customer_id"])
        return Response(body, status_code=status)

    @get("/v1/payment_methods/{card_id:str}")
    async def card(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        status, body = stripe.cards.read_card(request.path_params["card_id"])
        return Response(body, status_code=status)

    return [customer, card]


def missing(param: str, which: str) -> dict[str, Any]:
    """As Stripe says that something it is asked to use is not there."""
    named = {"code": "resource_missing", "param": param}
    return {"error": refused(f"No such {param}: '{which}'")["error"] | named}


def refused(message: str) -> dict[str, Any]:
    return {"error": {"type": "invalid_request_error", "message": message}}
