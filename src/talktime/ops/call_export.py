"""An account's calls as files: plain CSV, and the columns of FOCUS."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from talktime.core.account import Account, NumberMask, format_margin_rate
from talktime.core.call import BillingStatus, Call
from talktime.core.call_filter import CallFilter
from talktime.core.focus import COLUMNS, Issuer, focus_rows
from talktime.core.money import format_usd
from talktime.core.number_mask import masked_call
from talktime.core.usage import format_quantity
from talktime.db.pool import Connection
from talktime.ops.call_history import CallPlace, list_calls
from talktime.ops.entries import csv_text, safe_cell

PAGE: Final = 200
PIECE: Final = 25
"""Calls written at once: what a process serves besides must not wait for a whole page."""

CSV_COLUMNS: Final = (
    "account_id",
    "call_id",
    "channel",
    "direction",
    "agent_id",
    "from",
    "to",
    "admitted_at",
    "started_at",
    "ended_at",
    "duration_seconds",
    "status",
    "outcome",
    "billing_status",
    "free_reason",
    "llm_cost",
    "stt_cost",
    "tts_cost",
    "sip_cost",
    "provider_cost",
    "margin_rate",
    "margin",
    "charge",
    "promo_charged",
    "paid_charged",
    "entry_seq",
)


class ExportFormat(StrEnum):
    """How calls are exported."""

    CSV = "csv"  # one row per call
    FOCUS = "focus"  # FOCUS columns, one row per call and priced quantity


async def export_calls(
    connections: Callable[[], AbstractAsyncContextManager[Connection]],
    account: Account,
    wanted: CallFilter,
    export_format: ExportFormat,
    *,
    mask: NumberMask,
    now: datetime,
) -> AsyncIterator[str]:
    """The calls that match as CSV text, newest first, in pieces; amounts are exact USD.

    The first piece, the header, comes before anything is read. A connection is held only while a
    piece is read. A call that begins meanwhile is not in it; one that ends is, as it was read.
    The billing periods of FOCUS are months of the account's time zone.
    """
    yield csv_text([COLUMNS if export_format is ExportFormat.FOCUS else CSV_COLUMNS])
    zone = ZoneInfo(account.time_zone)
    below: CallPlace | None = None
    while True:
        async with connections() as connection:
            page, below = await list_calls(
                connection, account.account_id, wanted, before=below, limit=PAGE, now=now
            )
        for start in range(0, len(page), PIECE):
            piece = page[start : start + PIECE]
            if export_format is ExportFormat.CSV:
                yield csv_text(_csv_row(masked_call(call, mask), now) for call in piece)
            elif rows := [
                [safe_cell(cell) for cell in row]
                for call in piece
                for row in focus_rows(call, account, issuer=Issuer(), zone=zone)
            ]:
                yield csv_text(rows)
            await asyncio.sleep(0)
        if below is None:
            return


def _csv_row(call: Call, now: datetime) -> tuple[object, ...]:
    is_free = call.billing_status is BillingStatus.FREE
    is_priced = call.charge_nanos is not None
    return (
        safe_cell(call.account_id),
        safe_cell(call.call_id),
        call.channel.value,
        safe_cell(call.direction or ""),
        safe_cell(call.agent_id or ""),
        safe_cell(call.from_number or ""),
        safe_cell(call.to_number or ""),
        _time(call.admitted_at),
        _time(call.started_at),
        _time(call.ended_at),
        "" if call.duration_ms is None else format_quantity("seconds", call.duration_ms),
        call.status_at(now).value,
        "" if call.outcome is None else call.outcome.value,
        call.billing_status.value,
        "" if call.free_reason is None else call.free_reason.value,
        format_usd(call.llm_nanos),
        format_usd(call.stt_nanos),
        format_usd(call.tts_nanos),
        format_usd(call.sip_nanos),
        format_usd(call.cost_nanos) if is_priced else "",
        format_margin_rate(call.margin_ppm),
        "0" if is_free else format_usd(call.margin_nanos) if is_priced else "",
        "0" if is_free else _usd(call.charge_nanos),
        _usd(call.promo_charged_nanos),
        _usd(call.paid_charged_nanos),
        "" if call.entry_seq is None else call.entry_seq,
    )


def _usd(nanos: int | None) -> str:
    return "" if nanos is None else format_usd(nanos)


def _time(at: datetime | None) -> str:
    return "" if at is None else at.isoformat().replace("+00:00", "Z")
