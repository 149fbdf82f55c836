"""What a command needs before it can act: the settings, and the platform on its database."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

import typer

from talktime.config import Settings, load_settings, unknown_variables
from talktime.core.errors import TopUpsOff
from talktime.db.opening import has_database, opened_database
from talktime.installation import paying, public_url_of, terms_of
from talktime.logs import configure_logs
from talktime.ops.platform import Platform, open_platform

T = TypeVar("T")

LOOPBACK: Final = "127.0.0.1"
"""A command listens nowhere."""


def read_settings() -> Settings:
    """The settings of the environment; what looks like one and is none is told on stderr."""
    for sentence in unknown_variables(os.environ):
        typer.echo(f"talktime: {sentence}", err=True)
    return load_settings(os.environ)


def settings_for_command() -> Settings:
    """The settings; a command says itself what matters, so its log keeps to warnings."""
    settings = read_settings()
    asked = "TALKTIME_LOG_LEVEL" in os.environ
    configure_logs(settings.log_level if asked else "warning")
    return settings


@contextmanager
def database_of(settings: Settings) -> Iterator[str]:
    """The connection string of the installation's database; says so where it is a new one, which
    takes a moment, and is a surprise where TALKTIME_HOME is not what it was meant to be."""
    if settings.database_url is None and not has_database(settings.home):
        typer.echo(f"talktime: making a new database in {settings.home} …", err=True)
    with opened_database(settings.home, settings.database_url) as conninfo:
        yield conninfo


def on_platform(act: Callable[[Platform], Awaitable[T]]) -> T:
    """Do something on the installation's platform, beside a running server or without one."""
    return _on_platform(settings_for_command(), act)


def on_paying_platform(act: Callable[[Platform], Awaitable[T]]) -> T:
    """The same, with whoever collects the payments, if anybody does."""
    settings = settings_for_command()

    async def pay(platform: Platform) -> T:
        async with paying(settings, platform, host=LOOPBACK) as with_payments:
            try:
                return await act(with_payments)
            except TopUpsOff as error:
                raise TopUpsOff(
                    f"{error.message}. Run the command with the server's settings: "
                    "TALKTIME_STRIPE_KEY, or TALKTIME_PAYMENTS=sandbox"
                ) from error

    return _on_platform(settings, pay)


def _on_platform(settings: Settings, act: Callable[[Platform], Awaitable[T]]) -> T:
    async def run(conninfo: str) -> T:
        async with open_platform(
            conninfo,
            terms=terms_of(settings),
            public_url=public_url_of(settings),
            pool_size=2,
            seller=settings.seller,
        ) as platform:
            return await act(platform)

    with database_of(settings) as conninfo:
        return asyncio.run(run(conninfo))
