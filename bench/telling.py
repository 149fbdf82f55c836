"""What it costs the money path that an account is told by webhook: settlements with and without.

One of the accounts has an endpoint, which a worker in a process of its own tells of everything that
happens; in turns it is enabled and disabled, so that a busy machine weighs on both alike.
"""

import asyncio
import multiprocessing
import statistics
from collections.abc import Iterator

import msgspec

from bench import book
from bench.database import ACCOUNTS, settle_tasks
from bench.report import Figure
from bench.writers import Speed, measure
from talktime.core.webhook import Endpoint
from talktime.deliverer import EVERY_SECONDS, Deliverer
from talktime.endpoints import add_endpoint, change_endpoint
from talktime.gateways.webhook import WebhookSender
from talktime.ops.platform import open_platform
from talktime.ops.webhooks import EndpointChange

ROUNDS = 4
DRAIN_SECONDS = 4.0
TERMS = msgspec.structs.replace(book.TERMS, webhooks_private=True)
_ANSWER = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"


def telling_figures(conninfo: str, calls: int) -> Iterator[Figure]:
    """Settled calls per second while one account of the hundred listens, beside nobody."""
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Queue()
    worker = spawn.Process(target=_work, args=(conninfo, ready), daemon=True)
    worker.start()
    endpoint_id = ready.get(timeout=60)
    told: dict[bool, list[Speed]] = {False: [], True: []}
    try:
        for nth in range(2 * ROUNDS):
            listens = nth % 2 == 1
            asyncio.run(_switch(conninfo, endpoint_id, is_enabled=listens))
            starts, settlements = settle_tasks(conninfo, calls)
            measure([starts])
            told[listens].append(measure([settlements]))
    finally:
        worker.terminate()
        worker.join(10)
    for listens, name in ((False, "nobody told"), (True, "one account told by webhook")):
        yield Figure(
            part="webhooks",
            name=f"settle, 100 per batch, {ACCOUNTS} accounts, {name} (median of {ROUNDS})",
            per_second=statistics.median(one.per_second for one in told[listens]),
            backend_us=statistics.median(one.backend_us or 0.0 for one in told[listens]),
            python_us=statistics.median(one.python_us for one in told[listens]),
        )


async def _switch(conninfo: str, endpoint_id: str, *, is_enabled: bool) -> None:
    if not is_enabled:
        await asyncio.sleep(DRAIN_SECONDS)
    async with open_platform(conninfo, terms=TERMS, public_url="http://bench", pool_size=1) as one:
        change = EndpointChange(is_enabled=is_enabled)
        await change_endpoint(one, book.account_name(0), endpoint_id, change)


def _work(conninfo: str, ready: "multiprocessing.Queue[str]") -> None:
    asyncio.run(_work_on(conninfo, ready))


async def _work_on(conninfo: str, ready: "multiprocessing.Queue[str]") -> None:
    server = await asyncio.start_server(_take, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with (
        server,
        open_platform(conninfo, terms=TERMS, public_url="http://bench", pool_size=4) as platform,
    ):
        endpoint: Endpoint
        endpoint, _ = await add_endpoint(platform, book.account_name(0), url=url)
        ready.put(endpoint.endpoint_id)
        deliverer = Deliverer(platform, WebhookSender(allow_private=True))
        while True:
            await deliverer.run()
            await asyncio.sleep(EVERY_SECONDS)


async def _take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            at = head.index(b"content-length: ") + 16
            await reader.readexactly(int(head[at : head.index(b"\r", at)]))
            writer.write(_ANSWER)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
