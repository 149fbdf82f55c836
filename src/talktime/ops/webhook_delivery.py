"""From the outbox to the wire: relay what happened into deliveries, and send those lane by lane.

    open_late_lanes  lets the platform's endpoints hear of new accounts
    relay_events     copies the outbox into deliveries and moves the lanes on, in one transaction
    claim_lanes      takes lanes that are due, for a while: whoever dies leaves them to others
    read_waiting     the next deliveries of a lane, in order
    record_attempt   how one went, and whether the lane goes on
    note_health      whether the endpoint takes what it is sent; disables one that has not for long
    release_lane     gives the lane back

Nothing here talks to an endpoint; no transaction is open while somebody does.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from talktime.core.message import MessageKind
from talktime.core.webhook import (
    PLATFORM,
    Attempt,
    Delivery,
    DeliveryState,
    DisabledReason,
    is_failing_too_long,
    message_id,
    next_attempt_at,
)
from talktime.db import webhook_lanes, webhooks
from talktime.db.pool import Connection
from talktime.db.webhook_lanes import ClaimedLane, LaneMove, NewDelivery, OutboxEvent, Untold
from talktime.ops.messages import write_message
from talktime.ops.webhook_bodies import Message, messages_of, read_recorded

log = structlog.get_logger("talktime.webhooks")

RELAY_EVENTS: Final = 200
"""Events told in one transaction; making their bodies takes some milliseconds."""
RELAY_LANES: Final = 50
"""At most as many as there are events, so that each lane is told of one at least."""
LATE_LANES: Final = 1_000
HELD_FOR: Final = timedelta(seconds=60)
"""How long a lane stays ours without a word; an attempt takes a sixth of it at most."""
IN_ONE_GO: Final = 20
"""Deliveries of one lane before others have their turn."""


async def relay_events(connection: Connection, *, floor_nanos: int, now: datetime) -> int:
    """Tell what happened since, a limited stretch of it; answers how many events were looked at.

    0: everybody enabled has been told everything, or there is nobody.
    """
    listens, _ = await webhook_lanes.read_listeners(connection)
    if not listens:
        return 0
    async with connection.transaction():
        lanes = _within(
            await webhook_lanes.claim_untold(connection, limit=RELAY_LANES), RELAY_EVENTS
        )
        if not lanes:
            return 0
        events = _distinct(await webhook_lanes.read_untold(connection, _spans(lanes)))
        messages = await _messages(connection, events, floor_nanos=floor_nanos)
        made: list[NewDelivery] = []
        moves: list[LaneMove] = []
        for lane, upto in lanes:
            place = lane.delivery_seq
            for event in _of_lane(events, lane, upto):
                for message in messages[event.account_id, event.event_seq]:
                    if lane.types is not None and message.type not in lane.types:
                        continue
                    place += 1
                    made.append(
                        NewDelivery(
                            account_id=lane.account_id,
                            owner_id=lane.owner_id,
                            endpoint_id=lane.endpoint_id,
                            delivery_seq=place,
                            message_id=message_id(
                                account_id=lane.account_id,
                                owner_id=lane.owner_id,
                                endpoint_id=lane.endpoint_id,
                                delivery_seq=place,
                                at=now,
                                nth=len(made),
                            ),
                            type=message.type,
                            body=message.body,
                        )
                    )
            moves.append(
                LaneMove(
                    account_id=lane.account_id,
                    owner_id=lane.owner_id,
                    endpoint_id=lane.endpoint_id,
                    event_seq=upto,
                    delivery_seq=place,
                )
            )
        if made:
            await webhook_lanes.write_deliveries(connection, made, now=now)
        await webhook_lanes.move_lanes(connection, moves, now=now)
    return sum(upto - lane.after for lane, upto in lanes)


async def _messages(
    connection: Connection, events: Sequence[OutboxEvent], *, floor_nanos: int
) -> dict[tuple[str, int], list[Message]]:
    """What each event is told as. One that cannot be told, by a fault of ours, silences no other:
    it is told as nothing, and the log says which it was."""
    try:
        recorded = await read_recorded(connection, events, floor_nanos=floor_nanos)
        return {
            (event.account_id, event.event_seq): messages_of(event, recorded) for event in events
        }
    except Exception:
        if len(events) == 1:
            [event] = events
            log.exception(
                "an event could not be told",
                account_id=event.account_id,
                event_seq=event.event_seq,
            )
            return {(event.account_id, event.event_seq): []}
    told: dict[tuple[str, int], list[Message]] = {}
    for event in events:
        told |= await _messages(connection, [event], floor_nanos=floor_nanos)
    return told


async def open_late_lanes(connection: Connection) -> None:
    """Let the platform's endpoints hear of accounts opened since, some at a time."""
    _, platform_listens = await webhook_lanes.read_listeners(connection)
    if platform_listens:
        await webhook_lanes.open_late_lanes(connection, limit=LATE_LANES)


