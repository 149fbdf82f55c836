"""Settings, API keys: list the account's own, make one, revoke one."""

import re
import secrets
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from litestar import Response, get, post
from litestar.response import Redirect

from talktime.core.errors import Conflict, KeyExists
from talktime.core.member import Right
from talktime.core.message import MessageKind
from talktime.db.pool import Connection
from talktime.ops.accounts import read_account
from talktime.ops.keys import (
    SECRET_BYTES,
    Key,
    create_key,
    find_key,
    key_text,
    list_account_keys,
    revoke_key,
)
from talktime.ops.messages import write_message
from talktime.portal.desk import Asked, Desk, desk_of
from talktime.portal.figures import zone_of
from talktime.portal.rendering import PAGE_HEADERS
from talktime.portal.settings.keys_view import asked_for, first_request, key_row, scope_choices
from talktime.portal.settings.parts import KEYS, settings_frame
from talktime.portal.visiting import Visitor

_KEY_ID: Final = re.compile(r"[0-9a-f]{16}", re.ASCII)


@get("/settings/keys")
async def list_page(request: Asked) -> Response[str]:
    """The account's keys, and the form for a new one."""
    desk = desk_of(request)
    told = "The key is revoked." if "revoked" in request.query_params else ""
    async with desk.visit(request) as (visitor, connection):
        return await _page(desk, visitor, connection, told=told)


@post("/settings/keys")
async def make(request: Asked) -> Response[str]:
    """Make a key, and show it: the only time that it is shown."""
    desk = desk_of(request)
    async with desk.receive(request) as (visitor, fields, connection):
        visitor.require(Right.ADMINISTER)
        name, scopes, errors = asked_for(fields)
        if errors:
            return await _page(desk, visitor, connection, name=name, scopes=scopes, errors=errors)
        # The form brings the id, so that sending it again cannot make a second key.
        sent = fields.get("key_id", "")
        key_id = sent if _KEY_ID.fullmatch(sent) else _new_id()
        secret = secrets.token_bytes(SECRET_BYTES)
        try:
            made = await _make(
                desk, visitor, connection, name=name, scopes=scopes, key_id=key_id, secret=secret
            )
        except KeyExists:
            return await _page(desk, visitor, connection, repeated=True)
        except Conflict as error:
            return await _page(
                desk, visitor, connection, name=name, scopes=scopes, errors={"name": error.message}
            )
        text = key_text(visitor.account_id, key_id, secret)
        return await _page(desk, visitor, connection, made=made, text=text)


@get("/settings/keys/{key_id:str}/revoke")
async def ask(request: Asked) -> Response[str]:
    """What revoking a key means, to be confirmed."""
    desk = desk_of(request)
    async with desk.visit(request) as (visitor, connection):
        visitor.require(Right.ADMINISTER)
        account = await read_account(connection, visitor.account_id, now=desk.now)
        key = await find_key(
            connection, account_id=visitor.account_id, key_id=request.path_params["key_id"]
        )
    return desk.pages.page(
        "settings/revoke_key.html",
        **settings_frame(visitor, account, KEYS),
        key=key_row(key, zone_of(account.time_zone)),
    )


@post("/settings/keys/{key_id:str}/revoke")
async def revoke(request: Asked) -> Response[Any]:
    """Make a key useless, for good."""
    desk = desk_of(request)
    async with desk.receive(request) as (visitor, _, connection):
        visitor.require(Right.ADMINISTER)
        await revoke_key(
            connection,
            account_id=visitor.account_id,
            key_id=request.path_params["key_id"],
            now=desk.now,
        )
    # Where the API is served too, it asks about every key anew.
    key_ring = request.app.state.get("key_ring")
    if key_ring is not None:
        key_ring.forget()
    return Redirect(
        f"{desk.pages.base}/settings/keys?revoked", status_code=303, headers=dict(PAGE_HEADERS)
    )


async def _make(
    desk: Desk,
    visitor: Visitor,
    connection: Connection,
    *,
    name: str,
    scopes: frozenset[str],
    key_id: str,
    secret: bytes,
) -> Key:
    """The key, and a message to the owners, together or not at all."""
    async with connection.transaction():
        made = await create_key(
            connection,
            account_id=visitor.account_id,
            key_id=key_id,
            secret=secret,
            name=name,
            scopes=scopes,
            now=desk.now,
        )
        await write_message(
            connection,
            account_id=visitor.account_id,
            kind=MessageKind.KEY_CREATED,
            ref=key_id,
            recipient=None,
            facts={
                "name": name,
                "key_id": key_id,
                "created_by": visitor.address or "somebody signed in through your platform",
            },
            now=desk.now,
        )
    return made


async def _page(
    desk: Desk,
    visitor: Visitor,
    connection: Connection,
    *,
    told: str = "",
    name: str = "",
    scopes: frozenset[str] = frozenset(),
    errors: Mapping[str, str] | None = None,
    made: Key | None = None,
    text: str = "",
    repeated: bool = False,
) -> Response[str]:
    """The list; above it the key just ``made``, with its ``text``, or what is wrong."""
    account = await read_account(connection, visitor.account_id, now=desk.now)
    keys = await list_account_keys(connection, visitor.account_id)
    zone = zone_of(account.time_zone)
    rows = [key_row(key, zone) for key in keys]
    url = f"{desk.platform.public_url}/v1/accounts/{quote(visitor.account_id, safe='')}"
    return desk.pages.page(
        "settings/keys.html",
        status_code=400 if errors else 409 if repeated else 200,
        **settings_frame(visitor, account, KEYS, told=told),
        may_administer=visitor.may(Right.ADMINISTER),
        live=[row for row in rows if row.revoked is None],
        revoked=[row for row in rows if row.revoked is not None],
        offered=scope_choices(),
        new_id=_new_id(),
        name=name,
        scopes=scopes,
        errors=dict(errors or {}),
        made=made,
        text=text,
        command=made and first_request(text, made.scopes, url=url),
        repeated=repeated,
    )


def _new_id() -> str:
    return secrets.token_hex(8)


HANDLERS: Final = (list_page, make, ask, revoke)
