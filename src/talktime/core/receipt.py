"""The portable receipt: a document from which anybody can recompute what a call was charged.

Its figures are decimal strings, seconds in seconds; docs/how-to/check-a-receipt.md tells every
field and the arithmetic. The pages check the same document in the browser, by a second
implementation of these rules (``portal/static/check.js``); tests hold the two together.
"""

import re
from datetime import datetime
from typing import Final

import msgspec

from talktime.core.account import format_margin_rate, parse_margin_rate
from talktime.core.call import BillingStatus, Call, FreeReason, Outcome
from talktime.core.errors import InvalidInput
from talktime.core.money import (
    DECIMALS,
    MAX_NANOS,
    NANOS_PER_USD,
    apply_margin,
    format_usd,
    usd_or_none,
)
from talktime.core.ratecard import (
    MS_PER_SECOND,
    SERVICE_QUANTITIES,
    TIME_QUANTITIES,
    Channel,
    Price,
    Service,
    UnitPrice,
)
from talktime.core.rating import explain_line, recompute_line
from talktime.core.usage import LINES_MAX, Line, format_quantity

FORMAT: Final = "talktime-receipt/1"
RECEIPT_BYTES_MAX: Final = 2_000_000
TIMES: Final = "\N{MULTIPLICATION SIGN}"

_AMOUNT = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,3}))?", re.ASCII)
_USD = re.compile(r"(-?)([0-9]{1,18})(?:\.([0-9]{1,9}))?", re.ASCII)


class UnitPriceText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``usd`` per ``per`` of a quantity, billed in steps of ``increment``."""

    quantity: str
    usd: str
    per: str
    increment: str


class PriceText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The price pinned on a line, and the rate card that it comes from."""

    card: str
    effective_from: datetime
    source: str
    unit_prices: tuple[UnitPriceText, ...]


