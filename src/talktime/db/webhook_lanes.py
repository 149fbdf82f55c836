"""What relay and delivery read and write: lanes, the outbox behind them, attempts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Self

import msgspec
from psycopg.rows import class_row

from talktime.core.call import Call
from talktime.core.webhook import DeliveryState
from talktime.db.calls import call_sums_of
from talktime.db.pool import Connection
from talktime.db.queries import query
from talktime.db.webhooks import Signing


class Untold(msgspec.Struct, frozen=True, kw_only=True):
    """A lane whose account has gone on since it was last told."""

    account_id: str
    owner_id: str
    endpoint_id: str
    types: list[str] | None
    after: int
    upto: int
    delivery_seq: int


class OutboxEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event of the outbox as it is told outside."""

    account_id: str
    event_seq: int
    recorded_at: datetime
    kind: str
    ref: str
    entry_seq: int | None
    available_nanos: int


class NewDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery to be made."""

    account_id: str
    owner_id: str
    endpoint_id: str
    delivery_seq: int
    message_id: str
    type: str
    body: str


class LaneMove(msgspec.Struct, frozen=True, kw_only=True):
    """How far a lane is told now."""

    account_id: str
    owner_id: str
    endpoint_id: str
    event_seq: int
    delivery_seq: int


class ClaimedLane(Signing, frozen=True, kw_only=True):
    """A lane that is ours for a while."""

    account_id: str
    endpoint_id: str
    owner_id: str
    """Of the endpoint: the account, or PLATFORM."""
    delivery_seq: int
    done_seq: int
    is_quick: bool
    """The endpoint's last answer was quick."""

    def told_upto(self, delivery_seq: int, *, is_quick: bool) -> Self:
        """The same lane, its deliveries up to one done, and the last answer quick or not."""
        return msgspec.structs.replace(self, done_seq=delivery_seq, is_quick=is_quick)


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """How many lanes may be taken, and how many one process may have under way at once."""

    quick: int
    """To be taken, of endpoints whose last answer was quick."""
    unproven: int
    """To be taken, of others."""
    per_endpoint: int
    """Under way, as those that follow."""
    per_account: int
    """Of an account's own endpoints together."""
    for_platform: int
    """Of the platform's endpoints together."""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery to be sent, as far as that takes."""

    delivery_seq: int
    message_id: str
    body: str
    created_at: datetime
    attempts: int
    """Made so far."""


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one delivery by an attempt."""

    delivery_seq: int
    state: DeliveryState
    status: int | None
    failure: str | None
    attempted_at: datetime


async def read_listeners(connection: Connection) -> tuple[int, int, int, int]:
    """How many endpoints listen, are of the platform, take nothing; and how many were given up."""
    cursor = await connection.execute(query("endpoint_listeners"), prepare=True)
    row = await cursor.fetchone()
    assert row is not None
    return row[0], row[1], row[2], row[3]


async def open_late_lanes(
    connection: Connection, account_ids: Sequence[str] | None, *, limit: int
) -> None:
    """Lanes of the platform's endpoints for accounts opened since: some accounts, None: all."""
    await connection.execute(
        query("open_late_lanes"),
        {"account_id": None if account_ids is None else list(account_ids), "limit": limit},
    )


async def find_untold(connection: Connection, *, limit: int) -> list[str]:
    """Accounts with something to tell, of all there are."""
    cursor = await connection.execute(query("find_untold"), {"limit": limit})
    return [str(row[0]) for row in await cursor.fetchall()]


async def find_recent(connection: Connection, *, since: datetime, limit: int) -> list[str]:
    """Accounts with something to tell, of those that something was recorded of since a moment."""
    # Planned for this moment: of how much lies behind it the plan makes a difference.
    cursor = await connection.execute(
        query("find_recent"), {"since": since, "limit": limit}, prepare=False
    )
    return [str(row[0]) for row in await cursor.fetchall()]


async def claim_untold(
    connection: Connection, account_ids: Sequence[str], *, limit: int
) -> list[Untold]:
    """Lanes of accounts with something to tell, locked until the end of the transaction."""
    async with connection.cursor(row_factory=class_row(Untold)) as cursor:
        await cursor.execute(
            query("claim_untold"), {"account_id": list(account_ids), "limit": limit}, prepare=True
        )
        return await cursor.fetchall()


async def read_untold(
    connection: Connection, spans: Sequence[tuple[str, int, int]]
) -> list[OutboxEvent]:
    """The events of spans (account id, after one, up to another), in order."""
    async with connection.cursor(row_factory=class_row(OutboxEvent)) as cursor:
        await cursor.execute(
            query("untold_events"),
            {
                "account_id": [account_id for account_id, _, _ in spans],
                "after": [after for _, after, _ in spans],
                "upto": [upto for _, _, upto in spans],
            },
            prepare=True,
        )
        return await cursor.fetchall()


async def read_call_sums(
    connection: Connection, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Call]:
    """Calls by (account_id, call_id) without their lines, as they are now."""
    cursor = await connection.execute(
        query("read_calls"),
        {"account_id": [key[0] for key in keys], "call_id": [key[1] for key in keys]},
        prepare=True,
    )
    return {call.key: call for call in map(call_sums_of, await cursor.fetchall())}


async def read_warning_levels(connection: Connection, account_ids: Sequence[str]) -> dict[str, int]:
    """In nanos, by account id."""
    cursor = await connection.execute(query("warning_levels"), {"account_id": list(account_ids)})
    return {str(row[0]): int(row[1]) for row in await cursor.fetchall()}


