"""What webhooks say: each event of the outbox as messages, type and body.

A body tells the event, not what became of it since: figures are those that the event, its entry or
its call kept for good. Amounts are decimal strings in USD.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from talktime.core.call import BillingStatus, Call, FreeReason
from talktime.core.ledger import Entry, EntryKind
from talktime.core.money import format_usd
from talktime.core.payment import Payment
from talktime.core.refusal import Refusal
from talktime.core.webhook import TEST_TYPE, WebhookType
from talktime.db import live
from talktime.db.payments import read_payments
from talktime.db.pool import Connection
from talktime.db.webhook_lanes import OutboxEvent, read_call_sums, read_warning_levels

Facts = dict[str, Any]

_CALL_EVENTS: Final = {
    "call.started": WebhookType.CALL_STARTED,
    "call.settled": WebhookType.CALL_SETTLED,
    "call.price_pending": WebhookType.CALL_PRICE_PENDING,
}
_WITH_ENTRY: Final = frozenset({"call.settled", "entry.posted"})
_BELOW: Final = {
    "balance.below_warning": WebhookType.BALANCE_LOW,
    "balance.below_floor": WebhookType.BALANCE_REFUSED,
}

_MONEY_BACK: Final = {
    EntryKind.REFUND: (WebhookType.REFUND_SUCCEEDED, "provider_refund_id"),
    EntryKind.REFUND_REVERSED: (WebhookType.REFUND_REVERSED, "provider_refund_id"),
    EntryKind.CHARGEBACK: (WebhookType.DISPUTE_TAKEN, "dispute_id"),
    EntryKind.CHARGEBACK_REVERSED: (WebhookType.DISPUTE_GIVEN_AGAIN, "dispute_id"),
}
"""What is told of money that left by the card's way or came back by it, and by whose id."""

_RELOAD_EVENTS: Final = frozenset({"auto_reload.failed", "auto_reload.stopped"})

_ALONE: Final = {
    **_CALL_EVENTS,
    **_BELOW,
    "call.refused": WebhookType.CALL_REFUSED,
    **dict.fromkeys(_RELOAD_EVENTS, WebhookType.AUTO_RELOAD_FAILED),
}

_encode: Final = msgspec.json.Encoder().encode


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message, the same for every endpoint that hears it."""

    type: str
    body: str


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What the events of a stretch of the outbox are about."""

    calls: Mapping[tuple[str, str], Call]
    entries: Mapping[tuple[str, int], Entry]
    refusals: Mapping[tuple[str, int], Refusal]
    payments: Mapping[tuple[str, str], Payment]
    warning_levels: Mapping[str, int]
    floor_nanos: int


def may_tell(event: OutboxEvent, types: frozenset[str] | None) -> bool:
    """Whether an event may be told as one of some types; None: of any."""
    if types is None or event.kind == "entry.posted":
        return True
    kinds = [_ALONE[event.kind]] if event.kind in _ALONE else []
    if event.kind in _WITH_ENTRY and event.entry_seq is not None:
        kinds.append(WebhookType.BALANCE_UPDATED)
    return any(kind in types for kind in kinds)


async def read_recorded(
    connection: Connection, events: Sequence[OutboxEvent], *, floor_nanos: int
) -> Recorded:
    """Read what some events are about, each table at most once."""
    calls = {(event.account_id, event.ref) for event in events if event.kind in _CALL_EVENTS}
    entries = {
        (event.account_id, event.entry_seq) for event in events if event.entry_seq is not None
    }
    refused = [(one.account_id, one.event_seq) for one in events if one.kind == "call.refused"]
    charges = [(one.account_id, one.ref) for one in events if one.kind in _RELOAD_EVENTS]
    low = {event.account_id for event in events if event.kind in _BELOW}
    return Recorded(
        calls=await read_call_sums(connection, sorted(calls)) if calls else {},
        entries=await live.read_entries(connection, sorted(entries)) if entries else {},
        refusals=await live.read_refusals(connection, refused) if refused else {},
        payments=await read_payments(connection, charges) if charges else {},
        warning_levels=await read_warning_levels(connection, sorted(low)) if low else {},
        floor_nanos=floor_nanos,
    )


def messages_of(event: OutboxEvent, recorded: Recorded) -> list[Message]:
    """What an event is told as: nothing, one message or several, in order."""
    return [
        write_message(kind, {"account_id": event.account_id, **facts}, at=event.recorded_at)
        for kind, facts in _told(event, recorded)
    ]


def write_message(kind: str, data: Facts, *, at: datetime) -> Message:
    """A message: its type, when it happened, its data."""
    body = {"type": str(kind), "timestamp": at.astimezone(UTC), "data": data}
    return Message(type=str(kind), body=_encode(body).decode())


def trial_message(*, account_id: str, endpoint_id: str, now: datetime) -> Message:
    """What is sent to try an endpoint."""
    data: Facts = {
        "account_id": account_id or None,
        "endpoint_id": endpoint_id,
        "message": "This is a test from Talktime. Nothing has happened.",
    }
    return write_message(TEST_TYPE, data, at=now)


