"""An account's calls read back: one, a page of them, and the pace at which they are charged."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from talktime.core.call import BillingStatus, Call, Outcome, Status
from talktime.core.errors import CallUnknown
from talktime.core.ratecard import Channel
from talktime.db import call_history
from talktime.db.calls import read_calls
from talktime.db.pool import Connection
from talktime.ops.accounts import read_account

PACE_CALLS: Final = 20
"""How many of the last charged calls tell the pace."""


class CallFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls; None filters nothing."""

    status: Status | None = None
    channel: Channel | None = None
    outcome: Outcome | None = None
    billing_status: BillingStatus | None = None
    agent_id: str | None = None
    from_time: datetime | None = None
    """Started at this time or later."""
    to_time: datetime | None = None
    """Started before this time."""


class CallPlace(msgspec.Struct, frozen=True, array_like=True):
    """A place in the list of calls: below this call."""

    admitted_at: datetime
    call_id: str


class PastCall(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a charged call says about the pace."""

    charge_nanos: int
    duration_ms: int


async def list_calls(
    connection: Connection,
    account_id: str,
    wanted: CallFilter,
    *,
    before: CallPlace | None,
    limit: int,
    now: datetime,
) -> tuple[list[Call], CallPlace | None]:
    """A page of calls, newest first, and where to go on below, if there are more.

    Raises AccountUnknown.
    """
    calls = await call_history.list_calls(
        connection,
        account_id=account_id,
        before=(before.admitted_at, before.call_id) if before else None,
        limit=limit + 1,
        now=now,
        status=wanted.status,
        channel=wanted.channel,
        outcome=wanted.outcome,
        billing_status=wanted.billing_status,
        agent_id=wanted.agent_id,
        from_time=wanted.from_time,
        to_time=wanted.to_time,
    )
    if not calls:
        await read_account(connection, account_id, now=now)
    page = calls[:limit]
    if len(calls) <= limit:
        return page, None
    return page, CallPlace(page[-1].admitted_at, page[-1].call_id)


async def read_call(
    connection: Connection, account_id: str, call_id: str, *, now: datetime
) -> Call:
    """One call. Raises AccountUnknown, CallUnknown."""
    if not call_id.isprintable():
        raise CallUnknown("no call has such an id", field="call_id")
    calls = await read_calls(connection, [(account_id, call_id)])
    if not calls:
        await read_account(connection, account_id, now=now)
        raise CallUnknown(f"there is no call {call_id} on this account", field="call_id")
    return calls[account_id, call_id]


async def past_calls(
    connection: Connection, keys: Sequence[tuple[str, Channel]]
) -> list[list[PastCall]]:
    """The last PACE_CALLS charged calls per (account_id, channel), newest first."""
    found = await call_history.recent_charges(
        connection, [(account_id, channel.value) for account_id, channel in keys], limit=PACE_CALLS
    )
    return [
        [PastCall(charge_nanos=charge, duration_ms=duration) for charge, duration in past]
        for past in found
    ]


def talk_time_left_seconds(spendable_nanos: int, past: Sequence[PastCall]) -> int | None:
    """How long a call can go on until the money is gone, at the mean pace of past calls.

    None where nothing tells the pace. ``spendable_nanos`` includes the call's own hold.
    """
    charge_nanos = sum(call.charge_nanos for call in past)
    duration_ms = sum(call.duration_ms for call in past)
    if charge_nanos <= 0 or duration_ms <= 0:
        return None
    return max(0, spendable_nanos * duration_ms // (charge_nanos * 1000))
