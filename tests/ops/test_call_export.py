"""Calls as files: one row each, and in the columns of FOCUS 1.2."""

import asyncio
import csv
import io
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import psycopg
import pytest
from msgspec.structs import replace

from talktime.core.account import NumberMask
from talktime.core.call import BillingStatus, Outcome
from talktime.core.call_filter import CallFilter
from talktime.core.focus import COLUMNS, ISSUER, focus_text
from talktime.core.money import format_usd
from talktime.core.ratecard import Channel
from talktime.core.usage import LineReport
from talktime.db.pool import Connection, connection_of, open_pool
from talktime.ops import call_export
from talktime.ops.accounts import read_account
from talktime.ops.call_export import CSV_COLUMNS, ExportFormat, export_calls
from talktime.ops.entries import export_entries
from talktime.ops.platform import Platform
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.conftest import AccountFactory
from tests.core.receipts import some_call

# The columns of FOCUS 1.2 whose feature level is Mandatory, and of those the ones never null.
MANDATORY = {
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd",
    "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodEnd",
    "ChargePeriodStart", "ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost",
    "PricingQuantity", "PricingUnit", "ProviderName", "PublisherName", "ServiceCategory",
    "ServiceName",
}  # fmt: skip
NOT_NULL = MANDATORY - {"BillingAccountName", "ChargeClass"}
SERVICE_CATEGORIES = {"AI and Machine Learning", "Networking", "Other"}

GPT = LineReport(
    service="llm",
    provider="openai",
    model="gpt-4o-mini",
    quantities={"input_tokens": 9505, "cached_input_tokens": 2100, "output_tokens": 430},
)
STT = LineReport(
    service="stt", provider="deepgram", model="nova-3", quantities={"audio_seconds": "27.25"}
)


async def exported(
    bots: Bots,
    export_format: ExportFormat,
    wanted: CallFilter | None = None,
    mask: NumberMask = NumberMask.FULL,
) -> list[dict[str, str]]:
    platform = bots.platform
    now = platform.clock()
    async with platform.connection() as connection:
        account = await read_account(connection, bots.account_id, now=now)
    pieces = export_calls(
        platform.connection, account, wanted or CallFilter(), export_format, mask=mask, now=now
    )
    text = "".join([piece async for piece in pieces])
    assert text.count("\n") == text.count("\r\n")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.fixture
async def clerk(platform: Platform, make_account: AccountFactory) -> Bots:
    return Bots(platform, await make_account(paid="500"))


