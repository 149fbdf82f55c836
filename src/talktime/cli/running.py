"""Commands that run Talktime: serve, worker, demo, and the upgrade of the database.

What serves is imported where it is run: the other commands are quicker without a web framework.
"""

import asyncio
from typing import Annotated

import typer

from talktime.cli.opening import read_settings, settings_for_command
from talktime.db.opening import opened_database
from talktime.installation import DEFAULT_PORT
from talktime.logs import configure_logs

Host = Annotated[str, typer.Option(help="The address to listen on.")]
Port = Annotated[
    int, typer.Option(min=0, max=65535, help="The port to listen on; 0 takes any free one.")
]


def add_to(app: typer.Typer) -> None:
    """Put the commands of this module into the tool."""
    app.command("serve")(serve_command)
    app.command("worker")(worker_command)
    app.command("demo")(demo_command)
    database = typer.Typer(no_args_is_help=True)
    database.command("upgrade")(upgrade_command)
    database.callback()(lambda: None)  # keeps "upgrade" a word of its own
    app.add_typer(database, name="db", help="The database.")


def serve_command(
    *,
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORT,
    worker: Annotated[
        bool, typer.Option("--worker/--no-worker", help="Run the worker's loops here, too.")
    ] = True,
) -> None:
    """Serve the API and the pages until SIGTERM or Ctrl-C."""
    import uvloop  # noqa: PLC0415

    from talktime.serve import listen, serve  # noqa: PLC0415

    settings = read_settings()
    configure_logs(settings.log_level)
    with (
        listen(host, port) as listener,
        opened_database(settings.home, settings.database_url) as conninfo,
    ):
        uvloop.run(serve(settings, conninfo, listener, with_worker=worker))


def worker_command() -> None:
    """Run the worker alone, beside servers that run with --no-worker."""
    import uvloop  # noqa: PLC0415

    from talktime.serve import work  # noqa: PLC0415

    settings = read_settings()
    configure_logs(settings.log_level)
    with opened_database(settings.home, settings.database_url) as conninfo:
        uvloop.run(work(settings, conninfo))


def demo_command(
    *,
    host: Host = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Left out: the usual port, or any that is free."),
    ] = None,
    speed: Annotated[
        float, typer.Option(min=0.1, max=100.0, help="How many times faster than life.")
    ] = 1.0,
    leave: Annotated[
        bool, typer.Option("--exit", help="End after the story instead of serving on.")
    ] = False,
) -> None:
    """Watch a customer's calls draw a balance down, on a database of its own."""
    from talktime.demo.stage import run_demo  # noqa: PLC0415

    settings = read_settings()
    configure_logs("error")
    asyncio.run(run_demo(settings, host=host, port=port, speed=speed, leave=leave))


def upgrade_command() -> None:
    """Bring the database to this release's schema. Serving does so, too, when it starts."""
    settings = settings_for_command()
    with opened_database(settings.home, settings.database_url):
        typer.echo("The database has this release's schema.")
