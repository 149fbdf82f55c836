"""Where an account stands, as its customer needs to know it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from talktime.core.account import Account
from talktime.core.call import Call
from talktime.core.ledger import Entry, EntryKind
from talktime.core.money_move import OpenMove
from talktime.core.talk_time import Pace
from talktime.db import billing
from talktime.db.calls import read_calls
from talktime.db.pool import Connection
from talktime.ops.accounts import account_unknown, read_account
from talktime.ops.entries import list_entries
from talktime.ops.money_moves import OPEN_FOR, list_open_moves
from talktime.ops.paces import read_paces
from talktime.ops.spend_days import MonthSpend, read_month_spend

REFUSALS_MAX: Final = 1_000
PACES_MAX: Final = 4


class Billing(msgspec.Struct, frozen=True, kw_only=True):
    """An account with what its open calls, its refusals and its recent calls say."""

    account: Account
    event_seq: int
    """Everything up to this event is in it, perhaps more."""
    running_calls: int
    waiting_calls: int
    """Ended calls that wait for a price and keep their holds."""
    refused_calls: int
    """New calls the gate refused in the last 24 hours, counted up to REFUSALS_MAX."""
    has_fallen: bool
    """A call was charged, or the balance was once at the warning level or above."""
    paces: tuple[Pace, ...]
    """Of the kinds of calls that it makes most, the most frequent first; perhaps none."""
    month: MonthSpend
    open_moves: tuple[OpenMove, ...] = ()
    """Payments and refunds that have not come to their ends, the newest first."""


async def read_paid_calls(connection: Connection, entries: Sequence[Entry]) -> dict[str, Call]:
    """The calls that entries of one account pay for, by call id."""
    keys = [(entry.account_id, entry.ref) for entry in entries if entry.kind is EntryKind.CALL]
    calls = await read_calls(connection, keys) if keys else {}
    return {call.call_id: call for call in calls.values()}


async def read_coupon_entry(connection: Connection, account_id: str, *, seq: int) -> Entry | None:
    """The entry with this number, where a coupon brought it."""
    found, _ = await list_entries(
        connection, account_id, before=seq + 1, kind=EntryKind.COUPON, limit=1
    )
    return found[0] if found and found[0].seq == seq else None


async def read_billing(connection: Connection, account_id: str, *, now: datetime) -> Billing:
    """Where the account stands. Raises AccountUnknown."""
    # The event is read before the balance: who goes on listening from it misses nothing.
    facts = await billing.read_billing_facts(
        connection,
        account_id,
        refused_since=now - timedelta(hours=24),
        refusals_max=REFUSALS_MAX,
        payments_since=now - OPEN_FOR,
    )
    if facts is None:
        raise account_unknown(account_id)
    account = await read_account(connection, account_id, now=now)
    paces = await read_paces(connection, [account_id], limit=PACES_MAX)
    return Billing(
        account=account,
        event_seq=facts.event_seq,
        running_calls=facts.running_calls,
        waiting_calls=facts.waiting_calls,
        refused_calls=facts.refused_calls,
        has_fallen=facts.has_fallen,
        paces=tuple(paces[account_id]),
        month=await read_month_spend(connection, account, now=now),
        open_moves=tuple(await list_open_moves(connection, account_id, now=now))
        if facts.has_open_moves
        else (),
    )
