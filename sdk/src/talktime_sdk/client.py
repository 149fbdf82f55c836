"""The client: Talktime's API as coroutines. asyncio only, and there is no blocking twin."""

import asyncio
import random
import secrets
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from datetime import date, datetime
from types import TracebackType
from typing import Any, Self

import httpx

from talktime_sdk._answers import (
    Account,
    Admission,
    CallReceipt,
    CouponPreview,
    Entry,
    Page,
    PortalLink,
    UsageAnswer,
)
from talktime_sdk._delivery import Delivery, T
from talktime_sdk._errors import InvalidUsage
from talktime_sdk._events import Event
from talktime_sdk._figures import Usd, usd_nanos, usd_text
from talktime_sdk._ids import new_id
from talktime_sdk._listening import follow
from talktime_sdk._retry import RetryPolicy
from talktime_sdk._running import END_RETRIES, RunningCall, Undelivered
from talktime_sdk._totals import Channel, Quantity, UsageLine
from talktime_sdk._wire import Request, facts, path, read_answer
from talktime_sdk.session import CallSession, Direction, Outcome, end_facts

__all__ = ["TalktimeClient"]


class TalktimeClient:
    """One platform's view of Talktime: ``async with TalktimeClient(url, key) as client``.

    Every act may be tried again by itself, since it carries its own id: ``retries`` bounds how
    often, ``timeout`` (seconds) how long one attempt may take. Money goes in as Decimal, string
    or int in USD, never as a float, and comes out as an exact Decimal.

    Every coroutine raises Unreachable when no answer came, Overloaded when the server stayed too
    busy, UnexpectedAnswer when the answer made no sense, and a Refusal when Talktime said no.
    ``transport`` replaces the network (a proxy, a recorder, a test); ``dice`` the jitter's luck.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout: float = 5.0,
        retries: RetryPolicy | None = None,
        dice: Callable[[], float] = random.random,
    ) -> None:
        if not api_key or not api_key.isascii() or not api_key.isprintable() or " " in api_key:
            raise InvalidUsage("api_key: not a key (empty, or with characters that no key has)")
        self._http = httpx.AsyncClient(
            base_url=_checked(base_url),
            headers={
                "Authorization": f"Bearer {api_key}",
                "Accept": "application/json",
                "User-Agent": "talktime-sdk",
            },
            transport=transport,
            timeout=timeout,
        )
        self._delivery = Delivery(
            self._http, timeout_seconds=timeout, retries=retries or RetryPolicy(), dice=dice
        )
        self._endings: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Wait for the ends that are still on their way (they are bounded), then close."""
        try:
            if self._endings:
                await asyncio.wait(self._endings)
        except asyncio.CancelledError:
            for ending in self._endings:
                ending.cancel()
            raise
        finally:
            await self._http.aclose()

    # --- calls ----------------------------------------------------------------------------

    def call(
        self,
        *,
        account_id: str,
        call_id: str,
        channel: Channel,
        direction: Direction | None = None,
        agent_id: str | None = None,
        from_: str | None = None,
        to: str | None = None,
        started_at: datetime | None = None,
        metadata: Mapping[str, Any] | None = None,
        source: str | None = None,
        report_every: float = 5.0,
        end_retries: RetryPolicy = END_RETRIES,
        on_undelivered: Callable[[Undelivered], None] | None = None,
    ) -> RunningCall:
        """A call as a block: ``async with client.call(...) as call``. Entering it raises what
        ``start_call`` raises; see RunningCall for the rest.

        ``report_every`` is in seconds. ``on_undelivered`` gets the end that could not be told.
        """
        session = CallSession(
            account_id=account_id,
            call_id=call_id,
            channel=channel,
            direction=direction,
            agent_id=agent_id,
            from_=from_,
            to=to,
            started_at=started_at,
            metadata=metadata,
            source=source,
            source_if_resumed=secrets.token_hex(4),
            report_every=report_every,
            retries=self._delivery.retries,
        )
        return RunningCall(
            session,
            self._delivery,
            end_retries=end_retries,
            on_undelivered=on_undelivered,
            keep=self._keep,
        )

    def _keep(self, ending: asyncio.Task[None]) -> None:
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)

    async def start_call(
        self,
        *,
        account_id: str,
        call_id: str,
        channel: Channel,
        direction: Direction | None = None,
        agent_id: str | None = None,
        from_: str | None = None,
        to: str | None = None,
        started_at: datetime | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Admission:
        """Ask the gate. Raises InsufficientCredits, AccountSuspended, NotFound for the account,
        Conflict when the id was used with other facts. Look at ``status``: a start repeated after
        the end is answered with ``ended``."""
        session = CallSession(
            account_id=account_id,
            call_id=call_id,
            channel=channel,
            direction=direction,
            agent_id=agent_id,
            from_=from_,
            to=to,
            started_at=started_at,
            metadata=metadata,
        )
        return await self._ask(session.start(), Admission)

    async def report_usage(
        self, account_id: str, call_id: str, lines: Iterable[UsageLine] = ()
    ) -> UsageAnswer:
        """Report running totals, never deltas. Without lines it is a heartbeat."""
        where = path("accounts", account_id, "calls", call_id, "usage")
        body = {"lines": [line.wire() for line in lines]}
        return await self._ask(Request(method="PUT", path=where, body=body), UsageAnswer)

    async def end_call(
        self,
        account_id: str,
        call_id: str,
        outcome: Outcome,
        *,
        lines: Iterable[UsageLine] = (),
        ended_at: datetime | None = None,
        duration_seconds: Quantity | None = None,
        reason: str | None = None,
    ) -> CallReceipt:
        """End a call. Raises Conflict (``call_already_ended``) for another outcome than before."""
        where = path("accounts", account_id, "calls", call_id, "end")
        body = end_facts(
            outcome,
            lines=[line.wire() for line in lines],
            ended_at=ended_at,
            duration_seconds=duration_seconds,
            reason=reason,
        )
        return await self._ask(Request(method="POST", path=where, body=body), CallReceipt)

    async def deliver(self, request: Request) -> CallReceipt:
        """Tell an end that could not be told at its time (see Undelivered)."""
        return await self._ask(request, CallReceipt)

    async def get_call(self, account_id: str, call_id: str) -> CallReceipt:
        """One call with its breakdown so far."""
        return await self._get(path("accounts", account_id, "calls", call_id), CallReceipt)

    async def list_calls(
        self,
        account_id: str,
        *,
        status: str | None = None,
        channel: Channel | None = None,
        outcome: Outcome | None = None,
        billing_status: str | None = None,
        agent_id: str | None = None,
        from_date: date | None = None,
        to_date: date | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[CallReceipt]:
        """One page of calls, the newest first. Go on with ``cursor=page.next_cursor``."""
        where = path(
            "accounts",
            account_id,
            "calls",
            status=status,
            channel=channel,
            outcome=outcome,
            billing_status=billing_status,
            agent_id=agent_id,
            from_date=from_date,
            to_date=to_date,
            limit=limit,
            cursor=cursor,
        )
        return await self._get(where, Page[CallReceipt])

    # --- accounts -------------------------------------------------------------------------

    async def create_account(
        self,
        *,
        name: str,
        email: str,
        account_id: str | None = None,
        verified: bool | None = None,
    ) -> Account:
        """Create an account, or get the one with the same id and facts. ``verified=True`` vouches
        for the e-mail address, which brings the welcome bonus. Raises Conflict
        (``account_exists``) when the id has other facts."""
        body = facts(account_id=account_id or new_id(), name=name, email=email, verified=verified)
        return await self._ask(Request(method="POST", path=path("accounts"), body=body), Account)

    async def get_account(self, account_id: str) -> Account:
        """The account and its balances now."""
        return await self._get(path("accounts", account_id), Account)

    async def adjust(
        self,
        account_id: str,
        *,
        adjustment_id: str,
        reason: str,
        paid: Usd | None = None,
        promo: Usd | None = None,
    ) -> Entry:
        """Correct a balance by amounts of either sign, once per ``adjustment_id``. Raises Conflict
        (``reference_conflict``, or ``promo_insufficient``, as promo is never negative)."""
        body = facts(
            adjustment_id=adjustment_id,
            paid=None if paid is None else usd_text(usd_nanos(paid, "paid")),
            promo=None if promo is None else usd_text(usd_nanos(promo, "promo")),
            reason=reason,
        )
        where = path("accounts", account_id, "adjustments")
        return await self._ask(Request(method="POST", path=where, body=body), Entry)

    async def entries(
        self,
        account_id: str,
        *,
        kind: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[Entry]:
        """One page of the ledger, the newest first. Go on with ``cursor=page.next_cursor``."""
        where = path("accounts", account_id, "entries", kind=kind, limit=limit, cursor=cursor)
        return await self._get(where, Page[Entry])

    async def preview_coupon(self, account_id: str, code: str) -> CouponPreview:
        """What redeeming would bring; codes are case-sensitive. Raises NotFound, Conflict, Gone."""
        where = path("accounts", account_id, "coupons", "preview")
        return await self._ask(
            Request(method="POST", path=where, body={"code": code}), CouponPreview
        )

    async def redeem_coupon(self, account_id: str, code: str) -> Entry:
        """Credit the coupon, exactly once per account. When an answer got lost on the way, the
        next attempt meets our own success: a Conflict whose ``after_lost_answer`` is true."""
        where = path("accounts", account_id, "coupons", "redeem")
        return await self._ask(Request(method="POST", path=where, body={"code": code}), Entry)

    async def portal_link(self, account_id: str) -> PortalLink:
        """A one-time link that lets the customer into the Billing and Calls pages."""
        where = path("accounts", account_id, "portal-sessions")
        return await self._ask(Request(method="POST", path=where, body={}), PortalLink)

    def events(
        self, account_id: str, *, last_event_id: str = "", idle_seconds: float = 45.0
    ) -> AsyncGenerator[Event]:
        """The account's events as they happen, for ever: BalanceChanged, CallChanged, EntryWritten,
        CallRefused, Reset.

        A cut connection is resumed after the last event seen, so that none is missed; where the
        server no longer has them, a Reset comes. After ``idle_seconds`` without a byte it connects
        anew. Raises when that fails as often in a row as the retry policy allows. To stop early,
        leave the loop inside ``contextlib.aclosing``.
        """
        return follow(
            self._delivery, account_id, last_event_id=last_event_id, idle_seconds=idle_seconds
        )

    async def _get(self, where: str, answer_type: type[T]) -> T:
        return await self._ask(Request(method="GET", path=where), answer_type)

    async def _ask(self, request: Request, answer_type: type[T]) -> T:
        return await self._delivery.deliver(
            request, lambda response: read_answer(response, answer_type)
        )


def _checked(base_url: str) -> httpx.URL:
    """Refuses at once what would otherwise look like a server that is away."""
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as trouble:
        raise InvalidUsage(f"base_url: {trouble}") from trouble
    if url.scheme not in {"http", "https"} or not url.host:
        raise InvalidUsage("base_url: write it with its scheme, like http://127.0.0.1:8080")
    if url.path.rstrip("/").endswith("/v1") or url.query or url.fragment:
        raise InvalidUsage("base_url: the server's address alone, without /v1 or a query")
    return url
