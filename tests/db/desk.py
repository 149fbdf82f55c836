"""A desk at which the money functions are used as the application uses them, and the books read."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

import psycopg
from psycopg.rows import dict_row

from talktime.core.call import BillingStatus, EndedBy, EndFacts, FreeReason, Outcome, StartFacts
from talktime.core.ratecard import Channel, Service
from talktime.core.rating import Bill
from talktime.core.settlement import Settlement
from talktime.core.usage import Line
from talktime.db import acts
from talktime.db.pool import Connection

NOW = datetime(2026, 11, 23, 12, 34, 56, tzinfo=UTC)
CENT = 10_000_000
FLOOR = 10 * CENT
USD = 100 * CENT
MARGIN_PPM = 300_000
LEASE_MS = 60_000

LINES = (Line(service=Service.LLM, provider="acme", model="m", quantities={"input_tokens": 7}),)

TABLES = ("account", "call", "open_call", "entry", "event", "refusal", "usage_rollup")

Start = tuple[StartFacts, int, datetime]

_numbers = count(1)


def start(
    account_id: str,
    call_id: str,
    *,
    hold: int = FLOOR,
    channel: Channel = Channel.PHONE,
    admitted_at: datetime = NOW,
    **facts: Any,
) -> Start:
    named = StartFacts(account_id=account_id, call_id=call_id, channel=channel, **facts)
    return named, hold, admitted_at


def bill_of(charge: int | None) -> Bill:
    """A bill of some charge, spread over services and margin without a rest."""
    amount = charge or 0
    margin = amount // 4
    cost = amount - margin
    return Bill(
        cost_nanos=cost,
        margin_nanos=margin,
        charge_nanos=charge,
        llm_nanos=cost - 3 * (cost // 4),
        stt_nanos=cost // 4,
        tts_nanos=cost // 4,
        sip_nanos=cost // 4,
        unpriced=() if charge is not None else (LINES[0].key,),
    )


def usage(
    account_id: str, call_id: str, *, accrued: int, revision: int = 1, hold: int | None = None
) -> acts.UsageRow:
    return acts.UsageRow(
        account_id=account_id,
        call_id=call_id,
        revision=revision,
        lines=LINES,
        bill=bill_of(accrued),
        hold_nanos=max(FLOOR, accrued) if hold is None else hold,
    )


def settlement(
    account_id: str,
    call_id: str,
    charge: int | None,
    *,
    billing: BillingStatus = BillingStatus.CHARGED,
    outcome: Outcome = Outcome.COMPLETED,
    revision: int = 1,
    free_reason: FreeReason | None = None,
) -> Settlement:
    return Settlement(
        account_id=account_id,
        call_id=call_id,
        revision=revision,
        billing_status=billing,
        free_reason=free_reason,
        ended_by=EndedBy.CALLER,
        facts=EndFacts(outcome=outcome),
        ended_at=NOW,
        duration_ms=1_000,
        lines=LINES,
        bill=bill_of(charge),
    )


def entry(
    account_id: str,
    ref: str,
    *,
    paid: int = 0,
    promo: int = 0,
    kind: str = "adjustment",
    note: str | None = None,
) -> acts.EntryRow:
    return acts.EntryRow(
        account_id=account_id,
        kind=kind,
        ref=ref,
        promo_delta_nanos=promo,
        paid_delta_nanos=paid,
        occurred_at=NOW,
        note=note,
    )


class Desk:
    """The four money functions on one connection, as the application's role."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.accounts: list[str] = []

    def forget(self, database_url: str) -> None:
        """Take away its accounts: their calls run for ever, and their figures are made up."""
        with psycopg.connect(database_url) as owner:
            owner.execute("SET session_replication_role = replica")
            for table in TABLES:
                owner.execute(f"DELETE FROM {table} WHERE account_id = ANY(%s)", [self.accounts])

    async def open_account(
        self,
        *,
        paid: int = 0,
        promo: int = 0,
        account_id: str | None = None,
        status: str = "active",
        reserved: int = 0,
        warning: int = USD,
        margin_ppm: int | None = None,
    ) -> str:
        """A fresh account with money put there by an entry, so that its ledger replays."""
        name = account_id or f"acct-{next(_numbers)}-{id(self):x}"
        await self.connection.execute(
            "INSERT INTO account (account_id, name, email, status, margin_ppm,"
            " refund_reserved_nanos, warning_level_nanos, created_at)"
            " VALUES (%s, 'Ada', 'ada@example.org', %s, %s, %s, %s, %s)",
            [name, status, margin_ppm, reserved, warning, NOW],
        )
        self.accounts.append(name)
        if paid or promo:
            await self.post(entry(name, "opening", paid=paid, promo=promo))
        return name

    async def start(self, *starts: Start, now: datetime = NOW) -> list[acts.StartVerdict]:
        return await acts.start_calls(
            self.connection,
            starts,
            now=now,
            floor_nanos=FLOOR,
            margin_ppm=MARGIN_PPM,
            lease_ms=LEASE_MS,
        )

    async def report(self, *rows: acts.UsageRow, now: datetime = NOW) -> list[acts.UsageVerdict]:
        return await acts.report_usage(self.connection, rows, now=now)

    async def settle(self, *rows: Settlement, now: datetime = NOW) -> list[acts.SettleVerdict]:
        return await acts.settle_calls(self.connection, rows, now=now, floor_nanos=FLOOR)

    async def post(self, *rows: acts.EntryRow, now: datetime = NOW) -> list[acts.EntryVerdict]:
        return await acts.post_entries(self.connection, rows, now=now, floor_nanos=FLOOR)

    async def account(self, account_id: str) -> dict[str, Any]:
        return (await self.rows("account", account_id))[0]

    async def money(self, account_id: str) -> tuple[int, int, int]:
        """(promo, paid, held)"""
        row = await self.account(account_id)
        return row["promo_nanos"], row["paid_nanos"], row["held_nanos"]

    async def call(self, account_id: str, call_id: str) -> dict[str, Any]:
        return next(row for row in await self.rows("call", account_id) if row["call_id"] == call_id)

    async def events(self, account_id: str) -> list[tuple[int, str, str]]:
        """(event_seq, kind, ref) in order, without what opened the account."""
        return [
            (row["event_seq"], row["kind"], row["ref"])
            for row in await self.rows("event", account_id)
            if row["ref"] != "opening"
        ]

    async def rows(self, table: str, account_id: str) -> list[dict[str, Any]]:
        """Every row of an account in a table, in the order of its primary key."""
        order = {
            "account": "account_id",
            "call": "call_id",
            "open_call": "call_id",
            "entry": "seq",
            "event": "event_seq",
            "refusal": "event_seq",
            "usage_rollup": "bucket_start",
        }[table]
        async with self.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(
                f"SELECT * FROM {table} WHERE account_id = %s ORDER BY {order}",
                [account_id],
            )
            return await cursor.fetchall()

    async def books(self, account_id: str) -> dict[str, list[dict[str, Any]]]:
        """All of an account's books, its name left out, to be compared with another's."""
        return {
            table: [
                {name: value for name, value in row.items() if name != "account_id"}
                for row in await self.rows(table, account_id)
            ]
            for table in TABLES
        }


def cut(items: Sequence[Any], sizes: Sequence[int]) -> list[Sequence[Any]]:
    """Items cut into batches of the given sizes; the last size goes on as long as needed."""
    batches = []
    at = nth = 0
    while at < len(items):
        size = sizes[min(nth, len(sizes) - 1)]
        batches.append(items[at : at + size])
        at += size
        nth += 1
    return batches
