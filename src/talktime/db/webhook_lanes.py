"""What relay and delivery read and write: lanes, the outbox behind them, attempts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Self

import msgspec
from psycopg.rows import class_row, kwargs_row

from talktime.core.webhook import Delivery, DeliveryState
from talktime.db.pool import Connection
from talktime.db.queries import query
from talktime.db.webhooks import Signing, delivery_of


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

    def told_upto(self, delivery_seq: int) -> Self:
        """The same lane, its deliveries up to one done."""
        return msgspec.structs.replace(self, done_seq=delivery_seq)


async def read_listeners(connection: Connection) -> tuple[bool, bool]:
    """Whether any endpoint listens, and whether one of the platform's does."""
    cursor = await connection.execute(query("endpoint_listeners"), prepare=True)
    row = await cursor.fetchone()
    assert row is not None
    return bool(row[0]), bool(row[1])


async def open_late_lanes(connection: Connection, *, limit: int) -> None:
    """Lanes of the platform's endpoints for accounts opened since."""
    await connection.execute(query("open_late_lanes"), {"limit": limit})


async def claim_untold(connection: Connection, *, limit: int) -> list[Untold]:
    """Lanes with something to tell, locked until the end of the transaction."""
    async with connection.cursor(row_factory=class_row(Untold)) as cursor:
        await cursor.execute(query("claim_untold"), {"limit": limit}, prepare=True)
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
    busy: Sequence[tuple[str, str]],
    per_endpoint: int,
    limit: int,
    until: datetime,
    now: datetime,
) -> list[ClaimedLane]:
    """Lanes that are due, now ours until a moment; none of the busy endpoints' (owner and id)."""
    async with connection.cursor(row_factory=class_row(ClaimedLane)) as cursor:
        await cursor.execute(
            query("claim_lanes"),
            {
                "claim": claim,
                "busy_owner": [owner_id for owner_id, _ in busy],
                "busy_endpoint": [endpoint_id for _, endpoint_id in busy],
                "per_endpoint": per_endpoint,
                "limit": limit,
                "until": until,
                "now": now,
            },
            prepare=True,
        )
        return await cursor.fetchall()


async def read_waiting(connection: Connection, lane: ClaimedLane, *, limit: int) -> list[Delivery]:
    """The lane's next deliveries, in order."""
    async with connection.cursor(row_factory=kwargs_row(delivery_of)) as cursor:
        await cursor.execute(
            query("waiting_deliveries"),
            {
                "account_id": lane.account_id,
                "owner_id": lane.owner_id,
                "endpoint_id": lane.endpoint_id,
                "after": lane.done_seq,
                "limit": limit,
            },
            prepare=True,
        )
        return await cursor.fetchall()


async def record_attempt(
    connection: Connection,
    delivery: Delivery,
    *,
    claim: str,
    state: DeliveryState,
    status: int | None,
    failure: str | None,
    until: datetime,
    now: datetime,
) -> bool:
    """Note how an attempt went; False where the lane is not ours any more."""
    cursor = await connection.execute(
        query("record_attempt"),
        {
            "account_id": delivery.account_id,
            "owner_id": delivery.owner_id,
            "endpoint_id": delivery.endpoint_id,
            "delivery_seq": delivery.delivery_seq,
            "claim": claim,
            "state": state.value,
            "status": status,
            "failure": failure,
            "until": until,
            "now": now,
        },
        prepare=True,
    )
    return cursor.rowcount == 1


async def release_lane(
    connection: Connection,
    lane: ClaimedLane,
    *,
    claim: str,
    done_seq: int,
    retry_at: datetime | None,
    now: datetime,
) -> None:
    """Give a lane back, due when it says or as soon as there is more."""
    await connection.execute(
        query("release_lane"),
        {
            "account_id": lane.account_id,
            "owner_id": lane.owner_id,
            "endpoint_id": lane.endpoint_id,
            "claim": claim,
            "done_seq": done_seq,
            "retry_at": retry_at,
            "now": now,
        },
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
