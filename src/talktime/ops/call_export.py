"""An account's calls as files: plain CSV, and the columns of FOCUS."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from talktime.core.account import Account, NumberMask, format_margin_rate
from talktime.core.call import BillingStatus, Call
from talktime.core.call_filter import CallFilter
from talktime.core.focus import COLUMNS, focus_text
from talktime.core.money import format_usd
from talktime.core.number_mask import mask_number
from talktime.core.spreadsheet import csv_cell, csv_cells, safe_cell
from talktime.core.usage import format_quantity
from talktime.db.calls import call_of, call_sums_of
from talktime.db.pool import Connection, read_whole
from talktime.ops.call_history import CallPlace, list_calls

PAGE: Final = 100
PIECE: Final = 10
"""Calls read and written at once are few, for what a process serves besides waits for them: a
millisecond or two."""

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
    is_focus = export_format is ExportFormat.FOCUS
    yield csv_cells(*(COLUMNS if is_focus else CSV_COLUMNS)) + "\r\n"
    zone = ZoneInfo(account.time_zone)
    below: CallPlace | None = None

    def read_page(connection: Connection) -> Awaitable[tuple[list[Call], CallPlace | None]]:
        return list_calls(
            connection,
            account.account_id,
            wanted,
            before=below,
            limit=PAGE,
            now=now,
            reading=call_of if is_focus else call_sums_of,
        )

    while True:
        page, below = await read_whole(connections, read_page)
        for start in range(0, len(page), PIECE):
            piece = page[start : start + PIECE]
            lines = (
                [focus_text(call, account, zone=zone) for call in piece]
                if is_focus
                else [_csv_row(call, mask, now) for call in piece]
            )
            if text := "".join(lines):
                yield text
            await asyncio.sleep(0)
        if below is None:
            return


def _csv_row(call: Call, mask: NumberMask, now: datetime) -> str:
    billing_status, charge_nanos = call.billing_status, call.charge_nanos
    is_free = billing_status is BillingStatus.FREE
    is_priced = charge_nanos is not None
    # Only the caller's own words can need quotes.
    cells = (
        _own(call.account_id),
        _own(call.call_id),
        call.channel.value,
        _own(call.direction),
        _own(call.agent_id),
        _own(call.from_number and mask_number(call.from_number, mask)),
        _own(call.to_number and mask_number(call.to_number, mask)),
        _time(call.admitted_at),
        _time(call.started_at),
        _time(call.ended_at),
        "" if call.duration_ms is None else format_quantity("seconds", call.duration_ms),
        call.status_at(now).value,
        "" if call.outcome is None else call.outcome.value,
        billing_status.value,
        "" if call.free_reason is None else call.free_reason.value,
        format_usd(call.llm_nanos),
        format_usd(call.stt_nanos),
        format_usd(call.tts_nanos),
        format_usd(call.sip_nanos),
        format_usd(call.cost_nanos) if is_priced else "",
        format_margin_rate(call.margin_ppm),
        "0" if is_free else format_usd(call.margin_nanos) if is_priced else "",
        "0" if is_free else _usd(charge_nanos),
        _usd(call.promo_charged_nanos),
        _usd(call.paid_charged_nanos),
        "" if call.entry_seq is None else str(call.entry_seq),
    )
    return ",".join(cells) + "\r\n"


def _own(text: str | None) -> str:
    return csv_cell(safe_cell(text)) if text else ""


def _usd(nanos: int | None) -> str:
    return "" if nanos is None else format_usd(nanos)


def _time(at: datetime | None) -> str:
    return "" if at is None else at.isoformat().replace("+00:00", "Z")
