"""What the webhook pages show: endpoints with their health, deliveries with how they went."""

import json
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Final

import msgspec

from talktime.core.webhook import (
    TEST_TYPE,
    Delivery,
    DeliveryState,
    DisabledReason,
    Endpoint,
    WebhookType,
)
from talktime.portal.figures import Moment, moment
from talktime.portal.words import sentence

TYPE_WORDS: Final[Mapping[str, str]] = {
    WebhookType.CALL_STARTED: "A call was let in.",
    WebhookType.CALL_REFUSED: "A call was refused for lack of credits.",
    WebhookType.CALL_SETTLED: "A call ended: its charge, or why it was free.",
    WebhookType.CALL_PRICE_PENDING: "A call ended and waits for a price.",
    WebhookType.BALANCE_UPDATED: "The balance moved: one message per transaction.",
    WebhookType.BALANCE_LOW: "The balance fell below your warning level.",
    WebhookType.BALANCE_REFUSED: "The balance is too low: new calls are refused.",
    WebhookType.COUPON_REDEEMED: "A coupon was redeemed.",
    WebhookType.TOP_UP_SUCCEEDED: "A top-up was paid and credited.",
    WebhookType.AUTO_RELOAD_FAILED: "Auto-reload could not charge the saved card.",
    WebhookType.REFUND_SUCCEEDED: "Paid balance went back to the card it came from.",
    WebhookType.REFUND_REVERSED: "A refund that had gone came back to the balance.",
    WebhookType.DISPUTE_TAKEN: "The card's bank took back a top-up, or a part of one.",
    WebhookType.DISPUTE_GIVEN_AGAIN: "The card's bank gave a disputed top-up again.",
}
_DISABLED: Final[Mapping[DisabledReason | None, str]] = {
    DisabledReason.BY_HAND: "Disabled by hand",
    DisabledReason.FAILING: "Disabled: it took nothing for five days",
    DisabledReason.GONE: "Disabled: it answered that it is gone (410)",
}


class TypeChoice(msgspec.Struct, frozen=True, kw_only=True):
    """One box of the form."""

    name: str
    words: str
    is_chosen: bool


class EndpointRow(msgspec.Struct, frozen=True, kw_only=True):
    endpoint_id: str
    url: str
    description: str
    told_of: str
    is_enabled: bool
    tone: str
    """good, warn, stop or plain."""
    health: str
    failure: str
    """What the last failed attempt met, while it fails."""
    since: Moment | None
    """Of that health, where it has a beginning."""
    last_delivered: Moment | None
    created: Moment
    former_secret_until: Moment | None


class DeliveryRow(msgspec.Struct, frozen=True, kw_only=True):
    message_id: str
    type: str
    made: Moment
    tone: str
    state: str
    attempts: int
    attempted: Moment | None
    answer: str
    """What the last attempt met, in words."""
    is_waiting: bool
    may_resend: bool
    body: str
    """For people: indented."""


def type_choices(chosen: Sequence[str] | None) -> list[TypeChoice]:
    """The boxes; None: everything."""
    return [
        TypeChoice(name=name, words=words, is_chosen=chosen is None or name in chosen)
        for name, words in TYPE_WORDS.items()
    ]


def chosen_types(fields: Mapping[str, str]) -> list[str] | None:
    """The types ticked in a form; all of them are everything, also what is added later."""
    ticked = [name for name in TYPE_WORDS if f"type:{name}" in fields]
    return None if len(ticked) == len(TYPE_WORDS) else ticked


def endpoint_row(endpoint: Endpoint, zone: tzinfo) -> EndpointRow:
    """An endpoint and how it is."""
    tone, health, since = "plain", "Nothing sent yet", None
    if not endpoint.is_enabled:
        tone, health = "stop", _DISABLED.get(endpoint.disabled_reason, "Disabled")
        if endpoint.disabled_reason is DisabledReason.BY_HAND:
            tone = "plain"
        since = endpoint.disabled_at
    elif endpoint.failing_since is not None:
        tone, health, since = "warn", "Failing", endpoint.failing_since
    elif endpoint.last_delivered_at is not None:
        tone, health = "good", "Healthy"
    until = endpoint.former_secret_until
    last = endpoint.last_delivered_at
    return EndpointRow(
        endpoint_id=endpoint.endpoint_id,
        url=endpoint.url,
        description=endpoint.description,
        told_of="Everything" if endpoint.types is None else ", ".join(endpoint.types),
        is_enabled=endpoint.is_enabled,
        tone=tone,
        health=health,
        failure=sentence(endpoint.last_failure or "") if endpoint.failing_since else "",
        since=None if since is None else moment(since, zone),
        last_delivered=None if last is None else moment(last, zone),
        created=moment(endpoint.created_at, zone),
        former_secret_until=None if until is None else moment(until, zone),
    )


def delivery_row(delivery: Delivery, zone: tzinfo) -> DeliveryRow:
    """A delivery and how it went."""
    is_waiting = delivery.state is DeliveryState.WAITING
    tone, state = _STATES[delivery.state]
    if is_waiting and delivery.attempts:
        tone, state = "warn", "To be tried again"
    if delivery.state is DeliveryState.GIVEN_UP and delivery.type == TEST_TYPE:
        state = "Not taken"
    attempted = delivery.attempted_at
    return DeliveryRow(
        message_id=delivery.message_id,
        type=delivery.type,
        made=moment(delivery.created_at, zone),
        tone=tone,
        state=state,
        attempts=delivery.attempts,
        attempted=None if attempted is None else moment(attempted, zone),
        answer=_answer(delivery),
        is_waiting=is_waiting,
        may_resend=not is_waiting or delivery.attempts > 0,
        body=json.dumps(json.loads(delivery.body), indent=2, ensure_ascii=False),
    )


_STATES: Final[Mapping[DeliveryState, tuple[str, str]]] = {
    DeliveryState.WAITING: ("plain", "Waiting"),
    DeliveryState.DELIVERED: ("good", "Delivered"),
    DeliveryState.GIVEN_UP: ("stop", "Given up"),
}


def _answer(delivery: Delivery) -> str:
    if delivery.last_failure is not None:
        return sentence(delivery.last_failure)
    return "" if delivery.last_status is None else f"Answered {delivery.last_status}."
