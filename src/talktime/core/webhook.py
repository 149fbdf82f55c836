"""Outgoing webhooks: what is told, to whom, when it is tried again, and when that ends.

An endpoint is an address that somebody gave us. Of each account it hears in order: a delivery is
sent once the one before it was taken or given up. That order, per endpoint and account, is a lane.
"""

import hashlib
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

PLATFORM: Final = ""
"""The account_id of endpoints that the platform has for all accounts."""

GIVEN_UP_AFTER: Final = timedelta(days=3)
"""Of age: a delivery that nobody took by then is not tried again by itself."""
DISABLED_AFTER: Final = timedelta(days=5)
"""Of failing without a break: longer than a long weekend."""
FORMER_SECRET_KEPT: Final = timedelta(hours=24)
"""How long a rotated secret goes on signing beside the new one."""
ENDPOINTS_MAX: Final = 20
"""Of one account, or of the platform."""
GONE_STATUS: Final = 410

_PAUSES: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 21_600, 28_800)
)
_JITTER: Final = 0.2


class WebhookType(StrEnum):
    """What can be told."""

    CALL_STARTED = "call.started"  # the gate let a call in
    CALL_REFUSED = "call.refused"  # the gate did not
    CALL_SETTLED = "call.settled"  # an ended call was charged, or is free
    CALL_PRICE_PENDING = "call.price_pending"  # an ended call waits for a price
    BALANCE_UPDATED = "balance.updated"  # the ledger grew by an entry
    BALANCE_LOW = "balance.low"  # the balance fell below the warning level
    BALANCE_REFUSED = "balance.refused"  # it fell below the floor: new calls are refused
    COUPON_REDEEMED = "coupon.redeemed"  # a coupon's bonus was credited
    TOP_UP_SUCCEEDED = "top_up.succeeded"  # money came in by card
    AUTO_RELOAD_FAILED = "auto_reload.failed"  # a saved card could not be charged
    REFUND_SUCCEEDED = "refund.succeeded"  # money went back to the card
    REFUND_REVERSED = "refund.reversed"  # a refund that had gone came back
    DISPUTE_TAKEN = "dispute.taken"  # the card's bank took a top-up back, or a part of one
    DISPUTE_GIVEN_AGAIN = "dispute.given_again"  # and gave it again, or a part of it


TEST_TYPE: Final = "webhook.test"
"""Sent by hand alone, to whatever endpoint."""


class EndpointStatus(StrEnum):
    """Lawful: enabled to disabled and back."""

    ENABLED = "enabled"
    DISABLED = "disabled"


class DisabledReason(StrEnum):
    """Why an endpoint hears nothing."""

    BY_HAND = "by_hand"  # somebody said so
    FAILING = "failing"  # nothing was taken for DISABLED_AFTER
    GONE = "gone"  # it answered 410


class DeliveryState(StrEnum):
    """Lawful: waiting to delivered or given_up; given_up to delivered, by a person's resend."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where deliveries go. Its secrets are not part of it: they are shown once."""

    account_id: str
    """PLATFORM: told of every account."""
    endpoint_id: str
    url: str
    description: str
    types: tuple[str, ...] | None
    """None: whatever happens, also what there is no name for yet."""
    status: EndpointStatus
    disabled_reason: DisabledReason | None
    disabled_at: datetime | None
    created_at: datetime
    former_secret_until: datetime | None
    failing_since: datetime | None
    """The first failure since the last success; None while it takes what is sent."""
    last_failure: str | None
    last_delivered_at: datetime | None

    @property
    def is_enabled(self) -> bool:
        return self.status is EndpointStatus.ENABLED


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one endpoint."""

    account_id: str
    """Whose event it tells; PLATFORM for a test of a platform's endpoint."""
    owner_id: str
    """Of the endpoint: the account, or PLATFORM."""
    endpoint_id: str
    delivery_seq: int
    message_id: str
    """The ``webhook-id`` that a receiver sees, the same at every attempt."""
    type: str
    body: str
    created_at: datetime
    state: DeliveryState
    attempts: int
    attempted_at: datetime | None
    last_status: int | None
    """The HTTP status of the last attempt; None where there was no answer."""
    last_failure: str | None


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """How one attempt went."""

    status: int | None
    """HTTP; None without an answer."""
    failure: str | None
    """Why it counts as not taken, in words; None: it was taken."""

    @property
    def is_taken(self) -> bool:
        return self.failure is None

    @property
    def is_gone(self) -> bool:
        """The endpoint asks not to be told any more."""
        return self.status == GONE_STATUS


def message_id(
    *, account_id: str, owner_id: str, endpoint_id: str, delivery_seq: int, at: datetime, nth: int
) -> str:
    """The id of the ``nth`` message made at a moment: sorts by time, and no two are alike."""
    facts = f"{owner_id}\n{endpoint_id}\n{account_id}\n{delivery_seq}"
    name = hashlib.sha256(facts.encode()).hexdigest()
    return f"msg_{milliseconds(at):012x}{nth:04x}{name[:16]}"


def milliseconds(at: datetime) -> int:
    """Since 1970, whole."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def next_attempt_at(
    *, attempts: int, created_at: datetime, now: datetime, jitter: float
) -> datetime | None:
    """When to try again after the ``attempts``-th failure; None: it is given up.

    ``jitter`` in [0, 1) spreads the pause by a fifth either way. The last attempt is made when the
    delivery is GIVEN_UP_AFTER old.
    """
    last = created_at + GIVEN_UP_AFTER
    if now >= last:
        return None
    pause = _PAUSES[min(attempts, len(_PAUSES)) - 1]
    return min(now + pause * (1 + _JITTER * (2 * jitter - 1)), last)


def is_failing_too_long(failing_since: datetime, now: datetime) -> bool:
    """Whether an endpoint that fails now is to be disabled."""
    return now - failing_since >= DISABLED_AFTER


_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
