"""The receipt of a call: what it used, at which prices, what it cost, and who bore it."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

import msgspec

from talktime.core.call import BillingStatus, Call, EndedBy, Outcome, Status
from talktime.core.ratecard import TIME_QUANTITIES, UNDATED
from talktime.core.rating import CostRow, explain_line, row_costs
from talktime.core.usage import LOWER_TOTAL, Line
from talktime.portal import words
from talktime.portal.figures import (
    Moment,
    Money,
    duration,
    exact_column,
    exact_usd,
    moment,
    percent,
)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One quantity times its price, as a row of the receipt."""

    used: str
    price: str
    """ "$0.15 per million tokens"; empty where there is none."""
    billed: str = ""
    """What was billed where that is more than what was used."""
    cost: Money | None


class LineView(msgspec.Struct, frozen=True, kw_only=True):
    service: str
    model: str
    steps: tuple[Step, ...]
    cost: Money | None
    """None: no price yet."""
    card: str
    """The rate card that priced it, and since when it is in force; empty without one."""
    source: str
    notes: tuple[str, ...]


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    text: str = ""
    at: Moment | None = None


class ReceiptView(msgspec.Struct, frozen=True, kw_only=True):
    lines: tuple[LineView, ...]
    cost: Money
    """Of the lines that have a price; nothing to show unless is_cost_known."""
    cost_name: str
    margin: Money
    margin_name: str
    margin_rate: str
    is_cost_known: bool
    """At least one line has a price."""
    charge: Money | None
    charge_name: str
    pending: str
    """What stands for an amount that is not known."""
    verdict: str
    """One sentence: what was charged, or why nothing was."""
    rule: str
    """Where nothing was charged, the rule that says so."""
    tone: str
    paid_with: tuple[tuple[str, str], ...]
    """How much of which balance; empty where nothing was paid, or it is not known yet."""
    facts: tuple[Fact, ...]
    timeline: tuple[Fact, ...]
    notes: tuple[str, ...]


def receipt_view(call: Call, *, now: datetime, zone: tzinfo) -> ReceiptView:
    """Everything a customer may ask of one call, exact to the nano-dollar."""
    sums = (call.cost_nanos, call.margin_nanos, call.cost_nanos + call.margin_nanos)
    lines, (cost, margin, total) = bill_view(call.lines, sums)
    is_part = call.charge_nanos is None
    is_none = is_part and all(line.cost_nanos is None for line in call.lines)
    cost_name, margin_name = _sum_names(call, is_part=is_part and not is_none)
    return ReceiptView(
        lines=lines,
        cost=cost,
        cost_name=cost_name,
        margin=margin,
        margin_name=margin_name,
        margin_rate=percent(call.margin_ppm),
        is_cost_known=not is_none,
        charge=None if is_part else total,
        charge_name=_charge_name(call),
        pending="No price" if call.billing_status is BillingStatus.FREE else "Price pending",
        verdict=_verdict(call),
        rule=words.FREE_RULES[call.free_reason] if call.free_reason else "",
        tone=call.billing_status.value,
        paid_with=_paid_with(call),
        facts=tuple(_facts(call)),
        timeline=tuple(_timeline(call, zone)),
        notes=tuple(_notes(call, now)),
    )


def bill_view(
    lines: Sequence[Line], sums: Sequence[int]
) -> tuple[tuple[LineView, ...], list[Money]]:
    """Rated lines and the sums below them, as one column of exact amounts."""
    costs = [line.cost_nanos for line in lines]
    steps = [_step_costs(line) for line in lines]
    flat = [c for c in costs if c is not None] + [nanos for part in steps for nanos in part]
    column = iter(exact_column([*flat, *sums]))
    line_costs = [None if c is None else next(column) for c in costs]
    step_costs = [[next(column) for _ in part] for part in steps]
    views = tuple(
        _line_view(line, cost, parts)
        for line, cost, parts in zip(lines, line_costs, step_costs, strict=True)
    )
    return views, list(column)


def _step_costs(line: Line) -> list[int]:
    """What each row of a line cost, in nanos that add up to the line's cost."""
    rows = explain_line(line)
    if not rows or line.cost_nanos is None:
        return []
    return row_costs(rows, line.cost_nanos)


def _line_view(line: Line, cost: Money | None, parts: Sequence[Money]) -> LineView:
    model = " ".join(part for part in (line.provider, line.model) if part)
    return LineView(
        service=words.SERVICES[line.service],
        model=f"{model} ({line.source})" if line.source else model,
        steps=tuple(_steps(line, parts)),
        cost=cost,
        card=_card(line),
        source=_source(line),
        notes=tuple(
            f"A later report had fewer {words.quantity_words(note.partition(':')[2])}; "
            "the highest total counts."
            for note in line.notes
            if note.startswith(LOWER_TOTAL)
        ),
    )


def _steps(line: Line, parts: Sequence[Money]) -> list[Step]:
    rows = explain_line(line)
    if rows:
        return [_priced_step(row, cost) for row, cost in zip(rows, parts, strict=True)]
    price = "" if line.provider_cost_nanos is None else "the provider's own figure"
    return [
        Step(used=_used(quantity, amount), price=price, cost=None)
        for quantity, amount in line.quantities.items()
        if amount
    ]


def _priced_step(row: CostRow, cost: Money) -> Step:
    billed = "" if row.billed == row.used else f"billed as {_amount(row.quantity, row.billed)}"
    return Step(
        used=_used(row.quantity, row.used),
        price=f"{exact_usd(row.nanos)} {_per(row.quantity, row.per)}",
        billed=billed,
        cost=cost,
    )


def _used(quantity: str, amount: int) -> str:
    return f"{_amount(quantity, amount)} {words.quantity_words(quantity)}"


