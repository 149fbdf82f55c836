"""Auto-reload as its rows say: what was chosen, what is under way, what came of looking."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from psycopg.rows import class_row, kwargs_row

from talktime.core.auto_reload import (
    OffBy,
    ReloadCheck,
    ReloadReason,
    ReloadSettings,
    ReloadState,
    SwitchedOff,
)
from talktime.core.payment import Payment
from talktime.core.saved_card import ChargeOrder
from talktime.db.payments import payment_of
from talktime.db.pool import Connection
from talktime.db.queries import query


class ReloadPayments(msgspec.Struct, frozen=True, kw_only=True):
    """What an account's auto-reloads have charged, and whether one is under way."""

    has_open_payment: bool
    charged_today_nanos: int
    charged_this_month_nanos: int


async def lock_account(connection: Connection, account_id: str) -> bool:
    """Hold the account until the transaction ends; False where there is none."""
    cursor = await connection.execute(query("lock_account"), {"account_id": account_id})
    return await cursor.fetchone() is not None


async def read_reload(connection: Connection, account_id: str) -> ReloadState | None:
    """An account's auto-reload, or None where nothing was ever chosen."""
    async with connection.cursor(row_factory=kwargs_row(_state)) as cursor:
        await cursor.execute(query("read_auto_reload"), {"account_id": account_id})
        return await cursor.fetchone()


async def change_reload(
    connection: Connection,
    account_id: str,
    settings: ReloadSettings,
    *,
    failures_kept: int,
    now: datetime,
) -> bool:
    """Keep what the customer chose; False where there is no such account.

    Switching it on after a stop lifts that, and leaves ``failures_kept`` failures counted.
    """
    chosen = msgspec.structs.asdict(settings)
    facts = {"account_id": account_id, "failures_kept": failures_kept, "now": now}
    cursor = await connection.execute(query("change_auto_reload"), chosen | facts)
    return await cursor.fetchone() is not None


async def restart_reload(
    connection: Connection, account_id: str, *, failures_kept: int, now: datetime
) -> None:
    """Go on after a stop, as after switching it off and on."""
    await connection.execute(
        query("restart_auto_reload"),
        {"account_id": account_id, "failures_kept": failures_kept, "now": now},
    )


async def revive_reload(connection: Connection, account_id: str, *, now: datetime) -> None:
    """Forgive what failed."""
    await connection.execute(query("revive_auto_reload"), {"account_id": account_id, "now": now})


async def claim_due_reloads(
    connection: Connection,
    *,
    moved_since: datetime,
    due_since: datetime,
    now: datetime,
    again_at: datetime,
    limit: int,
) -> list[str]:
    """Accounts below their thresholds that are to be looked at now.

    Found are those on which calls run, on which something happened since ``moved_since``, or that
    came to be due since ``due_since``; sweep_reloads brings the others back.
    """
    cursor = await connection.execute(
        query("claim_due_reloads"),
        {
            "moved_since": moved_since,
            "due_since": due_since,
            "now": now,
            "again_at": again_at,
            "limit": limit,
        },
    )
    return [row[0] for row in await cursor.fetchall()]


async def sweep_reloads(
    connection: Connection, *, due_since: datetime, limit: int, now: datetime
) -> None:
    """Make accounts below their thresholds due now that were due before ``due_since``."""
    await connection.execute(
        query("sweep_reloads"), {"since": due_since, "limit": limit, "now": now}
    )


async def read_reload_payments(
    connection: Connection,
    account_id: str,
    *,
    day_began: datetime,
    month_began: datetime,
    now: datetime,
) -> ReloadPayments:
    """What counts against the ceilings."""
    async with connection.cursor(row_factory=class_row(ReloadPayments)) as cursor:
        await cursor.execute(
            query("reload_payments"),
            {
                "account_id": account_id,
                "day_began": day_began,
                "month_began": month_began,
                "now": now,
            },
        )
        found = await cursor.fetchone()
    assert found is not None
    return found


async def note_look(
    connection: Connection, account_id: str, *, look_at: datetime, attempted_at: datetime | None
) -> None:
    """When to look again; ``attempted_at`` where the card is charged."""
    await connection.execute(
        query("note_look"),
        {"account_id": account_id, "look_at": look_at, "attempted_at": attempted_at},
    )


async def open_reload(
    connection: Connection, order: ChargeOrder, *, provider: str, expires_at: datetime
) -> bool:
    """Write a payment by saved card down; False where one is under way."""
    cursor = await connection.execute(
        query("open_reload"),
        {
            "account_id": order.account_id,
            "payment_id": order.payment_id,
            "provider": provider,
            "amount_nanos": order.amount_nanos,
            "customer_id": order.customer_id,
            "card_id": order.card_id,
            "now": order.ordered_at,
            "expires_at": expires_at,
        },
    )
    return await cursor.fetchone() is not None


