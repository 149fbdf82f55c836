"""The loops of money in and out: top-ups, refunds, auto-reload, and the receipts for them.

Whoever is asked may take half a minute to answer. So each loop has slots of its own: one account
whose answer does not come holds up nobody else's. No connection to the database is held meanwhile.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, TypeVar

from talktime.core.payment import Payment
from talktime.core.refund import DisputeNotice, RefundPart
from talktime.db.disputes import WaitingDispute
from talktime.db.pool import Connection
from talktime.loops import ROUNDS_MAX, Loop
from talktime.ops.documents import ISSUED_AT_ONCE, issue_due_documents
from talktime.ops.platform import Payments, Platform
from talktime.ops.refund_runs import (
    ask_about_dispute,
    claim_due_disputes,
    claim_due_parts,
    hear_of_disputes,
    run_part,
)
from talktime.ops.reload_runs import (
    Tills,
    claim_due_accounts,
    claim_stopped_charges,
    reload_account,
    resume_charge,
    sweep_accounts,
)
from talktime.ops.saved_cards import claim_open_setups, finish_card_setup
from talktime.ops.top_ups import claim_open_payments, expire_strange_payments, reconcile_payment
from talktime.slots import Slots

PAYMENTS_SECONDS: Final = 20.0
SETUPS_SECONDS: Final = 20.0
REFUNDS_SECONDS: Final = 2.0
DISPUTES_SECONDS: Final = 20.0
UNHEARD_SECONDS: Final = 3600.0
RESUMES_SECONDS: Final = 5.0
RELOADS_SECONDS: Final = 1.0
SWEEPS_SECONDS: Final = 30.0
RECEIPTS_SECONDS: Final = 10.0
STRANGERS_SECONDS: Final = 600.0

AT_ONCE: Final = 16
"""Accounts whose provider is asked side by side, by each loop of one process."""

CONNECTIONS: Final = 3
"""Of the pool, which requests need more: for all these loops together."""

_Due = TypeVar("_Due")


def payment_loops(platform: Platform) -> list[Loop]:
    """What at least one process of an installation that takes payments has to do."""

    async def receipts() -> None:
        for _ in range(ROUNDS_MAX):
            async with platform.connection() as connection:
                issued = await issue_due_documents(
                    connection, platform.seller, now=platform.clock()
                )
            if issued < ISSUED_AT_ONCE:
                return

    async def strangers() -> None:
        name = None if platform.payments is None else platform.payments.provider.name
        await expire_strange_payments(platform.connection, provider=name, now=platform.clock())

    loops = [
        Loop(name="strangers", act=strangers, every_seconds=STRANGERS_SECONDS),
        Loop(name="receipts", act=receipts, every_seconds=RECEIPTS_SECONDS),
    ]
    if platform.payments is not None:
        loops += _Desk(platform, platform.payments).loops()
    return loops


class _Desk:
    """What asks the provider, with the connections that it shares."""

    def __init__(self, platform: Platform, payments: Payments) -> None:
        self._platform = platform
        self._provider = payments.provider
        self._few = asyncio.Semaphore(CONNECTIONS)
        self._disputes: Mapping[str, DisputeNotice] = {}
        self._tills = Tills(
            connections=self._connection,
            provider=payments.provider,
            terms=platform.terms,
            public_url=platform.public_url,
        )

    def loops(self) -> list[Loop]:
        return [
            _loop("payments", self._open_payments, self._reconcile, PAYMENTS_SECONDS),
            _loop("setups", self._open_setups, self._finish_setup, SETUPS_SECONDS),
            _loop("resumes", self._stopped_charges, self._resume, RESUMES_SECONDS),
            _loop("reloads", self._due_accounts, self._reload, RELOADS_SECONDS),
            Loop(name="sweeps", act=self._sweep, every_seconds=SWEEPS_SECONDS),
            _loop("refunds", self._due_parts, self._run_part, REFUNDS_SECONDS),
            _loop("disputes", self._due_disputes, self._ask_about_dispute, DISPUTES_SECONDS),
            Loop(name="unheard", act=self._hear_of_disputes, every_seconds=UNHEARD_SECONDS),
        ]

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        async with self._few, self._platform.connection() as connection:
            yield connection

    @property
    def _now(self) -> datetime:
        return self._platform.clock()

    async def _open_payments(self, limit: int) -> Sequence[Payment]:
        return await claim_open_payments(
            self._connection, self._provider, limit=limit, now=self._now
        )

    async def _reconcile(self, payment: Payment) -> None:
        await reconcile_payment(
            self._connection,
            self._provider,
            payment,
            terms=self._platform.terms,
            now=self._now,
        )

    async def _open_setups(self, limit: int) -> Sequence[str]:
        return await claim_open_setups(
            self._connection, self._provider.cards, limit=limit, now=self._now
        )

    async def _finish_setup(self, account_id: str) -> None:
        await finish_card_setup(
            self._connection, self._provider.cards, account_id=account_id, now=self._now
        )

    async def _stopped_charges(self, limit: int) -> Sequence[tuple[str, str]]:
        return await claim_stopped_charges(self._tills, limit=limit, now=self._now)

    async def _resume(self, key: tuple[str, str]) -> None:
        await resume_charge(self._tills, *key, now=self._now)

    async def _due_accounts(self, limit: int) -> Sequence[str]:
        return await claim_due_accounts(self._tills, limit=limit, now=self._now)

    async def _sweep(self) -> None:
        await sweep_accounts(self._connection, now=self._now)

    async def _reload(self, account_id: str) -> None:
        await reload_account(self._tills, account_id, payment_id=new_reload_id(), now=self._now)

    async def _due_parts(self, limit: int) -> Sequence[RefundPart]:
        return await claim_due_parts(self._connection, self._provider, limit=limit, now=self._now)

    async def _run_part(self, part: RefundPart) -> None:
        terms = self._platform.terms
        await run_part(self._connection, self._provider, part, terms=terms, now=self._now)

    async def _due_disputes(self, limit: int) -> Sequence[WaitingDispute]:
        return await claim_due_disputes(
            self._connection, self._provider, limit=limit, now=self._now
        )

    async def _ask_about_dispute(self, dispute: WaitingDispute) -> None:
        terms = self._platform.terms
        await ask_about_dispute(
            self._connection, self._provider, dispute, terms=terms, now=self._now
        )

    async def _hear_of_disputes(self) -> None:
        terms = self._platform.terms
        self._disputes = await hear_of_disputes(
            self._connection, self._provider, self._disputes, terms=terms, now=self._now
        )


def _loop(
    name: str,
    claim: Callable[[int], Awaitable[Sequence[_Due]]],
    act: Callable[[_Due], Awaitable[object]],
    every_seconds: float,
) -> Loop:
    slots = Slots(name, claim=claim, act=act, at_most=AT_ONCE)
    return Loop(
        name=name,
        act=slots.run,
        every_seconds=every_seconds,
        close=slots.close,
        finish=slots.finish,
    )


def new_reload_id() -> str:
    return f"reload_{secrets.token_hex(12)}"