async def write_deliveries(
    connection: Connection, deliveries: Sequence[NewDelivery], *, now: datetime
) -> None:
    """Make deliveries, in one statement."""
    columns = NewDelivery.__struct_fields__
    await connection.execute(
        query("write_deliveries"),
        {name: [getattr(one, name) for one in deliveries] for name in columns} | {"now": now},
    )


async def move_lanes(connection: Connection, moves: Sequence[LaneMove], *, now: datetime) -> None:
    """Note how far lanes are told; those with something new to send are due."""
    columns = LaneMove.__struct_fields__
    await connection.execute(
        query("move_lanes"),
        {name: [getattr(one, name) for one in moves] for name in columns} | {"now": now},
    )


async def claim_lanes(
    connection: Connection,
    *,
    claim: str,
    under_way: Mapping[tuple[str, str], int],
    room: Room,
    until: datetime,
    now: datetime,
) -> list[ClaimedLane]:
    """Lanes that are due, now ours until a moment, oldest first as far as there is room.

    How many lanes of an endpoint are ``under_way``, by owner and id.
    """
    async with connection.cursor(row_factory=class_row(ClaimedLane)) as cursor:
        await cursor.execute(
            query("claim_lanes"),
            {
                "claim": claim,
                "known_owner": [owner_id for owner_id, _ in under_way],
                "known_endpoint": [endpoint_id for _, endpoint_id in under_way],
                "known_lanes": list(under_way.values()),
                **msgspec.structs.asdict(room),
                "until": until,
                "now": now,
            },
            prepare=True,
        )
        return await cursor.fetchall()


async def read_waiting(
    connection: Connection, lanes: Sequence[ClaimedLane], *, limit: int
) -> list[list[Waiting]]:
    """For each lane its next deliveries, in order, at most so many."""
    cursor = await connection.execute(
        query("waiting_deliveries"),
        {
            "account_id": [lane.account_id for lane in lanes],
            "owner_id": [lane.owner_id for lane in lanes],
            "endpoint_id": [lane.endpoint_id for lane in lanes],
            "after": [lane.done_seq for lane in lanes],
            "limit": limit,
        },
        prepare=True,
    )
    waiting: list[list[Waiting]] = [[] for _ in lanes]
    for nth, seq, message_id, body, created_at, attempts in await cursor.fetchall():
        one = Waiting(
            delivery_seq=seq,
            message_id=message_id,
            body=body,
            created_at=created_at,
            attempts=attempts,
        )
        waiting[nth - 1].append(one)
    return waiting


async def record_go(
    connection: Connection,
    lane: ClaimedLane,
    noted: Sequence[Noted],
    *,
    claim: str,
    done_seq: int,
    goes_on: bool,
    retry_at: datetime | None,
    taken_at: datetime | None,
    until: datetime,
    now: datetime,
) -> bool:
    """Note how a lane's attempts went; False where the lane is not ours any more.

    ``taken_at``: the endpoint is well, and was then. Unless it ``goes_on`` the lane is given back.
    """
    cursor = await connection.execute(
        query("record_go"),
        {
            "account_id": lane.account_id,
            "owner_id": lane.owner_id,
            "endpoint_id": lane.endpoint_id,
            "claim": claim,
            "done_seq": done_seq,
            "goes_on": goes_on,
            "retry_at": retry_at,
            "taken_at": taken_at,
            "until": until,
            "now": now,
            "delivery_seq": [one.delivery_seq for one in noted],
            "state": [one.state.value for one in noted],
            "status": [one.status for one in noted],
            "failure": [one.failure for one in noted],
            "attempted_at": [one.attempted_at for one in noted],
        },
        prepare=True,
    )
    row = await cursor.fetchone()
    assert row is not None
    return bool(row[0])


async def renew_lanes(
    connection: Connection, held: Sequence[tuple[ClaimedLane, str]], *, until: datetime
) -> None:
    """Keep lanes, each with its claim, as far as they are still ours."""
    await connection.execute(
        query("renew_lanes"),
        {
            "account_id": [lane.account_id for lane, _ in held],
            "owner_id": [lane.owner_id for lane, _ in held],
            "endpoint_id": [lane.endpoint_id for lane, _ in held],
            "claim": [claim for _, claim in held],
            "until": until,
        },
        prepare=True,
    )


async def note_pace(
    connection: Connection, *, owner_id: str, endpoint_id: str, is_quick: bool
) -> None:
    """Whether an endpoint's last answer was quick."""
    await connection.execute(
        query("note_pace"),
        {"account_id": owner_id, "endpoint_id": endpoint_id, "is_quick": is_quick},
        prepare=True,
    )


async def note_taken(
    connection: Connection, *, owner_id: str, endpoint_id: str, now: datetime
) -> None:
    """An endpoint took what it was sent."""
    await connection.execute(
        query("note_taken"),
        {"account_id": owner_id, "endpoint_id": endpoint_id, "now": now},
        prepare=True,
    )


async def note_failed(
    connection: Connection, *, owner_id: str, endpoint_id: str, failure: str, now: datetime
) -> datetime | None:
    """An endpoint did not take it; answers since when, None where there is no such endpoint."""
    cursor = await connection.execute(
        query("note_failed"),
        {"account_id": owner_id, "endpoint_id": endpoint_id, "failure": failure, "now": now},
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]
