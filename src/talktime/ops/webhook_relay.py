"""From the outbox to deliveries: who listens, of whom there is something to tell, and telling it.

find_untold      of all accounts: what that costs grows with the lanes there are
find_recent      of those that something was recorded of lately: grows with what happened
open_late_lanes  lets the platform's endpoints hear of new accounts
relay_events     copies the outbox into deliveries and moves the lanes on, in one transaction
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec
import structlog

from talktime.core.webhook import message_id
from talktime.db import webhook_lanes
from talktime.db.pool import Connection
from talktime.db.webhook_lanes import LaneMove, NewDelivery, OutboxEvent, Untold
from talktime.ops.webhook_bodies import Message, may_tell, messages_of, read_recorded

log = structlog.get_logger("talktime.webhooks")

RELAY_EVENTS: Final = 200
"""Events told in one transaction; making their bodies takes some milliseconds."""
RELAY_LANES: Final = 50
"""At most as many as there are events, so that each lane is told of one at least."""
FOUND_MAX: Final = 5_000
"""Accounts found by one look."""
LATE_LANES: Final = 1_000
"""Opened by one statement, some tens of milliseconds; the next look opens more."""


class Listeners(msgspec.Struct, frozen=True, kw_only=True):
    """How many endpoints are enabled, and how they fare."""

    all: int
    of_platform: int
    failing: int
    """Enabled, and took nothing lately."""
    disabled: int
    """By us, since they were gone or failed too long."""


class Relayed(msgspec.Struct, frozen=True, kw_only=True):
    """What one transaction of the relay did."""

    events: int
    """Told, once for each lane that hears of them."""
    is_all: bool
    """Of these accounts nothing is left to tell, but for what another worker is telling."""


async def read_listeners(connection: Connection) -> Listeners:
    """Who listens: one statement, and all that is done where nobody does."""
    count, of_platform, failing, disabled = await webhook_lanes.read_listeners(connection)
    return Listeners(all=count, of_platform=of_platform, failing=failing, disabled=disabled)


async def find_untold(connection: Connection) -> list[str]:
    """Accounts with something to tell, at most FOUND_MAX, those told longest ago first."""
    return await webhook_lanes.find_untold(connection, limit=FOUND_MAX)


async def find_recent(connection: Connection, *, since: datetime) -> list[str]:
    """Accounts with something to tell that was recorded since a moment, at most FOUND_MAX."""
    return await webhook_lanes.find_recent(connection, since=since, limit=FOUND_MAX)


async def open_late_lanes(connection: Connection, account_ids: Sequence[str] | None) -> None:
    """Let the platform's endpoints hear of accounts opened since, some at a time; None: of all."""
    await webhook_lanes.open_late_lanes(connection, account_ids, limit=LATE_LANES)


async def relay_events(
    connection: Connection, account_ids: Sequence[str], *, floor_nanos: int, now: datetime
) -> Relayed:
    """Tell what happened on some accounts, a limited stretch of it."""
    async with connection.transaction():
        claimed = await webhook_lanes.claim_untold(connection, account_ids, limit=RELAY_LANES)
        lanes = _within(claimed, RELAY_EVENTS)
        if not lanes:
            return Relayed(events=0, is_all=True)
        events = _distinct(await webhook_lanes.read_untold(connection, _spans(lanes)))
        wanted = _wanted(claimed)
        messages = await _messages(
            connection,
            [event for event in events if may_tell(event, wanted[event.account_id])],
            floor_nanos=floor_nanos,
        )
        made, moves = _told(lanes, events, messages, now=now)
        if made:
            await webhook_lanes.write_deliveries(connection, made, now=now)
        await webhook_lanes.move_lanes(connection, moves, now=now)
    return Relayed(
        events=sum(upto - lane.after for lane, upto in lanes),
        is_all=len(lanes) < RELAY_LANES and all(upto == lane.upto for lane, upto in lanes),
    )


def _told(
    lanes: Sequence[tuple[Untold, int]],
    events: Sequence[OutboxEvent],
    messages: Mapping[tuple[str, int], Sequence[Message]],
    *,
    now: datetime,
) -> tuple[list[NewDelivery], list[LaneMove]]:
    """The deliveries that some events become, each lane's in its order, and how far that leads."""
    made: list[NewDelivery] = []
    moves: list[LaneMove] = []
    for lane, upto in lanes:
        place = lane.delivery_seq
        of_lane = {
            "account_id": lane.account_id,
            "owner_id": lane.owner_id,
            "endpoint_id": lane.endpoint_id,
        }
        for event in _of_lane(events, lane, upto):
            for message in messages.get((event.account_id, event.event_seq), ()):
                if lane.types is not None and message.type not in lane.types:
                    continue
                place += 1
                name = message_id(**of_lane, delivery_seq=place, at=now, nth=len(made))
                made.append(
                    NewDelivery(
                        **of_lane,
                        delivery_seq=place,
                        message_id=name,
                        type=message.type,
                        body=message.body,
                    )
                )
        moves.append(LaneMove(**of_lane, event_seq=upto, delivery_seq=place))
    return made, moves


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


def _wanted(lanes: Sequence[Untold]) -> dict[str, frozenset[str] | None]:
    """The types that somebody hears of each account; None: all of them."""
    wanted: dict[str, frozenset[str] | None] = {}
    for lane in lanes:
        so_far = wanted.get(lane.account_id, frozenset())
        if so_far is None or lane.types is None:
            wanted[lane.account_id] = None
        else:
            wanted[lane.account_id] = so_far | frozenset(lane.types)
    return wanted


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
