"""Settings, Webhooks: where programs of the customer are told what happens."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from litestar import Response, get, post
from litestar.response import Redirect

from talktime import endpoints
from talktime.core.errors import Conflict, InvalidInput, ReferenceConflict, TalktimeError
from talktime.core.member import Right
from talktime.core.webhook import DeliveryState, Endpoint
from talktime.ops import webhooks
from talktime.ops.accounts import read_account
from talktime.ops.webhooks import EndpointChange
from talktime.portal.desk import Asked, Desk, desk_of
from talktime.portal.figures import zone_of
from talktime.portal.rendering import PAGE_HEADERS
from talktime.portal.settings.parts import WEBHOOKS, settings_frame
from talktime.portal.settings.webhooks_view import (
    chosen_types,
    delivery_row,
    endpoint_row,
    type_choices,
)
from talktime.portal.visiting import Visitor, check_form, visitor_of
from talktime.portal.words import sentence

DELIVERIES: Final = 20
_ENDPOINT_ID: Final = re.compile(r"ep_[0-9a-f]{24}", re.ASCII)
_TOLD: Final[Mapping[str, str]] = {
    "deleted": "The endpoint is deleted, with all it was sent.",
    "changed": "The endpoint is changed.",
    "enabled": "It is told again. What waited comes first.",
    "disabled": "The endpoint is disabled.",
    "sooner": "It is tried now, in its turn. Reload in a moment to see how it went.",
    "sent": "It was sent once more. How it went is below.",
    "tested": "The test was sent. How it went is below.",
}


@get("/settings/webhooks")
async def list_page(request: Asked) -> Response[str]:
    """The account's endpoints and their health."""
    desk = desk_of(request)
    async with desk.visit(request) as (visitor, connection):
        account = await read_account(connection, visitor.account_id, now=desk.now)
        # An address may hold a secret, and what is sent to it has whole phone numbers.
        may_administer = visitor.may(Right.ADMINISTER)
        found = (
            await webhooks.list_endpoints(connection, visitor.account_id) if may_administer else []
        )
    zone = zone_of(account.time_zone)
    return desk.pages.page(
        "settings/webhooks.html",
        **settings_frame(visitor, account, WEBHOOKS, told=_told(request)),
        endpoints=[endpoint_row(one, zone) for one in found],
        may_administer=may_administer,
    )


@get("/settings/webhooks/new")
async def new_page(request: Asked) -> Response[str]:
    """The form for a new endpoint."""
    desk = desk_of(request)
    visitor = await visitor_of(request, desk.platform)
    visitor.require(Right.ADMINISTER)
    return await _form_page(desk, visitor)


@post("/settings/webhooks/new")
async def add(request: Asked) -> Response[Any]:
    """Add an endpoint, and show its secret: the only time that it is shown."""
    desk = desk_of(request)
    visitor, fields = await _administer(request, desk)
    # The form brings the id, so that sending it again cannot add a second endpoint.
    sent = fields.get("endpoint_id", "")
    endpoint_id = sent if _ENDPOINT_ID.fullmatch(sent) else endpoints.new_endpoint_id()
    try:
        made, secret = await endpoints.add_endpoint(
            desk.platform,
            visitor.account_id,
            url=fields.get("url", "").strip(),
            description=fields.get("description", "").strip(),
            types=chosen_types(fields),
            endpoint_id=endpoint_id,
        )
    except ReferenceConflict:
        return _back(desk, endpoint_id)
    except (InvalidInput, Conflict) as error:
        return await _form_page(desk, visitor, fields=fields, error=error)
    return await _endpoint_page(request, desk, visitor, made, secret=secret, is_new=True)


@get("/settings/webhooks/{endpoint_id:str}")
async def endpoint_page(request: Asked) -> Response[str]:
    """One endpoint, its health and its deliveries."""
    desk = desk_of(request)
    async with desk.visit(request) as (visitor, connection):
        visitor.require(Right.ADMINISTER)
        found = await webhooks.read_endpoint(connection, visitor.account_id, _id(request))
    return await _endpoint_page(request, desk, visitor, found, told=_told(request))


@get("/settings/webhooks/{endpoint_id:str}/edit")
async def edit_page(request: Asked) -> Response[str]:
    """The form to change an endpoint."""
    desk = desk_of(request)
    async with desk.visit(request) as (visitor, connection):
        visitor.require(Right.ADMINISTER)
        found = await webhooks.read_endpoint(connection, visitor.account_id, _id(request))
    return await _form_page(desk, visitor, endpoint=found)


