"""Messages sent because a person asked: a test, or a delivery once more.

They go out at once and out of turn, and are not tried again by themselves: whoever asked sees how
it went. A delivery that still waits keeps its turn; asked for again, it is only tried sooner.
"""

from datetime import datetime

import msgspec

from talktime.core.errors import EndpointUnknown
from talktime.core.webhook import Attempt, Delivery, DeliveryState
from talktime.db import webhook_lanes, webhooks
from talktime.db.pool import Connection
from talktime.db.webhooks import Signing
from talktime.ops.webhook_bodies import trial_message
from talktime.ops.webhooks import read_delivery


async def read_signing(
    connection: Connection, account_id: str, endpoint_id: str, *, now: datetime
) -> Signing:
    """Where an endpoint is, and what signs for it. Raises EndpointUnknown."""
    signing = await webhooks.read_signing(
        connection, account_id=account_id, endpoint_id=endpoint_id, now=now
    )
    if signing is None:
        raise EndpointUnknown(f"there is no endpoint {endpoint_id[:60]}", field="endpoint_id")
    return signing


async def prepare_trial(
    connection: Connection, account_id: str, endpoint_id: str, *, message_id: str, now: datetime
) -> Delivery:
    """A test message with its place among the endpoint's deliveries; not kept before it is sent."""
    message = trial_message(account_id=account_id, endpoint_id=endpoint_id, now=now)
    place = await webhooks.next_delivery_seq(
        connection, owner_id=account_id, account_id=account_id, endpoint_id=endpoint_id
    )
    return Delivery(
        account_id=account_id,
        owner_id=account_id,
        endpoint_id=endpoint_id,
        delivery_seq=place,
        message_id=message_id,
        type=message.type,
        body=message.body,
        created_at=now,
        state=DeliveryState.GIVEN_UP,
        attempts=0,
        attempted_at=None,
        last_status=None,
        last_failure=None,
    )


async def keep_trial(
    connection: Connection, trial: Delivery, attempt: Attempt, *, now: datetime
) -> Delivery:
    """Keep a test message that was sent, with how it went."""
    kept = msgspec.structs.replace(
        trial,
        state=DeliveryState.DELIVERED if attempt.is_taken else DeliveryState.GIVEN_UP,
        attempts=1,
        attempted_at=now,
        last_status=attempt.status,
        last_failure=attempt.failure,
    )
    await webhooks.write_sent(connection, kept)
    if attempt.is_taken:
        await webhook_lanes.note_taken(
            connection, owner_id=trial.account_id, endpoint_id=trial.endpoint_id, now=now
        )
    return kept


async def hasten_delivery(
    connection: Connection, owner_id: str, delivery: Delivery, *, now: datetime
) -> None:
    """Have what waits before a delivery, and it, tried at once; whoever is at it goes on."""
    await webhooks.hasten_lanes(
        connection,
        owner_id=owner_id,
        endpoint_id=delivery.endpoint_id,
        account_id=delivery.account_id,
        now=now,
    )


async def record_resend(
    connection: Connection, owner_id: str, delivery: Delivery, attempt: Attempt, *, now: datetime
) -> Delivery:
    """Note how a resend went: taken is delivered, anything else stays as it was."""
    await webhooks.record_resend(
        connection, delivery, status=attempt.status, failure=attempt.failure, now=now
    )
    if attempt.is_taken:
        await webhook_lanes.note_taken(
            connection, owner_id=owner_id, endpoint_id=delivery.endpoint_id, now=now
        )
    return await read_delivery(connection, owner_id, delivery.endpoint_id, delivery.message_id)
