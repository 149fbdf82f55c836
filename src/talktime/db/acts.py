"""The doors through which balances move: the batch functions of functions/, typed.

Each takes rows in the order they shall be judged and answers a verdict per row, in that order.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from psycopg.rows import class_row

from talktime.core.call import StartFacts
from talktime.core.rating import Bill
from talktime.core.settlement import Settlement
from talktime.core.usage import Line
from talktime.db.calls import decode_lines, encode_lines
from talktime.db.pool import Connection, counted
from talktime.db.queries import query


class StartVerdict(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How the gate judged one start; amounts in nanos, as they stood when this item was judged."""

    item: int
    # admitted | repeated | call_id_conflict | insufficient_credits
    # | account_unknown | account_suspended
    verdict: str
    status: str
    billing_status: str
    hold_nanos: int
    available_nanos: int | None
    held_nanos: int | None
    startable_nanos: int | None
    margin_ppm: int | None
    revision: int
    admitted_at: datetime
    lease_ms: int


class UsageRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a live call has come to, as decided from its revision; the hold in nanos."""

    account_id: str
    call_id: str
    revision: int
    lines: tuple[Line, ...]
    bill: Bill
    hold_nanos: int


class UsageVerdict(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Whether a row was written; the account's balances after it, in nanos."""

    item: int
    verdict: str  # taken | stale
    available_nanos: int | None
    held_nanos: int | None


