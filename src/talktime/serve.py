"""One process that serves: the API and the pages composed, their loops, a clean start and stop."""

import asyncio
import contextlib
import errno
import gc
import signal
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from typing import Final

import msgspec
import structlog
import uvicorn
from litestar import Litestar

from talktime.api.app import create_app
from talktime.config import Settings
from talktime.connections import Connection
from talktime.core.errors import TalktimeError
from talktime.db.pool import open_pool
from talktime.gateways.mailbox import Mailbox
from talktime.installation import address_kept, paying, public_url_of, terms_of
from talktime.jobs import run_queues
from talktime.loops import run_loops
from talktime.mail_way import has_way_out, open_mailbox, opened_mailer
from talktime.ops.keys import PLATFORM, list_keys
from talktime.ops.platform import Platform, open_platform
from talktime.portal.lost import answer_lost
from talktime.portal.mailbox.pages import mailbox_router
from talktime.portal.rendering import Pages
from talktime.portal.routes import portal_router
from talktime.worker import (
    COLLECTORS,
    clock_loop,
    mail_loops,
    serving_loops,
    worker_loops,
    worker_queues,
)

log = structlog.get_logger("talktime.serve")

LOOPBACK: Final = "127.0.0.1"
BACKLOG: Final = 2048
DRAIN_SECONDS: Final = 5
"""How long requests that are under way may take after we were told to stop."""

KEEP_ALIVE_SECONDS: Final = 75
"""Longer than bots pause between two reports, so that a connection serves a whole call."""

POOL_SIZE: Final = 8
PAGES_POOL_SIZE: Final = 6
"""What pages, lists, reports and exports share: no crowd of readers keeps a call waiting."""
WORKER_POOL_SIZE: Final = 4


KEYS_LOOKED_AT: Final = 200
NO_KEY_HINT: Final = (
    "Nobody can use its API yet: there is no key of the platform. Make one with\n"
    "  talktime keys create backend --scope '*'\n"
    "in another terminal, or set TALKTIME_OPERATOR_KEY (at least 32 characters) and start again."
)


class CannotListen(TalktimeError):
    """The address to serve on cannot be had; the message says why and what to do."""

    code = "cannot_listen"


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A server that answers by now."""

    platform: Platform
    url: str
    """Where it listens, as a browser on this machine would write it."""
    mailbox: Mailbox | None
    """What was sent, where it is kept on this machine."""


def create_server(
    platform: Platform,
    settings: Settings,
    mailbox: Mailbox | None = None,
    *,
    aside: Platform | None = None,
) -> Litestar:
    """The whole application: the API, and the customer's pages beside it.

    ``aside`` has connections of its own, for all that is not gate, usage or settlement.
    """
    aside = aside or platform
    pages = [portal_router(aside, frame_origins=settings.frame_origins)]
    if mailbox is not None:
        pages.append(mailbox_router(mailbox, platform.public_url))
    lost = answer_lost(Pages(platform.public_url, takes_payments=platform.payments is not None))
    app = create_app(platform, settings, aside=aside, extra_handlers=pages, answer_lost=lost)
    for collector in COLLECTORS:
        app.state.metrics.registry.register(collector)
    return app


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one. Raises CannotListen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise CannotListen(
                f"port {port} on {host} is taken by another program: stop that one, or choose "
                "another with --port"
            ) from error
        raise CannotListen(
            f"cannot listen on {host} port {port} ({error}): choose another with --host and --port"
        ) from error


def url_of(listener: socket.socket) -> str:
    """How a browser on this machine reaches a listening socket."""
    host, port = listener.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104  (a comparison: nothing is bound here)
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@asynccontextmanager
async def running_server(
    settings: Settings, conninfo: str, listener: socket.socket, *, with_worker: bool
) -> AsyncIterator[Running]:
    """Serve on a socket for as long as the block runs; leaving it drains what is under way."""
    url = url_of(listener)
    host = listener.getsockname()[0]
    mailbox = open_mailbox(settings, host=host)
    # Nobody else can reach the mailbox's mail server: there mail goes out from here in any case.
    mails = with_worker or mailbox is not None
    async with (
        open_platform(
            conninfo,
            terms=terms_of(settings),
            public_url=settings.public_url or url,
            pool_size=POOL_SIZE + (WORKER_POOL_SIZE if with_worker else 0),
            sign_up_open=settings.sign_up_open,
            mail_configured=has_way_out(settings),
            seller=settings.seller,
        ) as opened,
        paying(settings, opened, host=host) as platform,
        open_pool(conninfo, size=PAGES_POOL_SIZE) as pages_pool,
        opened_mailer(settings, platform.public_url, mailbox) if mails else nullcontext() as mailer,
    ):
        aside = msgspec.structs.replace(platform, pool=pages_pool)
        server = _Server(create_server(platform, settings, mailbox, aside=aside))
        stop = asyncio.Event()
        loops = serving_loops(platform) + (worker_loops(platform) if with_worker else [])
        if mailer is not None:
            loops += mail_loops(platform)
        # The first beat comes before the first request: the watchdog must know of a fresh start.
        await loops[0].act()
        async with asyncio.TaskGroup() as group:
            group.create_task(run_loops(loops, stop))
            group.create_task(run_queues(platform.pool, worker_queues(platform, mailer), stop))
            serving = group.create_task(server.serve(sockets=[listener]))
            try:
                await server.wait_until_up(serving)
                yield Running(platform=platform, url=url, mailbox=mailbox)
            finally:
                stop.set()
                server.should_exit = True
                await asyncio.wait([serving])


async def serve(
    settings: Settings, conninfo: str, listener: socket.socket, *, with_worker: bool
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way."""
    stop = asyncio.Event()
    _stop_on_signals(stop)
    async with running_server(settings, conninfo, listener, with_worker=with_worker) as running:
        _calm_garbage_collection()
        with address_kept(settings.home, running.platform.public_url):
            print(f"Talktime is ready at {running.url}", flush=True)  # noqa: T201  (asked for)
            for line in _for_development(settings, running):
                print(line, flush=True)  # noqa: T201  (asked for)
            if settings.operator_key is None and not await _has_platform_key(running.platform):
                print(NO_KEY_HINT, flush=True)  # noqa: T201  (nothing can be asked of us yet)
            await stop.wait()
        log.info("stopping: requests under way are finished")


