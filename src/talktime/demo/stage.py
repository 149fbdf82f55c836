"""The stage of the demo: a server and a worker on a fresh database, and the bots that play."""

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console

from talktime.config import Settings
from talktime.core.coupon import Coupon
from talktime.core.errors import TalktimeError
from talktime.core.money import display_usd
from talktime.db.opening import opened_database
from talktime.demo import timetable
from talktime.demo.closing import Closing, closing_table, read_closing
from talktime.demo.home import demo_home
from talktime.demo.narrator import Narrator
from talktime.demo.post import Post
from talktime.demo.purse import Purse, PurseBroken
from talktime.installation import DEFAULT_PORT, address_kept
from talktime.ops.coupons import create_coupon
from talktime.ops.platform import utc_now
from talktime.serve import CannotListen, Running, listen, running_server
from talktime_sdk import TalktimeClient

ACCOUNT_ID: Final = "harbor-dental"
NAME: Final = "Harbor Dental"
EMAIL: Final = "billing@harbor-dental.example"
PAID_USD: Final = "5.00"
COUPON: Final = "THANKS-1"
COUPON_NANOS: Final = 1_000_000_000
LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})

LEASE_SECONDS: Final = 5
GRACE_SECONDS: Final = 15
SHORTEST_GRACE_SECONDS: Final = 4
LINE_BYTES_MAX: Final = 1_000_000


class StoryBroken(TalktimeError):
    """The demo did not go as it is written."""

    code = "story_broken"


async def run_demo(
    settings: Settings, *, host: str, port: int | None, speed: float, leave: bool
) -> None:
    """Play the story, then serve on until Ctrl-C; with ``leave``, end after the story.

    Raises StoryBroken where bots died that should not, or the books are not clean.
    """
    console = Console(highlight=False)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signum, stop.set)
    console.print("Setting up a database of the demo's own …", style="dim")
    with (
        _listener(host, port) as listener,
        demo_home(settings.home, utc_now()) as home,
        opened_database(home, None) as conninfo,
    ):
        # Whoever reaches the mailbox reads everybody's mail: it is there for this machine alone.
        mailbox = listener.getsockname()[0] in LOOPBACK
        own = _settings(settings, home, speed, mailbox=mailbox)
        async with running_server(own, conninfo, listener, with_worker=True) as running:
            with address_kept(home, running.platform.public_url):
                await _play(console, own, running, stop, speed=speed, leave=leave)
    console.print("The demo's data is thrown away.", style="dim")


def _listener(host: str, port: int | None) -> socket.socket:
    """The port asked for; unless one was, any that is free where the usual one is taken."""
    if port is not None:
        return listen(host, port)
    try:
        return listen(host, DEFAULT_PORT)
    except CannotListen:
        return listen(host, 0)


def _settings(settings: Settings, home: Path, speed: float, *, mailbox: bool) -> Settings:
    """Short lease and grace, a key of its own, and never the operator's database."""
    return msgspec.structs.replace(
        settings,
        home=home,
        database_url=None,
        public_url=None,
        smtp_url=None,
        mail_from=None,
        mailbox=mailbox,
        stripe_key=None,
        stripe_webhook_secret=None,
        # Whoever reaches the sandbox gets credit for nothing.
        sandbox_payments=mailbox,
        operator_key=secrets.token_hex(32),
        lease_seconds=max(1, int(LEASE_SECONDS / speed)),
        grace_seconds=max(SHORTEST_GRACE_SECONDS, int(GRACE_SECONDS / speed)),
        margin_ppm=300_000,
        floor_nanos=100_000_000,
        welcome_bonus_nanos=500_000_000,
    )


