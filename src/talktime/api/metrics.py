"""What a monitoring system asks: requests, refusals, sizes of batches, what waits.

Nothing here names an account or an amount.
"""

from collections.abc import Callable
from typing import Any, Final, cast

from litestar import Request, Response, get
from litestar.types import HTTPScope, Message, Scope
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

_BATCH_SIZES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500)


class Metrics:
    """The figures of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "talktime_http_requests",
            "Requests answered, by route and status",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._refusals = Counter(
            "talktime_refusals", "Requests and items refused", ("code",), registry=self.registry
        )
        self._batches = Histogram(
            "talktime_batch_size",
            "Items written in one batch",
            ("act",),
            buckets=_BATCH_SIZES,
            registry=self.registry,
        )
        self._depth = Gauge(
            "talktime_queue_depth",
            "Items waiting for their writer",
            ("act",),
            registry=self.registry,
        )
        # Finding a labelled child costs more than counting, and a few routes come all the time.
        self._children: dict[tuple[str, str, int], Counter] = {}

    def count_request(self, method: str, route: str, status: int) -> None:
        """Count an answered request; ``route`` is the template, not the path."""
        key = (method, route, status)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self._requests.labels(method, route, str(status))
        child.inc()

    def count_refusal(self, code: str) -> None:
        """Count a refusal by its code."""
        self._refusals.labels(code).inc()

    def observe_batch(self, act: str, size: int) -> None:
        """Take note of a batch that is being written."""
        self._batches.labels(act).observe(size)

    def watch_queue(self, act: str, depth: Callable[[], int]) -> None:
        """Show a queue's depth from now on."""
        self._depth.labels(act).set_function(depth)


@get("/metrics", include_in_schema=False)
async def get_metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The figures of this process, for Prometheus."""
    metrics: Metrics = request.app.state.metrics
    return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)


async def count_and_harden(message: Message, scope: Scope) -> None:
    """Count the answer, and give it the headers that keep browsers from misusing it."""
    if message["type"] != "http.response.start":
        return
    metrics: Metrics = scope["app"].state.metrics
    http = cast("HTTPScope", scope)
    metrics.count_request(http["method"], http.get("path_template", ""), message["status"])
    headers = message["headers"]
    # A page that says one of these for itself knows better.
    said = {name.lower() for name, _ in headers}
    ours = API_HEADERS if scope["path"].startswith("/v1") else _HEADERS
    message["headers"] = [*headers, *(header for header in ours if header[0] not in said)]


_HEADERS: Final = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))
API_HEADERS: Final = (
    *_HEADERS,
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
