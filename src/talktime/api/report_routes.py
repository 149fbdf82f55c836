"""What an account spent in a period, and what a planned call would cost it."""

from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from litestar import Request, Response, get, post
from litestar.types import ControllerRouterHandler

from talktime.api.bodies import answer, read_body, read_query
from talktime.api.description import described
from talktime.api.estimate_wire import EstimateBody, NewEstimate, estimate_body, plan_of
from talktime.core.account import Account
from talktime.core.call import FreeReason
from talktime.core.errors import AccountUnknown, InvalidInput, LineNotAllowed, RangeTooWide
from talktime.core.money import format_usd
from talktime.core.ratecard import Channel, Service
from talktime.ops.accounts import read_account
from talktime.ops.estimates import Usual, margin_of, read_usual, usual_defaults
from talktime.ops.keys import Scope
from talktime.ops.platform import Platform
from talktime.ops.spend import Part, Period, Spend, check_period, read_spend


class SpendQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which days, on the account's own calendar."""

    from_date: date | None = None
    """Left out: the first of this month."""
    to_date: date | None = None
    """Left out: today. At most 366 days."""


class PartBody(msgspec.Struct, frozen=True, kw_only=True):
    calls: int
    seconds: int
    """Together, to the nearest second."""
    charge: str


class ChannelSpendBody(PartBody, frozen=True, kw_only=True):
    channel: Channel
    median_charge: str
    """Of the middle one of the calls."""


class AgentSpendBody(PartBody, frozen=True, kw_only=True):
    agent_id: str | None
    """null: calls that named no agent."""


class ModelSpendBody(msgspec.Struct, frozen=True, kw_only=True):
    service: Service
    provider: str
    model: str
    lines: int
    provider_cost: str


class LineSpendBody(msgspec.Struct, frozen=True, kw_only=True):
    """What the service lines cost, and the margin: they add up to the charge."""

    llm: str
    stt: str
    tts: str
    sip: str
    margin: str


class DaySpendBody(msgspec.Struct, frozen=True, kw_only=True):
    day: date
    calls: int
    charge: str
    by_line: LineSpendBody


class DearCallBody(msgspec.Struct, frozen=True, kw_only=True):
    call_id: str
    channel: Channel
    agent_id: str | None
    charge: str
    settled_at: datetime | None


class FreeCallsBody(msgspec.Struct, frozen=True, kw_only=True):
    reason: FreeReason
    calls: int


class SpendBody(msgspec.Struct, frozen=True, kw_only=True):
    """A period's charges. Days, lines, channels and agents each add up to ``charge``, which is that
    of the account's call entries recorded in these days."""

    account_id: str
    from_date: date
    to_date: date
    time_zone: str
    calls: int
    charge: str
    provider_cost: str
    by_line: LineSpendBody
    by_day: list[DaySpendBody]
    by_channel: list[ChannelSpendBody]
    by_agent: list[AgentSpendBody]
    """The fifty that were charged most."""
    other_agents: PartBody | None
    by_model: list[ModelSpendBody] | None
    """null where the days have more than 10,000 calls."""
    dearest: list[DearCallBody]
    free: list[FreeCallsBody]


