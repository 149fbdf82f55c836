"""Stripe's Checkout Sessions as far as we use them, strict: our model of its published behaviour.

Served over HTTP to the official library: forms as it encodes them, idempotency keys, error bodies.
"""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from litestar import Litestar, Request, Response, get, post
from litestar.types import Middleware

from tests.payments.stripe_card_desk import StripeCardDesk
from tests.payments.stripe_card_desk import routes as card_routes
from tests.payments.stripe_refunds import StripeRefundDesk
from tests.payments.stripe_refunds import routes as refund_routes

KNOWN_FIELDS = {
    "mode", "line_items[0][quantity]", "line_items[0][price_data][currency]",
    "line_items[0][price_data][unit_amount]", "line_items[0][price_data][product_data][name]",
    "adaptive_pricing[enabled]", "client_reference_id", "customer_email", "success_url",
    "cancel_url", "expires_at", "metadata[account_id]", "metadata[payment_id]",
    "payment_intent_data[metadata][account_id]", "payment_intent_data[metadata][payment_id]",
}  # fmt: skip


class StripeCheckouts:
    """The sessions, and what was asked for."""

    def __init__(self) -> None:
        self.sessions: dict[str, dict[str, Any]] = {}
        self.by_key: dict[str, tuple[dict[str, str], dict[str, Any]]] = {}
        self.back = StripeRefundDesk(self.sessions)
        self.cards = StripeCardDesk(self.sessions)
        self.broken = False
        """Answer 500 to everything."""
        self.opens_pages = True
        """No: answer 500 to who wants to open one."""
        self.hangs: set[str] = set()
        """Sessions and customers about whom no answer comes until ``wakes`` is set."""
        self.wakes = asyncio.Event()

    async def answers(self, about: str) -> None:
        """When it answers: at once, but for what hangs."""
        if about in self.hangs:
            await self.wakes.wait()

    def pay(self, session_id: str) -> dict[str, Any]:
        session = self.sessions[session_id]
        session |= {
            "status": "complete",
            "payment_status": "paid",
            "payment_intent": session_id.replace("cs_", "pi_"),
        }
        return session

    def expire(self, session_id: str) -> dict[str, Any]:
        self.sessions[session_id]["status"] = "expired"
        return self.sessions[session_id]

    def create(self, fields: dict[str, str], key: str | None) -> tuple[int, dict[str, Any]]:
        if fields.get("mode") == "setup":
            return self.cards.create_setup(fields, key)
        if key is not None and key in self.by_key:
            first, session = self.by_key[key]
            if first != fields:
                return 400, refusal("idempotency_error", "Keys for idempotent requests differ")
            return 200, session
        unknown = sorted(fields.keys() - KNOWN_FIELDS)
        if unknown:
            return 400, refusal("invalid_request_error", f"Received unknown parameter: {unknown}")
        session_id = f"cs_test_{secrets.token_hex(12)}"
        session = {
            "id": session_id,
            "object": "checkout.session",
            "mode": fields["mode"],
            "status": "open",
            "payment_status": "unpaid",
            "amount_total": int(fields["line_items[0][price_data][unit_amount]"])
            * int(fields["line_items[0][quantity]"]),
            "currency": fields["line_items[0][price_data][currency]"],
            "url": f"https://checkout.stripe.com/c/pay/{session_id}",
            "payment_intent": None,
            "expires_at": int(fields["expires_at"]),
            "success_url": fields["success_url"],
            "metadata": {
                name: fields[f"metadata[{name}]"] for name in ("account_id", "payment_id")
            },
        }
        self.sessions[session_id] = session
        if key is not None:
            self.by_key[key] = (fields, session)
        return 200, session


def refusal(kind: str, message: str) -> dict[str, Any]:
    return {"error": {"type": kind, "message": message}}


@asynccontextmanager
async def served(
    middleware: Sequence[Middleware] = (),
) -> AsyncIterator[tuple[StripeCheckouts, str]]:
    """The model on a loopback port, and where."""
    stripe = StripeCheckouts()

    @post("/v1/checkout/sessions", status_code=200)
    async def create(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        if stripe.broken or not stripe.opens_pages:
            return Response(refusal("api_error", "out of order"), status_code=500)
        if request.headers.get("authorization") != "Bearer sk_test_right":
            return Response(
                refusal("invalid_request_error", "Invalid API Key: sk_test_***"), status_code=401
            )
        fields = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        status, body = stripe.create(fields, request.headers.get("idempotency-key"))
        return Response(body, status_code=status)

    @get("/v1/checkout/sessions/{session_id:str}")
    async def retrieve(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        session_id = request.path_params["session_id"]
        await stripe.answers(session_id)
        if stripe.broken:
            return Response(refusal("api_error", "out of order"), status_code=500)
        if session_id not in stripe.sessions:
            return Response(
                refusal("invalid_request_error", "No such checkout.session"), status_code=404
            )
        return Response(stripe.sessions[session_id])

    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            Litestar(
                [create, retrieve, *refund_routes(stripe), *card_routes(stripe)],
                openapi_config=None,
                logging_config=None,
                middleware=list(middleware),
            ),
            log_config=None,
            access_log=False,
            ws="none",
            timeout_graceful_shutdown=1,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    with listener:
        try:
            yield stripe, f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            # Before the listener is closed: to a server that runs, its number may be another's.
            stripe.wakes.set()
            server.should_exit = True
            await asyncio.wait([serving])
