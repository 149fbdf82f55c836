"""An account's calls read back: a page of them, or one with its breakdown."""

from datetime import date
from typing import Any, Literal

import msgspec
from litestar import Request, Response, get
from litestar.response import Stream

from talktime.api.account_wire import UsdText
from talktime.api.bodies import PageQuery, answer, read_query
from talktime.api.description import described
from talktime.api.files import CSV, csv_file, prefers
from talktime.api.wire import CallBody, call_body
from talktime.core.account import NumberMask
from talktime.core.call import BillingStatus, Outcome, Status
from talktime.core.call_filter import CallFilter
from talktime.core.errors import AccountUnknown, CallUnknown
from talktime.core.money import parse_usd
from talktime.core.one_line import check_id
from talktime.core.place import read_place, write_place
from talktime.core.ratecard import Channel
from talktime.ops.accounts import read_account
from talktime.ops.call_export import ExportFormat, export_calls
from talktime.ops.call_history import CallPlace, list_calls, read_call
from talktime.ops.keys import Scope
from talktime.ops.platform import Platform
from talktime.ops.spend_days import day_end, day_start


class CallsQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
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
    min_cost: UsdText | None = None
    """Charged, or costing so far, at least this. A free call is 0; a price-pending one never is."""
    max_cost: UsdText | None = None
    """At most this."""
    format: Literal["json", "csv", "focus"] | None = None
    """``csv``: all that match as a file, as with ``Accept: text/csv``. ``focus``: their charges in
    the columns of FOCUS 1.2."""


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
        media={CSV: "All calls that match, newest first, with exact amounts."},
    ),
)
async def get_calls(request: Request[Any, Any, Any]) -> Response[bytes] | Stream:
    """List an account's calls, newest first; or all of them as CSV."""
    platform: Platform = request.app.state.platform
    asked = read_query(request, CallsQuery)
    before = None if asked.cursor is None else _read_cursor(asked.cursor)
    now = platform.clock()
    account_id = request.path_params["account_id"]
    wanted = _read_filter(asked)
    export_format = _export_format(request, asked)
    async with platform.connection() as connection:
        if export_format is not None:
            account = await read_account(connection, account_id, now=now)
            pieces = export_calls(
                platform.connection,
                account,
                wanted,
                export_format,
                mask=NumberMask.FULL,
                now=now,
            )
            name = "calls.focus.csv" if export_format is ExportFormat.FOCUS else "calls.csv"
            return csv_file(pieces, name)
        calls, place = await list_calls(
            connection, account_id, wanted, before=before, limit=asked.limit, now=now
        )
    return answer(
        CallPage(
            items=[call_body(call, now) for call in calls],
            next_cursor=None if place is None else write_place(place.admitted_at, place.call_id),
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


def _read_filter(asked: CallsQuery) -> CallFilter:
    return CallFilter(
        status=asked.status,
        channel=asked.channel,
        outcome=asked.outcome,
        billing_status=asked.billing_status,
        agent_id=asked.agent_id and check_id(asked.agent_id, "agent_id"),
        from_time=None if asked.from_date is None else day_start(asked.from_date, "UTC"),
        to_time=None if asked.to_date is None else day_end(asked.to_date, "UTC"),
        min_nanos=None if asked.min_cost is None else parse_usd(asked.min_cost, field="min_cost"),
        max_nanos=None if asked.max_cost is None else parse_usd(asked.max_cost, field="max_cost"),
    )


def _export_format(request: Request[Any, Any, Any], asked: CallsQuery) -> ExportFormat | None:
    if asked.format is not None:
        return None if asked.format == "json" else ExportFormat(asked.format)
    return ExportFormat.CSV if prefers(request, CSV) else None


def _read_cursor(text: str) -> CallPlace:
    at, (call_id,) = read_place(text, names=1)
    return CallPlace(at, call_id)
