"""The API of an installation that takes payments, its Stripe, and its worker."""

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec

from talktime.api.app import create_app
from talktime.config import Settings
from talktime.gateways.stripe_checkout import StripeCheckout
from talktime.ops.platform import Payments, Platform
from tests.api.account_client import open_account, operator_client
from tests.api.caller import running
from tests.payments.looping import do_once
from tests.payments.paying import SECRET, event, signed
from tests.payments.stripe_checkouts import StripeCheckouts, served


@dataclasses.dataclass(frozen=True)
class Desk:
    """What customers, operators and Stripe do there."""

    client: httpx.AsyncClient
    stripe: StripeCheckouts
    platform: Platform

    async def knock(self, kind: str, about: Any) -> httpx.Response:
        body = event(kind, about)
        return await self.client.post(
            "/hooks/payments", content=body, headers={"Stripe-Signature": signed(body)}
        )

    async def paid(self, amount: str) -> tuple[str, dict[str, Any]]:
        """A fresh account that has topped up, and Stripe's session."""
        account_id = await open_account(self.client)
        await self.client.post(f"/v1/accounts/{account_id}/top-ups", json={"amount": amount})
        session = self.stripe.pay(list(self.stripe.sessions)[-1])
        assert (await self.knock("checkout.session.completed", session)).status_code == 200
        return account_id, session

    async def ask(self, account_id: str, **body: Any) -> httpx.Response:
        return await self.client.post(f"/v1/accounts/{account_id}/refunds", json=body)

    async def decide(self, refund: dict[str, Any], how: str, **body: Any) -> httpx.Response:
        path = f"/v1/accounts/{refund['account_id']}/refunds/{refund['refund_id']}/{how}"
        return await self.client.post(path, json=body or None)

    async def work(self) -> None:
        await do_once(self.platform, "refunds")


@asynccontextmanager
async def opened(platform: Platform, settings: Settings) -> AsyncIterator[Desk]:
    """Such an installation, for as long as it is needed."""
    async with served() as (stripe, url):
        provider = StripeCheckout("sk_test_right", api_base=url)
        paying = msgspec.structs.replace(
            platform, payments=Payments(provider=provider, notice_secret=SECRET)
        )
        async with running(create_app(paying, settings)) as app, operator_client(app) as client:
            yield Desk(client, stripe, paying)
        await provider.close()
