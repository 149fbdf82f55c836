"""Starting calls: the gate, the hold and the answer to a repeated start."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from talktime.core.call import Call, StartFacts, Status, opened
from talktime.core.errors import (
    AccountSuspended,
    CallIdConflict,
    InsufficientCredits,
    TalktimeError,
)
from talktime.core.gate import initial_hold
from talktime.core.money import display_usd, format_usd
from talktime.core.settlement import check_start
from talktime.db import acts
from talktime.db.pool import Connection
from talktime.ops.accounts import account_unknown
from talktime.ops.terms import Terms


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """An admitted call; balances in nanos, as they stood right after it was judged."""

    account_id: str
    call_id: str
    status: Status
    hold_nanos: int
    available_nanos: int
    held_nanos: int
    lease_ms: int
    repeated: bool
    """The same start was admitted before; its answer again, with the call's present status."""
    call: Call | None
    """The call just opened; None for a repeat."""

    @property
    def startable_nanos(self) -> int:
        return self.available_nanos - self.held_nanos


async def start_calls(
    connection: Connection, starts: Sequence[StartFacts], *, terms: Terms, now: datetime
) -> list[Admission | TalktimeError]:
    """Judge new calls in the order given: each is admitted, or refused with the reason.

    Refusals: ClockOff, AccountUnknown, AccountSuspended, CallIdConflict, InsufficientCredits.
    """
    early: dict[int, TalktimeError] = {}
    for item, facts in enumerate(starts):
        try:
            check_start(facts, now)
        except TalktimeError as error:
            early[item] = error
    judged = [item for item in range(len(starts)) if item not in early]
    verdicts = await acts.start_calls(
        connection,
        [(starts[i], initial_hold(starts[i].channel, terms.floor_nanos), now) for i in judged],
        now=now,
        floor_nanos=terms.floor_nanos,
        margin_ppm=terms.margin_ppm,
        lease_ms=terms.lease_ms,
    )
    answered = {
        item: _answer(starts[item], verdict, terms=terms, now=now)
        for item, verdict in zip(judged, verdicts, strict=True)
    }
    return [early[i] if i in early else answered[i] for i in range(len(starts))]


def _answer(
    facts: StartFacts, verdict: acts.StartVerdict, *, terms: Terms, now: datetime
) -> Admission | TalktimeError:
    if verdict.verdict == "account_unknown":
        return account_unknown(facts.account_id)
    if verdict.verdict == "account_suspended":
        return AccountSuspended(
            f"account {facts.account_id} is suspended; ask the platform's support"
        )
    if verdict.verdict == "call_id_conflict":
        return CallIdConflict(
            f"call {facts.call_id} was started before with other facts; use a new call_id",
            field="call_id",
        )
    assert verdict.available_nanos is not None
    assert verdict.held_nanos is not None
    assert verdict.margin_ppm is not None
    if verdict.verdict == "insufficient_credits":
        return insufficient_credits(verdict.available_nanos, verdict.held_nanos, terms.floor_nanos)
    admitted = verdict.verdict == "admitted"
    return Admission(
        account_id=facts.account_id,
        call_id=facts.call_id,
        status=Status(verdict.status),
        hold_nanos=verdict.hold_nanos,
        available_nanos=verdict.available_nanos,
        held_nanos=verdict.held_nanos,
        lease_ms=verdict.lease_ms,
        repeated=not admitted,
        call=opened(
            facts,
            now=now,
            margin_ppm=verdict.margin_ppm,
            lease_ms=verdict.lease_ms,
            hold_nanos=verdict.hold_nanos,
        )
        if admitted
        else None,
    )


def insufficient_credits(
    available_nanos: int, held_nanos: int, floor_nanos: int
) -> InsufficientCredits:
    """The gate's refusal, with the figures it was judged by."""
    startable = available_nanos - held_nanos
    shown, needed = display_usd(startable), display_usd(floor_nanos)
    if shown == needed:  # what is missing is less than people are shown elsewhere
        shown, needed = f"${format_usd(startable)}", f"${format_usd(floor_nanos)}"
    return InsufficientCredits(
        f"{shown} can be started with, a new call needs {needed}; "
        "top up, or wait for running calls to end",
        available=format_usd(available_nanos),
        held=format_usd(held_nanos),
        startable=format_usd(startable),
        floor=format_usd(floor_nanos),
    )