@post("/settings/webhooks/{endpoint_id:str}/edit")
async def edit(request: Asked) -> Response[Any]:
    """Change where an endpoint is and what it is told."""
    desk = desk_of(request)
    visitor, fields = await _administer(request, desk)
    change = EndpointChange(
        url=fields.get("url", "").strip(),
        description=fields.get("description", "").strip(),
        types=chosen_types(fields),
    )
    try:
        await endpoints.change_endpoint(desk.platform, visitor.account_id, _id(request), change)
    except InvalidInput as error:
        async with desk.platform.connection() as connection:
            found = await webhooks.read_endpoint(connection, visitor.account_id, _id(request))
        return await _form_page(desk, visitor, endpoint=found, fields=fields, error=error)
    return _back(desk, _id(request), done="changed")


@post("/settings/webhooks/{endpoint_id:str}/rotate")
async def rotate(request: Asked) -> Response[str]:
    """Make a new secret, and show it."""
    desk = desk_of(request)
    visitor, _ = await _administer(request, desk)
    changed, secret = await endpoints.rotate_secret(desk.platform, visitor.account_id, _id(request))
    return await _endpoint_page(request, desk, visitor, changed, secret=secret)


@post("/settings/webhooks/{endpoint_id:str}/switch")
async def switch(request: Asked) -> Response[Any]:
    """Disable an endpoint, or enable it again."""
    desk = desk_of(request)
    visitor, fields = await _administer(request, desk)
    is_enabled = fields.get("to") == "enabled"
    await endpoints.change_endpoint(
        desk.platform, visitor.account_id, _id(request), EndpointChange(is_enabled=is_enabled)
    )
    return _back(desk, _id(request), done="enabled" if is_enabled else "disabled")


@post("/settings/webhooks/{endpoint_id:str}/test")
async def try_out(request: Asked) -> Response[Any]:
    """Send a test message now, and show how it went."""
    desk = desk_of(request)
    visitor, _ = await _administer(request, desk)
    sent = await endpoints.send_test(desk.platform, visitor.account_id, _id(request))
    return _back(desk, _id(request), message_id=sent.message_id, done="tested")


@get("/settings/webhooks/{endpoint_id:str}/delete")
async def ask_delete(request: Asked) -> Response[str]:
    """What deleting means, to be confirmed."""
    desk = desk_of(request)
    async with desk.visit(request) as (visitor, connection):
        visitor.require(Right.ADMINISTER)
        account = await read_account(connection, visitor.account_id, now=desk.now)
        found = await webhooks.read_endpoint(connection, visitor.account_id, _id(request))
    return desk.pages.page(
        "settings/webhook_delete.html",
        **settings_frame(visitor, account, WEBHOOKS),
        endpoint=endpoint_row(found, zone_of(account.time_zone)),
    )


@post("/settings/webhooks/{endpoint_id:str}/delete")
async def delete(request: Asked) -> Response[Any]:
    """Delete an endpoint and what it was sent."""
    desk = desk_of(request)
    visitor, _ = await _administer(request, desk)
    async with desk.platform.connection() as connection:
        await webhooks.delete_endpoint(connection, visitor.account_id, _id(request))
    return _redirect(desk, "/settings/webhooks?done=deleted")


@get("/settings/webhooks/{endpoint_id:str}/deliveries/{message_id:str}")
async def delivery_page(request: Asked) -> Response[str]:
    """One delivery: what was sent, and how it went."""
    desk = desk_of(request)
    async with desk.visit(request) as (visitor, connection):
        visitor.require(Right.ADMINISTER)
        account = await read_account(connection, visitor.account_id, now=desk.now)
        found = await webhooks.read_endpoint(connection, visitor.account_id, _id(request))
        delivery = await webhooks.read_delivery(
            connection, visitor.account_id, _id(request), request.path_params["message_id"]
        )
    zone = zone_of(account.time_zone)
    return desk.pages.page(
        "settings/webhook_delivery.html",
        **settings_frame(visitor, account, WEBHOOKS, told=_told(request)),
        endpoint=endpoint_row(found, zone),
        delivery=delivery_row(delivery, zone),
    )


