"""The Calls page: one row per call."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from hashlib import sha256
from urllib.parse import quote

import msgspec

from talktime.core.call import BillingStatus, Call, Status
from talktime.ops.call_history import CallPlace
from talktime.portal import words
from talktime.portal.calls.places import write_place
from talktime.portal.figures import Moment, Money, duration, moment, money


class CallRow(msgspec.Struct, frozen=True, kw_only=True):
    """One call in the list."""

    key: str
    """Fit for an element's id; the call id itself may hold anything."""
    call_id: str
    href: str
    place: str
    """Where the row belongs among the others, the newest first, and the list goes on below it."""
    revision: int
    channel: str
    channel_name: str
    title: str
    """Whom it was with, as far as known."""
    detail: str
    status: str
    tone: str
    """live, silent, charged, free or pending."""
    admitted: Moment
    """What the list is ordered by; the receipt has the other times."""
    duration: str
    ticking_seconds: int | None
    """Seconds so far where the clock runs on; None where it stands."""
    cost: Money | None
    cost_words: str
    """Instead of an amount, or beside it: "so far", "Free", "Price pending"."""
    why_free: str


def call_row(call: Call, *, now: datetime, zone: tzinfo, base: str) -> CallRow:
    status = call.status_at(now)
    ran = now - call.started_at if call.status is Status.LIVE else None
    if status is Status.SILENT:
        ran = call.last_heard_at - call.started_at
    ms = (call.duration_ms or 0) if ran is None else max(ran // timedelta(milliseconds=1), 0)
    amount, cost_words = _cost(call)
    return CallRow(
        key=element_key(call.call_id),
        call_id=call.call_id,
        href=call_href(call.call_id, base),
        place=write_place(CallPlace(call.admitted_at, call.call_id)),
        revision=call.revision,
        channel=call.channel.value,
        channel_name=words.CHANNELS[call.channel],
        title=other_side(call),
        detail=_detail(call),
        status=_status(call, status),
        tone=_tone(call, status),
        admitted=moment(call.admitted_at, zone),
        # A clock that runs on is dropped to the second, or it would stand for up to half of one.
        duration=duration(ms - ms % 1000 if status is Status.LIVE else ms),
        ticking_seconds=ms // 1000 if status is Status.LIVE else None,
        cost=amount,
        cost_words=cost_words,
        why_free=words.FREE_REASONS[call.free_reason].capitalize() if call.free_reason else "",
    )


def call_rows(
    calls: Sequence[Call], *, now: datetime, zone: tzinfo, base: str
) -> tuple[CallRow, ...]:
    return tuple(call_row(call, now=now, zone=zone, base=base) for call in calls)


def call_href(call_id: str, base: str) -> str:
    """Where a call's receipt is."""
    return f"{base}/calls/{quote(call_id, safe='')}"


def file_name(call_id: str) -> str:
    """What a call's receipt is called as a file; of its id only what every system takes."""
    plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in call_id)
    return f"receipt-{plain[:80].strip('-') or 'call'}.json"


def element_key(name: str) -> str:
    return sha256(name.encode()).hexdigest()[:16]


def other_side(call: Call) -> str:
    """The other side of the line where there is one, otherwise the agent, otherwise the id."""
    other = call.from_number if call.direction == "inbound" else call.to_number
    return other or call.to_number or call.from_number or call.agent_id or call.call_id


def _detail(call: Call) -> str:
    title = other_side(call)
    parts = [words.CHANNELS[call.channel], words.direction_words(call.direction).lower()]
    if call.agent_id and call.agent_id != title:
        parts.append(call.agent_id)
    return " · ".join(part for part in parts if part)


def _status(call: Call, status: Status) -> str:
    if status is Status.SILENT:
        return "Not heard from"
    if call.outcome is None:
        return "Running"
    return words.OUTCOMES[call.outcome]


def _tone(call: Call, status: Status) -> str:
    if call.status is Status.LIVE:
        return status.value
    return "pending" if call.billing_status is BillingStatus.UNPRICED else call.billing_status.value


def _cost(call: Call) -> tuple[Money | None, str]:
    if call.billing_status is BillingStatus.FREE:
        return None, "Free"
    if call.charge_nanos is None:
        return None, "Price pending"
    words_beside = "so far" if call.status is Status.LIVE else ""
    return money(call.charge_nanos), words_beside
