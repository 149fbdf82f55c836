"""API keys: who may do what. Only a hash of a key's secret is kept; the key itself is shown once.

A key reads ``tt_<account part>_<key id>_<secret>``. The account part is ``platform`` for keys of
the platform, otherwise the account's id in URL-safe base64: a key says itself where to look it up.
"""

import hmac
from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from talktime.core.errors import Conflict, InvalidInput, KeyExists, NotFound
from talktime.core.one_line import check_name
from talktime.core.secret import account_part, read_account_part, sha256_of
from talktime.db import keys
from talktime.db.acts import lock_accounts
from talktime.db.pool import Connection
from talktime.ops.accounts import account_unknown

PLATFORM: Final = ""
"""The account_id of the platform's own keys."""

SECRET_BYTES: Final = 32
LIVE_KEYS_MAX: Final = 50
"""Keys of one account that are not revoked."""
NAME_MAX: Final = 100
"""Characters of a key's name."""
KEYS_SHOWN_MAX: Final = 200
USE_NOTED_EVERY: Final = timedelta(minutes=10)
"""How exactly it is known when a key was last used; more would cost a write per request."""
_PREFIX: Final = "tt_"
_PLATFORM_PART: Final = "platform"
_KEY_LENGTH_MAX: Final = 2_000


class Scope(StrEnum):
    """What a key may be for."""

    CALLS_WRITE = "calls:write"
    CALLS_READ = "calls:read"
    ACCOUNTS_WRITE = "accounts:write"
    ACCOUNTS_READ = "accounts:read"
    ENTRIES_READ = "entries:read"
    EVENTS_READ = "events:read"
    COUPONS_REDEEM = "coupons:redeem"
    TOP_UPS_WRITE = "top_ups:write"
    REFUNDS_ASK = "refunds:ask"
    REFUNDS_DECIDE = "refunds:decide"
    PORTAL_WRITE = "portal:write"
    LEDGER_ADJUST = "ledger:adjust"
    PRICES_WRITE = "prices:write"
    COUPONS_WRITE = "coupons:write"
    KEYS_WRITE = "keys:write"
    WEBHOOKS_WRITE = "webhooks:write"
    EVERYTHING = "*"


ACCOUNT_SCOPES: Final = frozenset(
    {
        Scope.CALLS_READ,
        Scope.ACCOUNTS_READ,
        Scope.ENTRIES_READ,
        Scope.EVENTS_READ,
        Scope.COUPONS_REDEEM,
        Scope.TOP_UPS_WRITE,
        Scope.REFUNDS_ASK,
    }
)
"""What an account's own key can be for at most: reading, coupons and its own money, never calls."""


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """An API key without its secret."""

    account_id: str
    """PLATFORM for a key of the platform, which may act on every account."""
    key_id: str
    name: str
    scopes: frozenset[str]
    created_at: datetime
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    """To within USE_NOTED_EVERY; None: never."""


class PresentedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as a request brings it, not yet known to be right."""

    account_id: str
    key_id: str
    secret_sha256: bytes


def key_text(account_id: str, key_id: str, secret: bytes) -> str:
    """The key as its holder gets it."""
    part = _PLATFORM_PART
    if account_id != PLATFORM:
        part = account_part(account_id)
    return f"{_PREFIX}{part}_{key_id}_{secret.hex()}"


def parse_key(text: str) -> PresentedKey | None:
    """The opposite of key_text, with the secret hashed; None for what cannot be a key."""
    # The account part may contain underscores, the others cannot.
    parts = text.removeprefix(_PREFIX).rsplit("_", 2)
    if not text.startswith(_PREFIX) or len(parts) != 3 or len(text) > _KEY_LENGTH_MAX:
        return None
    part, key_id, secret = parts
    account_id = PLATFORM if part == _PLATFORM_PART else read_account_part(part)
    try:
        raw = bytes.fromhex(secret)
    except ValueError:
        return None
    if account_id is None or len(raw) != SECRET_BYTES:
        return None
    if not (key_id.isascii() and key_id.isalnum()):
        return None
    return PresentedKey(account_id=account_id, key_id=key_id, secret_sha256=sha256_of(raw))


async def create_key(
    connection: Connection,
    *,
    account_id: str,
    key_id: str,
    secret: bytes,
    name: str,
    scopes: Collection[str],
    now: datetime,
) -> Key:
    """Keep a new key.

    Raises InvalidInput for a name that is none and scopes it cannot have, AccountUnknown, KeyExists
    where the id is taken, Conflict where an account has LIVE_KEYS_MAX already.
    """
    check_name(name, most=NAME_MAX, field="name")
    wanted = frozenset(scopes)
    if not wanted:
        raise InvalidInput("a key needs at least one scope", field="scopes")
    if account_id != PLATFORM and not wanted <= ACCOUNT_SCOPES:
        raise InvalidInput(
            "an account's own key can have only "
            f"{', '.join(sorted(ACCOUNT_SCOPES))}; leave account_id out for a key of the platform",
            field="scopes",
        )
    made = Key(account_id=account_id, key_id=key_id, name=name, scopes=wanted, created_at=now)
    async with connection.transaction():
        if account_id != PLATFORM:
            await _check_room(connection, account_id)
        written = await keys.write_key(
            connection,
            account_id=account_id,
            key_id=key_id,
            secret_sha256=sha256_of(secret),
            name=name,
            scopes=sorted(wanted),
            now=now,
        )
        if not written:
            if await keys.read_key(connection, account_id=account_id, key_id=key_id) is not None:
                raise KeyExists(f"there is a key {key_id} already", field="key_id")
            raise account_unknown(account_id)
    return made


async def _check_room(connection: Connection, account_id: str) -> None:
    """Raise Conflict where an account has its keys; while it is locked nobody makes another."""
    await lock_accounts(connection, [account_id])
    known = await list_account_keys(connection, account_id)
    if sum(key.revoked_at is None for key in known) >= LIVE_KEYS_MAX:
        raise Conflict(
            f"an account has at most {LIVE_KEYS_MAX} keys at once; revoke one first", field="name"
        )


async def verify_key(
    connection: Connection, presented: PresentedKey, *, now: datetime
) -> Key | None:
    """The key, if there is one that is not revoked and the secret is right; its use is noted."""
    row = await keys.read_key(connection, account_id=presented.account_id, key_id=presented.key_id)
    # Compared also where there is no such key, so that the time taken tells nothing.
    kept = row.secret_sha256 if row is not None else bytes(32)
    if not hmac.compare_digest(kept, presented.secret_sha256) or row is None:
        return None
    if row.revoked_at is not None:
        return None
    if row.last_used_at is None or now - row.last_used_at >= USE_NOTED_EVERY:
        await keys.note_key_use(connection, account_id=row.account_id, key_id=row.key_id, now=now)
    return _key(row)


async def list_keys(
    connection: Connection, *, account_id: str, after: str, limit: int
) -> list[Key]:
    """Keys of an account or of the platform by key_id, those revoked too, after a given one."""
    rows = await keys.list_keys(connection, account_id=account_id, after=after, limit=limit)
    return [_key(row) for row in rows]


async def list_account_keys(connection: Connection, account_id: str) -> list[Key]:
    """An account's keys, at most KEYS_SHOWN_MAX: those in force first, then the newest."""
    rows = await keys.newest_keys(connection, account_id=account_id, limit=KEYS_SHOWN_MAX)
    return [_key(row) for row in rows]


async def find_key(connection: Connection, *, account_id: str, key_id: str) -> Key:
    """A key of an account, revoked or not. Raises NotFound."""
    row = await keys.read_key(connection, account_id=account_id, key_id=key_id)
    if row is None:
        raise NotFound(f"there is no key {key_id}", field="key_id")
    return _key(row)


async def revoke_key(
    connection: Connection, *, account_id: str, key_id: str, now: datetime
) -> None:
    """Make a key useless, for good. Once more changes nothing. Raises NotFound."""
    if not await keys.revoke_key(connection, account_id=account_id, key_id=key_id, now=now):
        raise NotFound(f"there is no key {key_id}", field="key_id")


def _key(row: keys.KeyRow) -> Key:
    return Key(
        account_id=row.account_id,
        key_id=row.key_id,
        name=row.name,
        scopes=frozenset(row.scopes),
        created_at=row.created_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )
