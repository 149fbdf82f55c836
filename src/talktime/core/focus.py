"""Calls in the columns of FOCUS, the FinOps Open Cost and Usage Specification, version 1.2.

Only charged calls have rows: one for each quantity that a price was multiplied with, one for each
line that the provider priced, and one for the margin. The rows of a call add up to its charge, to
the nano-dollar. docs/how-to/export-calls.md tells the mapping, column by column.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from fractions import Fraction
from functools import lru_cache
from typing import Final

import msgspec

from talktime.core.account import Account, format_margin_rate
from talktime.core.call import BillingStatus, Call
from talktime.core.money import NANOS_PER_USD, div_half_even, format_usd
from talktime.core.ratecard import MS_PER_SECOND, SERVICE_NAMES, TIME_QUANTITIES, Service
from talktime.core.rating import explain_line, row_costs
from talktime.core.spreadsheet import csv_cell, csv_cells, safe_cell
from talktime.core.usage import Line, format_quantity

COLUMNS: Final = (
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "InvoiceId",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "Tags",
    "x_EntrySeq",
    "x_RateCard",
)
"""In the order of their names, our own last."""

_LANGUAGE: Final = "Natural Language Processing"
_SERVICES: Final = {
    Service.LLM: ("AI and Machine Learning", SERVICE_NAMES[Service.LLM], "Generative AI"),
    Service.STT: ("AI and Machine Learning", SERVICE_NAMES[Service.STT], _LANGUAGE),
    Service.TTS: ("AI and Machine Learning", SERVICE_NAMES[Service.TTS], _LANGUAGE),
    Service.SIP: ("Networking", SERVICE_NAMES[Service.SIP], "Other (Networking)"),
}
"""ServiceCategory, ServiceName, ServiceSubcategory."""
_MARGIN: Final = ("Other", "Platform margin", "Other (Other)")
_PARTS_PER_USD: Final = 10**18

_KEPT: Final = 1024
"""How many texts of a kind are kept: thousands of rows share a price, an agent and a month."""

ISSUER: Final = "Talktime"
"""Who sells the calls, as ProviderName and InvoiceIssuerName."""


class _Meter(msgspec.Struct, frozen=True, kw_only=True):
    """What all rows have alike that one price was multiplied for; cells as in the file."""

    names: str
    """ServiceCategory, ServiceName, ServiceSubcategory."""
    publisher: str
    consumed_unit: str
    unit: str
    unit_price: str
    sku: str
    """SkuId, SkuMeter, SkuPriceId."""
    card: str


class _Piece(msgspec.Struct, frozen=True, kw_only=True):
    """One row's own part."""

    nanos: int
    meter: _Meter
    description: str
    consumed: str
    quantity: str


class _Shared(msgspec.Struct, frozen=True, kw_only=True):
    """What a call's rows have alike: cells as in the file, each run named after its first."""

    billing_account_id: str
    charge_frequency: str
    invoice_id: str
    provider_name: str
    resource_id: str
    sub_account_id: str


def focus_text(call: Call, account: Account, *, zone: tzinfo) -> str:
    """A call's rows as CSV with COLUMNS; "" unless it was charged. Null is empty.

    What a spreadsheet would take for a formula is marked as text. A file of a year has millions of
    cells, so what rows have alike is written once for all of them.
    """
    if call.billing_status is not BillingStatus.CHARGED or not call.charge_nanos:
        return ""
    shared = _shared(call, account, zone)
    return "".join([_row(piece, piece.meter, shared) for piece in _pieces(call)])


def _row(piece: _Piece, meter: _Meter, shared: _Shared) -> str:
    amount = format_usd(piece.nanos)
    # BilledCost, ContractedCost, EffectiveCost and ListCost are one: nothing is discounted.
    return (
        f"{amount},{shared.billing_account_id},{csv_cell(piece.description)},"
        f"{shared.charge_frequency},{piece.consumed},{meter.consumed_unit},"
        f"{amount},{meter.unit_price},{amount},{shared.invoice_id},{amount},{meter.unit_price},"
        f"Standard,{piece.quantity},{meter.unit},"
        f"{shared.provider_name},{meter.publisher or shared.provider_name},{shared.resource_id},"
        f"{meter.names},{meter.sku},{shared.sub_account_id},{meter.card}\r\n"
    )


def _shared(call: Call, account: Account, zone: tzinfo) -> _Shared:
    started = call.started_at
    ended = max(call.ended_at or started, started)
    settled = (call.settled_at or ended).astimezone(zone)
    channel = call.channel.value
    outcome = None if call.outcome is None else call.outcome.value
    seller = csv_cell(ISSUER)
    call_id = csv_cell(safe_cell(call.call_id))
    kind = "Chat" if channel == "chat" else "Call"
    entry = "" if call.entry_seq is None else call.entry_seq
    return _Shared(
        billing_account_id=_charged(
            account.account_id, account.name, settled.year, settled.month, zone
        ),
        charge_frequency=f"Usage-Based,{_time(ended)},{_time(started)}",
        invoice_id=f",{seller}",
        provider_name=seller,
        resource_id=f"{call_id},{call_id},{kind}",
        sub_account_id=f"{_agent(channel, call.direction, call.agent_id, outcome)},{entry}",
    )


