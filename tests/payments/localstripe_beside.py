"""What localstripe lacks, beside it: to our gateways and our door the two of them are one Stripe.

Ours, strict (tests/payments/stripe_checkouts.py): Checkout Sessions, in modes payment and setup.
Whoever pays on such a page does so at localstripe, and the session's own notice is ours.

Everything else is localstripe's and passed on, but for
- ``description`` of a PaymentIntent and ``reason`` of a refund, which it refuses as unexpected:
  they are left out on the way;
- ``amount_received`` of a PaymentIntent, which it does not tell: what was charged is added, in
  answers and in its notices on their way to our door (they are verified and signed anew);
- a list of PaymentIntents by customer and time, which it refuses: the whole list is sifted here.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
import msgspec
import stripe
import uvicorn
from litestar import Litestar, Request, Response, get, post, route

from tests.payments.localstripe_process import KEY, Localstripe
from tests.payments.paying import event, signed
from tests.payments.stripe_checkouts import StripeCheckouts

PAYS = "4242424242424242"
DECLINES = "4000000000000341"
ASKS = "4000000000003220"
"""Its bank wants to hear the customer: 3-D Secure."""

LOCAL_SECRET = "whsec_between_localstripe_and_this"
LEFT_OUT = {"payment_intents": {"description"}, "refunds": {"reason"}}


class StripeBeside:
    """The customers of a shop at Stripe: what they do on its pages."""

    def __init__(self, local: Localstripe) -> None:
        self.local = local
        self.checkouts = StripeCheckouts()
        self.url = ""
        self.door = ""
        """Where our own server takes notices."""
        self._http = stripe.HTTPXClient(timeout=15)
        self.library = stripe.StripeClient(
            KEY, http_client=self._http, base_addresses={"api": local.url}
        )
        """The official one, speaking to localstripe itself."""
        self.client = httpx.AsyncClient(timeout=15)

    async def close(self) -> None:
        await self._http.close_async()  # type: ignore[no-untyped-call]
        await self.client.aclose()

    async def new_card(self, number: str) -> stripe.PaymentMethod:
        return await self.library.v1.payment_methods.create_async(
            {
                "type": "card",
                "card": {"number": number, "exp_month": 12, "exp_year": 2040, "cvc": "123"},
            }
        )

    async def pay(self, session_id: str, number: str = PAYS) -> stripe.PaymentIntent:
        """Pay on a page. Raises stripe.CardError where the bank declines."""
        session = self.checkouts.sessions[session_id]
        assert session["status"] == "open"
        intent = await self.library.v1.payment_intents.create_async(
            {
                "amount": session["amount_total"],
                "currency": session["currency"],
                "payment_method": (await self.new_card(number)).id,
                "confirm": True,
                "metadata": session["metadata"],
            }
        )
        if intent.status == "succeeded":
            await self._complete(session, intent.id)
        return intent

    async def authenticate(
        self, intent: stripe.PaymentIntent, session_id: str, *, success: bool
    ) -> None:
        """Answer the bank in its 3-D Secure window, which knows the publishable key alone."""
        answer = await self.client.post(
            f"{self.local.url}/v1/payment_intents/{intent.id}/_authenticate",
            data={
                "key": "pk_test_right",
                "client_secret": intent.client_secret or "",
                "success": str(success).lower(),
            },
        )
        assert answer.status_code == 200, answer.text
        if answer.json()["status"] == "succeeded":
            await self._complete(self.checkouts.sessions[session_id], intent.id)

    async def save_card(self, session_id: str, number: str) -> None:
        """Save a card on a page in setup mode."""
        session = self.checkouts.sessions[session_id]
        card = await self.new_card(number)
        card = await self.library.v1.payment_methods.attach_async(
            card.id, {"customer": session["customer"]}
        )
        self.checkouts.cards.save(session_id, card.id)
        session["setup_intent"]["payment_method"] = card.to_dict()
        assert await self.tell(event("checkout.session.completed", session)) == 200

    async def tell(self, body: bytes) -> int:
        """Send a notice to our door, signed with its secret; what it answers."""
        headers = {"Stripe-Signature": signed(body)}
        answer = await self.client.post(self.door, content=body, headers=headers)
        return answer.status_code

    async def relay(self, body: bytes, signature: str | None) -> int:
        """A notice of localstripe's, with what it leaves out; what our door answers."""
        # The library's own check, as in our door.
        stripe.WebhookSignature.verify_header(body.decode(), signature or "", LOCAL_SECRET, 300)
        told: dict[str, Any] = msgspec.json.decode(body)
        return await self.tell(event(told["type"], _completed(told["data"]["object"])))

    async def _complete(self, session: dict[str, Any], intent_id: str) -> None:
        session |= {"status": "complete", "payment_status": "paid", "payment_intent": intent_id}
        assert await self.tell(event("checkout.session.completed", session)) == 200

    async def pass_on(self, request: Request[Any, Any, Any], path: str) -> tuple[int, Any]:
        wanted = dict(request.query_params)
        if request.method == "GET" and path == "payment_intents":
            status, found = await self._ask(request, path, {"limit": "100"}, b"")
            found["data"] = [
                one
                for one in found["data"]
                if one["customer"] == wanted["customer"]
                and one["created"] >= int(wanted["created[gte]"])
            ]
            return status, found
        fields = parse_qsl((await request.body()).decode(), keep_blank_values=True)
        kept = [(name, value) for name, value in fields if name not in LEFT_OUT.get(path, ())]
        return await self._ask(request, path, wanted, urlencode(kept).encode())

    async def _ask(
        self, request: Request[Any, Any, Any], path: str, query: dict[str, str], body: bytes
    ) -> tuple[int, Any]:
        answer = await self.client.request(
            request.method,
            f"{self.local.url}/v1/{path}",
            params=query,
            content=body,
            headers={
                name: request.headers[name]
                for name in ("authorization", "content-type")
                if name in request.headers
            },
        )
        told = answer.json()
        if told.get("object") == "list":
            told["data"] = [_completed(one) for one in told["data"]]
        return answer.status_code, _completed(told)