async def _play(
    console: Console,
    settings: Settings,
    running: Running,
    stop: asyncio.Event,
    *,
    speed: float,
    leave: bool,
) -> None:
    assert settings.operator_key is not None
    narrator = Narrator(console)
    async with TalktimeClient(running.url, settings.operator_key) as client:
        purse = None
        if running.platform.payments is not None:
            purse = Purse(running.url, settings.operator_key, ACCOUNT_ID, narrator)
        await _open_account(client, purse)
        link = await client.portal_link(ACCOUNT_ID)
        _invite(console, link.url, settings)
        post = None
        if running.mailbox is not None:
            console.print(f"Its mail: {running.url}/mailbox", soft_wrap=True)
            post = Post(narrator, running.mailbox)
        if speed != 1:
            console.print(f"Played at {speed:g} times life's speed: so much shorter are the calls.")
        async with _accompanied(console, client, post):
            story = asyncio.create_task(
                _tell_story(narrator, running, settings.operator_key, speed)
            )
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait([story, stopped], return_when=asyncio.FIRST_COMPLETED)
            if not story.done():
                story.cancel()
                await asyncio.wait([story])
                return
            try:
                story.result()
            except* StoryBroken as broken:
                raise broken.exceptions[0] from None
            closing = await read_closing(running.platform, ACCOUNT_ID)
            console.print(closing_table(closing, refused=narrator.refused))
            _judge(narrator, closing)
            if post is not None:
                await _redeem_coupon(narrator, running, client, post)
            if purse is not None:
                await _move_money(narrator, running, purse)
            if not leave:
                console.print(
                    "The pages stay open: press Enter for a fresh link, Ctrl-C to end. "
                    "To bill a call of your own: docs/quickstart.md",
                    style="bold",
                )
                await stop.wait()


def _judge(narrator: Narrator, closing: Closing) -> None:
    """The story promises clean books and an empty purse: hold it to that."""
    if narrator.troubles or not closing.verification.is_clean:
        raise StoryBroken("the demo's books are not as they should be; the lines above say why")
    if closing.account.startable_nanos >= 100_000_000:
        raise StoryBroken("the demo ended before the money was spent")


async def _redeem_coupon(
    narrator: Narrator, running: Running, client: TalktimeClient, post: Post
) -> None:
    """The mail so far, then a coupon that lets the customer's calls in again, and its mail.

    Raises StoryBroken where a crossing was told twice or not at all.
    """
    told = [await post.count(words) for words in ("Balance below $1.00", "New calls are now")]
    if told != [1, 1]:
        raise StoryBroken(f"each crossing brings one mail, and there are {told}")
    async with running.platform.connection() as connection:
        await create_coupon(
            connection,
            Coupon(code=COUPON, amount_nanos=COUPON_NANOS, created_at=running.platform.clock()),
        )
    await client.redeem_coupon(ACCOUNT_ID, COUPON)
    narrator.say(
        f"Coupon {COUPON} is redeemed: {display_usd(COUPON_NANOS)} of promo credit, and new calls "
        "are let in again.",
        style="bold",
    )
    if await post.count("Coupon redeemed") != 1:
        raise StoryBroken("the coupon's mail did not arrive")


@asynccontextmanager
async def _accompanied(
    console: Console, client: TalktimeClient, post: Post | None
) -> AsyncIterator[None]:
    """While the block runs: a fresh link on Enter, and mail told as it arrives."""
    watching = None if post is None else asyncio.create_task(post.watch())
    try:
        with _link_on_enter(console, client):
            yield
    finally:
        if watching is not None:
            watching.cancel()
            await asyncio.wait([watching])


async def _open_account(client: TalktimeClient, purse: Purse | None) -> None:
    await client.create_account(account_id=ACCOUNT_ID, name=NAME, email=EMAIL, verified=True)
    if purse is not None:
        await purse.top_up(PAID_USD)
        return
    await client.adjust(
        ACCOUNT_ID, adjustment_id="opening", paid=PAID_USD, reason="First top-up, for the demo"
    )


async def _move_money(narrator: Narrator, running: Running, purse: Purse) -> None:
    """A card saved and reloaded from, a refund, and books that are clean after it.

    Raises StoryBroken where money did not move as it should.
    """
    try:
        await purse.reload()
        await purse.refund()
    except PurseBroken as broken:
        raise StoryBroken(str(broken)) from broken
    finally:
        await purse.close()
    closing = await read_closing(running.platform, ACCOUNT_ID)
    if not closing.verification.is_clean:
        raise StoryBroken("the books are not clean after the refund")
    narrator.say(
        "The books are clean again. Try the rest on Billing: Top up (decline, 3-D Secure), "
        "Payments with receipts and this month's statement, Auto-reload, Refund."
    )


