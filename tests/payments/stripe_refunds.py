"""Stripe's Refunds and Disputes as far as we use them, strict, by its published behaviour.

A refund is pending until it is let succeed or fail, never over what is left of its payment, and
the same one for the same idempotency key while Stripe remembers it.
"""

import secrets
import time
from collections import Counter
from typing import Any
from urllib.parse import parse_qsl

from litestar import Request, Response, get, post

KNOWN_FIELDS = {
    "payment_intent", "amount", "reason",
    "metadata[account_id]", "metadata[payment_id]", "metadata[part_id]",
}  # fmt: skip

Answer = tuple[int, dict[str, Any]]


class StripeRefundDesk:
    """The refunds and disputes of some checkout sessions, and what was asked for."""

    def __init__(self, sessions: dict[str, dict[str, Any]]) -> None:
        self._sessions = sessions
        self.refunds: dict[str, dict[str, Any]] = {}
        self.disputes: dict[str, dict[str, Any]] = {}
        self.by_key: dict[str, tuple[dict[str, str], dict[str, Any]]] = {}
        self.asked = 0
        self.reads: Counter[str] = Counter()
        """How often somebody asked how a refund stands."""

    def forget_keys(self) -> None:
        """More than a day goes by."""
        self.by_key.clear()

    def end(self, refund_id: str, status: str = "succeeded", **facts: Any) -> dict[str, Any]:
        """Let a refund succeed or fail."""
        self.refunds[refund_id] |= {"status": status} | facts
        return dict(self.refunds[refund_id])

    def from_dashboard(self, intent_id: str, cents: int) -> dict[str, Any]:
        """Somebody begins a refund in the dashboard: it has no metadata."""
        status, refund = self.create({"payment_intent": intent_id, "amount": str(cents)}, None)
        assert status == 200, refund
        return refund

    def dispute(self, intent_id: str, cents: int) -> dict[str, Any]:
        """The bank takes money back."""
        dispute = {
            "id": f"dp_{secrets.token_hex(8)}",
            "object": "dispute",
            "created": int(time.time()),
            "amount": cents,
            "currency": "usd",
            "status": "needs_response",
            "payment_intent": intent_id,
            "metadata": {},
            "balance_transactions": [{"amount": -cents, "currency": "usd", "fee": 1500}],
        }
        self.disputes[str(dispute["id"])] = dispute
        return dispute

    def give_again(self, dispute: dict[str, Any], cents: int) -> dict[str, Any]:
        """The dispute is won, perhaps in part."""
        dispute["status"] = "won"
        dispute["balance_transactions"] = [
            *dispute["balance_transactions"],
            {"amount": cents, "currency": "usd", "fee": -1500},
        ]
        return dispute

    def create(self, fields: dict[str, str], key: str | None) -> Answer:
        self.asked += 1
        if key is not None and key in self.by_key:
            first, refund = self.by_key[key]
            if first != fields:
                return 400, _refusal("idempotency_error", "Keys for idempotent requests differ")
            return 200, refund
        status, refund = self._create(fields)
        if key is not None and status == 200:
            self.by_key[key] = (fields, refund)
        return status, refund

    def _create(self, fields: dict[str, str]) -> Answer:
        unknown = sorted(fields.keys() - KNOWN_FIELDS)
        if unknown:
            return 400, _refusal("invalid_request_error", f"Received unknown parameter: {unknown}")
        intent_id, cents = fields["payment_intent"], int(fields["amount"])
        session = self._session(intent_id)
        if session is None:
            return 404, _refusal("invalid_request_error", "No such payment_intent")
        if any(one["payment_intent"] == intent_id for one in self.disputes.values()):
            return 400, _refusal("invalid_request_error", "Charge has been charged back.")
        gone = sum(one["amount"] for one in self.listed(intent_id) if one["status"] != "failed")
        if not 0 < cents <= session["amount_total"] - gone:
            return 400, _refusal(
                "invalid_request_error", "Refund amount is greater than unrefunded amount"
            )
        refund = {
            "id": f"re_{secrets.token_hex(8)}",
            "object": "refund",
            "amount": cents,
            "currency": "usd",
            "status": "pending",
            "payment_intent": intent_id,
            "charge": intent_id.replace("pi_", "ch_"),
            "reason": fields.get("reason"),
            "metadata": {
                name: fields[f"metadata[{name}]"]
                for name in ("account_id", "payment_id", "part_id")
                if f"metadata[{name}]" in fields
            },
        }
        self.refunds[str(refund["id"])] = refund
        return 200, refund

    def listed(self, intent_id: str) -> list[dict[str, Any]]:
        return [one for one in self.refunds.values() if one["payment_intent"] == intent_id]

    def disputes_listed(self, asked: dict[str, str]) -> dict[str, Any]:
        """A page of disputes, newest first, two at a time however many are asked for."""
        assert asked.keys() <= {"created[gte]", "limit", "starting_after"}, asked
        assert 1 <= int(asked["limit"]) <= 100
        since = int(asked["created[gte]"])
        newest = [one for one in reversed(self.disputes.values()) if one["created"] >= since]
        ids = [one["id"] for one in newest]
        first = ids.index(asked["starting_after"]) + 1 if "starting_after" in asked else 0
        return {
            "object": "list",
            "url": "/v1/disputes",
            "has_more": len(newest) > first + 2,
            "data": newest[first : first + 2],
        }

    def paid(self, intent_id: str) -> int:
        """Cents that were collected."""
        session = self._session(intent_id)
        assert session is not None
        return int(session["amount_total"])

    def intent(self, intent_id: str) -> dict[str, Any] | None:
        session = self._session(intent_id)
        if session is None:
            return None
        return {
            "id": intent_id,
            "object": "payment_intent",
            "currency": "usd",
            "metadata": session["metadata"],
        }

    def _session(self, intent_id: str) -> dict[str, Any] | None:
        return next(
            (one for one in self._sessions.values() if one["payment_intent"] == intent_id), None
        )


