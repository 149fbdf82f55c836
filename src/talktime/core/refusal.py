"""A refused start: it makes no call, and is kept with the figures it was judged by."""

from datetime import datetime

import msgspec

from talktime.core.ratecard import Channel


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """One start that the gate refused; amounts in nanos, as they stood at that moment."""

    account_id: str
    event_seq: int
    """The event that told it; a retry of the same call is refused, and told, anew."""
    call_id: str
    channel: Channel
    reason: str
    available_nanos: int
    held_nanos: int
    startable_nanos: int
    floor_nanos: int
    refused_at: datetime
