"""What a live feed tells, and how a stretch of the outbox becomes it.

The outbox says that something happened to a call, an entry or a refused start; what is told is
that thing as it stands now. So telling something twice does no harm, and of several events of one
call only the last is told.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import msgspec

from talktime.core.account import Account
from talktime.core.call import Call
from talktime.core.ledger import Entry
from talktime.core.refusal import Refusal
from talktime.db import live
from talktime.db.calls import read_calls
from talktime.db.pool import Connection

OUTBOX_KEPT: Final = timedelta(hours=24)
"""How far back events can be told again; beyond it a listener is told to read everything anew."""

REPLAY_MAX: Final = 500
"""Events of one account told in one go; more make it cheaper to read everything anew."""


class BalanceChanged(msgspec.Struct, frozen=True, kw_only=True):
    """The account as it stands, its month so far included."""

    account: Account
    event_seq: int | None = None


class CallChanged(msgspec.Struct, frozen=True, kw_only=True):
    """A call began, moved, fell silent or ended. Ask ``call.status_at(now)`` for its status."""

    call: Call
    event_seq: int | None = None
    """None: a running call moved. Such ticks are coalesced and kept nowhere."""


class EntryPosted(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger grew by one line."""

    entry: Entry
    call: Call | None = None
    """The call that it pays for, as it stands."""
    event_seq: int | None = None


class CallRefused(msgspec.Struct, frozen=True, kw_only=True):
    """The gate refused a new call."""

    refusal: Refusal
    event_seq: int | None = None


class Reset(msgspec.Struct, frozen=True, kw_only=True):
    """Something was missed that cannot be told any more: read everything anew."""

    event_seq: int


LiveEvent: TypeAlias = BalanceChanged | CallChanged | EntryPosted | CallRefused | Reset
"""``event_seq`` is where to resume: who has taken an event that carries one has taken all before.
None: more belongs to the same place, or it was not kept."""


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """The events of an account after one and up to another."""

    account_id: str
    after: int
    upto: int


async def read_span_events(
    connection: Connection, spans: Sequence[Span], *, now: datetime
) -> dict[str, list[LiveEvent]]:
    """What happened in each span, by account id, ending with the balance; or a Reset alone.

    A span is reset where it is longer than REPLAY_MAX or no longer kept as a whole.
    """
    short = [span for span in spans if span.upto - span.after <= REPLAY_MAX]
    happened: dict[str, list[live.Happened]] = {span.account_id: [] for span in short}
    if short:
        rows = await live.read_events(
            connection,
            [(span.account_id, span.after, span.upto) for span in short],
            since=now - OUTBOX_KEPT,
        )
        for row in rows:
            happened[row.account_id].append(row)
    whole = {
        span.account_id
        for span in short
        if len(happened[span.account_id]) == span.upto - span.after
    }
    told = await _tell(connection, [row for name in whole for row in happened[name]])
    accounts = await live.read_accounts(connection, sorted(whole), now=now) if whole else {}
    answer: dict[str, list[LiveEvent]] = {}
    for span in spans:
        if span.account_id in whole and span.account_id in accounts:
            balance = BalanceChanged(account=accounts[span.account_id], event_seq=span.upto)
            answer[span.account_id] = [*told.get(span.account_id, ()), balance]
        else:
            answer[span.account_id] = [Reset(event_seq=span.upto)]
    return answer


async def _tell(
    connection: Connection, happened: Sequence[live.Happened]
) -> dict[str, list[LiveEvent]]:
    about_call = [row for row in happened if row.kind in _ABOUT_CALL]
    # Of several events of one call, the last.
    last = {(row.account_id, row.ref): row.event_seq for row in about_call}
    calls = await read_calls(connection, list(last)) if last else {}
    posted = [(row.account_id, row.entry_seq) for row in happened if _posts_entry(row)]
    entries = await live.read_entries(connection, _numbered(posted)) if posted else {}
    refused = [(row.account_id, row.event_seq) for row in happened if row.kind == "call.refused"]
    refusals = await live.read_refusals(connection, refused) if refused else {}

    told: dict[str, list[LiveEvent]] = {}
    for row in happened:
        key, place = (row.account_id, row.ref), told.setdefault(row.account_id, [])
        call = calls.get(key) if last.get(key) == row.event_seq else None
        entry = entries.get((row.account_id, row.entry_seq or 0)) if _posts_entry(row) else None
        refusal = refusals.get((row.account_id, row.event_seq))
        if entry is not None:
            place.append(
                EntryPosted(
                    entry=entry,
                    call=calls.get(key),
                    event_seq=None if call is not None else row.event_seq,
                )
            )
        if call is not None:
            place.append(CallChanged(call=call, event_seq=row.event_seq))
        if refusal is not None:
            place.append(CallRefused(refusal=refusal, event_seq=row.event_seq))
    return told


_ABOUT_CALL: Final = frozenset({"call.started", "call.settled", "call.price_pending"})


def _posts_entry(row: live.Happened) -> bool:
    return row.entry_seq is not None and row.kind in {"call.settled", "entry.posted"}


def _numbered(keys: Iterable[tuple[str, int | None]]) -> list[tuple[str, int]]:
    return [(account_id, seq) for account_id, seq in keys if seq is not None]
