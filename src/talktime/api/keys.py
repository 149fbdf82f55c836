"""API keys over HTTP: make one, list them, revoke one. The key itself is answered once."""

import secrets
from datetime import datetime
from typing import Any

import msgspec
from litestar import Request, Response, delete, get, post

from talktime.api.auth import KeyRing, Principal
from talktime.api.bodies import PageQuery, answer, read_body, read_query
from talktime.api.description import described
from talktime.core.errors import AccountUnknown, Forbidden, NotFound
from talktime.core.one_line import check_id
from talktime.ops.keys import (
    PLATFORM,
    SECRET_BYTES,
    Key,
    Scope,
    create_key,
    key_text,
    list_keys,
    revoke_key,
)
from talktime.ops.platform import Platform


class NewKeyBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key to be made."""

    name: str
    scopes: list[Scope]
    account_id: str | None = None
    """The account it is for; left out: a key of the platform."""


class KeyBody(msgspec.Struct, frozen=True, kw_only=True):
    """A key without its secret."""

    key_id: str
    account_id: str | None
    """null: a key of the platform, which may act on every account."""
    name: str
    scopes: list[str]
    created_at: datetime
    last_used_at: datetime | None
    """To within some minutes; null: never."""
    revoked_at: datetime | None


class MadeKeyBody(KeyBody, frozen=True, kw_only=True):
    """A new key."""

    key: str
    """Keep it: it is shown only now."""


class KeysQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose keys."""

    account_id: str | None = None
    """Left out: the platform's."""


class KeyQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose key."""

    account_id: str | None = None
    """Left out: the platform's."""


class KeyPage(msgspec.Struct, frozen=True, kw_only=True):
    """Keys by their ids, those revoked too."""

    items: list[KeyBody]
    next_cursor: str | None


@post(
    "/v1/keys",
    opt=described(
        scope=Scope.KEYS_WRITE,
        body=NewKeyBody,
        answers={201: MadeKeyBody},
        refusals=(AccountUnknown,),
    ),
)
async def post_key(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Make a key. It can have no scope that the key which makes it lacks."""
    platform: Platform = request.app.state.platform
    maker: Principal = request.user
    body = await read_body(request, NewKeyBody)
    for scope in body.scopes:
        if not maker.may(scope):
            raise Forbidden(f"this key lacks {scope}, so it cannot give it", field="scopes")
    account_id = _account_id(body.account_id)
    key_id, secret = secrets.token_hex(8), secrets.token_bytes(SECRET_BYTES)
    async with platform.connection() as connection:
        made = await create_key(
            connection,
            account_id=account_id,
            key_id=key_id,
            secret=secret,
            name=body.name,
            scopes=body.scopes,
            now=platform.clock(),
        )
    shown = msgspec.structs.asdict(key_body(made))
    return answer(MadeKeyBody(**shown, key=key_text(account_id, key_id, secret)), 201)


@get(
    "/v1/keys",
    opt=described(scope=Scope.KEYS_WRITE, query=KeysQuery, answers={200: KeyPage}),
)
async def get_keys(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List keys, without their secrets."""
    platform: Platform = request.app.state.platform
    asked = read_query(request, KeysQuery)
    after = asked.after() or ""
    async with platform.connection() as connection:
        found = await list_keys(
            connection,
            account_id=_account_id(asked.account_id),
            after=after,
            limit=asked.limit + 1,
        )
    page = found[: asked.limit]
    more = len(found) > asked.limit
    return answer(
        KeyPage(
            items=[key_body(key) for key in page], next_cursor=page[-1].key_id if more else None
        )
    )


@delete(
    "/v1/keys/{key_id:str}",
    opt=described(
        scope=Scope.KEYS_WRITE, query=KeyQuery, answers={204: None}, refusals=(NotFound,)
    ),
)
async def delete_key(request: Request[Any, Any, Any]) -> None:
    """Revoke a key for good. Other processes take it for a few seconds more."""
    platform: Platform = request.app.state.platform
    key_ring: KeyRing = request.app.state.key_ring
    asked = read_query(request, KeyQuery)
    async with platform.connection() as connection:
        await revoke_key(
            connection,
            account_id=_account_id(asked.account_id),
            key_id=request.path_params["key_id"],
            now=platform.clock(),
        )
    key_ring.forget()


def key_body(key: Key) -> KeyBody:
    """A key in wire form."""
    return KeyBody(
        key_id=key.key_id,
        account_id=None if key.account_id == PLATFORM else key.account_id,
        name=key.name,
        scopes=sorted(key.scopes),
        created_at=key.created_at,
        last_used_at=key.last_used_at,
        revoked_at=key.revoked_at,
    )


def _account_id(given: str | None) -> str:
    return PLATFORM if given is None else check_id(given, "account_id")