def _completed(told: dict[str, Any]) -> dict[str, Any]:
    """A PaymentIntent with what was received of it; anything else as it is."""
    if told.get("object") != "payment_intent":
        return told
    return told | {"amount_received": told["amount"] if told["status"] == "succeeded" else 0}


@asynccontextmanager
async def beside(local: Localstripe) -> AsyncIterator[StripeBeside]:
    """Serve the two as one on a loopback port."""
    shop = StripeBeside(local)

    @post("/v1/checkout/sessions", status_code=200)
    async def create(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        fields = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        if "customer" in fields:
            customer = await shop.library.v1.customers.retrieve_async(fields["customer"])
            shop.checkouts.cards.customers[customer.id] = {"id": customer.id}
        status, body = shop.checkouts.create(fields, request.headers.get("idempotency-key"))
        return Response(body, status_code=status)

    @get("/v1/checkout/sessions/{session_id:str}")
    async def retrieve(request: Request[Any, Any, Any]) -> dict[str, Any]:
        return shop.checkouts.sessions[request.path_params["session_id"]]

    @route("/v1/{path:path}", http_method=["GET", "POST"])
    async def other(request: Request[Any, Any, Any]) -> Response[Any]:
        status, body = await shop.pass_on(request, str(request.path_params["path"]).strip("/"))
        return Response(body, status_code=status)

    @post("/relay")
    async def relay(request: Request[Any, Any, Any]) -> Response[None]:
        signature = request.headers.get("stripe-signature")
        return Response(None, status_code=await shop.relay(await request.body(), signature))

    async with on_loopback(
        Litestar([create, retrieve, other, relay], openapi_config=None, logging_config=None)
    ) as shop.url:
        yield shop
    await shop.close()


@asynccontextmanager
async def on_loopback(app: Litestar) -> AsyncIterator[str]:
    """Serve an application, over a socket, at the address that this gives."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        server = uvicorn.Server(
            uvicorn.Config(
                app, log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=1
            )
        )
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await asyncio.wait([serving])
