"""The life of a call over HTTP: may it start, what has it used, how did it end."""

from typing import Any

from litestar import Request, Response, post, put

from talktime.api.acts import Acts, answered
from talktime.api.bodies import answer, read_body
from talktime.api.call_bodies import (
    EndBody,
    StartBody,
    UsageReportBody,
    end_request,
    start_facts,
    usage_report,
)
from talktime.api.description import described
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
from talktime.ops.accounts import read_account
from talktime.ops.call_usage import UsageAnswer
from talktime.ops.keys import Scope
from talktime.ops.platform import Platform


@post(
    "/v1/calls",
    opt=described(
        scope=Scope.CALLS_WRITE,
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
    acts: Acts = request.app.state.acts
    facts = start_facts(await read_body(request, StartBody))
    admission = answered(await acts.starts.submit(facts))
    left = await acts.talk_time.left_seconds(admission, facts.channel)
    return answer(admission_body(admission, left), 200 if admission.repeated else 201)


@put(
    "/v1/accounts/{account_id:str}/calls/{call_id:str}/usage",
    opt=described(
        scope=Scope.CALLS_WRITE,
        body=UsageReportBody,
        answers={200: UsageBody},
        refusals=(CallUnknown,),
    ),
)
async def put_usage(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Report a call's running totals so far; without lines, that it is alive.

    Totals, never deltas: a report that is lost, repeated or out of order changes nothing.
    """
    acts: Acts = request.app.state.acts
    platform: Platform = request.app.state.platform
    path = request.path_params
    body = await read_body(request, UsageReportBody)
    told = answered(
        await acts.reports.submit(usage_report(path["account_id"], path["call_id"], body))
    )
    return answer(await usage_answer_body(platform, told))


@post(
    "/v1/accounts/{account_id:str}/calls/{call_id:str}/end",
    status_code=200,
    opt=described(
        scope=Scope.CALLS_WRITE,
        body=EndBody,
        answers={200: CallBody},
        refusals=(CallUnknown, CallAlreadyEnded),
    ),
)
async def end_call(request: Request[Any, Any, Any]) -> Response[bytes]:
    """End a call: it is settled at once, or waits for a price.

    The same end again answers the same. ``late: true``: the watchdog had ended the call before, and
    what this end tells was recorded beside it.
    """
    acts: Acts = request.app.state.acts
    platform: Platform = request.app.state.platform
    path = request.path_params
    body = await read_body(request, EndBody)
    ended = answered(await acts.ends.submit(end_request(path["account_id"], path["call_id"], body)))
    return answer(call_body(ended.call, platform.clock(), late=ended.late))


async def usage_answer_body(platform: Platform, told: UsageAnswer) -> UsageBody:
    """The answer to a report; for a call that had ended, the balances are read."""
    now = platform.clock()
    available, held = told.available_nanos, told.held_nanos
    if available is None or held is None:
        async with platform.connection() as connection:
            account = await read_account(connection, told.call.account_id, now=now)
        available, held = account.available_nanos, account.held_nanos
    return usage_body(told, now, available_nanos=available, held_nanos=held)
