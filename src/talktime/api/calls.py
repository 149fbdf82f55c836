"""The life of a call over HTTP: may it start, what has it used, how did it end.

These three come far more often than everything else, so they take a shorter way through the server
(api.hot). The routes here say what they are, and take what is spelt oddly (a slash too many).
"""

from typing import Any

from litestar import Request, Response, post, put

from talktime.api.acts import Acts, answered
from talktime.api.bodies import decode_body, encode
from talktime.api.call_bodies import (
    EndBody,
    StartBody,
    UsageReportBody,
    end_request,
    start_facts,
    usage_report,
)
from talktime.api.description import described
from talktime.api.hot import HotRoute, Reply
from talktime.api.wire import (
    AdmissionBody,
    CallBody,
    UsageBody,
    admission_body,
    call_body,
    usage_body,
)
from talktime.core.errors import (
    AccountSuspended,
    AccountUnknown,
    CallAlreadyEnded,
    CallIdConflict,
    CallUnknown,
    InsufficientCredits,
)
from talktime.ops import keys
from talktime.ops.accounts import read_account
from talktime.ops.call_usage import UsageAnswer
from talktime.ops.platform import Platform


async def start(acts: Acts, _account_id: str, _call_id: str, body: bytes) -> Reply:
    """Take a start to the gate."""
    facts = start_facts(decode_body(body, StartBody))
    admission = answered(await acts.starts.submit(facts))
    left = await acts.talk_time.left_seconds(admission, facts.channel)
    return 200 if admission.repeated else 201, encode(admission_body(admission, left))


async def report(acts: Acts, account_id: str, call_id: str, body: bytes) -> Reply:
    """Take a call's running totals."""
    given = usage_report(account_id, call_id, decode_body(body, UsageReportBody))
    told = answered(await acts.reports.submit(given))
    return 200, encode(await usage_answer_body(acts.platform, told))


async def end(acts: Acts, account_id: str, call_id: str, body: bytes) -> Reply:
    """End a call and answer what came of it."""
    given = end_request(account_id, call_id, decode_body(body, EndBody))
    ended = answered(await acts.ends.submit(given))
    return 200, encode(call_body(ended.call, acts.platform.clock()))


START = HotRoute(method="POST", path="/v1/calls", scope=keys.Scope.CALLS_WRITE, act=start)
USAGE = HotRoute(
    method="PUT",
    path="/v1/accounts/{account_id:str}/calls/{call_id:str}/usage",
    scope=keys.Scope.CALLS_WRITE,
    act=report,
)
END = HotRoute(
    method="POST",
    path="/v1/accounts/{account_id:str}/calls/{call_id:str}/end",
    scope=keys.Scope.CALLS_WRITE,
    act=end,
)
HOT_ROUTES = (START, USAGE, END)


@post(
    START.path,
    opt=described(
        scope=START.scope,
        body=StartBody,
        answers={201: AdmissionBody, 200: AdmissionBody},
        refusals=(InsufficientCredits, AccountSuspended, AccountUnknown, CallIdConflict),
    ),
)
async def start_call(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Ask the gate whether a call may start.

    201: it may, and its hold is taken. 200: it was admitted before, with the same facts. 402: less
    than the floor can be started with; the call must not be put through.
    """
    return await _ordinary(START, request)


@put(
    USAGE.path,
    opt=described(
        scope=USAGE.scope,
        body=UsageReportBody,
        answers={200: UsageBody},
        refusals=(CallUnknown,),
    ),
)
async def put_usage(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Report a call's running totals so far; without lines, that it is alive.

    Totals, never deltas: a report that is lost, repeated or out of order changes nothing.
    """
    return await _ordinary(USAGE, request)


@post(
    END.path,
    opt=described(
        scope=END.scope,
        body=EndBody,
        answers={200: CallBody},
        refusals=(CallUnknown, CallAlreadyEnded),
    ),
)
async def end_call(request: Request[Any, Any, Any]) -> Response[bytes]:
    """End a call: it is settled at once, or waits for a price.

    The same end again answers the same. ``late: true``: something new was told after the call had
    ended (by the watchdog, say); it was recorded beside the call and debits nothing.
    """
    return await _ordinary(END, request)


async def _ordinary(route: HotRoute, request: Request[Any, Any, Any]) -> Response[bytes]:
    path = request.path_params
    status, body = await route.act(
        request.app.state.acts,
        path.get("account_id", ""),
        path.get("call_id", ""),
        await request.body(),
    )
    return Response(body, status_code=status, media_type="application/json")


async def usage_answer_body(platform: Platform, told: UsageAnswer) -> UsageBody:
    """The answer to a report; for a call that had ended, the balances are read."""
    now = platform.clock()
    available, held = told.available_nanos, told.held_nanos
    if available is None or held is None:
        async with platform.connection() as connection:
            account = await read_account(connection, told.call.account_id, now=now)
        available, held = account.available_nanos, account.held_nanos
    return usage_body(told, now, available_nanos=available, held_nanos=held)
