"""An application asked without a socket between."""

from typing import Any, cast

import httpx
from litestar import Litestar


def in_process(
    app: Litestar,
    *,
    raise_app_exceptions: bool = True,
    client: tuple[str, int] = ("127.0.0.1", 123),
) -> httpx.ASGITransport:
    """Litestar and httpx name the same protocol with types of their own, hence the cast."""
    return httpx.ASGITransport(
        cast("Any", app), raise_app_exceptions=raise_app_exceptions, client=client
    )
