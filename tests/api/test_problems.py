"""Refusals: one shape, one status per class, nothing leaked."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import structlog
from litestar import Litestar, get

from talktime.api.app import create_app
from talktime.api.problems import problem_of, status_of
from talktime.config import Settings
from talktime.core import errors
from talktime.core.errors import CallUnknown, InsufficientCredits, Overloaded, TalktimeError
from talktime.ops.platform import Platform
from tests.api.caller import OPERATOR_KEY, Caller, refused, running
from tests.in_process import in_process

SECRET = "hunter2-of-the-database"


@get("/boom")
async def boom() -> None:
    """Fails in a way nobody thought of."""
    raise RuntimeError(f"password={SECRET}")


@get("/busy")
async def busy() -> None:
    """Is overloaded."""
    raise Overloaded("come back")


@pytest.fixture
async def trouble(platform: Platform, settings: Settings) -> AsyncIterator[Caller]:
    """The API with two handlers that fail."""
    async with (
        running(create_app(platform, settings, extra_handlers=[boom, busy])) as app,
        httpx.AsyncClient(
            transport=in_process(app, raise_app_exceptions=False),
            base_url="http://api.test",
        ) as client,
    ):
        yield Caller(client, OPERATOR_KEY)


def every_error() -> list[type[TalktimeError]]:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    return [kind for kind in kinds if issubclass(kind, TalktimeError)]


@pytest.mark.parametrize("kind", every_error()[1:], ids=lambda kind: kind.__name__)
def test_every_refusal_has_a_status(kind: type[TalktimeError]) -> None:
    """No class of the tree falls through to a 500."""
    assert status_of(kind) != 500


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.LineNotAllowed, 400),
        (errors.Unauthenticated, 401),
        (InsufficientCredits, 402),
        (errors.AccountSuspended, 403),
        (CallUnknown, 404),
        (errors.PromoInsufficient, 409),
        (errors.CouponExpired, 410),
        (Overloaded, 503),
    ],
)
def test_the_statuses(kind: type[TalktimeError], status: int) -> None:
    """The status is the class's own, or its nearest ancestor's."""
    assert status_of(kind) == status


def test_facts_never_hide_members() -> None:
    """Facts stand beside the members of a problem, never in their place."""
    problem = problem_of(InsufficientCredits("no", startable="0", status="odd", code="odd"))
    assert (problem["status"], problem["code"]) == (402, "insufficient_credits")
    assert problem["startable"] == "0"
    assert list(problem)[:5] == ["type", "title", "status", "detail", "code"]


async def test_nothing_at_this_address(api: Caller) -> None:
    """An unknown address is a problem too, wherever it is."""
    for path in ("/v1/nothing", "/nothing", "/v1/calls/x", "/v2/calls"):
        refused(await api.ask("GET", path), 404, "not_found")


async def test_not_this_way(api: Caller) -> None:
    """A method that is not possible says which are."""
    response = await api.ask("DELETE", "/v1/calls")
    refused(response, 405, "method_not_allowed")
    assert "POST" in response.headers["allow"]


async def test_a_fault_of_ours_leaks_nothing(trouble: Caller) -> None:
    """The caller learns only that it was our fault; the log has the rest, but no key."""
    with structlog.testing.capture_logs() as logs:
        response = await trouble.ask("GET", "/boom")
    problem = refused(response, 500, "internal")
    assert SECRET not in json.dumps(problem)
    (entry,) = [log for log in logs if log["log_level"] == "error"]
    assert entry["route"] == "/boom"
    assert OPERATOR_KEY not in repr(entry)
    shown: Any = entry["exc_info"][1]
    assert SECRET in str(shown)


async def test_overload_says_when_to_come_back(trouble: Caller) -> None:
    """503 comes with Retry-After."""
    response = await trouble.ask("GET", "/busy")
    refused(response, 503, "overloaded")
    assert int(response.headers["retry-after"]) >= 1


async def test_headers_that_harden(app: Litestar, api: Caller) -> None:
    """No answer of the API may be sniffed, framed or kept; refusals neither; no CORS."""
    for response in (
        await api.ask("GET", "/v1/keys"),
        await api.ask("GET", "/v1/nothing", headers={"origin": "https://evil.test"}),
    ):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
        assert "access-control-allow-origin" not in response.headers
