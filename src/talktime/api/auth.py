"""Who is asking: keys verified at most every few seconds, and guessing slowed down.

A handler says with ``described(scope=…)`` what a key must be for; the guard here does the rest.
A key of an account works only on paths of that account, whatever else exists.
"""

import asyncio
import hmac
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from talktime.api.problems import RateLimited
from talktime.core.errors import Forbidden, Overloaded, Unauthenticated
from talktime.core.one_line import check_id
from talktime.core.secret import sha256_of
from talktime.ops.keys import PLATFORM, PresentedKey, Scope, parse_key, verify_key
from talktime.ops.platform import Platform

KEY_TTL_SECONDS: Final = 5.0
"""For so long a key is taken as it was found; a key revoked elsewhere works no longer than that."""
KEYS_MAX: Final = 10_000
WRONG_KEYS_MAX: Final = 10_000
ADDRESSES_MAX: Final = 10_000
FAILURES_MAX: Final = 30
"""Wrong keys per address and window; after that, no key that was never right is even looked at.

Counted by each process for itself: this spares the database, for no secret of 256 bits is guessed.
Shared, it would cost a question to the database at every first use of a key, and a process that
has just begun, knowing no key yet, would refuse right ones beside somebody who guesses.
"""
WINDOW_SECONDS: Final = 60.0


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a verified key stands for."""

    account_id: str
    """PLATFORM: may act on every account."""
    scopes: frozenset[str]

    @property
    def is_platform(self) -> bool:
        return self.account_id == PLATFORM

    def may(self, scope: str) -> bool:
        return scope in self.scopes or Scope.EVERYTHING in self.scopes

    def require(self, scope: str, account_id: str | None) -> None:
        """Raise Forbidden unless this may do what ``scope`` says, on that account.

        ``account_id`` is None for an act on no single account, which only the platform may do. The
        refusal does not tell whether the other account exists.
        """
        if not self.is_platform and self.account_id != account_id:
            raise Forbidden("this key is for another account")
        if not self.may(scope):
            raise Forbidden(f"this key lacks the scope {scope}", scope=str(scope))


class _Known(msgspec.Struct, frozen=True):
    principal: Principal
    until: float


class KeyRing:
    """Verifies keys, and remembers for a few seconds what it found."""

    def __init__(
        self,
        platform: Platform,
        operator_key: str | None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._platform = platform
        self._operator_digest = None if operator_key is None else sha256_of(operator_key.encode())
        self._operator = Principal(account_id=PLATFORM, scopes=frozenset({Scope.EVERYTHING}))
        self._monotonic = monotonic
        # By digest, so that no key lies about in memory; when full, the oldest goes.
        self._known: dict[bytes, _Known] = {}
        self._wrong: dict[bytes, float] = {}
        self._asking: dict[bytes, asyncio.Task[Principal | None]] = {}
        self._failures: dict[str, tuple[int, float]] = {}

    def remembered(self, token: bytes | None) -> Principal | None:
        """Whom a key stands for, if that was found out a moment ago; asks nobody."""
        if token is None:
            return None
        known = self._known.get(sha256_of(token))
        if known is None or self._monotonic() >= known.until:
            return None
        return known.principal

    async def principal_of(self, token: bytes | None, address: str) -> Principal:
        """Whom a presented key stands for. Raises Unauthenticated, RateLimited, Overloaded."""
        if token is None:
            raise Unauthenticated("send a key: Authorization: Bearer tt_…")
        now = self._monotonic()
        digest = sha256_of(token)
        known = self._known.get(digest)
        # A key that was right before is asked about again even where somebody else is guessing.
        if known is None and digest != self._operator_digest:
            self._refuse_guessing(address, now)
        principal = await self._find(digest, token)
        if principal is None:
            raise self._wrong_key(address, now)
        return principal

    async def still_may(self, token: bytes | None, scope: str, account_id: str | None) -> bool:
        """Whether a key with which something was begun still allows it.

        This is no guess, so it counts against no address. True where the database is away: whoever
        was let in stays in until it can be asked.
        """
        if token is None:
            return False
        try:
            principal = await self._find(sha256_of(token), token)
            if principal is None:
                return False
            principal.require(scope, account_id)
        except Forbidden:
            return False
        except Overloaded:
            return True
        return True

    def forget(self) -> None:
        """Ask about every key anew: one was revoked or made.

        That a key was right is kept: it is the exemption of those who share an address with
        somebody who guesses.
        """
        for digest, known in self._known.items():
            self._known[digest] = _Known(known.principal, 0.0)
        self._wrong.clear()

    async def _find(self, digest: bytes, token: bytes) -> Principal | None:
        """Whom a key stands for, remembered or asked; None for one that is wrong."""
        now = self._monotonic()
        known = self._known.get(digest)
        if known is not None and now < known.until:
            return known.principal
        if self._operator_digest is not None and hmac.compare_digest(digest, self._operator_digest):
            _remember(self._known, digest, _Known(self._operator, now + KEY_TTL_SECONDS), KEYS_MAX)
            return self._operator
        if now < self._wrong.get(digest, 0.0):
            return None
        principal = await self._ask(digest, token)
        if principal is None:
            self._known.pop(digest, None)
            _remember(self._wrong, digest, now + KEY_TTL_SECONDS, WRONG_KEYS_MAX)
            return None
        _remember(self._known, digest, _Known(principal, now + KEY_TTL_SECONDS), KEYS_MAX)
        return principal

    async def _ask(self, digest: bytes, token: bytes) -> Principal | None:
        presented = parse_key(token.decode("latin-1"))
        if presented is None:
            return None
        # Requests that bring the same key at once ask once; one that goes away stops no other.
        task = self._asking.get(digest)
        if task is None:
            task = asyncio.create_task(self._verify(presented))
            self._asking[digest] = task
            task.add_done_callback(lambda _: self._asking.pop(digest, None))
        return await asyncio.shield(task)

    async def _verify(self, presented: PresentedKey) -> Principal | None:
        async with self._platform.connection() as connection:
            key = await verify_key(connection, presented, now=self._platform.clock())
        if key is None:
            return None
        return Principal(account_id=key.account_id, scopes=key.scopes)

    def _refuse_guessing(self, address: str, now: float) -> None:
        count, until = self._failures.get(address, (0, 0.0))
        if count >= FAILURES_MAX and now < until:
            raise RateLimited(
                "too many wrong keys came from this address", retry_after=int(until - now) + 1
            )

    def _wrong_key(self, address: str, now: float) -> Unauthenticated:
        count, until = self._failures.get(address, (0, 0.0))
        if now >= until:
            count, until = 0, now + WINDOW_SECONDS
        _remember(self._failures, address, (count + 1, until), ADDRESSES_MAX)
        return Unauthenticated("this key is not known, or was revoked")


async def guard_scope(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """Let only those through whom the handler's description allows; set ``request.user``."""
    description = handler.opt.get("description")
    if description is None:
        return
    scope = connection.scope
    keys: KeyRing = connection.app.state.key_ring
    token = bearer_token(scope["headers"])
    principal = await keys.principal_of(token, client_address(scope))
    path_params: Mapping[str, str] = scope["path_params"]
    for name, value in path_params.items():
        check_id(value, name)
    principal.require(description.scope, path_params.get("account_id"))
    scope["user"] = principal


def bearer_token(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """The key in the Authorization header, None without one."""
    for name, value in headers:
        if name == b"authorization":
            kind, _, token = value.partition(b" ")
            return token.strip() if kind.lower() == b"bearer" and token.strip() else None
    return None


def client_address(scope: Mapping[str, Any]) -> str:
    """Where the request comes from, as the server saw it."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def _remember(memory: dict[Any, Any], key: object, value: object, most: int) -> None:
    memory.pop(key, None)
    while len(memory) >= most:
        del memory[next(iter(memory))]
    memory[key] = value
