"""/openapi.json: complete, and true of what the API does."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from litestar import Litestar, get
from schemathesis.checks import CheckFunction
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

from talktime.api.app import create_app
from talktime.api.openapi import Undescribed
from talktime.config import Settings
from talktime.ops.platform import Platform
from tests.api.caller import OPERATOR_KEY, Caller, listening, told

MakeAccount = Callable[..., Awaitable[str]]
Json = dict[str, Any]
AnyCase = schemathesis.Case[Any]

TRUE_OF_EVERY_ANSWER: list[CheckFunction] = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.unsupported_method,
]
"""Laws of schemathesis that every request, sensible or not, must keep. That keys count has its own
tests: here a hundred wrong ones in a row are slowed down, as they should be."""

STREAMS = "/v1/accounts/{account_id}/events"
EXAMPLES = 12


@get("/v1/secrets")
async def undescribed() -> None:
    """Says nothing about who may call it."""


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(ref := node.get("$ref"), str):
            yield ref
        for member in node.values():
            yield from references(member)
    elif isinstance(node, list):
        for member in node:
            yield from references(member)


async def test_it_is_whole(api: Caller) -> None:
    """Every operation has a scope, its refusals and resolvable schemas; no name is used twice."""
    document = told(await api.using(None).ask("GET", "/openapi.json"))
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= known
    seen: set[str] = set()
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["operationId"] not in seen
            seen.add(operation["operationId"])
            if path.startswith("/v1"):
                assert "scope `" in operation["description"]
                assert {"400", "401", "403", "429", "503"} <= set(operation["responses"])
            if "requestBody" in operation:
                assert "413" in operation["responses"]
    assert "402" in document["paths"]["/v1/calls"]["post"]["responses"]


async def test_every_route_is_in_it(app: Litestar, api: Caller) -> None:
    """No operation under /v1 is left out."""
    document = told(await api.using(None).ask("GET", "/openapi.json"))
    for route in app.routes:
        if route.path.startswith("/v1"):
            methods = {method.lower() for method in route.methods} - {"options"}
            assert methods == set(document["paths"][route.path_format])


async def test_the_reference_names_every_code(api: Caller) -> None:
    """Whatever code an operation may answer with, docs/reference.md has it in its table."""
    document = told(await api.using(None).ask("GET", "/openapi.json"))
    reference = (Path(__file__).parents[2] / "docs" / "reference.md").read_text()
    codes = {
        code
        for acts in document["paths"].values()
        for operation in acts.values()
        for status, answer in operation["responses"].items()
        if status >= "4"
        for code in re.findall(r"`(\w+)`", answer["description"])
    }
    assert len(codes) > 30
    assert {code for code in codes if f"`{code}`" not in reference} == set()


def test_a_route_that_says_nothing_is_no_route(platform: Platform, settings: Settings) -> None:
    """A route under /v1 without a scope stops the application from being made."""
    with pytest.raises(Undescribed):
        create_app(platform, settings, extra_handlers=[undescribed])


@pytest.fixture
async def base_url(platform: Platform, settings: Settings) -> AsyncIterator[str]:
    async with listening(create_app(platform, settings)) as url:
        yield url


@pytest.mark.timeout(180)
@pytest.mark.filterwarnings("default")
async def test_it_is_true(base_url: str, make_account: MakeAccount) -> None:
    """Whatever is asked, sensible or not, the answer is one that the document promises."""
    account_id = await make_account(paid="5")
    await asyncio.to_thread(ask_everything, base_url, account_id)


def ask_everything(base_url: str, account_id: str) -> None:
    schema = schemathesis.openapi.from_url(f"{base_url}/openapi.json")
    found = list(schema.get_all_operations())
    operations = [result.ok() for result in found if isinstance(result, Ok)]
    assert len(operations) == len(found) > 20
    headers = {"Authorization": f"Bearer {OPERATOR_KEY}"}
    for operation in operations:
        if operation.path == STREAMS:
            continue

        @schemathesis_settings
        @given(case=operation.as_strategy())
        def ask(case: AnyCase) -> None:
            if case.path_parameters and "account_id" in case.path_parameters and case.meta:
                case.path_parameters["account_id"] = account_id
            case.call_and_validate(headers=headers, checks=TRUE_OF_EVERY_ANSWER)

        ask()


schemathesis_settings = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
