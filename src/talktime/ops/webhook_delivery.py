"""From deliveries to the wire, lane by lane.

    claim_lanes    takes lanes that are due, for a while
    renew_lanes    keeps them for longer, while somebody works on them: whoever dies lets them go
    read_waiting   the next deliveries of lanes, in order
    record_go      how some of them went, one after another; the lane goes on or is given back
    note_pace      whether its endpoint's last answer was quick, where that has changed
    release_empty  gives back one in which nothing waited

Nothing here talks to an endpoint; no transaction is open while somebody does. What a lane sent in
one go is recorded together: a worker that dies in between leaves up to GO_MAX deliveries, of
GO_SECONDS and one attempt, to be sent again under the same ids.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
import structlog

from talktime.core.command import command
from talktime.core.message import MessageKind
from talktime.core.webhook import (
    PLATFORM,
    Attempt,
    DeliveryState,
    DisabledReason,
    is_failing_too_long,
    next_attempt_at,
)
from talktime.db import webhook_lanes, webhooks
from talktime.db.pool import Connection
from talktime.db.webhook_lanes import ClaimedLane, Noted, Room, Waiting
from talktime.ops.messages import write_message

log = structlog.get_logger("talktime.webhooks")

HELD_FOR: Final = timedelta(seconds=15)
"""How long a lane stays ours without a word."""
RENEWED_AFTER: Final = timedelta(seconds=4)
"""A word is given so often: three may be lost."""
GO_MAX: Final = 50
GO_SECONDS: Final = 0.5
"""What is sent before it is recorded: the first bound that is met."""


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery, and how sending it went."""

    delivery: Waiting
    attempt: Attempt
    at: datetime


async def claim_lanes(
    connection: Connection,
    *,
    claim: str,
    under_way: Mapping[tuple[str, str], int],
    room: Room,
    now: datetime,
) -> list[ClaimedLane]:
    """Lanes that are due, ours for HELD_FOR; oldest first, as far as there is room.

    How many lanes of an endpoint are ``under_way``, by owner and id.
    """
    return await webhook_lanes.claim_lanes(
        connection,
        claim=claim,
        under_way=under_way,
        room=room,
        until=now + HELD_FOR,
        now=now,
    )


async def renew_lanes(
    connection: Connection, held: Sequence[tuple[ClaimedLane, str]], *, now: datetime
) -> None:
    """Keep lanes that somebody works on, each with its claim, for HELD_FOR from now."""
    await webhook_lanes.renew_lanes(connection, held, until=now + HELD_FOR)


async def read_waiting(connection: Connection, lanes: Sequence[ClaimedLane]) -> list[list[Waiting]]:
    """The next deliveries of each lane, at most GO_MAX."""
    return await webhook_lanes.read_waiting(connection, lanes, limit=GO_MAX)


async def record_go(
    connection: Connection,
    lane: ClaimedLane,
    tried: Sequence[Tried],
    *,
    claim: str,
    has_more: bool,
    jitter: float,
    now: datetime,
) -> bool:
    """Note how a lane's attempts went, in order; all but the last were taken.

    True: the lane is still ours and goes on, as there is more and nothing speaks against it.
    Otherwise it is given back.
    """
    noted = [_noted(one, jitter=jitter) for one in tried]
    last = tried[-1] if tried else None
    retry_at, goes_on = None, has_more
    if last is not None and not last.attempt.is_taken:
        if noted[-1].state is DeliveryState.WAITING:
            goes_on, retry_at = False, _retry_at(last, jitter=jitter)
        owner = {"owner_id": lane.owner_id, "endpoint_id": lane.endpoint_id}
        if len(tried) > 1:
            await webhook_lanes.note_taken(connection, **owner, now=tried[-2].at)
        listens = await _note_failure(connection, lane, last.attempt, now=now)
        goes_on = goes_on and listens
        if noted[-1].state is DeliveryState.GIVEN_UP:
            _log_given_up(lane, last)
    done = [one.delivery_seq for one in noted if one.state is not DeliveryState.WAITING]
    is_ours = await webhook_lanes.record_go(
        connection,
        lane,
        noted,
        claim=claim,
        done_seq=done[-1] if done else lane.done_seq,
        goes_on=goes_on,
        retry_at=retry_at,
        taken_at=last.at if last is not None and last.attempt.is_taken else None,
        until=now + HELD_FOR,
        now=now,
    )
    return is_ours and goes_on


async def note_pace(connection: Connection, lane: ClaimedLane, *, is_quick: bool) -> None:
    """Keep whether the last answer of a lane's endpoint was quick."""
    await webhook_lanes.note_pace(
        connection, owner_id=lane.owner_id, endpoint_id=lane.endpoint_id, is_quick=is_quick
    )


async def release_empty(
    connection: Connection, lane: ClaimedLane, *, claim: str, now: datetime
) -> None:
    """Give a lane back in which nothing waited when it was taken."""
    await webhook_lanes.record_go(
        connection,
        lane,
        (),
        claim=claim,
        done_seq=lane.delivery_seq,
        goes_on=False,
        retry_at=None,
        taken_at=None,
        until=now,
        now=now,
    )


def _retry_at(one: Tried, *, jitter: float) -> datetime | None:
    return next_attempt_at(
        attempts=one.delivery.attempts + 1,
        created_at=one.delivery.created_at,
        now=one.at,
        jitter=jitter,
    )


def _noted(one: Tried, *, jitter: float) -> Noted:
    state = DeliveryState.DELIVERED
    if not one.attempt.is_taken:
        is_over = _retry_at(one, jitter=jitter) is None
        state = DeliveryState.GIVEN_UP if is_over else DeliveryState.WAITING
    return Noted(
        delivery_seq=one.delivery.delivery_seq,
        state=state,
        status=one.attempt.status,
        failure=one.attempt.failure,
        attempted_at=one.at,
    )


async def _note_failure(
    connection: Connection, lane: ClaimedLane, attempt: Attempt, *, now: datetime
) -> bool:
    """Keep that an endpoint fails; disable one that is gone or has failed too long. False then."""
    owner = {"owner_id": lane.owner_id, "endpoint_id": lane.endpoint_id}
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
    await _disable(connection, lane, reason, failure=failure, since=since, now=now)
    return False


async def _disable(
    connection: Connection,
    lane: ClaimedLane,
    reason: DisabledReason,
    *,
    failure: str,
    since: datetime,
    now: datetime,
) -> None:
    """Stop telling an endpoint, and say so to whoever can mend it: its members, or the operator."""
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
    if disabled:
        of_platform = lane.owner_id == PLATFORM  # of which nobody gets a mail
        (log.error if of_platform else log.warning)(
            "webhook endpoint disabled",
            owner_id=lane.owner_id,
            endpoint_id=lane.endpoint_id,
            failure=failure,
            failing_since=since.isoformat(timespec="seconds"),
            next_step=f"{_command('test', lane)}; {_command('enable', lane)}",
        )


def _log_given_up(lane: ClaimedLane, last: Tried) -> None:
    log.warning(
        "webhook given up",
        owner_id=lane.owner_id,
        endpoint_id=lane.endpoint_id,
        account_id=lane.account_id,
        message_id=last.delivery.message_id,
        failure=last.attempt.failure,
        next_step=_command("resend", lane, last.delivery.message_id),
    )


def _command(verb: str, lane: ClaimedLane, *more: str) -> str:
    """What to type about a lane's endpoint."""
    return command("webhooks", verb, lane.endpoint_id, *more, account_id=lane.owner_id)
