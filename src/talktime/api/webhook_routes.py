"""Webhook endpoints over HTTP: of an account, and of the platform for all accounts."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from typing import Any, Final

import msgspec
from litestar import Request, Response, delete, get, patch, post
from litestar.types import ControllerRouterHandler

from talktime import endpoints
from talktime.api.bodies import PageQuery, answer, read_body, read_query
from talktime.api.description import described
from talktime.core.errors import (
    AccountUnknown,
    DeliveryUnknown,
    EndpointUnknown,
    ReferenceConflict,
    TooManyAttempts,
)
from talktime.core.one_line import check_id
from talktime.core.webhook import (
    PLATFORM,
    Delivery,
    DeliveryState,
    DisabledReason,
    Endpoint,
    EndpointStatus,
    WebhookType,
)
from talktime.ops import webhooks
from talktime.ops.keys import Scope
from talktime.ops.platform import Platform
from talktime.ops.webhooks import EndpointChange

Asked = Request[Any, Any, Any]
Act = Callable[[Asked], Awaitable[Response[bytes] | None]]


class NewEndpointBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where deliveries are to go."""

    url: str
    """https, at a public address of the internet."""
    endpoint_id: str | None = None
    """Yours to choose; left out, one is made, and a retry makes another endpoint."""
    types: list[WebhookType] | None = None
    """Left out or null: whatever happens."""
    description: str = ""


class EndpointPatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to change; the rest stays."""

    url: str | msgspec.UnsetType = msgspec.UNSET
    types: list[WebhookType] | msgspec.UnsetType | None = msgspec.UNSET
    """null: whatever happens."""
    description: str | msgspec.UnsetType = msgspec.UNSET
    enabled: bool | msgspec.UnsetType = msgspec.UNSET
    """true: told again, what waited first."""


class EndpointBody(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint without its secret."""

    endpoint_id: str
    account_id: str | None
    """null: of the platform, told of every account."""
    url: str
    description: str
    types: list[str] | None
    """null: whatever happens."""
    status: EndpointStatus
    disabled_reason: DisabledReason | None
    disabled_at: datetime | None
    created_at: datetime
    failing_since: datetime | None
    """The first failure since the last success; null while deliveries are taken."""
    last_failure: str | None
    last_delivered_at: datetime | None
    former_secret_until: datetime | None
    """Until then the secret before the last rotation signs too."""


class EndpointWithSecret(EndpointBody, frozen=True, kw_only=True):
    """An endpoint whose secret is new."""

    secret: str
    """Keep it: it is shown only now."""


class EndpointList(msgspec.Struct, frozen=True, kw_only=True):
    """Endpoints, oldest first; there are at most 20."""

    items: list[EndpointBody]


