"""The audit of one call: everything it says of money, recomputed from its lines and its entry."""

from collections.abc import Iterator

import msgspec

from talktime.core.call import BillingStatus, Call
from talktime.core.ledger import EntryKind
from talktime.core.rating import recompute_call, recompute_line
from talktime.core.settlement import CHARGED_OUTCOMES


class Posting(msgspec.Struct, frozen=True, kw_only=True):
    """The entry that a call points at."""

    seq: int
    kind: str
    ref: str
    promo_delta_nanos: int
    paid_delta_nanos: int


def audit_call(call: Call, posting: Posting | None) -> list[str]:
    """The faults of a call, in words, or nothing.

    Recomputed from the stored lines alone: each line's cost, the sums, the margin, the charge, the
    hold of a live call. Compared with the entry: that there is one where money was due and none
    elsewhere, and that it took from promo and paid what the call says.
    """
    where = f"account {call.account_id} call {call.call_id}"
    return [
        f"{where}: {fault}" for fault in (*_figures(call), *_billing(call), *_entry(call, posting))
    ]


def _figures(call: Call) -> Iterator[str]:
    for line in call.lines:
        cost = recompute_line(line)
        if cost != line.cost_nanos:
            name = " ".join(part for part in line.key if part)
            yield f"the line {name} says {line.cost_nanos} nanos, its quantities give {cost}"
    bill = recompute_call(call.lines, call.margin_ppm)
    for what, stored, computed in (
        ("provider cost", call.cost_nanos, bill.cost_nanos),
        ("margin", call.margin_nanos, bill.margin_nanos),
        ("charge", call.charge_nanos, bill.charge_nanos),
        ("LLM cost", call.llm_nanos, bill.llm_nanos),
        ("STT cost", call.stt_nanos, bill.stt_nanos),
        ("TTS cost", call.tts_nanos, bill.tts_nanos),
        ("SIP cost", call.sip_nanos, bill.sip_nanos),
    ):
        if stored != computed:
            yield f"its {what} is {stored} nanos, its lines give {computed}"
    if call.billing_status is BillingStatus.PENDING:
        hold = max(call.initial_hold_nanos, bill.accrued_nanos)
        if call.hold_nanos != hold:
            yield f"it runs with a hold of {call.hold_nanos} nanos, by its lines that is {hold}"


def _billing(call: Call) -> Iterator[str]:
    status = call.billing_status
    is_charged_outcome = call.outcome in CHARGED_OUTCOMES
    if status is BillingStatus.CHARGED and (not is_charged_outcome or call.charge_nanos is None):
        yield f"it was charged with the outcome {call.outcome} and the charge {call.charge_nanos}"
    if status is BillingStatus.FREE and (call.free_reason is None):
        yield "it was free and does not say why"
    if status is BillingStatus.UNPRICED and call.charge_nanos is not None:
        yield "it waits for a price and has one"
    if status in {BillingStatus.CHARGED, BillingStatus.FREE} and call.hold_nanos != 0:
        yield f"it is settled and still holds {call.hold_nanos} nanos"


def _entry(call: Call, posting: Posting | None) -> Iterator[str]:
    due = (call.charge_nanos or 0) if call.billing_status is BillingStatus.CHARGED else 0
    if call.billing_status in {BillingStatus.CHARGED, BillingStatus.FREE}:
        split = (call.promo_charged_nanos or 0) + (call.paid_charged_nanos or 0)
        if split != due:
            yield f"promo and paid bore {split} nanos together, {due} were due"
    if due == 0:
        if call.entry_seq is not None:
            yield f"nothing was due, and it has entry {call.entry_seq}"
        return
    if posting is None:
        yield f"{due} nanos were due, and there is no entry"
        return
    if (posting.kind, posting.ref) != (EntryKind.CALL, call.call_id):
        yield f"its entry {posting.seq} is of {posting.kind} {posting.ref}"
        return
    taken = (-posting.promo_delta_nanos, -posting.paid_delta_nanos)
    if taken != (call.promo_charged_nanos, call.paid_charged_nanos):
        yield (
            f"it says promo {call.promo_charged_nanos} and paid {call.paid_charged_nanos} nanos, "
            f"its entry {posting.seq} took {taken[0]} and {taken[1]}"
        )
