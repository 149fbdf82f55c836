"""An account's calls read back: one, a page of them, and the pace at which they are charged."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from talktime.core.call import Call
from talktime.core.call_filter import CallFilter, CallOrder
from talktime.core.errors import CallUnknown, InvalidInput, RangeTooWide
from talktime.core.ratecard import Channel
from talktime.core.talk_time import lasts_ms
from talktime.db import call_history
from talktime.db.calls import call_of, read_calls
from talktime.db.pool import Connection
from talktime.ops.accounts import read_account
from talktime.ops.paces import PACE_CALLS

SORTED_MAX: Final = 200_000
"""How many calls are sorted by cost or duration at most."""

AGENT_CALLS: Final = 1_000
"""In how many of the last calls agents are looked for."""

AGENTS_MAX: Final = 100


class CallPlace(msgspec.Struct, frozen=True, array_like=True):
    """A place in the list of calls: below this call."""

    admitted_at: datetime
    call_id: str
    rank: int | None = None
    """What the list is sorted by there; None in the order of time."""


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
    order: CallOrder = CallOrder.NEWEST,
    most_seconds: int | None = None,
    reading: Callable[[Sequence[Any]], Call] = call_of,
) -> tuple[list[Call], CallPlace | None]:
    """A page of calls in an order, and where to go on below, if there are more.

    Sorting by cost or duration looks at every call that matches: at most SORTED_MAX of them. Raises
    AccountUnknown; RangeTooWide where more match, or where it takes longer than ``most_seconds``.
    ``reading`` is what a row becomes a call by.
    """
    is_sorted = order is not CallOrder.NEWEST
    if before is not None and (before.rank is not None) is not is_sorted:
        raise InvalidInput("this place is one of a list in another order", field="cursor")
    found = await call_history.list_calls(
        connection,
        account_id=account_id,
        wanted=wanted,
        order=order,
        below=None
        if before is None
        else call_history.Below(before.admitted_at, before.call_id, before.rank),
        limit=limit + 1,
        most=SORTED_MAX + 1,
        now=now,
        most_seconds=most_seconds,
        reading=reading,
    )
    if is_sorted and found.matched > SORTED_MAX:
        raise RangeTooWide(
            f"more than {SORTED_MAX:,} calls match, too many to sort; choose fewer days, or "
            "another filter",
            field="from",
        )
    if not found.calls:
        await read_account(connection, account_id, now=now)
    page = found.calls[:limit]
    if len(found.calls) <= limit:
        return page, None
    return page, CallPlace(page[-1].admitted_at, page[-1].call_id, found.ranks[limit - 1])


async def recent_agents(connection: Connection, account_id: str) -> list[str]:
    """The agents of the account's last calls, by name, for people to choose from."""
    return await call_history.recent_agents(
        connection, account_id, limit=AGENTS_MAX, most=AGENT_CALLS
    )


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
    left_ms = lasts_ms(
        spendable_nanos,
        charge_nanos=sum(call.charge_nanos for call in past),
        duration_ms=sum(call.duration_ms for call in past),
    )
    return None if left_ms is None else left_ms // 1000
