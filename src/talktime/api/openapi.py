"""/openapi.json, made of what the handlers say about themselves."""

import inspect
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar import Litestar
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.routes import HTTPRoute

from talktime import __version__
from talktime.api.description import ALWAYS_REFUSED_WITH, Description
from talktime.api.problems import MEDIA_TYPE, BodyTooLarge, Problem, status_of
from talktime.core.errors import TalktimeError
from talktime.core.one_line import ID_LENGTH_MAX
from talktime.core.ratecard import SERVICE_QUANTITIES, SERVICES, TIME_QUANTITIES
from talktime.core.usage import COUNT_MAX, LINES_MAX, SECONDS_MAX, LineReport

Json = dict[str, Any]

_REF: Final = "#/components/schemas/{name}"
_ID_TEXT: Final = r"^[^/\u0000-\u0020\u007f-\u00a0]+$"
"""Roughly what check_id takes; spaces inside are possible too."""
_DECIMAL_TEXT: Final = r"^[0-9]{1,12}(\.[0-9]{1,30})?$"

_ABOUT: Final = """Prepaid credits for AI voice and chat calls.

Money is USD in decimal strings, exact to the nano-dollar (`"0.052"`). Times are RFC 3339 in UTC.
Every refusal is `application/problem+json` with a stable `code`, and `field` where a part of the
input is wrong; some codes bring further members. Repeating a request with the same ids is safe."""


class Undescribed(RuntimeError):
    """A route of the API says nothing about who may call it, so nobody may."""


def document(app: Litestar) -> bytes:
    """The OpenAPI 3.1 document of an application. Raises Undescribed."""
    operations = list(_operations(app))
    types: list[object] = [Problem, LineReport]
    for _, _, _, description in operations:
        types += [t for t in (description.body, description.query) if t is not None]
        types += [t for t in description.answers.values() if t is not None]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    schema_of = dict(zip(map(_key, types), schemas, strict=True))
    paths: dict[str, Json] = {}
    for path, method, handler, description in operations:
        operation = _operation(path, handler, description, schema_of, components)
        paths.setdefault(path, {})[method.lower()] = operation
    paths["/healthz"] = {"get": _open("getHealth", "Can this server serve?", "application/json")}
    paths["/metrics"] = {"get": _open("getMetrics", "Figures for Prometheus", "text/plain")}
    paths["/healthz"]["get"]["responses"]["503"] = _refusal(503)
    _refine(components)
    queries = {_name(d.query) for _, _, _, d in operations if d.query is not None}
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {"title": "Talktime", "version": __version__, "description": _ABOUT},
            "security": [{"key": []}],
            "paths": paths,
            "components": {
                "schemas": {n: s for n, s in components.items() if n not in queries},
                "securitySchemes": {
                    "key": {"type": "http", "scheme": "bearer", "description": "An API key: tt_…"}
                },
            },
        }
    )


def _operations(app: Litestar) -> Iterator[tuple[str, str, BaseRouteHandler, Description]]:
    for route in sorted(app.routes, key=lambda route: route.path):
        if not route.path.startswith("/v1"):
            continue
        handlers: Iterable[BaseRouteHandler] = (
            route.route_handlers if isinstance(route, HTTPRoute) else (route.route_handler,)
        )
        for handler in handlers:
            methods = handler.http_methods if isinstance(handler, HTTPRouteHandler) else ()
            if "OPTIONS" in methods:
                continue
            description = handler.opt.get("description")
            if not isinstance(description, Description):
                raise Undescribed(f"{route.path}: say who may call it with described(scope=…)")
            for method in methods:
                yield route.path_format, method, handler, description


def _operation(
    path: str,
    handler: BaseRouteHandler,
    description: Description,
    schema_of: dict[str, Json],
    components: dict[str, Json],
) -> Json:
    summary, _, more = (inspect.getdoc(handler.fn) or "").partition("\n")
    operation: Json = {
        "operationId": handler.handler_name,
        "summary": summary.rstrip("."),
        "description": "\n\n".join(
            filter(None, [more.strip(), f"Needs the scope `{description.scope}`."])
        ),
        "tags": [_tag(path)],
        "parameters": [*_path_parameters(path), *_query_parameters(description, components)],
        "responses": {},
    }
    refusals: set[type[TalktimeError]] = {*ALWAYS_REFUSED_WITH, *description.refusals}
    if description.body is not None:
        refusals.add(BodyTooLarge)
        schema = schema_of[_key(description.body)]
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    for status, answer in description.answers.items():
        success: Json = {"description": HTTPStatus(status).phrase}
        if answer is not None:
            success["content"] = {"application/json": {"schema": schema_of[_key(answer)]}}
            for media, words in description.media.items():
                success["content"][media] = {"schema": {"type": "string", "description": words}}
        operation["responses"][str(status)] = success
    for status in sorted({status_of(refusal) for refusal in refusals}):
        codes = sorted(r.code for r in refusals if status_of(r) == status)
        operation["responses"][str(status)] = _refusal(status, codes)
    return operation