class DeliveryBody(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one endpoint."""

    message_id: str
    """The webhook-id that the receiver sees."""
    account_id: str | None
    type: str
    body: str
    """As it is sent, to the byte."""
    created_at: datetime
    state: DeliveryState
    attempts: int
    attempted_at: datetime | None
    last_status: int | None
    """HTTP; null where there was no answer."""
    last_failure: str | None


class DeliveriesQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which deliveries, and how many."""

    state: DeliveryState | None = None


class DeliveryPage(msgspec.Struct, frozen=True, kw_only=True):
    """Deliveries, newest first; kept for 30 days."""

    items: list[DeliveryBody]
    next_cursor: str | None


async def create_webhook(request: Asked) -> Response[bytes]:
    """Add an endpoint. Its secret is answered this once."""
    body = await read_body(request, NewEndpointBody)
    given = body.endpoint_id
    made, secret = await endpoints.add_endpoint(
        _platform(request),
        _owner(request),
        url=body.url,
        description=body.description,
        types=body.types,
        endpoint_id=None if given is None else check_id(given, "endpoint_id"),
    )
    return answer(_with_secret(made, secret), 201)


async def list_webhooks(request: Asked) -> Response[bytes]:
    """List endpoints with their health."""
    async with _platform(request).connection() as connection:
        found = await webhooks.list_endpoints(connection, _owner(request))
    return answer(EndpointList(items=[endpoint_body(one) for one in found]))


async def read_webhook(request: Asked) -> Response[bytes]:
    """Read an endpoint."""
    async with _platform(request).connection() as connection:
        found = await webhooks.read_endpoint(connection, *_named(request))
    return answer(endpoint_body(found))


async def change_webhook(request: Asked) -> Response[bytes]:
    """Change, disable or enable an endpoint."""
    body = await read_body(request, EndpointPatch)
    change = EndpointChange(
        url=_given(body.url),
        description=_given(body.description),
        types=body.types,
        is_enabled=_given(body.enabled),
    )
    changed = await endpoints.change_endpoint(_platform(request), *_named(request), change)
    return answer(endpoint_body(changed))


async def delete_webhook(request: Asked) -> None:
    """Delete an endpoint and what it was sent."""
    async with _platform(request).connection() as connection:
        await webhooks.delete_endpoint(connection, *_named(request))


async def rotate_webhook_secret(request: Asked) -> Response[bytes]:
    """Make a new secret; the one so far signs too for 24 hours."""
    changed, secret = await endpoints.rotate_secret(_platform(request), *_named(request))
    return answer(_with_secret(changed, secret))


async def try_webhook(request: Asked) -> Response[bytes]:
    """Send a webhook.test now, and answer how it went."""
    return answer(delivery_body(await endpoints.send_test(_platform(request), *_named(request))))


async def list_webhook_deliveries(request: Asked) -> Response[bytes]:
    """List what an endpoint was or will be sent, with bodies."""
    asked = read_query(request, DeliveriesQuery)
    async with _platform(request).connection() as connection:
        page, next_cursor = await webhooks.list_deliveries(
            connection,
            *_named(request),
            before=asked.after(),
            state=asked.state,
            limit=asked.limit,
        )
    items = [delivery_body(one) for one in page]
    return answer(DeliveryPage(items=items, next_cursor=next_cursor))


async def resend_webhook_delivery(request: Asked) -> Response[bytes]:
    """Send a delivery once more, now; one that still waits is tried sooner, in its turn."""
    sent = await endpoints.resend_delivery(
        _platform(request), *_named(request), request.path_params["message_id"]
    )
    return answer(delivery_body(sent))


def endpoint_body(endpoint: Endpoint) -> EndpointBody:
    """An endpoint in wire form."""
    return EndpointBody(**_facts(endpoint))


def delivery_body(delivery: Delivery) -> DeliveryBody:
    """A delivery in wire form."""
    return DeliveryBody(
        message_id=delivery.message_id,
        account_id=delivery.account_id or None,
        type=delivery.type,
        body=delivery.body,
        created_at=delivery.created_at,
        state=delivery.state,
        attempts=delivery.attempts,
        attempted_at=delivery.attempted_at,
        last_status=delivery.last_status,
        last_failure=delivery.last_failure,
    )


def _with_secret(endpoint: Endpoint, secret: str) -> EndpointWithSecret:
    return EndpointWithSecret(**_facts(endpoint), secret=secret)


def _facts(endpoint: Endpoint) -> dict[str, Any]:
    facts = msgspec.structs.asdict(endpoint)
    types = endpoint.types
    return facts | {
        "account_id": endpoint.account_id or None,
        "types": None if types is None else list(types),
    }


def _given(value: Any) -> Any:
    return None if value is msgspec.UNSET else value


def _platform(request: Asked) -> Platform:
    platform: Platform = request.app.state.platform
    return platform


def _owner(request: Asked) -> str:
    account_id: str = request.path_params.get("account_id", PLATFORM)
    return account_id


def _named(request: Asked) -> tuple[str, str]:
    return _owner(request), request.path_params["endpoint_id"]


_ONE: Final = "/{endpoint_id:str}"
_RESEND: Final = _ONE + "/deliveries/{message_id:str}/resend"
_PLACES: Final = (
    ("/v1/accounts/{account_id:str}/webhooks", ""),
    ("/v1/webhooks", "_of_platform"),
)
"""The same acts at two addresses; the second asks for a key of the platform."""

_MISSING: Final = (EndpointUnknown,)
_ACTS: Final[tuple[tuple[Any, str, Act, dict[str, Any]], ...]] = (
    (
        post, "", create_webhook,
        {
            "body": NewEndpointBody,
            "answers": {201: EndpointWithSecret},
            "refusals": (AccountUnknown, ReferenceConflict),
        },
    ),
    (get, "", list_webhooks, {"answers": {200: EndpointList}}),
    (get, _ONE, read_webhook, {"answers": {200: EndpointBody}, "refusals": _MISSING}),
    (
        patch, _ONE, change_webhook,
        {"body": EndpointPatch, "answers": {200: EndpointBody}, "refusals": _MISSING},
    ),
    (delete, _ONE, delete_webhook, {"answers": {204: None}, "refusals": _MISSING}),
    (
        post, _ONE + "/rotate", rotate_webhook_secret,
        {"answers": {200: EndpointWithSecret}, "refusals": _MISSING},
    ),
    (
        post, _ONE + "/test", try_webhook,
        {"answers": {200: DeliveryBody}, "refusals": (EndpointUnknown, TooManyAttempts)},
    ),
    (
        get, _ONE + "/deliveries", list_webhook_deliveries,
        {"query": DeliveriesQuery, "answers": {200: DeliveryPage}, "refusals": _MISSING},
    ),
    (
        post, _RESEND, resend_webhook_delivery,
        {"answers": {200: DeliveryBody}, "refusals": (EndpointUnknown, DeliveryUnknown)},
    ),
)  # fmt: skip


def _handlers() -> Iterator[ControllerRouterHandler]:
    for base, suffix in _PLACES:
        for method, path, act, says in _ACTS:
            opt = described(scope=Scope.WEBHOOKS_WRITE, **says)
            yield method(base + path, opt=opt)(_handler(act, act.__name__ + suffix))


def _handler(act: Act, name: str) -> Act:
    async def handle(request: Asked) -> Any:
        return await act(request)

    handle.__annotations__["return"] = act.__annotations__["return"]
    handle.__name__ = handle.__qualname__ = name
    handle.__doc__ = act.__doc__
    return handle


WEBHOOK_ROUTES: Final = tuple(_handlers())