async def read_charge_order(
    connection: Connection, account_id: str, payment_id: str
) -> ChargeOrder | None:
    """What the provider is to charge, exactly as it was told the first time."""
    async with connection.cursor(row_factory=class_row(ChargeOrder)) as cursor:
        await cursor.execute(
            query("read_charge_order"), {"account_id": account_id, "payment_id": payment_id}
        )
        return await cursor.fetchone()


async def claim_open_reloads(
    connection: Connection, *, provider: str, asked_before: datetime, now: datetime, limit: int
) -> list[tuple[str, str]]:
    """Account and payment ids of charges that nothing was heard of since ``asked_before``."""
    cursor = await connection.execute(
        query("claim_open_reloads"),
        {"provider": provider, "asked_before": asked_before, "now": now, "limit": limit},
    )
    return [(row[0], row[1]) for row in await cursor.fetchall()]


async def note_intent(
    connection: Connection, account_id: str, payment_id: str, intent_id: str | None
) -> None:
    """The bank takes its time."""
    await connection.execute(
        query("note_reload_intent"),
        {"account_id": account_id, "payment_id": payment_id, "intent_id": intent_id},
    )


async def note_needs_customer(
    connection: Connection,
    account_id: str,
    payment_id: str,
    *,
    intent_id: str | None,
    failure: str | None,
    expires_at: datetime,
) -> bool:
    """The payment is to be made on a page; False where that was known, or it is not open."""
    cursor = await connection.execute(
        query("note_needs_customer"),
        {
            "account_id": account_id,
            "payment_id": payment_id,
            "intent_id": intent_id,
            "failure": failure,
            "expires_at": expires_at,
        },
    )
    return await cursor.fetchone() is not None


async def count_failure(
    connection: Connection, account_id: str, *, failures_max: int, now: datetime
) -> tuple[int, bool]:
    """How many failed in a row by now, and whether this one stopped the auto-reload."""
    cursor = await connection.execute(
        query("count_reload_failure"),
        {"account_id": account_id, "failures_max": failures_max, "now": now},
    )
    row = await cursor.fetchone()
    assert row is not None
    return row[0], bool(row[1])


async def write_event(
    connection: Connection, account_id: str, *, kind: str, ref: str, now: datetime
) -> None:
    """Put an event that moved no money into the outbox."""
    await connection.execute(
        query("write_event"), {"account_id": account_id, "kind": kind, "ref": ref, "now": now}
    )


async def note_check(
    connection: Connection,
    account_id: str,
    *,
    reason: ReloadReason,
    startable_nanos: int,
    threshold_nanos: int,
    payment_id: str | None,
    kept: int,
    now: datetime,
) -> None:
    """Keep what came of looking; only the newest ``kept`` answers stay."""
    await connection.execute(
        query("note_check"),
        {
            "account_id": account_id,
            "reason": reason.value,
            "startable_nanos": startable_nanos,
            "threshold_nanos": threshold_nanos,
            "payment_id": payment_id,
            "now": now,
        },
    )
    await connection.execute(query("forget_checks"), {"account_id": account_id, "kept": kept - 1})


async def list_checks(
    connection: Connection, account_id: str, *, limit: int
) -> Sequence[ReloadCheck]:
    """What came of looking, newest first."""
    async with connection.cursor(row_factory=kwargs_row(_check)) as cursor:
        await cursor.execute(query("list_checks"), {"account_id": account_id, "limit": limit})
        return await cursor.fetchall()


async def list_reloads(
    connection: Connection, account_id: str, *, since: datetime, limit: int
) -> Sequence[Payment]:
    """Payments by saved card begun since a moment, newest first."""
    async with connection.cursor(row_factory=kwargs_row(payment_of)) as cursor:
        await cursor.execute(
            query("list_reloads"), {"account_id": account_id, "since": since, "limit": limit}
        )
        return await cursor.fetchall()


def _state(
    *,
    account_id: str,
    failures: int,
    stopped_at: datetime | None,
    attempted_at: datetime | None,
    switched_off_at: datetime | None,
    switched_off_by: str | None,
    **chosen: object,
) -> ReloadState:
    return ReloadState(
        account_id=account_id,
        settings=ReloadSettings(**chosen),  # type: ignore[arg-type]
        failures=failures,
        stopped_at=stopped_at,
        attempted_at=attempted_at,
        switched_off=SwitchedOff(by=OffBy(switched_off_by), at=switched_off_at)
        if switched_off_by and switched_off_at
        else None,
    )


def _check(*, reason: str, **columns: object) -> ReloadCheck:
    return ReloadCheck(reason=ReloadReason(reason), **columns)  # type: ignore[arg-type]