def _amount(quantity: str, amount: int) -> str:
    if quantity not in TIME_QUANTITIES:
        return f"{amount:,}"
    seconds, ms = divmod(amount, 1000)
    decimals = f".{ms:03d}".rstrip("0") if ms else ""
    return f"{seconds:,}{decimals}\N{NO-BREAK SPACE}s"


def _per(quantity: str, per: int) -> str:
    if quantity in TIME_QUANTITIES:
        known = {1_000: "per second", 60_000: "per minute", 3_600_000: "per hour"}
        return known.get(per) or f"per {_amount(quantity, per)}"
    what = "character" if quantity == "characters" else "token"
    if per == 1:
        return f"per {what}"
    return f"per million {what}s" if per == 1_000_000 else f"per {per:,} {what}s"


def _card(line: Line) -> str:
    if line.price is None or line.provider_cost_nanos is not None:
        return ""
    since = line.price.effective_from
    if since == UNDATED:
        return line.price.card
    day = f"{since.day} {since:%b %Y}".replace(" ", "\N{NO-BREAK SPACE}")
    return f"{line.price.card}, since {day}"


def _source(line: Line) -> str:
    if line.provider_cost_nanos is not None:
        return "Priced by the figure the provider itself reported."
    if line.price is None:
        return ""
    return f"Rate card {_card(line)}. Source: {line.price.source}"


def _sum_names(call: Call, *, is_part: bool) -> tuple[str, str]:
    """What provider cost and margin are called: no sum of a part passes for the whole."""
    rate = f"{percent(call.margin_ppm)} of it"
    if is_part:
        so_far = "" if call.billing_status is BillingStatus.FREE else " so far"
        return f"Provider cost{so_far}, of the priced lines", f"Margin{so_far}, {rate}"
    if call.status is Status.LIVE:
        return "Provider cost so far", f"Margin so far, {rate}"
    return "Provider cost", f"Margin, {rate}"


def _charge_name(call: Call) -> str:
    if call.status is Status.LIVE:
        return "Cost so far"
    return "Would have cost" if call.billing_status is BillingStatus.FREE else "Charge"


def _verdict(call: Call) -> str:
    if call.billing_status is BillingStatus.FREE:
        reason = words.FREE_REASONS[call.free_reason] if call.free_reason else "it is not charged"
        return f"Free: {reason}."
    if call.billing_status is BillingStatus.UNPRICED:
        return (
            "Price pending: a part of this call has no price yet. Nothing is charged until it has; "
            "after seven days without one the call is free."
        )
    if call.status is Status.LIVE:
        return "This call is running. It is charged once, when it ends."
    if not call.charge_nanos:
        return "This call used nothing that costs anything."
    return f"Charged {exact_usd(call.charge_nanos)}."


def _paid_with(call: Call) -> tuple[tuple[str, str], ...]:
    if call.billing_status is not BillingStatus.CHARGED:
        return ()
    parts = (("promo", call.promo_charged_nanos), ("paid", call.paid_charged_nanos))
    return tuple((exact_usd(nanos), kind) for kind, nanos in parts if nanos)


def _facts(call: Call) -> list[Fact]:
    facts = [Fact(name="Channel", text=words.CHANNELS[call.channel])]
    told = (
        ("Direction", words.direction_words(call.direction)),
        ("From", call.from_number),
        ("To", call.to_number),
        ("Agent", call.agent_id),
        ("Outcome", words.OUTCOMES[call.outcome] if call.outcome else ""),
        ("Duration", "" if call.duration_ms is None else duration(call.duration_ms)),
        ("Reason", call.end_reason),
        ("Call id", call.call_id),
    )
    return facts + [Fact(name=name, text=text) for name, text in told if text]


def _timeline(call: Call, zone: tzinfo) -> list[Fact]:
    answered = None
    if call.stated_ended_at is not None and call.stated_duration_ms is not None:
        # Both were told, so the talking began when its length before its end did.
        answered = call.stated_ended_at - timedelta(milliseconds=call.stated_duration_ms)
    ended = None if call.status is Status.LIVE else call.ended_at
    first = call.first_reported_at or call.admitted_at
    steps = [
        ("Admitted", call.admitted_at),
        ("Started", call.stated_started_at),
        ("Answered", answered if _is_connected(call) else None),
        ("First report", call.first_reported_at),
        ("Last report", call.last_heard_at if call.last_heard_at != first else None),
        ("Ended", ended),
        ("Settled", call.settled_at),
        ("Late report", call.late_at),
    ]
    facts = [Fact(name=name, at=moment(at, zone)) for name, at in steps if at is not None]
    return sorted(facts, key=lambda fact: fact.at.iso if fact.at else "")


def _is_connected(call: Call) -> bool:
    """Somebody or something was talked to."""
    return bool(call.stated_duration_ms) and call.outcome in {Outcome.COMPLETED, Outcome.VOICEMAIL}


def _notes(call: Call, now: datetime) -> list[str]:
    notes = []
    if call.status_at(now) is Status.SILENT:
        notes.append(
            "Nothing was heard of this call for a while. If it stays silent it is ended, as of "
            "when it was last heard from."
        )
    if call.ended_by is EndedBy.WATCHDOG:
        notes.append(
            "It was ended because nothing was heard of it any more; silence costs nothing."
        )
    if call.late_at is not None:
        told = ""
        if call.late_outcome is not None and call.late_outcome in set(Outcome):
            told = f", with the outcome {words.OUTCOMES[Outcome(call.late_outcome)].lower()}"
        notes.append(
            f"A report arrived after the call had ended{told}. It is kept, and changes nothing "
            "that you pay."
        )
    return notes