@get(
    "/v1/accounts/{account_id:str}/spend",
    opt=described(
        scope=Scope.CALLS_READ,
        query=SpendQuery,
        answers={200: SpendBody},
        refusals=(AccountUnknown, RangeTooWide),
    ),
)
async def get_spend(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Read where an account's money went: by day, service line, channel, agent and model."""
    platform: Platform = request.app.state.platform
    asked = read_query(request, SpendQuery)
    now = platform.clock()
    async with platform.connection() as connection:
        account = await read_account(connection, request.path_params["account_id"], now=now)
        spend = await read_spend(connection, account, _period(asked, account, now), now=now)
    return answer(_spend_body(spend, account.account_id))


@post(
    "/v1/accounts/{account_id:str}/estimates",
    status_code=200,
    opt=described(
        scope=Scope.CALLS_READ,
        body=NewEstimate,
        answers={200: EstimateBody},
        refusals=(AccountUnknown, LineNotAllowed),
    ),
)
async def estimate_for_account(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Estimate a planned call at an account's margin.

    Assumptions that are left out are taken from the account's last charged calls on the channel.
    """
    platform: Platform = request.app.state.platform
    body = await read_body(request, NewEstimate)
    now = platform.clock()
    async with platform.connection() as connection:
        account = await read_account(connection, request.path_params["account_id"], now=now)
        usual = await read_usual(connection, account.account_id, body.channel)
    return _estimated(platform, body, usual, now, account)


@post(
    "/v1/estimates",
    status_code=200,
    opt=described(
        scope=Scope.CALLS_READ,
        body=NewEstimate,
        answers={200: EstimateBody},
        refusals=(LineNotAllowed,),
    ),
)
async def estimate_call(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Estimate a planned call at the platform's margin.

    Assumptions that are left out have the documented defaults.
    """
    platform: Platform = request.app.state.platform
    body = await read_body(request, NewEstimate)
    return _estimated(platform, body, usual_defaults(body.channel), platform.clock(), None)


def _estimated(
    platform: Platform, body: NewEstimate, usual: Usual, now: datetime, account: Account | None
) -> Response[bytes]:
    margin_ppm = platform.terms.margin_ppm
    if account is not None:
        margin_ppm = margin_of(account, platform.terms)
    planned = plan_of(body, usual)
    estimate = planned.estimate(platform.prices.book, margin_ppm=margin_ppm, at=now)
    return answer(estimate_body(planned, estimate, account))


def _period(asked: SpendQuery, account: Account, now: datetime) -> Period:
    today = now.astimezone(ZoneInfo(account.zone_at(now))).date()
    last = asked.to_date or today
    first = asked.from_date or min(today.replace(day=1), last)
    try:
        return check_period(first, last)
    except InvalidInput as refused:
        raise type(refused)(refused.message, field=f"{refused.field}_date") from refused


def _spend_body(spend: Spend, account_id: str) -> SpendBody:
    parts = spend.breakdown
    if parts is None:
        raise RangeTooWide(
            "these days have too many calls to tell them apart at once; ask for fewer days",
            field="from_date",
        )
    return SpendBody(
        account_id=account_id,
        from_date=spend.period.first,
        to_date=spend.period.last,
        time_zone=spend.zone,
        calls=spend.calls,
        charge=format_usd(spend.charge_nanos),
        provider_cost=format_usd(spend.charge_nanos - spend.parts[-1]),
        by_line=_lines(spend.parts),
        by_day=[
            DaySpendBody(
                day=day.day,
                calls=day.calls,
                charge=format_usd(day.charge_nanos),
                by_line=_lines(day.parts),
            )
            for day in spend.days
        ],
        by_channel=[
            ChannelSpendBody(
                channel=one.channel, median_charge=format_usd(one.median_nanos), **_part(one)
            )
            for one in parts.channels
        ],
        by_agent=[AgentSpendBody(agent_id=one.agent_id, **_part(one)) for one in parts.agents],
        other_agents=None if parts.other_agents is None else PartBody(**_part(parts.other_agents)),
        by_model=None
        if parts.models is None
        else [
            ModelSpendBody(
                service=one.service,
                provider=one.provider,
                model=one.model,
                lines=one.lines,
                provider_cost=format_usd(one.cost_nanos),
            )
            for one in parts.models
        ],
        dearest=[
            DearCallBody(
                call_id=call.call_id,
                channel=call.channel,
                agent_id=call.agent_id,
                charge=format_usd(call.charge_nanos or 0),
                settled_at=call.settled_at,
            )
            for call in parts.dearest
        ],
        free=[FreeCallsBody(reason=one.reason, calls=one.calls) for one in parts.free],
    )


def _part(part: Part) -> dict[str, Any]:
    seconds = timedelta(milliseconds=part.duration_ms) // timedelta(seconds=1)
    return {"calls": part.calls, "seconds": seconds, "charge": format_usd(part.charge_nanos)}


def _lines(parts: tuple[int, ...]) -> LineSpendBody:
    llm, stt, tts, sip, margin = map(format_usd, parts)
    return LineSpendBody(llm=llm, stt=stt, tts=tts, sip=sip, margin=margin)


REPORT_ROUTES: Final[list[ControllerRouterHandler]] = [
    get_spend,
    estimate_for_account,
    estimate_call,
]
