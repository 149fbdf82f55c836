"""Requests and answers as values: what is sent, and what an answer means. No I/O."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from talktime_sdk import _errors

T = TypeVar("T")


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One act, ready to be sent any number of times: its ids and facts never change."""

    method: str
    path: str
    """Absolute, quoted, query included."""
    body: dict[str, Any] | None = None

    def json(self) -> bytes:
        """The body as it goes over the wire."""
        return msgspec.json.encode(self.body) if self.body is not None else b""


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """One answer, whole."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}
    """Names in lower case."""
    after_lost_answer: bool = False
    """An earlier attempt of the same act went out and got no answer."""


def path(*segments: str, **query: object) -> str:
    """``/v1/...`` with every segment quoted; query members that are None are left out."""
    told = {name: str(value) for name, value in query.items() if value is not None}
    return (
        "/v1/"
        + "/".join(quote(segment, safe="") for segment in segments)
        + (f"?{urlencode(told)}" if told else "")
    )


def facts(**members: object) -> dict[str, Any]:
    """A body without the members that are None: an absent value is a value of its own."""
    return {name: value for name, value in members.items() if value is not None}


def read_answer(response: Response, answer_type: type[T]) -> T:
    """The answer as a value; raises Refusal where Talktime said no, UnexpectedAnswer where the
    answer is not Talktime's."""
    if not 200 <= response.status < 300:
        raise read_refusal(response)
    try:
        return msgspec.json.decode(response.body, type=answer_type)
    except (msgspec.DecodeError, UnicodeDecodeError) as trouble:
        raise _errors.UnexpectedAnswer(
            f"an answer with status {response.status} could not be read: {trouble}",
            status=response.status,
        ) from trouble


_BY_CODE: Mapping[str, type[_errors.Refusal]] = {
    "insufficient_credits": _errors.InsufficientCredits,
    "account_suspended": _errors.AccountSuspended,
}
_BY_STATUS: Mapping[int, type[_errors.Refusal]] = {
    400: _errors.InvalidRequest,
    401: _errors.Unauthenticated,
    403: _errors.Forbidden,
    404: _errors.NotFound,
    408: _errors.Overloaded,
    409: _errors.Conflict,
    410: _errors.Gone,
    413: _errors.InvalidRequest,
    429: _errors.Overloaded,
    502: _errors.Overloaded,
    503: _errors.Overloaded,
    504: _errors.Overloaded,
}


def read_refusal(response: Response) -> _errors.TalktimeError:
    """The error that an answer outside 200-299 means."""
    problem = _problem(response.body)
    code = problem.get("code")
    known = _BY_CODE.get(code) if isinstance(code, str) else None
    known = known or _BY_STATUS.get(response.status)
    if known is None or not (isinstance(code, str) or known is _errors.Overloaded):
        return _errors.UnexpectedAnswer(
            f"an answer with status {response.status} that is not Talktime's",
            status=response.status,
        )
    refusal = known(
        str(problem.get("detail") or problem.get("title") or f"status {response.status}"),
        status=response.status,
        code=code if isinstance(code, str) else "overloaded",
        field=problem.get("field"),
        facts={name: problem[name] for name in problem.keys() - _PROBLEM_MEMBERS},
        retry_after=read_retry_after(response.headers),
        after_lost_answer=response.after_lost_answer,
    )
    if isinstance(refusal, _errors.InsufficientCredits):
        for name in ("available", "held", "startable", "floor"):
            setattr(refusal, name, _amount(problem.get(name)))
    return refusal


_PROBLEM_MEMBERS = {"type", "title", "status", "detail", "instance", "code", "field"}


def _problem(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}


def _amount(value: object) -> Decimal | None:
    try:
        return Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        return None


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from either form that HTTP allows; None where it cannot be read.

    A point in time is compared with the answer's own Date, so that our clock does not matter.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        until, sent = parsedate_to_datetime(value), parsedate_to_datetime(headers["date"])
        return max(0.0, (until - sent).total_seconds())
    except (KeyError, ValueError, TypeError):
        return None
