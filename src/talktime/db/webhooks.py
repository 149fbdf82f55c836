"""Webhook endpoints as kept, and what each was sent."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from psycopg.rows import class_row, kwargs_row

from talktime.core.webhook import (
    PLATFORM,
    Delivery,
    DeliveryState,
    DisabledReason,
    Endpoint,
    EndpointStatus,
)
from talktime.db.acts import lock_accounts
from talktime.db.pool import Connection
from talktime.db.queries import query


class Signing(msgspec.Struct, frozen=True, kw_only=True):
    """Where an endpoint is, and what signs what it is sent."""

    url: str
    secret: str
    former_secret: str | None

    @property
    def secrets(self) -> tuple[str, ...]:
        """Newest first."""
        return (self.secret,) if self.former_secret is None else (self.secret, self.former_secret)


async def hold_endpoints(connection: Connection, account_id: str) -> None:
    """Let nobody else add an endpoint of the account, or of the platform, before we are done."""
    if account_id == PLATFORM:
        await connection.execute(query("lock_platform_endpoints"))
    else:
        await lock_accounts(connection, [account_id])


async def write_endpoint(
    connection: Connection,
    *,
    account_id: str,
    endpoint_id: str,
    url: str,
    description: str,
    types: Sequence[str] | None,
    secret: str,
    now: datetime,
) -> bool:
    """Keep an endpoint; False where its account is not known or its id is taken."""
    cursor = await connection.execute(
        query("write_endpoint"),
        {
            "account_id": account_id,
            "endpoint_id": endpoint_id,
            "url": url,
            "description": description,
            "types": None if types is None else list(types),
            "secret": secret,
            "now": now,
        },
    )
    if cursor.rowcount != 1:
        return False
    await connection.execute(
        query("open_lanes"), {"owner_id": account_id, "endpoint_id": endpoint_id}
    )
    return True


async def list_endpoints(
    connection: Connection, *, account_id: str, endpoint_id: str | None = None
) -> list[Endpoint]:
    """The endpoints of an account or of the platform, oldest first; or one of them."""
    async with connection.cursor(row_factory=kwargs_row(_endpoint)) as cursor:
        await cursor.execute(
            query("list_endpoints"), {"account_id": account_id, "endpoint_id": endpoint_id}
        )
        return await cursor.fetchall()


async def failing_endpoints(connection: Connection, *, limit: int) -> list[Endpoint]:
    """Of the platform and of all accounts: those that take nothing, or were disabled for it."""
    async with connection.cursor(row_factory=kwargs_row(_endpoint)) as cursor:
        await cursor.execute(query("failing_endpoints"), {"limit": limit})
        return await cursor.fetchall()


async def change_endpoint(
    connection: Connection,
    *,
    account_id: str,
    endpoint_id: str,
    url: str | None,
    description: str | None,
    sets_types: bool,
    types: Sequence[str] | None,
) -> bool:
    """Change what is given; False where there is no such endpoint."""
    cursor = await connection.execute(
        query("change_endpoint"),
        {
            "account_id": account_id,
            "endpoint_id": endpoint_id,
            "url": url,
            "description": description,
            "sets_types": sets_types,
            "types": None if types is None else list(types),
        },
    )
    return cursor.rowcount == 1


async def enable_endpoint(
    connection: Connection, *, account_id: str, endpoint_id: str, now: datetime
) -> None:
    """Tell it again, what waits first and at once."""
    await hasten_lanes(connection, owner_id=account_id, endpoint_id=endpoint_id, now=now)
    await connection.execute(
        query("enable_endpoint"), {"account_id": account_id, "endpoint_id": endpoint_id}
    )


async def disable_endpoint(
    connection: Connection,
    *,
    account_id: str,
    endpoint_id: str,
    reason: DisabledReason,
    now: datetime,
) -> bool:
    """Stop telling it; False where it was disabled before."""
    cursor = await connection.execute(
        query("disable_endpoint"),
        {
            "account_id": account_id,
            "endpoint_id": endpoint_id,
            "reason": reason.value,
            "now": now,
        },
    )
    return cursor.rowcount == 1


async def hasten_lanes(
    connection: Connection,
    *,
    owner_id: str,
    endpoint_id: str,
    now: datetime,
    account_id: str | None = None,
) -> None:
    """Have what waits for an endpoint, of one account or of all, tried at once."""
    await connection.execute(
        query("hasten_lanes"),
        {
            "owner_id": owner_id,
            "endpoint_id": endpoint_id,
            "account_id": account_id,
            "now": now,
        },
    )


async def rotate_secret(
    connection: Connection, *, account_id: str, endpoint_id: str, secret: str, until: datetime
) -> bool:
    """A new secret beside the one so far; False where there is no such endpoint."""
    cursor = await connection.execute(
        query("rotate_secret"),
        {
            "account_id": account_id,
            "endpoint_id": endpoint_id,
            "secret": secret,
            "until": until,
        },
    )
    return cursor.rowcount == 1


async def delete_endpoint(connection: Connection, *, account_id: str, endpoint_id: str) -> bool:
    """Forget an endpoint and all it was sent; False where there is none."""
    await connection.execute(
        query("delete_lanes"), {"owner_id": account_id, "endpoint_id": endpoint_id}
    )
    cursor = await connection.execute(
        query("delete_endpoint"), {"account_id": account_id, "endpoint_id": endpoint_id}
    )
    if cursor.rowcount != 1:
        return False
    await connection.execute(
        query("delete_deliveries_of"), {"owner_id": account_id, "endpoint_id": endpoint_id}
    )
    return True


async def list_deliveries(
    connection: Connection,
    *,
    owner_id: str,
    endpoint_id: str,
    before: str,
    state: DeliveryState | None,
    limit: int,
) -> list[Delivery]:
    """Newest first, from before a message id on."""
    async with connection.cursor(row_factory=kwargs_row(delivery_of)) as cursor:
        await cursor.execute(
            query("list_deliveries"),
            {
                "owner_id": owner_id,
                "endpoint_id": endpoint_id,
                "before": before,
                "state": None if state is None else state.value,
                "limit": limit,
            },
        )
        return await cursor.fetchall()


async def read_delivery(
    connection: Connection, *, owner_id: str, endpoint_id: str, message_id: str
) -> Delivery | None:
    """One delivery by the id its receiver saw."""
    async with connection.cursor(row_factory=kwargs_row(delivery_of)) as cursor:
        await cursor.execute(
            query("read_delivery"),
            {"owner_id": owner_id, "endpoint_id": endpoint_id, "message_id": message_id},
        )
        return await cursor.fetchone()


async def read_signing(
    connection: Connection, *, account_id: str, endpoint_id: str, now: datetime
) -> Signing | None:
    """What one more message to an endpoint needs."""
    async with connection.cursor(row_factory=class_row(Signing)) as cursor:
        await cursor.execute(
            query("read_signing"),
            {"account_id": account_id, "endpoint_id": endpoint_id, "now": now},
        )
        return await cursor.fetchone()


async def next_delivery_seq(
    connection: Connection, *, owner_id: str, account_id: str, endpoint_id: str
) -> int:
    """The number of a message sent by hand."""
    cursor = await connection.execute(
        query("next_delivery_seq"),
        {"owner_id": owner_id, "account_id": account_id, "endpoint_id": endpoint_id},
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def write_sent(connection: Connection, delivery: Delivery) -> None:
    """Keep a message that was sent by hand, with how it went."""
    await connection.execute(
        query("write_sent"),
        {
            "account_id": delivery.account_id,
            "owner_id": delivery.owner_id,
            "endpoint_id": delivery.endpoint_id,
            "delivery_seq": delivery.delivery_seq,
            "message_id": delivery.message_id,
            "type": delivery.type,
            "body": delivery.body,
            "created_at": delivery.created_at,
            "state": delivery.state.value,
            "now": delivery.attempted_at,
            "status": delivery.last_status,
            "failure": delivery.last_failure,
        },
    )


async def record_resend(
    connection: Connection,
    delivery: Delivery,
    *,
    status: int | None,
    failure: str | None,
    now: datetime,
) -> None:
    """Note how a resend went."""
    await connection.execute(
        query("record_resend"),
        {
            "account_id": delivery.account_id,
            "owner_id": delivery.owner_id,
            "endpoint_id": delivery.endpoint_id,
            "delivery_seq": delivery.delivery_seq,
            "status": status,
            "failure": failure,
            "now": now,
        },
    )


async def delete_deliveries(connection: Connection, *, before: datetime, limit: int) -> int:
    """Forget deliveries made before a moment; answers how many."""
    cursor = await connection.execute(
        query("delete_deliveries"), {"before": before, "limit": limit}
    )
    return cursor.rowcount


def delivery_of(*, state: str, **columns: object) -> Delivery:
    """A delivery from its row."""
    return Delivery(state=DeliveryState(state), **columns)  # type: ignore[arg-type]


def _endpoint(
    *,
    status: str,
    disabled_reason: str | None,
    types: list[str] | None,
    **columns: object,
) -> Endpoint:
    return Endpoint(
        status=EndpointStatus(status),
        disabled_reason=None if disabled_reason is None else DisabledReason(disabled_reason),
        types=None if types is None else tuple(types),
        **columns,  # type: ignore[arg-type]
    )