def _path_parameters(path: str) -> list[Json]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    schema = {
        "type": "string",
        "minLength": 1,
        "maxLength": ID_LENGTH_MAX,
        "pattern": _ID_TEXT,
    }
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in names]


def _query_parameters(description: Description, components: dict[str, Json]) -> list[Json]:
    if description.query is None:
        return []
    schema = components[_name(description.query)]
    required = schema.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _given(member)}
        for name, member in schema["properties"].items()
    ]


def _given(member: Json) -> Json:
    """A query parameter is left out, not null."""
    choices = [one for one in member.get("anyOf", ()) if one != {"type": "null"}]
    if not choices:
        return member
    return choices[0] if len(choices) == 1 else {"anyOf": choices}


def _refusal(status: int, codes: Iterable[str] = ()) -> Json:
    words = HTTPStatus(status).phrase
    told = ", ".join(f"`{code}`" for code in codes)
    return {
        "description": f"{words}: {told} or a code below it" if told else words,
        "content": {MEDIA_TYPE: {"schema": {"$ref": _REF.format(name=Problem.__name__)}}},
    }


def _open(operation_id: str, summary: str, media: str) -> Json:
    return {
        "operationId": operation_id,
        "summary": summary,
        "tags": ["server"],
        "security": [],
        "responses": {"200": {"description": "OK", "content": {media: {"schema": {}}}}},
    }


def _refine(components: dict[str, Json]) -> None:
    """Say what the types cannot: that a decimal may be a number too, what a line may hold."""
    for schema in components.values():
        _widen_decimals(schema)
    line = components[LineReport.__name__]["properties"]
    line["service"] = {"type": "string", "enum": list(SERVICES)}
    line["provider_cost"] = {
        "anyOf": [
            {"type": "string", "pattern": r"^[0-9]{1,7}(\.[0-9]{1,9})?$"},
            {"type": "null"},
        ],
        "description": "The provider's own figure in USD; it then prices the line.",
    }
    names = dict.fromkeys(name for group in SERVICE_QUANTITIES.values() for name in group)
    line["quantities"] = {
        "type": "object",
        "description": "Running totals; input_tokens include cached, cache-written and audio ones.",
        "additionalProperties": False,
        "properties": {name: _quantity(name) for name in names},
        "default": {},
    }
    for schema in components.values():
        lines = schema.get("properties", {}).get("lines", {})
        for choice in lines.get("anyOf", ()):
            if choice.get("type") == "array":
                choice["maxItems"] = LINES_MAX


def _quantity(name: str) -> Json:
    number: Json = {"type": "integer", "minimum": 0, "maximum": COUNT_MAX}
    if name in TIME_QUANTITIES:
        number = {"type": "number", "minimum": 0, "maximum": SECONDS_MAX}
    return {"anyOf": [number, {"type": "string", "pattern": r"^[0-9]{1,6}$"}, {"type": "null"}]}


def _widen_decimals(schema: Any) -> None:
    if isinstance(schema, dict):
        choices = schema.get("anyOf", ())
        if {"type": "number"} in choices and {"type": "string"} in choices:
            schema["anyOf"] = [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": _DECIMAL_TEXT},
                *(choice for choice in choices if choice == {"type": "null"}),
            ]
        for member in schema.values():
            _widen_decimals(member)
    elif isinstance(schema, list):
        for member in schema:
            _widen_decimals(member)


def _tag(path: str) -> str:
    parts = [part for part in path.split("/")[2:] if not part.startswith("{")]
    return parts[1] if len(parts) > 1 and parts[0] == "accounts" else parts[0]


def _name(query: type[msgspec.Struct]) -> str:
    return query.__name__


def _key(described: object) -> str:
    return repr(described)