def routes(stripe: Any) -> list[Any]:
    """What the library asks for; ``stripe`` has ``broken`` and ``back``, a StripeRefundDesk."""

    def answer(found: dict[str, Any] | None, what: str) -> Response[dict[str, Any]]:
        if stripe.broken:
            return Response(_refusal("api_error", "out of order"), status_code=500)
        if found is None:
            return Response(_refusal("invalid_request_error", f"No such {what}"), status_code=404)
        return Response(found)

    @post("/v1/refunds", status_code=200)
    async def create(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        if stripe.broken:
            return answer(None, "")
        fields = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        status, body = stripe.back.create(fields, request.headers.get("idempotency-key"))
        return Response(body, status_code=status)

    @get("/v1/refunds")
    async def listed(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        found = stripe.back.listed(request.query_params["payment_intent"])
        return answer(
            {"object": "list", "url": "/v1/refunds", "has_more": False, "data": found}, ""
        )

    @get("/v1/refunds/{refund_id:str}")
    async def refund(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        stripe.back.reads[request.path_params["refund_id"]] += 1
        return answer(stripe.back.refunds.get(request.path_params["refund_id"]), "refund")

    @get("/v1/disputes")
    async def disputes(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        return answer(stripe.back.disputes_listed(dict(request.query_params)), "")

    @get("/v1/disputes/{dispute_id:str}")
    async def dispute(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        return answer(stripe.back.disputes.get(request.path_params["dispute_id"]), "dispute")

    @get("/v1/payment_intents/{intent_id:str}")
    async def intent(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        intent_id = request.path_params["intent_id"]
        found = stripe.cards.intents.get(intent_id) or stripe.back.intent(intent_id)
        return answer(found, "payment_intent")

    return [create, listed, refund, disputes, dispute, intent]


def _refusal(kind: str, message: str) -> dict[str, Any]:
    return {"error": {"type": kind, "message": message}}
