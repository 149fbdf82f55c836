"""Which page is open: what the stream that it listens to has to know."""

import msgspec

from talktime.core.call_filter import CallFilter
from talktime.core.entry_filter import EntryFilter
from talktime.portal.billing.money_moves import MovesAsked
from talktime.portal.billing.spend_view import RANGE_DEFAULT


class OpenPage(msgspec.Struct, frozen=True, kw_only=True):
    """Which page is open, so that it is told only what it shows.

    Pages of an account that are alike in all of this are told the same.
    """

    name: str
    """billing, calls, payments, refund, auto_reload or top_up."""
    wanted: CallFilter = CallFilter()
    """Which calls its list is of."""
    is_newest: bool = True
    """Its list begins with what is newest, so that new rows belong on top."""
    entries: EntryFilter = EntryFilter()
    """Which transactions Billing lists."""
    days: int = RANGE_DEFAULT
    """How many days the pictures on Billing show."""
    payment_id: str = ""
    """Which top-up is shown."""
    moves: MovesAsked = MovesAsked()
    """Which payments are listed."""
    told: str = ""
    """What else its address said and its words depend on."""
    may_spend: bool = False
    """Whether its visitor may, and so is led to adding credit."""
