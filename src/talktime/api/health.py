"""Can this process serve? It asks the database, and waits for it only so long."""

import asyncio
from datetime import timedelta
from typing import Any, Final

from litestar import Request, Response, get

from talktime.api.bodies import answer
from talktime.core.errors import Overloaded
from talktime.ops.health import read_health
from talktime.ops.platform import Platform

HEALTH_SECONDS: Final = 2.0
LONGEST_GAP: Final = timedelta(seconds=10)


@get("/healthz", include_in_schema=False)
async def get_health(request: Request[Any, Any, Any]) -> Response[bytes]:
    """200 when calls can be started and settled; 503 when the database does not answer in time."""
    platform: Platform = request.app.state.gate
    try:
        async with asyncio.timeout(HEALTH_SECONDS), platform.connection() as connection:
            await read_health(connection, now=platform.clock(), longest_gap=LONGEST_GAP)
    except TimeoutError as error:
        raise Overloaded("the database does not answer in time") from error
    return answer({"status": "ok"})
