"""Which calls a list shows, and in which order: one meaning for the database and for open pages.

``queries/list_calls.sql`` asks the same of every call; a test holds the two together.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from talktime.core.call import BillingStatus, Call, Outcome, Status
from talktime.core.number_mask import DIGITS_MIN, digits_of
from talktime.core.ratecard import Channel

SEARCH_MAX: Final = 200
_NUMBER_SIGNS: Final = frozenset("+0123456789 ().-/\N{NO-BREAK SPACE}")
_DIGITS_WORTH: Final = 3
"""Fewer digits than these find no number."""


class CallOrder(StrEnum):
    """What a list of calls is sorted by."""

    NEWEST = "newest"
    DEAREST = "dearest"
    CHEAPEST = "cheapest"
    LONGEST = "longest"
    SHORTEST = "shortest"


class CallSearch(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody typed to find a call."""

    text: str
    """The beginning of a call's id."""
    digits: str = ""
    """How a phone number ends, without its leading zeros; empty where no number was meant."""
    is_whole: bool = False
    """The digits must be the whole number: where numbers are masked, a search must not spell them
    out digit by digit."""


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
    min_nanos: int | None = None
    """What it was charged, or has cost so far: at least this. A free call was charged 0; one whose
    price is pending is in no range."""
    max_nanos: int | None = None
    """At most this."""
    search: CallSearch | None = None

    def admits(self, call: Call, now: datetime) -> bool:
        """Whether the list has the call as it is at ``now``."""
        return (
            (self.status is None or call.status_at(now) is self.status)
            and (self.channel is None or call.channel is self.channel)
            and (self.outcome is None or call.outcome is self.outcome)
            and (self.billing_status is None or call.billing_status is self.billing_status)
            and (self.agent_id is None or call.agent_id == self.agent_id)
            and (self.from_time is None or call.started_at >= self.from_time)
            and (self.to_time is None or call.started_at < self.to_time)
            and self._admits_cost(call)
            and (self.search is None or _finds(self.search, call))
        )

    def _admits_cost(self, call: Call) -> bool:
        if self.min_nanos is None and self.max_nanos is None:
            return True
        billed = 0 if call.billing_status is BillingStatus.FREE else call.charge_nanos
        if billed is None:
            return False
        return (self.min_nanos is None or billed >= self.min_nanos) and (
            self.max_nanos is None or billed <= self.max_nanos
        )


def search_for(text: str, *, is_masked: bool) -> CallSearch:
    """What a typed text means: the beginning of an id, and a number where it looks like one.

    ``is_masked``: the account shows no whole numbers.
    """
    typed = text.strip()
    digits = ""
    if set(typed) <= _NUMBER_SIGNS:
        digits = digits_of(typed).lstrip("0")
        if len(digits) < (DIGITS_MIN if is_masked else _DIGITS_WORTH):
            digits = ""
    return CallSearch(text=typed, digits=digits, is_whole=is_masked)


def _finds(search: CallSearch, call: Call) -> bool:
    if call.call_id.startswith(search.text):
        return True
    if not search.digits:
        return False
    for number in (call.from_number, call.to_number):
        digits = digits_of(number or "").lstrip("0")
        if digits == search.digits if search.is_whole else digits.endswith(search.digits):
            return True
    return False
