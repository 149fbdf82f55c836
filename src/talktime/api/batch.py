"""The three hot acts in bulk: up to 1,000 in one request, an answer per item, in order.

An item that is refused, even one that cannot be read, harms no other.
"""

import asyncio
from collections.abc import Callable, Iterable
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
from talktime.core.errors import TalktimeError, TooMany
from talktime.ops.keys import Scope
from talktime.ops.platform import Platform

Body = TypeVar("Body")
Fact = TypeVar("Fact")
Told = TypeVar("Told")


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
    read, answers = await _items(request, StartBody, start_facts)
    told = await _submit(acts.starts, (facts for _, facts in read))
    admitted = [
        (admission, facts.channel)
        for (_, facts), admission in zip(read, told, strict=True)
        if not isinstance(admission, Exception)
    ]
    left = iter(
        await asyncio.gather(*(acts.talk_time.left_seconds(*admission) for admission in admitted))
    )
    for (item, _), admission in zip(read, told, strict=True):
        if isinstance(admission, Exception):
            answers[item] = _refused(request, admission)
        else:
            status = 200 if admission.repeated else 201
            answers[item] = ItemAnswer(status=status, body=admission_body(admission, next(left)))
    return answer({"items": answers})


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
    read, answers = await _items(
        request, UsageItem, lambda item: usage_report(item.account_id, item.call_id, item)
    )
    told = await _submit(acts.reports, (report for _, report in read))
    for (item, _), usage in zip(read, told, strict=True):
        if isinstance(usage, Exception):
            answers[item] = _refused(request, usage)
        else:
            answers[item] = ItemAnswer(status=200, body=await usage_answer_body(platform, usage))
    return answer({"items": answers})


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
    read, answers = await _items(
        request, EndItem, lambda item: end_request(item.account_id, item.call_id, item)
    )
    told = await _submit(acts.ends, (end for _, end in read))
    now = platform.clock()
    for (item, _), ended in zip(read, told, strict=True):
        if isinstance(ended, Exception):
            answers[item] = _refused(request, ended)
        else:
            body = call_body(ended.call, now)
            answers[item] = ItemAnswer(status=200, body=body)
    return answer({"items": answers})


async def _items(
    request: Request[Any, Any, Any], body_type: type[Body], facts_of: Callable[[Body], Fact]
) -> tuple[list[tuple[int, Fact]], list[ItemAnswer[Any] | None]]:
    """The items that could be read, with their places; and the answers, the others' filled in."""
    items = (await read_body(request, Items[msgspec.Raw])).items
    if len(items) > BATCH_MAX:
        raise TooMany(f"items has {len(items)} members; at most {BATCH_MAX} go", field="items")
    read: list[tuple[int, Fact]] = []
    answers: list[ItemAnswer[Any] | None] = [None] * len(items)
    for i, item in enumerate(items):
        try:
            read.append((i, facts_of(decode_body(item, body_type))))
        except TalktimeError as error:
            answers[i] = _refused(request, error)
    return read, answers


async def _submit(batcher: Batcher[Fact, Told], facts: Iterable[Fact]) -> list[Told | Exception]:
    told: list[Told | Exception] = []
    for future in batcher.submit_all(list(facts)):
        try:
            told.append(answered(await future))
        except Exception as error:  # noqa: BLE001 - it is the answer to this item alone
            told.append(error)
    return told


def _refused(request: Request[Any, Any, Any], error: Exception) -> ItemAnswer[Any]:
    metrics: Metrics = request.app.state.metrics
    if isinstance(error, TalktimeError):
        metrics.count_refusal(error.code)
        status, members = status_of(type(error)), problem_of(error)
    else:  # logged where it was caught
        status, members = 500, internal()
    # The facts of a refusal are members beside those that Problem names.
    return ItemAnswer(status=status, problem=cast("Problem", members))