def _invite(console: Console, url: str, settings: Settings) -> None:
    talktime = f"TALKTIME_HOME={settings.home} {sys.argv[0]}"
    console.rule("Talktime demo")
    console.print(f"{NAME} has $0.50 promo, its welcome bonus, and ${PAID_USD} paid.")
    console.print("Open its pages, and watch them move for two and a half minutes:\n")
    console.print(f"  {url}\n", style="bold underline", soft_wrap=True)
    console.print("The link works once. For another one press Enter here, or run")
    console.print(f"  {talktime} accounts link {ACCOUNT_ID}", style="dim", soft_wrap=True)
    console.print("To recompute its books, and to compare its payments with the provider's:")
    console.print(f"  {talktime} ledger verify", style="dim", soft_wrap=True)
    if settings.sandbox_payments:
        command = f"  TALKTIME_PAYMENTS=sandbox {talktime} payments reconcile"
        console.print(command, style="dim", soft_wrap=True)
    console.rule()


@contextlib.contextmanager
def _link_on_enter(console: Console, client: TalktimeClient) -> Iterator[None]:
    """A fresh link whenever somebody presses Enter, where there is somebody."""
    if not sys.stdin.isatty():
        yield
        return
    loop = asyncio.get_running_loop()
    asked: set[asyncio.Task[None]] = set()

    async def print_link() -> None:
        link = await client.portal_link(ACCOUNT_ID)
        console.print(f"  {link.url}", style="bold underline", soft_wrap=True)

    def on_input() -> None:
        if not sys.stdin.readline():  # closed
            loop.remove_reader(sys.stdin)
            return
        task = asyncio.create_task(print_link())
        asked.add(task)
        task.add_done_callback(asked.discard)

    loop.add_reader(sys.stdin, on_input)
    try:
        yield
    finally:
        loop.remove_reader(sys.stdin)


async def _tell_story(narrator: Narrator, running: Running, key: str, speed: float) -> None:
    """Have the bots play, and tell what they say. Raises StoryBroken where they fail."""
    play = _Play(narrator=narrator, url=running.url, key=key, speed=speed)
    async with asyncio.TaskGroup() as group:
        group.create_task(play.everything())
        group.create_task(play.crash())


class _Play:
    """The processes of the bots."""

    def __init__(self, *, narrator: Narrator, url: str, key: str, speed: float) -> None:
        self._narrator = narrator
        self._environ = {**os.environ, "TALKTIME_URL": url, "TALKTIME_KEY": key}
        self._speed = speed

    async def everything(self) -> None:
        """All calls but one."""
        async with self._bots("everything", at=0.0) as (process, lines):
            async for line in lines:
                self._narrator.hear(line)
            code = await process.wait()
        if code:
            raise StoryBroken(f"the bots ended with exit code {code}")

    async def crash(self) -> None:
        """The call whose bot is killed in the middle of a sentence."""
        await asyncio.sleep(timetable.CRASH_AT / self._speed)
        async with self._bots("crash", at=timetable.CRASH_AT) as (process, lines):
            async for line in lines:
                told = self._narrator.hear(line)
                await asyncio.sleep(timetable.KILLED_AFTER / self._speed)
                process.kill()
                self._narrator.say(
                    f"! kill -9 of the bot of {told.call_id}. Nobody will report it any more, nor "
                    "end it: that is for the watchdog to notice.",
                    style="bold yellow",
                    t=told.t + timetable.KILLED_AFTER,
                )

    @asynccontextmanager
    async def _bots(
        self, part: str, *, at: float
    ) -> AsyncIterator[tuple[Process, asyncio.StreamReader]]:
        """A process of bots and what it says; it ends with the block."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "talktime.demo.bots", "--part", part, "--account", ACCOUNT_ID),
            *("--speed", str(self._speed), "--at", str(at)),
            env=self._environ,
            stdin=DEVNULL,
            stdout=PIPE,
            limit=LINE_BYTES_MAX,
            start_new_session=True,  # Ctrl-C is for us: we end them
        )
        assert process.stdout is not None
        try:
            yield process, process.stdout
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
