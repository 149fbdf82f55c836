"""An account's calls read back: a page of them, or one with its breakdown."""

import base64
import binascii
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get

from talktime.api.bodies import answer, read_query
from talktime.api.description import described
from talktime.api.limits import PAGE_DEFAULT, PAGE_MAX, check_id
from talktime.api.wire import CallBody, call_body
from talktime.core.call import BillingStatus, Outcome, Status
from talktime.core.call_filter import CallFilter
from talktime.core.errors import AccountUnknown, CallUnknown, InvalidInput
from talktime.core.ratecard import Channel
from talktime.ops.call_history import CallPlace, list_calls, read_call
from talktime.ops.keys import Scope
from talktime.ops.platform import Platform

_CURSOR_LENGTH_MAX = 1_600


class CallsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which calls, and how many of them."""

    status: Status | None = None
    channel: Channel | None = None
    outcome: Outcome | None = None
    billing_status: BillingStatus | None = None
    agent_id: str | None = None
    from_date: date | None = None
    """Started on this day (UTC) or later."""
    to_date: date | None = None
    """Started on this day (UTC) or earlier."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=PAGE_MAX)] = PAGE_DEFAULT
    cursor: str | None = None
    """``next_cursor`` of the page before."""


class CallPage(msgspec.Struct, frozen=True, kw_only=True):
    """Calls, newest first."""

    items: list[CallBody]
    next_cursor: str | None
    """null on the last page."""


@get(
    "/v1/accounts/{account_id:str}/calls",
    opt=described(
        scope=Scope.CALLS_READ,
        query=CallsQuery,
        answers={200: CallPage},
        refusals=(AccountUnknown,),
    ),
)
async def get_calls(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List an account's calls, newest first."""
    platform: Platform = request.app.state.platform
    asked = read_query(request, CallsQuery)
    before = None if asked.cursor is None else read_cursor(asked.cursor)
    now = platform.clock()
    async with platform.connection() as connection:
        calls, place = await list_calls(
            connection,
            request.path_params["account_id"],
            CallFilter(
                status=asked.status,
                channel=asked.channel,
                outcome=asked.outcome,
                billing_status=asked.billing_status,
                agent_id=asked.agent_id and check_id(asked.agent_id, "agent_id"),
                from_time=_midnight(asked.from_date),
                to_time=_midnight(asked.to_date, days=1),
            ),
            before=before,
            limit=asked.limit,
            now=now,
        )
    return answer(
        CallPage(
            items=[call_body(call, now) for call in calls],
            next_cursor=None if place is None else write_cursor(place),
        )
    )


@get(
    "/v1/accounts/{account_id:str}/calls/{call_id:str}",
    opt=described(
        scope=Scope.CALLS_READ,
        answers={200: CallBody},
        refusals=(AccountUnknown, CallUnknown),
    ),
)
async def get_call(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Read one call with its breakdown."""
    platform: Platform = request.app.state.platform
    path = request.path_params
    now = platform.clock()
    async with platform.connection() as connection:
        call = await read_call(connection, path["account_id"], path["call_id"], now=now)
    return answer(call_body(call, now))


def write_cursor(place: CallPlace) -> str:
    """A place in the list as text that means something to us only."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def read_cursor(text: str) -> CallPlace:
    """The opposite of write_cursor. Raises InvalidInput for anything else."""
    refusal = InvalidInput("cursor is not one that we gave; begin without one", field="cursor")
    if len(text) > _CURSOR_LENGTH_MAX:
        raise refusal
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        place = msgspec.json.decode(raw, type=CallPlace)
    except (ValueError, binascii.Error, RecursionError) as error:
        raise refusal from error
    if place.admitted_at.tzinfo is None:
        raise refusal
    check_id(place.call_id, "cursor")
    return place


def _midnight(day: date | None, *, days: int = 0) -> datetime | None:
    if day is None:
        return None
    try:
        return datetime.combine(day, time.min, UTC) + timedelta(days=days)
    except OverflowError:  # the last day of the calendar: nothing lies after it
        return None