def _told(event: OutboxEvent, recorded: Recorded) -> Iterator[tuple[WebhookType, Facts]]:
    available = {"available": format_usd(event.available_nanos)}
    entry = recorded.entries.get((event.account_id, event.entry_seq or 0))
    if event.kind in _CALL_EVENTS:
        call = recorded.calls.get((event.account_id, event.ref))
        if call is not None:
            yield _CALL_EVENTS[event.kind], _call_facts(event.kind, call) | available
    elif event.kind == "call.refused":
        refusal = recorded.refusals.get((event.account_id, event.event_seq))
        if refusal is not None:
            yield WebhookType.CALL_REFUSED, _refusal_facts(refusal)
    elif event.kind in _BELOW:
        yield _BELOW[event.kind], available | _low_facts(event, entry, recorded)
    elif event.kind in _RELOAD_EVENTS:
        payment = recorded.payments.get((event.account_id, event.ref))
        if payment is not None:
            yield WebhookType.AUTO_RELOAD_FAILED, _reload_facts(event, payment) | available
    if entry is not None and event.kind in _WITH_ENTRY:
        if entry.kind is EntryKind.COUPON:
            bonus = {"code": entry.ref, "bonus": format_usd(entry.promo_delta_nanos)}
            yield WebhookType.COUPON_REDEEMED, bonus | _balances(entry)
        if entry.kind is EntryKind.TOP_UP:
            top_up = {"top_up_id": entry.ref, "amount": format_usd(entry.paid_delta_nanos)}
            yield WebhookType.TOP_UP_SUCCEEDED, top_up | _balances(entry)
        if entry.kind in _MONEY_BACK:
            kind, name = _MONEY_BACK[entry.kind]
            moved = {name: entry.ref, "amount": format_usd(abs(entry.paid_delta_nanos))}
            yield kind, moved | _balances(entry)
        yield WebhookType.BALANCE_UPDATED, _balances(entry) | {"entry": _entry_facts(entry)}


def _call_facts(kind: str, call: Call) -> Facts:
    facts: Facts = {
        "call_id": call.call_id,
        "channel": call.channel,
        "direction": call.direction,
        "agent_id": call.agent_id,
        "from": call.from_number,
        "to": call.to_number,
        "started_at": call.started_at,
        "metadata": None if call.metadata is None else msgspec.Raw(call.metadata.encode()),
    }
    if kind == "call.started":
        return facts | {"hold": format_usd(call.initial_hold_nanos)}
    facts |= {
        "ended_at": call.ended_at,
        "duration_seconds": None if call.duration_ms is None else call.duration_ms / 1000,
        "outcome": call.outcome,
    }
    if kind == "call.price_pending":
        # Whatever the price has made of it since.
        return facts | {"billing_status": BillingStatus.UNPRICED}
    is_free = call.billing_status is BillingStatus.FREE
    has_price = call.charge_nanos is not None and call.free_reason is not FreeReason.NO_PRICE
    return facts | {
        "billing_status": call.billing_status,
        "free_reason": call.free_reason,
        "provider_cost": format_usd(call.cost_nanos) if has_price else None,
        "margin": "0" if is_free else format_usd(call.margin_nanos),
        "charge": "0" if is_free else format_usd(call.charge_nanos or 0),
        "promo_charged": format_usd(call.promo_charged_nanos or 0),
        "paid_charged": format_usd(call.paid_charged_nanos or 0),
        "entry_seq": call.entry_seq,
    }


def _refusal_facts(refusal: Refusal) -> Facts:
    return {
        "call_id": refusal.call_id,
        "channel": refusal.channel,
        "reason": refusal.reason,
        "available": format_usd(refusal.available_nanos),
        "held": format_usd(refusal.held_nanos),
        "startable": format_usd(refusal.startable_nanos),
        "floor": format_usd(refusal.floor_nanos),
    }


def _low_facts(event: OutboxEvent, entry: Entry | None, recorded: Recorded) -> Facts:
    facts = {} if entry is None else _balances(entry)
    if event.kind == "balance.below_floor":
        return facts | {"floor": format_usd(recorded.floor_nanos)}
    level = recorded.warning_levels.get(event.account_id, 0)
    return facts | {"warning_level": format_usd(level)}


def _reload_facts(event: OutboxEvent, payment: Payment) -> Facts:
    return {
        "top_up_id": payment.payment_id,
        "amount": format_usd(payment.amount_nanos),
        "reason": payment.failure,
        "needs_customer": payment.needs_customer,
        "stopped": event.kind == "auto_reload.stopped",
    }


def _balances(entry: Entry) -> Facts:
    return {
        "available": format_usd(entry.available_after_nanos),
        "promo": format_usd(entry.promo_after_nanos),
        "paid": format_usd(entry.paid_after_nanos),
    }


def _entry_facts(entry: Entry) -> Facts:
    return {
        "seq": entry.seq,
        "kind": entry.kind,
        "ref": entry.ref,
        "promo_delta": format_usd(entry.promo_delta_nanos),
        "paid_delta": format_usd(entry.paid_delta_nanos),
        "amount": format_usd(entry.amount_nanos),
        "occurred_at": entry.occurred_at,
        "recorded_at": entry.recorded_at,
        "note": entry.note,
    }
