"""Calls in the columns of FOCUS, the FinOps Open Cost and Usage Specification, version 1.2.

Only charged calls have rows: one for each quantity that a price was multiplied with, one for each
line that the provider priced, and one for the margin. The rows of a call add up to its charge, to
the nano-dollar. docs/how-to/export-calls.md tells the mapping, column by column.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from fractions import Fraction
from typing import Final

import msgspec

from talktime.core.account import Account, format_margin_rate
from talktime.core.call import BillingStatus, Call
from talktime.core.money import NANOS_PER_USD, apportion, div_half_even, format_usd
from talktime.core.ratecard import TIME_QUANTITIES, Service
from talktime.core.rating import CostRow, explain_line
from talktime.core.usage import Line, format_quantity

VERSION: Final = "1.2"

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

_SERVICES: Final = {
    Service.LLM: ("Language model", "AI and Machine Learning", "Generative AI"),
    Service.STT: ("Speech to text", "AI and Machine Learning", "Natural Language Processing"),
    Service.TTS: ("Text to speech", "AI and Machine Learning", "Natural Language Processing"),
    Service.SIP: ("Telephony", "Networking", "Other (Networking)"),
}
_MARGIN: Final = ("Platform margin", "Other", "Other (Other)")
_PARTS_PER_USD: Final = 10**18


class Issuer(msgspec.Struct, frozen=True, kw_only=True):
    """Who sells the calls, by the name that stands in ProviderName and InvoiceIssuerName."""

    name: str = "Talktime"


class _Piece(msgspec.Struct, frozen=True, kw_only=True):
    """One row's own part."""

    nanos: int
    names: tuple[str, str, str]
    publisher: str
    description: str
    consumed: str
    consumed_unit: str
    quantity: str
    unit: str
    unit_price: str
    sku: str
    meter: str
    card: str


def focus_rows(
    call: Call, account: Account, *, issuer: Issuer, zone: tzinfo
) -> Iterator[tuple[str, ...]]:
    """A call's rows in the order of COLUMNS; none unless it was charged. Null is empty."""
    if call.billing_status is not BillingStatus.CHARGED or not call.charge_nanos:
        return
    shared = _shared(call, account, issuer, zone)
    for piece in _pieces(call):
        amount = format_usd(piece.nanos)
        service, category, subcategory = piece.names
        row = shared | {
            "BilledCost": amount,
            "ContractedCost": amount,
            "EffectiveCost": amount,
            "ListCost": amount,
            "ContractedUnitPrice": piece.unit_price,
            "ListUnitPrice": piece.unit_price,
            "ChargeDescription": piece.description,
            "ConsumedQuantity": piece.consumed,
            "ConsumedUnit": piece.consumed_unit,
            "PricingQuantity": piece.quantity,
            "PricingUnit": piece.unit,
            "PublisherName": piece.publisher or issuer.name,
            "ServiceName": service,
            "ServiceCategory": category,
            "ServiceSubcategory": subcategory,
            "SkuId": piece.sku,
            "SkuMeter": piece.meter,
            "SkuPriceId": f"{piece.sku}@{piece.card}" if piece.card else piece.sku,
            "x_RateCard": piece.card,
        }
        yield tuple(row[name] for name in COLUMNS)


def _shared(call: Call, account: Account, issuer: Issuer, zone: tzinfo) -> dict[str, str]:
    started = call.started_at
    ended = max(call.ended_at or started, started)
    settled = (call.settled_at or ended).astimezone(zone)
    month = settled.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    next_month = month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)
    tags = {
        "channel": call.channel.value,
        "direction": call.direction,
        "agent_id": call.agent_id,
        "outcome": None if call.outcome is None else call.outcome.value,
    }
    return {
        "BillingAccountId": account.account_id,
        "BillingAccountName": account.name,
        "BillingCurrency": "USD",
        "BillingPeriodStart": _time(month),
        "BillingPeriodEnd": _time(next_month),
        "ChargeCategory": "Usage",
        "ChargeClass": "",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": _time(started),
        "ChargePeriodEnd": _time(ended),
        "InvoiceId": "",
        "InvoiceIssuerName": issuer.name,
        "PricingCategory": "Standard",
        "ProviderName": issuer.name,
        "ResourceId": call.call_id,
        "ResourceName": call.call_id,
        "ResourceType": "Chat" if call.channel.value == "chat" else "Call",
        "SubAccountId": call.agent_id or "",
        "SubAccountName": call.agent_id or "",
        "Tags": json.dumps(
            {name: value for name, value in tags.items() if value is not None}, sort_keys=True
        ),
        "x_EntrySeq": "" if call.entry_seq is None else str(call.entry_seq),
    }


def _pieces(call: Call) -> Iterator[_Piece]:
    for line in call.lines:
        yield from _line_pieces(line)
    if call.margin_nanos:
        rate = format_margin_rate(call.margin_ppm)
        cost = format_usd(call.cost_nanos)
        yield _Piece(
            nanos=call.margin_nanos,
            names=_MARGIN,
            publisher="",
            description=f"Margin of {rate} on {cost} USD of provider cost",
            consumed="",
            consumed_unit="",
            quantity=cost,
            unit="USD",
            unit_price=rate,
            sku="margin",
            meter="Provider cost",
            card="",
        )


def _line_pieces(line: Line) -> Iterator[_Piece]:
    cost = line.cost_nanos
    if not cost:
        return
    names = _SERVICES[line.service]
    model = " ".join(part for part in (line.provider, line.model) if part)
    sku = "/".join((line.service.value, line.provider or "-", line.model or "-"))
    rows = explain_line(line)
    if not rows:
        yield _Piece(
            nanos=cost,
            names=names,
            publisher=line.provider,
            description=f"{names[0]}, {model or 'provider'}: the provider's own figure",
            consumed="1",
            consumed_unit="Calls",
            quantity="1",
            unit="Calls",
            unit_price=format_usd(cost),
            sku=sku,
            meter="Provider's figure",
            card="",
        )
        return
    assert line.price is not None
    for row, nanos in zip(rows, _apportioned(rows, cost), strict=True):
        price = _unit_price(row)
        unit = _unit(row.quantity)
        quantity = format_quantity(row.quantity, row.billed)
        yield _Piece(
            nanos=nanos,
            names=names,
            publisher=line.provider,
            description=f"{names[0]}, {model}: {quantity} {row.quantity} at {price} USD each",
            consumed=format_quantity(row.quantity, row.used),
            consumed_unit=unit,
            quantity=quantity,
            unit=unit,
            unit_price=price,
            sku=f"{sku}/{row.quantity}",
            meter=row.quantity,
            card=line.price.card,
        )


def _apportioned(rows: list[CostRow], cost_nanos: int) -> list[int]:
    """What each row cost, in nanos that add up to the line's cost."""
    scale = 1
    for row in rows:
        scale *= row.cost_nanos.denominator
    return apportion([int(row.cost_nanos * scale) for row in rows], scale, cost_nanos)


def _unit_price(row: CostRow) -> str:
    """USD per token, character or second: exact where its decimals end, otherwise eighteen."""
    per_unit = Fraction(row.nanos, row.per) * (1000 if row.quantity in TIME_QUANTITIES else 1)
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