@lru_cache(_KEPT)
def _charged(account_id: str, name: str, year: int, month: int, zone: tzinfo) -> str:
    """BillingAccountId to ChargeClass; the billing period is a month of the zone."""
    begins = datetime(year, month, 1, tzinfo=zone)
    ends = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=zone)
    who = (safe_cell(account_id), safe_cell(name))
    return csv_cells(*who, "USD", _time(ends), _time(begins), "Usage", "")


@lru_cache(_KEPT)
def _agent(channel: str, direction: str | None, agent_id: str | None, outcome: str | None) -> str:
    """SubAccountId, SubAccountName, Tags."""
    tags = {"agent_id": agent_id, "channel": channel, "direction": direction, "outcome": outcome}
    told = json.dumps({name: value for name, value in tags.items() if value is not None})
    agent = safe_cell(agent_id or "")
    return csv_cells(agent, agent, told)


def _pieces(call: Call) -> Iterator[_Piece]:
    for line in call.lines:
        yield from _line_pieces(line)
    if call.margin_nanos:
        rate = format_margin_rate(call.margin_ppm)
        cost = format_usd(call.cost_nanos)
        yield _Piece(
            nanos=call.margin_nanos,
            meter=_margin_meter(rate),
            description=f"Margin of {rate} on {cost} USD of provider cost",
            consumed="",
            quantity=cost,
        )


def _line_pieces(line: Line) -> Iterator[_Piece]:
    cost = line.cost_nanos
    if not cost:
        return
    name = _SERVICES[line.service][1]
    model = " ".join(part for part in (line.provider, line.model) if part)
    rows = explain_line(line)
    if not rows:
        yield _Piece(
            nanos=cost,
            meter=_stated_meter(line, cost),
            description=f"{name}, {model or 'provider'}: the provider's own figure",
            consumed="1",
            quantity="1",
        )
        return
    assert line.price is not None
    card = line.price.card
    for row, nanos in zip(rows, row_costs(rows, cost), strict=True):
        price = (row.quantity, row.nanos, row.per)
        meter = _price_meter(line.service.value, line.provider, line.model, price, card)
        billed = format_quantity(row.quantity, row.billed)
        yield _Piece(
            nanos=nanos,
            meter=meter,
            description=f"{name}, {model}: {billed} {row.quantity} at {meter.unit_price} USD each",
            consumed=format_quantity(row.quantity, row.used),
            quantity=billed,
        )


@lru_cache(_KEPT)
def _margin_meter(rate: str) -> _Meter:
    return _Meter(
        names=csv_cells(*_MARGIN),
        publisher="",
        consumed_unit="",
        unit="USD",
        unit_price=rate,
        sku=csv_cells("margin", "Provider cost", "margin"),
        card="",
    )


def _stated_meter(line: Line, cost_nanos: int) -> _Meter:
    sku = _sku(line.service.value, line.provider, line.model)
    return _Meter(
        names=csv_cells(*_SERVICES[line.service]),
        publisher=csv_cell(safe_cell(line.provider)),
        consumed_unit="Calls",
        unit="Calls",
        unit_price=format_usd(cost_nanos),
        sku=csv_cells(sku, "Provider's figure", sku),
        card="",
    )


@lru_cache(_KEPT)
def _price_meter(
    service: str, provider: str, model: str, price: tuple[str, int, int], card: str
) -> _Meter:
    """That of a rate card's price: of a quantity, so many nanos per so many base units."""
    quantity, nanos, per = price
    sku = f"{_sku(service, provider, model)}/{quantity}"
    return _Meter(
        names=csv_cells(*_SERVICES[Service(service)]),
        publisher=csv_cell(safe_cell(provider)),
        consumed_unit=_unit(quantity),
        unit=_unit(quantity),
        unit_price=_unit_price(quantity, nanos, per),
        sku=csv_cells(sku, quantity, f"{sku}@{card}" if card else sku),
        card=csv_cell(safe_cell(card)),
    )


def _sku(service: str, provider: str, model: str) -> str:
    return "/".join((service, provider or "-", model or "-"))


def _unit_price(quantity: str, nanos: int, per: int) -> str:
    """USD per token, character or second: exact where its decimals end, otherwise eighteen."""
    per_unit = Fraction(nanos, per) * (MS_PER_SECOND if quantity in TIME_QUANTITIES else 1)
    exact = per_unit * (_PARTS_PER_USD // NANOS_PER_USD)
    parts = div_half_even(exact.numerator, exact.denominator)
    whole, rest = divmod(parts, _PARTS_PER_USD)
    return f"{whole}.{rest:018d}".rstrip("0").rstrip(".")


def _unit(quantity: str) -> str:
    if quantity in TIME_QUANTITIES:
        return "Seconds"
    return "Characters" if quantity == "characters" else "Tokens"


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