async def claim_lanes(
    connection: Connection,
    *,
    claim: str,
    busy: Sequence[tuple[str, str]],
    per_endpoint: int,
    limit: int,
    now: datetime,
) -> list[ClaimedLane]:
    """Lanes that are due, ours for HELD_FOR; none of the ``busy`` endpoints' (owner and id)."""
    return await webhook_lanes.claim_lanes(
        connection,
        claim=claim,
        busy=busy,
        per_endpoint=per_endpoint,
        limit=limit,
        until=now + HELD_FOR,
        now=now,
    )


async def read_waiting(connection: Connection, lane: ClaimedLane) -> list[Delivery]:
    """The next deliveries of a lane, at most IN_ONE_GO."""
    return await webhook_lanes.read_waiting(connection, lane, limit=IN_ONE_GO)


async def record_attempt(
    connection: Connection,
    delivery: Delivery,
    attempt: Attempt,
    *,
    claim: str,
    jitter: float,
    now: datetime,
) -> tuple[bool, datetime | None]:
    """Note how an attempt went; whether the lane's next delivery may be sent, and when to retry.

    (False, None): the lane is not ours any more.
    """
    retry_at = None
    state = DeliveryState.DELIVERED
    if not attempt.is_taken:
        retry_at = next_attempt_at(
            attempts=delivery.attempts + 1,
            created_at=delivery.created_at,
            now=now,
            jitter=jitter,
        )
        state = DeliveryState.GIVEN_UP if retry_at is None else DeliveryState.WAITING
    is_ours = await webhook_lanes.record_attempt(
        connection,
        delivery,
        claim=claim,
        state=state,
        status=attempt.status,
        failure=attempt.failure,
        until=now + HELD_FOR,
        now=now,
    )
    return is_ours and retry_at is None, retry_at


async def release_lane(
    connection: Connection,
    lane: ClaimedLane,
    *,
    claim: str,
    is_empty: bool,
    retry_at: datetime | None,
    now: datetime,
) -> None:
    """Give a lane back; ``is_empty``: nothing waited in it when it was taken."""
    await webhook_lanes.release_lane(
        connection,
        lane,
        claim=claim,
        done_seq=lane.delivery_seq if is_empty else lane.done_seq,
        retry_at=retry_at,
        now=now,
    )


async def note_health(
    connection: Connection, lane: ClaimedLane, attempt: Attempt, *, now: datetime
) -> bool:
    """Keep the endpoint's health; disable one that is gone or has failed too long. False then."""
    owner = {"owner_id": lane.owner_id, "endpoint_id": lane.endpoint_id}
    if attempt.is_taken:
        await webhook_lanes.note_taken(connection, **owner, now=now)
        return True
    failure = attempt.failure or ""
    since = await webhook_lanes.note_failed(connection, **owner, failure=failure, now=now)
    if since is None:
        return False
    if attempt.is_gone:
        reason = DisabledReason.GONE
    elif is_failing_too_long(since, now):
        reason = DisabledReason.FAILING
    else:
        return True
    async with connection.transaction():
        disabled = await webhooks.disable_endpoint(
            connection,
            account_id=lane.owner_id,
            endpoint_id=lane.endpoint_id,
            reason=reason,
            now=now,
        )
        if disabled and lane.owner_id != PLATFORM:
            await write_message(
                connection,
                account_id=lane.owner_id,
                kind=MessageKind.ENDPOINT_DISABLED,
                ref=f"{lane.endpoint_id} {now:%Y-%m-%dT%H:%M:%S}",
                recipient=None,
                facts={
                    "url": lane.url,
                    "since": since.isoformat(timespec="seconds"),
                    "reason": failure,
                },
                now=now,
            )
    return False


def _within(lanes: Sequence[Untold], budget: int) -> list[tuple[Untold, int]]:
    """Lanes and how far each is told now: at most so many events over all of them.

    Each has the same share, and what the ones with little to tell leave of theirs the others have.
    """
    taken: list[tuple[Untold, int]] = []
    for nth, lane in enumerate(sorted(lanes, key=lambda one: one.upto - one.after)):
        events = min(lane.upto - lane.after, budget // (len(lanes) - nth))
        taken.append((lane, lane.after + events))
        budget -= events
    return taken


def _spans(lanes: Sequence[tuple[Untold, int]]) -> list[tuple[str, int, int]]:
    """What to read of each account: a stretch that several lanes hear of is read once."""
    return sorted({(lane.account_id, lane.after, upto) for lane, upto in lanes})


def _distinct(events: Sequence[OutboxEvent]) -> list[OutboxEvent]:
    """Each event once, in order, where stretches overlap."""
    return list({(event.account_id, event.event_seq): event for event in events}.values())


def _of_lane(events: Sequence[OutboxEvent], lane: Untold, upto: int) -> list[OutboxEvent]:
    return [
        event
        for event in events
        if event.account_id == lane.account_id and lane.after < event.event_seq <= upto
    ]
