"""Stripe's customers, cards and off-session charges as far as we use them, strict: our model.

How a card behaves is in its id: pm_pays, pm_declines, pm_asks (the bank wants to hear the
customer), pm_slow (the bank takes its time), pm_gone (Stripe knows of no such card).
"""

import secrets
import time
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


class StripeCardDesk:
    """Customers, setups and charges, and what was asked for."""

    def __init__(self, sessions: dict[str, dict[str, Any]]) -> None:
        self._sessions = sessions
        self.customers: dict[str, dict[str, Any]] = {}
        self.intents: dict[str, dict[str, Any]] = {}
        self.detached: list[str] = []
        self.owners: dict[str, str] = {}
        """By card, whose it is."""
        self._by_key: dict[str, tuple[dict[str, str], Answered]] = {}

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
        if fields["customer"] not in self.customers:
            return 400, refused("No such customer")
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
        if before := self.keyed(fields, key, INTENT_FIELDS):
            return before
        card_id = fields["payment_method"]
        if card_id == "pm_gone" or self.owners.get(card_id) != fields["customer"]:
            return self.kept(fields, key, (400, refused("No such PaymentMethod")))
        intent = self._new_intent(fields)
        code = {"pm_declines": "card_declined", "pm_asks": "authentication_required"}.get(card_id)
        if code is None:
            slow = card_id == "pm_slow"
            intent["status"] = "processing" if slow else "succeeded"
            intent["amount_received"] = 0 if slow else intent["amount"]
            return self.kept(fields, key, (200, intent))
        message = {
            "card_declined": "Your card was declined.",
            "authentication_required": "Your card was declined. It requires authentication.",
        }[code]
        intent["last_payment_error"] = {"type": "card_error", "code": code, "message": message}
        error = intent["last_payment_error"] | {
            "decline_code": "generic_decline" if code == "card_declined" else code,
            "payment_intent": dict(intent),
        }
        return self.kept(fields, key, (402, {"error": error}))

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
            "created": int(time.time()),
            "last_payment_error": None,
            "metadata": {
                name: fields[f"metadata[{name}]"] for name in ("account_id", "payment_id")
            },
        }
        return self.intents[intent_id]

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
        since = int(request.query_params["created[gte]"])
        found = [
            one
            for one in stripe.cards.intents.values()
            if one["customer"] == request.query_params["customer"] and one["created"] >= since
        ]
        return answer(200, {"object": "list", "url": "", "has_more": False, "data": found})

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

    return [customer, charge, charges, cancel, detach]


def refused(message: str) -> dict[str, Any]:
    return {"error": {"type": "invalid_request_error", "message": message}}