@post("/settings/webhooks/{endpoint_id:str}/deliveries/{message_id:str}/resend")
async def resend(request: Asked) -> Response[Any]:
    """Send a delivery once more; what still waits is tried sooner."""
    desk = desk_of(request)
    visitor, _ = await _administer(request, desk)
    message_id = request.path_params["message_id"]
    sent = await endpoints.resend_delivery(
        desk.platform, visitor.account_id, _id(request), message_id
    )
    done = "sooner" if sent.state is DeliveryState.WAITING else "sent"
    return _back(desk, _id(request), message_id=message_id, done=done)


async def _administer(request: Asked, desk: Desk) -> tuple[Visitor, dict[str, str]]:
    """Who changes an endpoint, and the form; no connection is held while an endpoint is asked."""
    visitor = await visitor_of(request, desk.platform)
    fields = await check_form(request, visitor)
    visitor.require(Right.ADMINISTER)
    return visitor, fields


async def _form_page(
    desk: Desk,
    visitor: Visitor,
    *,
    endpoint: Endpoint | None = None,
    fields: Mapping[str, str] | None = None,
    error: TalktimeError | None = None,
) -> Response[str]:
    async with desk.platform.connection() as connection:
        account = await read_account(connection, visitor.account_id, now=desk.now)
    if fields is not None:
        url, description = fields.get("url", ""), fields.get("description", "")
        chosen = chosen_types(fields)
    else:
        url, description = (endpoint.url, endpoint.description) if endpoint else ("", "")
        chosen = None if endpoint is None or endpoint.types is None else list(endpoint.types)
    wrong = "" if error is None else error.field or "url"
    return desk.pages.page(
        "settings/webhook_form.html",
        status_code=200 if error is None else 400,
        **settings_frame(visitor, account, WEBHOOKS),
        endpoint=None if endpoint is None else endpoint_row(endpoint, zone_of(account.time_zone)),
        new_id=endpoints.new_endpoint_id(),
        url=url,
        description=description,
        choices=type_choices(chosen),
        errors={} if error is None else {wrong: sentence(error.message)},
        allows_private=desk.platform.terms.webhooks_private,
    )


async def _endpoint_page(
    request: Asked,
    desk: Desk,
    visitor: Visitor,
    endpoint: Endpoint,
    *,
    told: str = "",
    secret: str = "",
    is_new: bool = False,
) -> Response[str]:
    before = request.query_params.get("before") or None
    state = _state(request.query_params.get("state", ""))
    async with desk.platform.connection() as connection:
        account = await read_account(connection, visitor.account_id, now=desk.now)
        page, next_before = await webhooks.list_deliveries(
            connection,
            visitor.account_id,
            endpoint.endpoint_id,
            before=before,
            state=state,
            limit=DELIVERIES,
        )
    zone = zone_of(account.time_zone)
    return desk.pages.page(
        "settings/webhook.html",
        **settings_frame(visitor, account, WEBHOOKS, told=told),
        endpoint=endpoint_row(endpoint, zone),
        secret=secret,
        is_new=is_new,
        deliveries=[delivery_row(one, zone) for one in page],
        state="" if state is None else state.value,
        before=before,
        next_before=next_before,
    )


def _state(text: str) -> DeliveryState | None:
    return DeliveryState(text) if text in {state.value for state in DeliveryState} else None


def _id(request: Asked) -> str:
    endpoint_id: str = request.path_params["endpoint_id"]
    return endpoint_id


def _told(request: Asked) -> str:
    return _TOLD.get(request.query_params.get("done", ""), "")


def _back(desk: Desk, endpoint_id: str, *, message_id: str = "", done: str = "") -> Redirect:
    place = f"/settings/webhooks/{quote(endpoint_id, safe='')}"
    if message_id:
        place += f"/deliveries/{quote(message_id, safe='')}"
    return _redirect(desk, place + (f"?done={done}" if done else ""))


def _redirect(desk: Desk, place: str) -> Redirect:
    return Redirect(desk.pages.base + place, status_code=303, headers=dict(PAGE_HEADERS))


HANDLERS: Final = (
    list_page,
    new_page,
    add,
    endpoint_page,
    edit_page,
    edit,
    rotate,
    switch,
    try_out,
    ask_delete,
    delete,
    delivery_page,
    resend,
)
