"""Prepaid credits for AI voice and chat calls: what a bot installs.

    async with TalktimeClient(url, api_key) as client:
        async with client.call(account_id="acme", call_id="CA1", channel="phone") as call:
            call.add("llm", "openai", "gpt-4o-mini", input_tokens=56, output_tokens=22)

``TalktimeClient`` speaks to the server, ``RunningCall`` (from ``client.call``) bills one
conversation in the background, and ``CallSession`` does the same without any I/O, for who brings
their own network. Money is USD as an exact Decimal.

What can go wrong:

    TalktimeError
    ├── InvalidUsage            what you gave cannot be sent (a ValueError)
    ├── WrongState              not started yet, refused, or over
    │   └── CallOver            the call id belongs to a call that has ended
    ├── Unreachable             no answer within the bounded attempts
    ├── UnexpectedAnswer        an answer that is not Talktime's, or an internal error
    └── Refusal                 understood, and answered with no: status, code, field, facts
        ├── InvalidRequest      400, 413
        ├── Unauthenticated     401
        ├── InsufficientCredits 402: available, held, startable, floor
        ├── Forbidden           403
        │   └── AccountSuspended
        ├── NotFound            404
        ├── Conflict            409
        ├── Gone                410
        └── Overloaded          429, 502, 503, 504: retry_after
"""

from talktime_sdk._answers import (
    Account,
    Admission,
    CallReceipt,
    CouponPreview,
    Entry,
    Line,
    LineName,
    LineNote,
    Page,
    Part,
    PortalLink,
    UsageAnswer,
)
from talktime_sdk._errors import (
    AccountSuspended,
    CallOver,
    Conflict,
    Forbidden,
    Gone,
    InsufficientCredits,
    InvalidRequest,
    InvalidUsage,
    NotFound,
    Overloaded,
    Refusal,
    TalktimeError,
    Unauthenticated,
    UnexpectedAnswer,
    Unreachable,
    WrongState,
)
from talktime_sdk._events import (
    BalanceChanged,
    CallChanged,
    CallRefused,
    EntryWritten,
    Event,
    Reset,
)
from talktime_sdk._retry import RetryPolicy
from talktime_sdk._running import RunningCall, Undelivered
from talktime_sdk._totals import UsageLine
from talktime_sdk._wire import Request, Response
from talktime_sdk.client import TalktimeClient
from talktime_sdk.session import (
    CallSession,
    CallState,
    Channel,
    Direction,
    Outcome,
    Report,
    Service,
)

__version__ = "0.1.0"

__all__ = [
    "Account",
    "AccountSuspended",
    "Admission",
    "BalanceChanged",
    "CallChanged",
    "CallOver",
    "CallReceipt",
    "CallRefused",
    "CallSession",
    "CallState",
    "Channel",
    "Conflict",
    "CouponPreview",
    "Direction",
    "Entry",
    "EntryWritten",
    "Event",
    "Forbidden",
    "Gone",
    "InsufficientCredits",
    "InvalidRequest",
    "InvalidUsage",
    "Line",
    "LineName",
    "LineNote",
    "NotFound",
    "Outcome",
    "Overloaded",
    "Page",
    "Part",
    "PortalLink",
    "Refusal",
    "Report",
    "Request",
    "Reset",
    "Response",
    "RetryPolicy",
    "RunningCall",
    "Service",
    "TalktimeClient",
    "TalktimeError",
    "Unauthenticated",
    "Undelivered",
    "UnexpectedAnswer",
    "Unreachable",
    "UsageAnswer",
    "UsageLine",
    "WrongState",
]
