"""Webhook endpoints: who is told what, where, and signed with what."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from talktime.core.errors import (
    DeliveryUnknown,
    EndpointUnknown,
    InvalidInput,
    ReferenceConflict,
    TooMany,
)
from talktime.core.webhook import (
    ENDPOINTS_MAX,
    FORMER_SECRET_KEPT,
    PLATFORM,
    Delivery,
    DeliveryState,
    DisabledReason,
    Endpoint,
    WebhookType,
)
from talktime.db import webhooks
from talktime.db.pool import Connection
from talktime.ops.accounts import account_unknown

DESCRIPTION_MAX: Final = 100
_AFTER_ALL: Final = "~"
"""Sorts behind every message id."""


class EndpointChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is to change; the rest stays."""

    url: str | None = None
    """Checked before, by its form and by where it leads."""
    description: str | None = None
    types: Sequence[str] | msgspec.UnsetType | None = msgspec.UNSET
    is_enabled: bool | None = None


async def create_endpoint(
    connection: Connection,
    *,
    account_id: str,
    endpoint_id: str,
    url: str,
    description: str,
    types: Sequence[str] | None,
    secret: str,
    now: datetime,
) -> Endpoint:
    """Tell an endpoint of an account, or of all (PLATFORM), from now on.

    ``url`` was checked by whoever can look names up. ``types`` None: whatever happens. Raises
    InvalidInput, TooMany, AccountUnknown, ReferenceConflict for an id that is taken.
    """
    chosen = _checked_types(types)
    async with connection.transaction():
        await webhooks.hold_endpoints(connection, account_id)
        written = await webhooks.write_endpoint(
            connection,
            account_id=account_id,
            endpoint_id=endpoint_id,
            url=url,
            description=_checked_description(description),
            types=chosen,
            secret=secret,
            now=now,
        )
        known = await webhooks.list_endpoints(connection, account_id=account_id)
        if not written and any(one.endpoint_id == endpoint_id for one in known):
            raise ReferenceConflict("there is an endpoint of this id already", field="endpoint_id")
        if not written:
            raise account_unknown(account_id)
        if len(known) > ENDPOINTS_MAX:
            raise TooMany(
                f"there are {ENDPOINTS_MAX} endpoints, and no more can be had; delete one that is "
                "not needed",
                field="url",
            )
    return next(one for one in known if one.endpoint_id == endpoint_id)


async def list_endpoints(connection: Connection, account_id: str) -> list[Endpoint]:
    """The endpoints of an account, or of the platform, oldest first; at most ENDPOINTS_MAX."""
    return await webhooks.list_endpoints(connection, account_id=account_id)


async def list_failing_endpoints(connection: Connection, *, limit: int) -> list[Endpoint]:
    """For operators, of whatever owner: endpoints that take nothing, or were disabled for it."""
    return await webhooks.failing_endpoints(connection, limit=limit)


async def read_endpoint(connection: Connection, account_id: str, endpoint_id: str) -> Endpoint:
    """One endpoint. Raises EndpointUnknown."""
    found = await webhooks.list_endpoints(
        connection, account_id=account_id, endpoint_id=endpoint_id
    )
    if not found:
        raise _unknown(endpoint_id)
    return found[0]


async def change_endpoint(
    connection: Connection,
    account_id: str,
    endpoint_id: str,
    change: EndpointChange,
    *,
    now: datetime,
) -> Endpoint:
    """Change an endpoint. Enabled again, it is told first of what waited. Raises EndpointUnknown.

    While disabled nothing new is collected for it; what the outbox still has is told afterwards.
    """
    sets_types = change.types is not msgspec.UNSET
    types = None if isinstance(change.types, msgspec.UnsetType) else _checked_types(change.types)
    described = change.description
    async with connection.transaction():
        # First of all, since lanes are locked before their endpoint.
        if change.is_enabled is True:
            await webhooks.enable_endpoint(
                connection, account_id=account_id, endpoint_id=endpoint_id, now=now
            )
        changed = await webhooks.change_endpoint(
            connection,
            account_id=account_id,
            endpoint_id=endpoint_id,
            url=change.url,
            description=None if described is None else _checked_description(described),
            sets_types=sets_types,
            types=types,
        )
        if not changed:
            raise _unknown(endpoint_id)
        if change.is_enabled is False:
            await webhooks.disable_endpoint(
                connection,
                account_id=account_id,
                endpoint_id=endpoint_id,
                reason=DisabledReason.BY_HAND,
                now=now,
            )
        return await read_endpoint(connection, account_id, endpoint_id)