class LineText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One service line."""

    service: Service
    provider: str
    model: str
    source: str
    quantities: dict[str, str]
    provider_cost: str | None
    """The provider's own figure, which then is the cost."""
    price: PriceText | None
    cost: str | None
    """null: no price yet."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A call's receipt as a document, amounts in USD. It names no phone number."""

    format: str
    account_id: str
    call_id: str
    channel: Channel
    agent_id: str | None
    outcome: Outcome | None
    billing_status: BillingStatus
    free_reason: FreeReason | None
    admitted_at: datetime
    started_at: datetime
    ended_at: datetime | None
    settled_at: datetime | None
    duration_seconds: str | None
    revision: int
    currency: str
    lines: tuple[LineText, ...]
    provider_cost: str
    """Of the lines that have a price."""
    margin_rate: str
    margin: str
    charge: str | None
    """null: some line has no price yet. Of a free call, what it would have cost."""
    promo_charged: str | None
    """null until settled, like paid_charged."""
    paid_charged: str | None
    entry_seq: int | None


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the recomputation; amounts in USD, None where there is none (no price)."""

    name: str
    """line, provider_cost, margin, charge or debit."""
    line: int | None
    """Which line, from 0."""
    working: str
    """The multiplications and sums that lead to it, in the figures of the document."""
    computed: str | None
    stated: str | None
    is_right: bool


def receipt_of(call: Call) -> Receipt:
    """The receipt of a call as it stands."""
    return Receipt(
        format=FORMAT,
        account_id=call.account_id,
        call_id=call.call_id,
        channel=call.channel,
        agent_id=call.agent_id,
        outcome=call.outcome,
        billing_status=call.billing_status,
        free_reason=call.free_reason,
        admitted_at=call.admitted_at,
        started_at=call.started_at,
        ended_at=call.ended_at,
        settled_at=call.settled_at,
        duration_seconds=None
        if call.duration_ms is None
        else format_quantity("seconds", call.duration_ms),
        revision=call.revision,
        currency="USD",
        lines=tuple(_line_text(line) for line in call.lines),
        provider_cost=format_usd(call.cost_nanos),
        margin_rate=format_margin_rate(call.margin_ppm),
        margin=format_usd(call.margin_nanos),
        charge=usd_or_none(call.charge_nanos),
        promo_charged=usd_or_none(call.promo_charged_nanos),
        paid_charged=usd_or_none(call.paid_charged_nanos),
        entry_seq=call.entry_seq,
    )


def write_receipt(receipt: Receipt) -> bytes:
    """The document as JSON, for people to read too."""
    return msgspec.json.format(msgspec.json.encode(receipt), indent=2) + b"\n"


def read_receipt(text: bytes) -> Receipt:
    """The opposite of write_receipt. Raises InvalidInput for anything but such a document."""
    if len(text) > RECEIPT_BYTES_MAX:
        raise InvalidInput("this is no receipt: it is larger than any")
    try:
        receipt = msgspec.json.decode(text, type=Receipt)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"this is no receipt of a call: {error}") from error
    if receipt.format != FORMAT or receipt.currency != "USD":
        raise InvalidInput(f"this is no receipt that is known here; one says {FORMAT} and USD")
    if len(receipt.lines) > LINES_MAX:
        raise InvalidInput(f"this is no receipt: a call has at most {LINES_MAX} lines")
    return receipt


def check_receipt(receipt: Receipt) -> tuple[Check, ...]:
    """Recompute the receipt from its quantities, prices and margin rate, step by step.

    Every step starts from what was computed before it, never from what the document states. Raises
    InvalidInput where a figure is none.
    """
    checks = []
    costs: list[int | None] = []
    for i, written in enumerate(receipt.lines):
        line = _line_of(written, f"lines[{i}]")
        check, cost = _check_line(line, i, written.cost)
        checks.append(check)
        costs.append(cost)
    priced = [cost for cost in costs if cost is not None]
    cost = sum(priced)
    margin_ppm = parse_margin_rate(receipt.margin_rate, field="margin_rate")
    margin = apply_margin(cost, margin_ppm)
    charge = None if len(priced) < len(costs) or cost > MAX_NANOS else cost + margin
    cost_text, margin_text = format_usd(cost), format_usd(margin)
    working = " + ".join(map(format_usd, priced)) or "0"
    checks.append(_check("provider_cost", working, cost, receipt.provider_cost))
    working = f"{cost_text} {TIMES} {format_margin_rate(margin_ppm)}"
    checks.append(_check("margin", working, margin, receipt.margin))
    checks.append(_check("charge", f"{cost_text} + {margin_text}", charge, receipt.charge))
    checks.append(_check_debit(receipt, charge))
    return tuple(checks)


def is_right(checks: tuple[Check, ...]) -> bool:
    return all(check.is_right for check in checks)


def _check_line(line: Line, place: int, stated: str | None) -> tuple[Check, int | None]:
    try:
        cost = recompute_line(line)
        rows = explain_line(line)
    except ValueError:  # the parts of a total exceed it: no bot reports that, somebody wrote it
        return (
            Check(
                name="line",
                line=place,
                working="the parts of a total exceed it",
                computed=None,
                stated=stated,
                is_right=False,
            ),
            None,
        )
    if line.provider_cost_nanos is not None:
        working = format_usd(line.provider_cost_nanos)
    elif cost is None:
        working = "no price"
    else:
        working = " + ".join(
            f"{_billed(row.quantity, row.used, row.billed)} {TIMES} {format_usd(row.nanos)}"
            f" ÷ {format_quantity(row.quantity, row.per)}"
            for row in rows
        )
    return _check("line", working or "0", cost, stated, line=place), cost


def _billed(quantity: str, used: int, billed: int) -> str:
    shown = format_quantity(quantity, billed)
    return shown if used == billed else f"({format_quantity(quantity, used)} → {shown})"


def _check_debit(receipt: Receipt, charge: int | None) -> Check:
    """What the balances bore is the charge; nothing of a free call, and nothing before the end."""
    promo, paid = receipt.promo_charged, receipt.paid_charged
    computed = {
        BillingStatus.CHARGED: charge,
        BillingStatus.FREE: 0,
    }.get(receipt.billing_status)
    stated = None
    working = "not settled"
    if promo is not None and paid is not None:
        parts = (_nanos(promo, "promo_charged"), _nanos(paid, "paid_charged"))
        stated = format_usd(sum(parts))
        # A sum that leads elsewhere would stand beside a figure that it does not come to.
        is_due = computed == sum(parts)
        working = f"{format_usd(parts[0])} + {format_usd(parts[1])}" if is_due else _due(receipt)
    return _check("debit", working, computed, stated)


def _due(receipt: Receipt) -> str:
    return {
        BillingStatus.CHARGED: "the charge",
        BillingStatus.FREE: "nothing, for a free call",
    }.get(receipt.billing_status, "not settled")


def _check(
    name: str, working: str, computed: int | None, stated: str | None, *, line: int | None = None
) -> Check:
    field = name if line is None else f"lines[{line}].cost"
    said = None if stated is None else _nanos(stated, field)
    return Check(
        name=name,
        line=line,
        working=working,
        computed=usd_or_none(computed),
        stated=usd_or_none(said),
        is_right=computed == said,
    )


def _line_text(line: Line) -> LineText:
    price = line.price
    return LineText(
        service=line.service,
        provider=line.provider,
        model=line.model,
        source=line.source,
        quantities={
            name: format_quantity(name, amount) for name, amount in line.quantities.items()
        },
        provider_cost=usd_or_none(line.provider_cost_nanos),
        price=None
        if price is None
        else PriceText(
            card=price.card,
            effective_from=price.effective_from,
            source=price.source,
            unit_prices=tuple(
                UnitPriceText(
                    quantity=unit_price.quantity,
                    usd=format_usd(unit_price.nanos),
                    per=format_quantity(unit_price.quantity, unit_price.per),
                    increment=format_quantity(unit_price.quantity, unit_price.increment),
                )
                for unit_price in price.unit_prices
            ),
        ),
        cost=usd_or_none(line.cost_nanos),
    )


def _line_of(written: LineText, field: str) -> Line:
    service = written.service
    price = written.price
    return Line(
        service=service,
        provider=written.provider,
        model=written.model,
        source=written.source,
        quantities={
            name: _units(name, amount, service, f"{field}.quantities.{name[:40]}")
            for name, amount in written.quantities.items()
        },
        provider_cost_nanos=None
        if written.provider_cost is None
        else _nanos(written.provider_cost, f"{field}.provider_cost"),
        price=None if price is None else _price_of(price, written, f"{field}.price"),
    )


def _price_of(price: PriceText, line: LineText, field: str) -> Price:
    return Price(
        service=line.service,
        provider=line.provider,
        model=line.model,
        card=price.card,
        effective_from=price.effective_from,
        source=price.source,
        unit_prices=tuple(
            UnitPrice(
                quantity=one.quantity,
                nanos=_nanos(one.usd, f"{field}.usd"),
                per=_step(one.quantity, one.per, line.service, f"{field}.per"),
                increment=_step(one.quantity, one.increment, line.service, f"{field}.increment"),
            )
            for one in price.unit_prices
        ),
    )


def _units(quantity: str, text: str, service: Service, field: str) -> int:
    """An amount in base units."""
    if quantity not in SERVICE_QUANTITIES[service]:
        raise InvalidInput(f"{field}: {service} is not measured in that", field=field)
    match = _AMOUNT.fullmatch(text)
    if match is None or (match[2] and quantity not in TIME_QUANTITIES):
        raise InvalidInput(f"{field} is no amount of {quantity}", field=field)
    if quantity not in TIME_QUANTITIES:
        return int(match[1])
    return int(match[1]) * MS_PER_SECOND + int((match[2] or "").ljust(3, "0"))


def _step(quantity: str, text: str, service: Service, field: str) -> int:
    units = _units(quantity, text, service, field)
    if not units:
        raise InvalidInput(f"{field} must be above zero", field=field)
    return units


def _nanos(text: str, field: str) -> int:
    # Not parse_usd: a sum may be beyond what is believed of any amount that comes in.
    match = _USD.fullmatch(text)
    if match is None:
        raise InvalidInput(f"{field} is no amount in USD", field=field)
    nanos = int(match[2]) * NANOS_PER_USD + int((match[3] or "").ljust(DECIMALS, "0"))
    return -nanos if match[1] else nanos