class SettleVerdict(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Whether a settlement was written, and how the balances bore it; in nanos.

    ``entry_seq`` is None where nothing was charged, all is None where it had gone stale.
    """

    item: int
    verdict: str  # settled | stale
    entry_seq: int | None
    promo_charged_nanos: int | None
    paid_charged_nanos: int | None
    promo_after_nanos: int | None
    paid_after_nanos: int | None
    hold_nanos: int | None


class EntryRow(msgspec.Struct, frozen=True, kw_only=True):
    """An entry to be posted, once per account, kind and ref; negative where money leaves."""

    account_id: str
    kind: str
    ref: str
    promo_delta_nanos: int
    paid_delta_nanos: int
    occurred_at: datetime
    note: str | None


class EntryVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """``posted`` or ``repeated`` with the entry, or a refusal without one."""

    # posted | repeated | reference_conflict | promo_insufficient | balance_too_large
    # | account_unknown
    verdict: str
    seq: int | None
    promo_delta_nanos: int | None
    paid_delta_nanos: int | None
    promo_after_nanos: int | None
    paid_after_nanos: int | None
    reserved_after_nanos: int | None
    occurred_at: datetime | None
    recorded_at: datetime | None


async def start_calls(
    connection: Connection,
    starts: Sequence[tuple[StartFacts, int, datetime]],
    *,
    now: datetime,
    floor_nanos: int,
    margin_ppm: int,
    lease_ms: int,
) -> list[StartVerdict]:
    """Judge starts given as (facts, initial hold in nanos, instant of admission)."""
    facts = [start[0] for start in starts]
    async with connection.cursor(row_factory=class_row(StartVerdict)) as cursor:
        await cursor.execute(
            query("start_calls"),
            {
                "now": now,
                "floor": floor_nanos,
                "margin_ppm": margin_ppm,
                "lease_ms": lease_ms,
                "account_id": [f.account_id for f in facts],
                "call_id": [f.call_id for f in facts],
                "channel": [str(f.channel) for f in facts],
                "direction": [f.direction for f in facts],
                "agent_id": [f.agent_id for f in facts],
                "from_number": [f.from_number for f in facts],
                "to_number": [f.to_number for f in facts],
                "started_at": [f.started_at for f in facts],
                "admitted_at": [start[2] for start in starts],
                "metadata": [f.metadata for f in facts],
                "hold": [start[1] for start in starts],
            },
            prepare=True,
        )
        return await cursor.fetchall()


async def report_usage(
    connection: Connection, rows: Sequence[UsageRow], *, now: datetime
) -> list[UsageVerdict]:
    """Write running totals, each where its revision still stands."""
    async with connection.cursor(row_factory=class_row(UsageVerdict)) as cursor:
        await cursor.execute(
            query("report_usage"),
            {
                "now": now,
                "account_id": [r.account_id for r in rows],
                "call_id": [r.call_id for r in rows],
                "revision": [r.revision for r in rows],
                "hold": [r.hold_nanos for r in rows],
                **_rated([(r.lines, r.bill) for r in rows]),
            },
            prepare=True,
        )
        return await cursor.fetchall()


async def settle_calls(
    connection: Connection, settlements: Sequence[Settlement], *, now: datetime, floor_nanos: int
) -> list[SettleVerdict]:
    """End and settle calls, each where its revision still stands.

    Raises InvalidAmount, and writes nothing, where a balance would be beyond what bigint holds.
    """
    async with connection.cursor(row_factory=class_row(SettleVerdict)) as cursor:
        with counted():
            await cursor.execute(
                query("settle_calls"),
                {
                    "now": now,
                    "floor": floor_nanos,
                    "account_id": [s.account_id for s in settlements],
                    "call_id": [s.call_id for s in settlements],
                    "revision": [s.revision for s in settlements],
                    "billing_status": [s.billing_status.value for s in settlements],
                    "outcome": [s.facts.outcome.value for s in settlements],
                    "free_reason": [s.free_reason and s.free_reason.value for s in settlements],
                    "ended_by": [s.ended_by.value for s in settlements],
                    "stated_ended_at": [s.facts.ended_at for s in settlements],
                    "stated_duration_ms": [s.facts.duration_ms for s in settlements],
                    "reason": [s.facts.reason for s in settlements],
                    "ended_at": [s.ended_at for s in settlements],
                    "duration_ms": [s.duration_ms for s in settlements],
                    **_rated([(s.lines, s.bill) for s in settlements]),
                },
                prepare=True,
            )
        return await cursor.fetchall()


async def post_entries(
    connection: Connection, rows: Sequence[EntryRow], *, now: datetime, floor_nanos: int
) -> list[EntryVerdict]:
    """Post credits and corrections."""
    async with connection.cursor(row_factory=class_row(EntryVerdict)) as cursor:
        await cursor.execute(
            query("post_entries"),
            {
                "now": now,
                "floor": floor_nanos,
                "account_id": [r.account_id for r in rows],
                "kind": [r.kind for r in rows],
                "ref": [r.ref for r in rows],
                "promo_delta": [r.promo_delta_nanos for r in rows],
                "paid_delta": [r.paid_delta_nanos for r in rows],
                "occurred_at": [r.occurred_at for r in rows],
                "note": [r.note for r in rows],
            },
        )
        return await cursor.fetchall()


async def lock_accounts(connection: Connection, account_ids: Sequence[str]) -> None:
    """Lock accounts until the transaction ends."""
    await connection.execute(query("lock_accounts"), {"account_id": list(account_ids)})


async def read_late_lines(connection: Connection, key: tuple[str, str]) -> tuple[Line, ...]:
    """The lines noted beside a call after its end."""
    cursor = await connection.execute(
        query("read_late_lines"), {"account_id": key[0], "call_id": key[1]}
    )
    row = await cursor.fetchone()
    return decode_lines(row[0]) if row else ()


async def record_late(
    connection: Connection,
    key: tuple[str, str],
    *,
    now: datetime,
    outcome: str | None,
    lines: tuple[Line, ...],
) -> None:
    """Note beside an ended call what was told afterwards."""
    await connection.execute(
        query("record_late"),
        {
            "account_id": key[0],
            "call_id": key[1],
            "now": now,
            "outcome": outcome,
            "lines": encode_lines(lines) if lines else None,
        },
    )


def _rated(rated: list[tuple[tuple[Line, ...], Bill]]) -> dict[str, list[object]]:
    bills = [bill for _, bill in rated]
    return {
        "lines": [encode_lines(lines) for lines, _ in rated],
        "cost": [b.cost_nanos for b in bills],
        "margin": [b.margin_nanos for b in bills],
        "charge": [b.charge_nanos for b in bills],
        "llm": [b.llm_nanos for b in bills],
        "stt": [b.stt_nanos for b in bills],
        "tts": [b.tts_nanos for b in bills],
        "sip": [b.sip_nanos for b in bills],
    }