async def rotate_secret(
    connection: Connection, account_id: str, endpoint_id: str, *, secret: str, now: datetime
) -> Endpoint:
    """Sign with a new secret, and for FORMER_SECRET_KEPT with the one so far too.

    Raises EndpointUnknown.
    """
    rotated = await webhooks.rotate_secret(
        connection,
        account_id=account_id,
        endpoint_id=endpoint_id,
        secret=secret,
        until=now + FORMER_SECRET_KEPT,
    )
    if not rotated:
        raise _unknown(endpoint_id)
    return await read_endpoint(connection, account_id, endpoint_id)


async def delete_endpoint(connection: Connection, account_id: str, endpoint_id: str) -> None:
    """Forget an endpoint, its secrets and its deliveries. Raises EndpointUnknown."""
    async with connection.transaction():
        if not await webhooks.delete_endpoint(
            connection, account_id=account_id, endpoint_id=endpoint_id
        ):
            raise _unknown(endpoint_id)


async def list_deliveries(
    connection: Connection,
    account_id: str,
    endpoint_id: str,
    *,
    before: str | None,
    state: DeliveryState | None,
    limit: int,
) -> tuple[list[Delivery], str | None]:
    """A page of deliveries, newest first, and where the next begins. Raises EndpointUnknown."""
    await read_endpoint(connection, account_id, endpoint_id)
    found = await webhooks.list_deliveries(
        connection,
        owner_id=account_id,
        endpoint_id=endpoint_id,
        before=before or _AFTER_ALL,
        state=state,
        limit=limit + 1,
    )
    page = found[:limit]
    return page, page[-1].message_id if len(found) > limit else None


async def read_delivery(
    connection: Connection, account_id: str, endpoint_id: str, message_id: str
) -> Delivery:
    """One delivery by its ``webhook-id``. Raises EndpointUnknown, DeliveryUnknown."""
    await read_endpoint(connection, account_id, endpoint_id)
    found = await webhooks.read_delivery(
        connection, owner_id=account_id, endpoint_id=endpoint_id, message_id=message_id
    )
    if found is None:
        raise DeliveryUnknown(
            f"this endpoint has no delivery {message_id[:60]}; they are kept for 30 days",
            field="message_id",
        )
    return found


def _checked_types(types: Sequence[str] | None) -> list[str] | None:
    if types is None:
        return None
    known = [kind.value for kind in WebhookType]
    for name in types:
        if name not in known:
            raise InvalidInput(
                f"there is no event type {str(name)[:60]!r}; use some of {', '.join(known)}",
                field="types",
            )
    if not types:
        raise InvalidInput("choose at least one event type", field="types")
    return [name for name in known if name in types]


def _checked_description(text: str) -> str:
    if len(text) > DESCRIPTION_MAX or not (text.isprintable() or not text):
        raise InvalidInput(
            f"description must be one line of at most {DESCRIPTION_MAX} characters",
            field="description",
        )
    return text.strip()


def _unknown(endpoint_id: str) -> EndpointUnknown:
    return EndpointUnknown(f"there is no endpoint {endpoint_id[:60]}", field="endpoint_id")


__all__ = [
    "PLATFORM",
    "EndpointChange",
    "change_endpoint",
    "create_endpoint",
    "delete_endpoint",
    "list_deliveries",
    "list_endpoints",
    "list_failing_endpoints",
    "read_delivery",
    "read_endpoint",
    "rotate_secret",
]