async def test_one_row_per_call(clerk: Bots, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call that matches is one row, newest first, across pieces, with exact amounts."""
    monkeypatch.setattr(call_export, "PAGE", 2)
    for number in range(5):
        await clerk.call(f"CA{number}", GPT, STT, channel=Channel.WEB)
    await clerk.call("busy", GPT, channel=Channel.WEB, outcome=Outcome.BUSY)
    rows = await exported(clerk, ExportFormat.CSV)
    assert list(rows[0]) == list(CSV_COLUMNS)
    assert [row["call_id"] for row in rows] == ["busy", "CA4", "CA3", "CA2", "CA1", "CA0"]
    assert (rows[0]["charge"], rows[0]["free_reason"]) == ("0", "busy")
    charged = rows[1]
    parts = [Decimal(charged[f"{service}_cost"]) for service in ("llm", "stt", "tts", "sip")]
    assert sum(parts) == Decimal(charged["provider_cost"])
    assert Decimal(charged["provider_cost"]) + Decimal(charged["margin"]) == Decimal(
        charged["charge"]
    )
    assert Decimal(charged["promo_charged"]) + Decimal(charged["paid_charged"]) == Decimal(
        charged["charge"]
    )
    only = await exported(clerk, ExportFormat.CSV, CallFilter(billing_status=BillingStatus.FREE))
    assert [row["call_id"] for row in only] == ["busy"]


async def test_spreadsheets_run_nothing(clerk: Bots) -> None:
    """Text that a spreadsheet would take for a formula is marked as text; numbers are masked."""
    await clerk.call("=1+1", *MINUTE_BY_PHONE, agent_id="@sum", from_number="+12025550123")
    for export_format in ExportFormat:
        for row in await exported(clerk, export_format):
            for cell in row.values():
                assert not cell.startswith(("=", "+", "-", "@"))
    [row] = await exported(clerk, ExportFormat.CSV, mask=NumberMask.LAST4)
    assert row["from"].endswith("0123")
    assert "2025550123" not in row["from"]


async def test_words_come_out_as_they_went_in(clerk: Bots) -> None:
    """Quotes, commas and what else stands in the callers' own words is read back from each file."""
    words = 'a "quoted", one; ünï'
    line = LineReport(service="llm", provider=words, model=words.upper(), provider_cost="0.25")
    await clerk.call(words, line, channel=Channel.WEB, agent_id=words)
    [row] = await exported(clerk, ExportFormat.CSV)
    assert (row["call_id"], row["agent_id"]) == (words, words)
    row = (await exported(clerk, ExportFormat.FOCUS))[0]
    assert [row[name] for name in ("ResourceId", "SubAccountId", "PublisherName")] == [words] * 3
    assert row["SkuId"] == f"llm/{words}/{words.upper()}"
    assert row["ChargeDescription"].startswith(f"Language model, {words} {words.upper()}: ")
    assert json.loads(row["Tags"])["agent_id"] == words


async def test_other_requests_go_on(
    platform: Platform, make_account: AccountFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others have their turn after each PIECE of calls, however many are exported."""
    monkeypatch.setattr(call_export, "PIECE", 2)
    bots = Bots(platform, await make_account(paid="5"))
    for number in range(6):
        await bots.call(f"CA{number}", GPT, channel=Channel.WEB)
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    now = platform.clock()
    async with platform.connection() as connection:
        account = await read_account(connection, bots.account_id, now=now)
    for export_format in ExportFormat:
        others = asyncio.create_task(take_turns())
        pieces = export_calls(
            platform.connection,
            account,
            CallFilter(),
            export_format,
            mask=NumberMask.FULL,
            now=now,
        )
        seen = []
        async for piece in pieces:
            assert piece
            seen.append(turns)
        others.cancel()
        assert len(seen) == 4
        assert seen[1] < seen[2] < seen[3]


@pytest.mark.parametrize("export", ["calls", "entries"])
async def test_leaving_in_the_middle_costs_no_connection(
    clerk: Bots, database_url: str, export: str
) -> None:
    """Whoever leaves while a page is read, and is cancelled again and again as streams are, gives
    its connection back whole."""
    now = clerk.platform.clock()
    async with clerk.platform.connection() as connection:
        account = await read_account(connection, clerk.account_id, now=now)
    is_reading = asyncio.Event()
    async with open_pool(database_url, size=1) as pool:

        @asynccontextmanager
        async def connections() -> AsyncIterator[Connection]:
            async with connection_of(pool) as connection:
                is_reading.set()
                yield connection

        async def read_all(pieces: AsyncIterator[str]) -> None:
            async for _ in pieces:
                pass

        async def backend() -> int:
            async with connection_of(pool) as connection:
                return connection.info.backend_pid

        pieces = (
            export_entries(connections, clerk.account_id)
            if export == "entries"
            else export_calls(
                connections, account, CallFilter(), ExportFormat.CSV, mask=NumberMask.FULL, now=now
            )
        )
        before = await backend()
        with psycopg.connect(database_url) as owner:
            owner.execute("LOCK TABLE call, entry IN ACCESS EXCLUSIVE MODE")
            exporting = asyncio.create_task(read_all(pieces))
            async with asyncio.timeout(10):
                await is_reading.wait()
            while not exporting.done():
                exporting.cancel()
                await asyncio.sleep(0)
            assert exporting.cancelled()
        assert await backend() == before


@pytest.mark.parametrize("seed", range(200))
async def test_focus_rows_add_up(clerk: Bots, seed: int) -> None:
    """The rows of a charged call add up to its charge exactly; every other call has none."""
    platform = clerk.platform
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    async with platform.connection() as connection:
        account = await read_account(connection, clerk.account_id, now=now)
    call = some_call(random.Random(seed))
    zone = ZoneInfo("America/New_York")
    rows = [
        dict(zip(COLUMNS, row, strict=True))
        for row in rows_of(focus_text(call, account, zone=zone))
    ]
    if call.billing_status is not BillingStatus.CHARGED:
        assert rows == []
        return
    assert set(COLUMNS) >= MANDATORY
    for name in ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"):
        assert sum(Decimal(row[name]) for row in rows) == Decimal(
            format_usd(call.charge_nanos or 0)
        )
    for row in rows:
        assert row["ProviderName"] == row["InvoiceIssuerName"] == ISSUER
        assert {name for name in NOT_NULL if not row[name]} == set()
        assert row["ServiceCategory"] in SERVICE_CATEGORIES
        assert row["ChargeCategory"] == "Usage"
        assert (row["ConsumedQuantity"] == "") == (row["ConsumedUnit"] == "")
        assert row["BillingPeriodStart"] == "2026-11-01T04:00:00Z"
        assert row["BillingPeriodEnd"] == "2026-12-01T05:00:00Z"
        assert row["ChargePeriodStart"] <= row["ChargePeriodEnd"]
        json.loads(row["Tags"])
        product = Decimal(row["ListUnitPrice"]) * Decimal(row["PricingQuantity"])
        # Unit prices that never end are given with eighteen decimals.
        assert abs(product - Decimal(row["ListCost"])) < Decimal("0.0000001")


async def test_focus_file(clerk: Bots) -> None:
    """A call's file has a row per priced quantity and one for the margin."""
    await clerk.call("CA1", GPT, STT, channel=Channel.WEB, agent_id="front-desk")
    await clerk.call("busy", GPT, channel=Channel.WEB, outcome=Outcome.BUSY)
    rows = await exported(clerk, ExportFormat.FOCUS)
    assert [(row["ServiceName"], row["SkuMeter"]) for row in rows] == [
        ("Language model", "input_tokens"),
        ("Language model", "cached_input_tokens"),
        ("Language model", "output_tokens"),
        ("Speech to text", "audio_seconds"),
        ("Platform margin", "Provider cost"),
    ]
    assert {row["ResourceId"] for row in rows} == {"CA1"}
    assert rows[0]["PublisherName"] == "openai"
    assert (rows[0]["PricingQuantity"], rows[0]["ListUnitPrice"]) == ("7405", "0.00000015")


async def test_a_december_ends_in_january(clerk: Bots) -> None:
    """The billing period of a call settled in December ends with the year, in its zone."""
    platform = clerk.platform
    async with platform.connection() as connection:
        account = await read_account(connection, clerk.account_id, now=platform.clock())
    call = await clerk.call("CA1", *MINUTE_BY_PHONE)
    settled = replace(call, settled_at=datetime(2027, 1, 1, 2, tzinfo=UTC))
    zone = ZoneInfo("America/New_York")
    for row in rows_of(focus_text(settled, account, zone=zone)):
        period = dict(zip(COLUMNS, row, strict=True))
        assert period["BillingPeriodStart"] == "2026-12-01T05:00:00Z"
        assert period["BillingPeriodEnd"] == "2027-01-01T05:00:00Z"
