"""The three hot acts in bulk: up to 1,000 in one request, an answer per item, in order.

An item that is refused, even one that cannot be read, harms no other.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar, cast

import msgspec
from litestar import Request, Response, post

from talktime.api.acts import Acts, answered
from talktime.api.batcher import Batcher
from talktime.api.bodies import answer, decode_body, read_body
from talktime.api.call_bodies import (
    EndItem,
    StartBody,
    UsageItem,
    end_request,
    start_facts,
    usage_report,
)
from talktime.api.calls import usage_answer_body
from talktime.api.description import described
from talktime.api.limits import BATCH_MAX
from talktime.api.metrics import Metrics
from talktime.api.problems import Problem, internal, problem_of, status_of
from talktime.api.wire import AdmissionBody, CallBody, UsageBody, admission_body, call_body
from talktime.core.call import StartFacts
from talktime.core.errors import TalktimeError, TooMany
from talktime.ops.call_end import EndAnswer, EndRequest
from talktime.ops.call_start import Admission
from talktime.ops.call_usage import UsageAnswer, UsageReport
from talktime.ops.keys import Scope
from talktime.ops.platform import Platform

Body = TypeVar("Body")
Fact = TypeVar("Fact")
Answer = TypeVar("Answer")

Told = list[tuple[Fact, Answer]]
"""What was asked and what came of it, of the items that were not refused."""


class Items(msgspec.Struct, Generic[Body], frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Up to 1,000 items, taken in this order."""

    items: list[Body]


class ItemAnswer(msgspec.Struct, Generic[Body], frozen=True, kw_only=True, omit_defaults=True):
    """What the single request would have been answered: a body, or a problem."""

    status: int
    body: Body | None = None
    problem: Problem | None = None


class ItemAnswers(msgspec.Struct, Generic[Body], frozen=True, kw_only=True):
    """One answer per item, in order."""

    items: list[ItemAnswer[Body]]


@post(
    "/v1/batch/start",
    status_code=200,
    opt=described(
        scope=Scope.CALLS_WRITE, body=Items[StartBody], answers={200: ItemAnswers[AdmissionBody]}
    ),
)
async def batch_start(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Start up to 1,000 calls, judged in the order given."""
    acts: Acts = request.app.state.acts

    async def shown(told: Told[StartFacts, Admission]) -> list[ItemAnswer[Any]]:
        left = await asyncio.gather(
            *(acts.talk_time.left_seconds(admission, facts.channel) for facts, admission in told)
        )
        return [
            ItemAnswer(
                status=200 if admission.repeated else 201, body=admission_body(admission, seconds)
            )
            for (_, admission), seconds in zip(told, left, strict=True)
        ]

    return await _answer_each(request, StartBody, start_facts, acts.starts, shown)


@post(
    "/v1/batch/usage",
    status_code=200,
    opt=described(
        scope=Scope.CALLS_WRITE, body=Items[UsageItem], answers={200: ItemAnswers[UsageBody]}
    ),
)
async def batch_usage(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Report the running totals of up to 1,000 calls."""
    acts: Acts = request.app.state.acts
    platform: Platform = request.app.state.platform

    def report(item: UsageItem) -> UsageReport:
        return usage_report(item.account_id, item.call_id, item)

    async def shown(told: Told[UsageReport, UsageAnswer]) -> list[ItemAnswer[Any]]:
        return [
            ItemAnswer(status=200, body=await usage_answer_body(platform, usage))
            for _, usage in told
        ]

    return await _answer_each(request, UsageItem, report, acts.reports, shown)


@post(
    "/v1/batch/end",
    status_code=200,
    opt=described(
        scope=Scope.CALLS_WRITE, body=Items[EndItem], answers={200: ItemAnswers[CallBody]}
    ),
)
async def batch_end(request: Request[Any, Any, Any]) -> Response[bytes]:
    """End up to 1,000 calls."""
    acts: Acts = request.app.state.acts
    platform: Platform = request.app.state.platform

    def end(item: EndItem) -> EndRequest:
        return end_request(item.account_id, item.call_id, item)

    async def shown(told: Told[EndRequest, EndAnswer]) -> list[ItemAnswer[Any]]:
        now = platform.clock()
        return [ItemAnswer(status=200, body=call_body(ended.call, now)) for _, ended in told]

    return await _answer_each(request, EndItem, end, acts.ends, shown)


async def _answer_each(
    request: Request[Any, Any, Any],
    body_type: type[Body],
    facts_of: Callable[[Body], Fact],
    batcher: Batcher[Fact, Answer],
    shown: Callable[[Told[Fact, Answer]], Awaitable[list[ItemAnswer[Any]]]],
) -> Response[bytes]:
    """Read the items, take those that can be read to their writer, and answer all in order."""
    items = (await read_body(request, Items[msgspec.Raw])).items
    if len(items) > BATCH_MAX:
        raise TooMany(f"items has {len(items)} members; at most {BATCH_MAX} go", field="items")
    read: dict[int, Fact] = {}
    answers: list[ItemAnswer[Any] | None] = [None] * len(items)
    for place, item in enumerate(items):
        try:
            read[place] = facts_of(decode_body(item, body_type))
        except TalktimeError as error:
            answers[place] = _refused(request, error)
    told: dict[int, tuple[Fact, Answer]] = {}
    futures = batcher.submit_all(list(read.values()))
    for (place, facts), future in zip(read.items(), futures, strict=True):
        try:
            told[place] = facts, answered(await future)
        except Exception as error:  # noqa: BLE001 - it is the answer to this item alone
            answers[place] = _refused(request, error)
    for place, taken in zip(told, await shown(list(told.values())), strict=True):
        answers[place] = taken
    return answer({"items": answers})


def _refused(request: Request[Any, Any, Any], error: Exception) -> ItemAnswer[Any]:
    metrics: Metrics = request.app.state.metrics
    if isinstance(error, TalktimeError):
        metrics.count_refusal(error.code)
        status, members = status_of(type(error)), problem_of(error)
    else:  # logged where it was caught
        status, members = 500, internal()
    # The facts of a refusal are members beside those that Problem names.
    return ItemAnswer(status=status, problem=cast("Problem", members))
