"""What API, pages and command line do with webhook endpoints where it takes more than the database.

An address is looked up before it is kept, and a message that a person asked for is sent at once. No
transaction is open while we talk to anybody.
"""

import base64
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from talktime.core.webhook import Delivery, DeliveryState, Endpoint, milliseconds
from talktime.gateways.webhook import WebhookSender
from talktime.ops import webhook_resend, webhooks
from talktime.ops.guesses import GuessLimit, take_attempt
from talktime.ops.platform import Platform
from talktime.ops.webhooks import EndpointChange

TESTS: Final = GuessLimit(
    kind="webhook_test",
    most=10,
    window=timedelta(minutes=5),
    refusal="10 tests were sent within 5 minutes; wait a little, then send the next",
)
"""Test messages of one account, or of the platform: nobody has us knock at a door all day."""

_SECRET_BYTES: Final = 32


async def add_endpoint(
    platform: Platform,
    account_id: str,
    *,
    url: str,
    description: str = "",
    types: Sequence[str] | None = None,
    endpoint_id: str | None = None,
) -> tuple[Endpoint, str]:
    """Keep a new endpoint; answers its secret too, which is not shown again.

    Raises EndpointRefused, InvalidInput, TooMany, AccountUnknown, ReferenceConflict.
    """
    async with sender(platform) as sending:
        await sending.check(url)
    secret = new_secret()
    async with platform.connection() as connection:
        made = await webhooks.create_endpoint(
            connection,
            account_id=account_id,
            endpoint_id=endpoint_id or new_endpoint_id(),
            url=url,
            description=description,
            types=types,
            secret=secret,
            now=platform.clock(),
        )
    return made, secret


async def change_endpoint(
    platform: Platform, account_id: str, endpoint_id: str, change: EndpointChange
) -> Endpoint:
    """Change an endpoint, its new address looked up first. Raises EndpointRefused and the like."""
    if change.url is not None:
        async with sender(platform) as sending:
            await sending.check(change.url)
    async with platform.connection() as connection:
        return await webhooks.change_endpoint(
            connection, account_id, endpoint_id, change, now=platform.clock()
        )


async def rotate_secret(
    platform: Platform, account_id: str, endpoint_id: str
) -> tuple[Endpoint, str]:
    """A new secret; the one so far signs too for a day. Raises EndpointUnknown."""
    secret = new_secret()
    async with platform.connection() as connection:
        changed = await webhooks.rotate_secret(
            connection, account_id, endpoint_id, secret=secret, now=platform.clock()
        )
    return changed, secret


async def send_test(platform: Platform, account_id: str, endpoint_id: str) -> Delivery:
    """Send a test message now; answers how it went. Raises EndpointUnknown, TooManyAttempts."""
    now = platform.clock()
    async with platform.connection() as connection:
        signing = await webhook_resend.read_signing(connection, account_id, endpoint_id, now=now)
        await take_attempt(connection, TESTS, account_id, now=now)
        trial = await webhook_resend.prepare_trial(
            connection,
            account_id,
            endpoint_id,
            message_id=f"msg_{milliseconds(now):012x}{secrets.token_hex(10)}",
            now=now,
        )
    async with sender(platform) as sending:
        attempt = await sending.send(
            signing.url,
            message_id=trial.message_id,
            body=trial.body,
            secrets=signing.secrets,
            now=now,
        )
    async with platform.connection() as connection:
        return await webhook_resend.keep_trial(connection, trial, attempt, now=platform.clock())


async def resend_delivery(
    platform: Platform, account_id: str, endpoint_id: str, message_id: str
) -> Delivery:
    """Send a delivery once more, now; one that still waits is tried sooner, in its turn.

    Raises EndpointUnknown, DeliveryUnknown.
    """
    now = platform.clock()
    async with platform.connection() as connection:
        signing = await webhook_resend.read_signing(connection, account_id, endpoint_id, now=now)
        delivery = await webhooks.read_delivery(connection, account_id, endpoint_id, message_id)
        if delivery.state is DeliveryState.WAITING:
            await webhook_resend.hasten_delivery(connection, account_id, delivery, now=now)
            return delivery
    async with sender(platform) as sending:
        attempt = await sending.send(
            signing.url,
            message_id=delivery.message_id,
            body=delivery.body,
            secrets=signing.secrets,
            now=now,
        )
    async with platform.connection() as connection:
        return await webhook_resend.record_resend(
            connection, account_id, delivery, attempt, now=platform.clock()
        )


@asynccontextmanager
async def sender(platform: Platform) -> AsyncIterator[WebhookSender]:
    """Sends for the length of a block, on the platform's terms."""
    sending = WebhookSender(allow_private=platform.terms.webhooks_private)
    try:
        yield sending
    finally:
        await sending.close()


def new_endpoint_id() -> str:
    return f"ep_{secrets.token_hex(12)}"


def new_secret() -> str:
    """In the form of the Standard Webhooks convention."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
