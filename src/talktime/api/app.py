"""The application: routes, who may use them, and what is shared by all requests of a process."""

from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from litestar import Litestar, Request, Response, get
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.types import (
    ControllerRouterHandler,
    HTTPScope,
    LifeSpanReceive,
    LifeSpanScope,
    LifeSpanSend,
    Receive,
    Scope,
    Send,
)

from talktime.api import batch, calls
from talktime.api.account_routes import ROUTES as ACCOUNT_ROUTES
from talktime.api.acts import Acts
from talktime.api.auth import KeyRing, guard_scope
from talktime.api.call_reads import get_call, get_calls
from talktime.api.events import get_events
from talktime.api.health import get_health
from talktime.api.hot import HotLane
from talktime.api.intake import bounded
from talktime.api.keys import delete_key, get_keys, post_key
from talktime.api.limits import BODY_BYTES_MAX
from talktime.api.metrics import Metrics, count_and_harden, get_metrics
from talktime.api.openapi import document
from talktime.api.problems import EXCEPTION_HANDLERS, refuse_http
from talktime.config import Settings
from talktime.core.ratecard import Service
from talktime.ops.live import LiveFeed
from talktime.ops.platform import Platform

AnswerLost = Callable[[Request[Any, Any, Any], HTTPException], Response[Any] | None]


class Application(Litestar):
    """The application with a shorter way for what comes most."""

    __slots__ = ("lane",)

    lane: HotLane

    async def __call__(
        self,
        scope: Scope | LifeSpanScope,
        receive: Receive | LifeSpanReceive,
        send: Send | LifeSpanSend,
    ) -> None:
        if cast("str", scope["type"]) == "http":
            http = cast("HTTPScope", scope)
            found = self.lane.find(http)
            if found is not None:
                await self.lane.serve(found, http, cast("Receive", receive), cast("Send", send))
                return
            receive = bounded(http, cast("Receive", receive))
        await super().__call__(scope, receive, send)


@get("/openapi.json", include_in_schema=False)
async def get_openapi(request: Request[Any, Any, Any]) -> Response[bytes]:
    """What this API has, for programs."""
    return Response(request.app.state.openapi, media_type="application/json")


ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (
    get_health,
    get_metrics,
    get_openapi,
    calls.start_call,
    calls.put_usage,
    calls.end_call,
    get_calls,
    get_call,
    get_events,
    batch.batch_start,
    batch.batch_usage,
    batch.batch_end,
    post_key,
    get_keys,
    delete_key,
    *ACCOUNT_ROUTES,
)


def create_app(
    platform: Platform,
    settings: Settings,
    *,
    aside: Platform | None = None,
    extra_handlers: Sequence[ControllerRouterHandler] = (),
    answer_lost: AnswerLost | None = None,
) -> Litestar:
    """The API on an open platform; ``extra_handlers`` bring pages or whatever else shares its port.

    ``answer_lost`` is asked first where nothing is found; what it has no answer to is a problem.

    ``aside`` is the same platform on connections of their own, for all but gate, usage and
    settlement: however much is read, listed and exported, those never wait for it.

    The application's state has ``platform`` (aside), ``gate``, ``acts`` (the writers), ``live``
    (the feed) and ``key_ring``. Its lifespan must be run, as servers do: at its end everything
    queued is written.
    """
    metrics = Metrics()
    acts = Acts(platform, observe=metrics.observe_batch)
    for writer in acts.writers:
        metrics.watch_queue(writer.name, writer.depth)
    live = LiveFeed(platform)

    def refuse_lost(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
        return (answer_lost and answer_lost(request, error)) or refuse_http(request, error)

    key_ring = KeyRing(platform, settings.operator_key)
    lane = HotLane(calls.HOT_ROUTES, acts=acts, key_ring=key_ring, metrics=metrics)
    app = Application(
        route_handlers=[*ROUTES, *extra_handlers],
        guards=[guard_scope],
        exception_handlers={**EXCEPTION_HANDLERS, HTTPException: refuse_lost},
        before_send=[count_and_harden],
        request_max_body_size=BODY_BYTES_MAX,
        openapi_config=None,
        logging_config=None,
        on_startup=[_warm_up],
        on_shutdown=[_close],
        state=State(
            {
                "platform": aside or platform,
                "gate": platform,
                "settings": settings,
                "metrics": metrics,
                "acts": acts,
                "live": live,
                "key_ring": key_ring,
            }
        ),
    )
    app.lane = lane
    app.state.openapi = document(app)
    return app


async def _warm_up(app: Litestar) -> None:
    # The first look-up of an LLM's price reads a large table, which no call should wait for.
    gate: Platform = app.state.gate
    gate.prices.book.find(Service.LLM, "openai", "gpt-4o-mini", gate.clock())


async def _close(app: Litestar) -> None:
    app.state.live.close()
    await app.state.acts.close()