def _for_development(settings: Settings, running: Running) -> Iterator[str]:
    """What stands in for mail and money here, and what that means."""
    if running.mailbox is not None:
        yield (
            f"Mail stays on this machine: read it at {running.platform.public_url}/mailbox "
            "(TALKTIME_MAILBOX; whoever reaches it can sign in as anybody)"
        )
    if settings.sandbox_payments:
        yield (
            f"Payments are played, no money moves: top up at {running.platform.public_url}"
            "/billing/top-up (TALKTIME_PAYMENTS=sandbox)"
        )


async def _has_platform_key(platform: Platform) -> bool:
    async with platform.connection() as connection:
        keys = await list_keys(connection, account_id=PLATFORM, after="", limit=KEYS_LOOKED_AT)
    return any(key.revoked_at is None for key in keys)


async def work(settings: Settings, conninfo: str) -> None:
    """Run the worker's loops alone until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    _stop_on_signals(stop)
    async with (
        open_platform(
            conninfo,
            terms=terms_of(settings),
            public_url=public_url_of(settings),
            pool_size=WORKER_POOL_SIZE,
            seller=settings.seller,
        ) as opened,
        paying(settings, opened, host=LOOPBACK) as platform,
        opened_mailer(settings, platform.public_url, None) as mailer,
        asyncio.TaskGroup() as group,
    ):
        mails = mail_loops(platform) if mailer is not None else []
        loops = [clock_loop(platform), *worker_loops(platform), *mails]
        _calm_garbage_collection()
        print("Talktime's worker is running", flush=True)  # noqa: T201  (asked for)
        group.create_task(run_queues(platform.pool, worker_queues(platform, mailer), stop))
        group.create_task(run_loops(loops, stop))


class _Server(uvicorn.Server):
    """uvicorn, told to stop by us: our signals also stop the loops and the database."""

    def __init__(self, app: Litestar) -> None:
        super().__init__(_uvicorn_config(app, app.state.settings.trusted_proxies))
        self._app = app
        self._up = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._up.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Open pages listen for as long as they are let: they are told first, or all would wait.
        self._app.state.live.close()
        await super().shutdown(sockets=sockets)

    async def wait_until_up(self, serving: asyncio.Task[None]) -> None:
        """Return when requests are answered, or raise what kept them from it."""
        up = asyncio.create_task(self._up.wait())
        await asyncio.wait([up, serving], return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if serving.done():
            serving.result()
            raise RuntimeError("the server ended while it was starting")


def _uvicorn_config(app: Litestar, trusted_proxies: Sequence[str]) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        # Attempts are counted by address, which must be one that nobody can make up: a proxy that
        # the operator named is believed, and nobody else.
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)


def _calm_garbage_collection() -> None:
    """What is loaded by now stays for good; looking through it at each collection costs 10 ms."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
