"""How calls look on the wire: money as exact USD strings, times in RFC 3339 UTC.

The structs are what /openapi.json describes and what every answer about a call is made of.
"""

from datetime import datetime
from functools import lru_cache
from typing import Final

import msgspec

from talktime.core.account import format_margin_rate
from talktime.core.call import BillingStatus, Call, FreeReason, Outcome, Status
from talktime.core.money import DECIMALS, div_half_even, format_usd, usd_or_none
from talktime.core.ratecard import MS_PER_SECOND, TIME_QUANTITIES, UNDATED, Channel
from talktime.core.rating import CostRow, explain_line
from talktime.core.usage import Line, format_quantity
from talktime.ops.call_start import Admission
from talktime.ops.call_usage import UsageAnswer

Seconds = int | float
"""Whole seconds as an integer; a float only on the way out, with at most three decimals."""

Amount = int | str
"""A whole number of tokens or characters, or seconds as a decimal string."""

_EXACT_DECIMALS: Final = 18
_SHOWN_DECIMALS: Final = 12
_EXACT_PER_NANO: Final = 10 ** (_EXACT_DECIMALS - DECIMALS)
_SHOWN_PER_NANO: Final = 10 ** (_SHOWN_DECIMALS - DECIMALS)


class PartBody(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One multiplication of a receipt: billed x unit_price / per = cost."""

    quantity: str
    used: Amount
    """What this price applies to, its parts with a price of their own taken out."""
    billed: Amount
    """``used`` rounded up to the billing increment."""
    unit_price: str
    per: Amount
    cost: str
    """Exact; where its decimals never end, up to twelve of them. The line is rounded only once."""


class LineKeyBody(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Which line of a call."""

    service: str
    provider: str
    model: str
    source: str


class NoteBody(LineKeyBody, frozen=True, kw_only=True, gc=False):
    """Something to know about a line, such as ``lower_total:output_tokens``."""

    note: str


class LineBody(LineKeyBody, frozen=True, kw_only=True):
    """One service line: usage, unit prices and cost."""

    quantities: dict[str, Amount]
    provider_cost: str | None
    """The provider's own figure, where it was reported."""
    cost: str | None
    """null: no price yet, which is not the same as $0."""
    priced_by: str | None
    """``rate_card`` or ``provider``."""
    rate_card: str | None
    rate_card_source: str | None
    rate_card_effective: datetime | None
    parts: list[PartBody]
    notes: tuple[str, ...]


class CallBody(msgspec.Struct, frozen=True, kw_only=True):
    """A call with its breakdown: charge = provider_cost + margin = promo_charged + paid_charged."""

    account_id: str
    call_id: str
    channel: Channel
    direction: str | None
    agent_id: str | None
    from_number: str | None = msgspec.field(name="from")
    to_number: str | None = msgspec.field(name="to")
    metadata: msgspec.Raw
    """The JSON object given at the start, or null."""
    status: Status
    outcome: Outcome | None
    billing_status: BillingStatus
    free_reason: FreeReason | None
    """Why nothing was charged."""
    admitted_at: datetime
    started_at: datetime
    first_reported_at: datetime | None
    """When the first usage report came; null without one."""
    last_heard_at: datetime
    """When the last report came; without one, when the call was admitted."""
    ended_at: datetime | None
    duration_seconds: Seconds | None
    reason: str | None
    hold: str
    margin_rate: str
    provider_cost: str | None
    """null here, in margin and in charge: some line has no price yet."""
    margin: str | None
    charge: str | None
    """So far, while the call runs. 0 for a free call, as is margin: its cost is ours."""
    promo_charged: str | None
    """null until settled, like paid_charged."""
    paid_charged: str | None
    entry_seq: int | None
    late: bool
    """Something arrived after the call had ended; it was recorded and not charged."""
    revision: int
    lines: list[LineBody]


class AdmissionBody(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The gate said yes. Balances as they stand with this call's hold."""

    account_id: str
    call_id: str
    admitted: bool
    status: Status
    hold: str
    available: str
    held: str
    startable: str
    talk_time_left_seconds: int | None
    """An estimate from the account's last charged calls on this channel; null without any."""
    lease_seconds: Seconds
    """The call must be heard from at least this often."""


class UsageBody(msgspec.Struct, frozen=True, kw_only=True):
    """What a call has come to, and what is left."""

    account_id: str
    call_id: str
    status: Status
    accrued_charge: str | None
    """null: some line has no price yet."""
    unpriced: list[LineKeyBody]
    available: str
    held: str
    startable: str
    notes: list[NoteBody]
    late: bool
    """The call had ended: this was recorded beside it and not charged."""


_NO_METADATA: Final = msgspec.Raw(b"null")


def call_body(call: Call, now: datetime) -> CallBody:
    """A call as it stands at ``now``."""
    is_free = call.billing_status is BillingStatus.FREE
    is_priced = call.charge_nanos is not None
    promo, paid = call.promo_charged_nanos, call.paid_charged_nanos
    return CallBody(
        account_id=call.account_id,
        call_id=call.call_id,
        channel=call.channel,
        direction=call.direction,
        agent_id=call.agent_id,
        from_number=call.from_number,
        to_number=call.to_number,
        metadata=_NO_METADATA if call.metadata is None else msgspec.Raw(call.metadata.encode()),
        status=call.status_at(now),
        outcome=call.outcome,
        billing_status=call.billing_status,
        free_reason=call.free_reason,
        admitted_at=call.admitted_at,
        started_at=call.started_at,
        first_reported_at=call.first_reported_at,
        last_heard_at=call.last_heard_at,
        ended_at=call.ended_at,
        duration_seconds=None if call.duration_ms is None else seconds(call.duration_ms),
        reason=call.end_reason,
        hold=format_usd(call.hold_nanos),
        margin_rate=_margin_rate(call.margin_ppm),
        provider_cost=format_usd(call.cost_nanos) if is_priced else None,
        margin="0" if is_free else format_usd(call.margin_nanos) if is_priced else None,
        charge="0" if is_free else usd_or_none(call.charge_nanos),
        promo_charged=usd_or_none(promo),
        paid_charged=usd_or_none(paid),
        entry_seq=call.entry_seq,
        late=call.is_late,
        revision=call.revision,
        lines=[line_body(line) for line in call.lines],
    )


def line_body(line: Line) -> LineBody:
    """One line with the multiplications that make its cost."""
    price, cost = line.price, line.cost_nanos
    by_provider = line.provider_cost_nanos is not None
    shown = None if by_provider or cost is None else price
    return LineBody(
        service=line.service._value_,
        provider=line.provider,
        model=line.model,
        source=line.source,
        quantities={name: _amount(name, used) for name, used in line.quantities.items()},
        provider_cost=usd_or_none(line.provider_cost_nanos),
        cost=usd_or_none(cost),
        priced_by="provider" if by_provider else None if shown is None else "rate_card",
        rate_card=None if shown is None else shown.card,
        rate_card_source=None if shown is None else shown.source,
        rate_card_effective=None
        if shown is None or shown.effective_from == UNDATED
        else shown.effective_from,
        parts=[] if shown is None else [_part(row) for row in explain_line(line)],
        notes=line.notes,
    )


def admission_body(admission: Admission, talk_time_left_seconds: int | None) -> AdmissionBody:
    """The answer to an admitted start."""
    return AdmissionBody(
        account_id=admission.account_id,
        call_id=admission.call_id,
        admitted=True,
        status=admission.status,
        hold=format_usd(admission.hold_nanos),
        available=format_usd(admission.available_nanos),
        held=format_usd(admission.held_nanos),
        startable=format_usd(admission.startable_nanos),
        talk_time_left_seconds=talk_time_left_seconds,
        lease_seconds=seconds(admission.lease_ms),
    )


def usage_body(
    answer: UsageAnswer, now: datetime, *, available_nanos: int, held_nanos: int
) -> UsageBody:
    """The answer to a usage report, with the account's balances as they stand after it."""
    call = answer.call
    return UsageBody(
        account_id=call.account_id,
        call_id=call.call_id,
        status=call.status_at(now),
        accrued_charge=usd_or_none(call.charge_nanos),
        unpriced=[
            LineKeyBody(
                service=line.service._value_,
                provider=line.provider,
                model=line.model,
                source=line.source,
            )
            for line in call.lines
            if line.cost_nanos is None
        ],
        available=format_usd(available_nanos),
        held=format_usd(held_nanos),
        startable=format_usd(available_nanos - held_nanos),
        notes=[
            NoteBody(
                service=line.service._value_,
                provider=line.provider,
                model=line.model,
                source=line.source,
                note=note,
            )
            for line in call.lines
            for note in line.notes
        ],
        late=call.is_late,
    )


def seconds(milliseconds: int) -> Seconds:
    """Milliseconds as seconds; the shortest form is exact."""
    whole, rest = divmod(milliseconds, MS_PER_SECOND)
    return milliseconds / MS_PER_SECOND if rest else whole


def exact_usd(nanos: int, per: int) -> str:
    """``nanos / per`` in USD: exact where it ends within 18 decimals, otherwise twelve of them."""
    whole, rest = divmod(nanos, per)
    if not rest:
        return format_usd(whole)
    units, rest = divmod(nanos * _EXACT_PER_NANO, per)
    if not rest:
        return _decimal(units, _EXACT_DECIMALS)
    return _decimal(div_half_even(nanos * _SHOWN_PER_NANO, per), _SHOWN_DECIMALS)


def _part(row: CostRow) -> PartBody:
    name, used, billed = row.quantity, row.used, row.billed
    shown = _amount(name, billed)
    return PartBody(
        quantity=name,
        used=shown if used == billed else _amount(name, used),
        billed=shown,
        unit_price=_card_usd(row.nanos),
        per=_card_amount(name, row.per),
        cost=exact_usd(billed * row.nanos, row.per),
    )


def _amount(quantity: str, amount: int) -> Amount:
    return format_quantity(quantity, amount) if quantity in TIME_QUANTITIES else amount


# What comes from rate cards comes again and again.
_card_usd = lru_cache(4096)(format_usd)
_card_amount = lru_cache(4096)(_amount)
_margin_rate = lru_cache(64)(format_margin_rate)


def _decimal(units: int, decimals: int) -> str:
    whole, fraction = divmod(units, 10**decimals)
    return f"{whole}.{fraction:0{decimals}d}".rstrip("0").rstrip(".")
