"""Commands that run Talktime: serve, worker, demo, and what is done to the database whole.

What serves is imported where it is run: the other commands are quicker without a web framework.
"""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from talktime.cli.opening import database_of, read_settings, settings_for_command
from talktime.db.backup import BackupFailed, read_backup, write_backup
from talktime.installation import DEFAULT_PORT
from talktime.logs import configure_logs
from talktime.process import allow_open_files, give_way
from talktime.reach import is_loopback

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
    database.command("backup")(backup_command)
    database.command("restore")(restore_command)
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
    allow_open_files()
    if settings.public_url is None and not is_loopback(host):
        typer.echo(
            f"talktime: others can reach {host}, but links to the pages lead to this machine: set "
            "TALKTIME_PUBLIC_URL to the address that customers use",
            err=True,
        )
    with (
        listen(host, port) as listener,
        database_of(settings) as conninfo,
    ):
        uvloop.run(serve(settings, conninfo, listener, with_worker=worker))


def worker_command() -> None:
    """Run the worker alone, beside servers that run with --no-worker.

    Beside a database of the operator's own it gives way to other processes where the machine is
    full, so that calls come first.
    """
    import uvloop  # noqa: PLC0415

    from talktime.serve import work  # noqa: PLC0415

    settings = read_settings()
    configure_logs(settings.log_level)
    allow_open_files()
    with database_of(settings) as conninfo:
        if settings.database_url is not None:  # one of our own would be started as nice, some day
            give_way()
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
    with database_of(settings):
        typer.echo("The database has this release's schema.")


def backup_command(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where to; replaced if it is there.")
    ],
) -> None:
    """Write the embedded database to a file; calls go on meanwhile."""
    write_backup(_embedded_home(), file)
    typer.echo(f"The database is in {file}.")


def restore_command(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="Of `db backup`.")
    ],
) -> None:
    """Fill a new TALKTIME_HOME from a backup."""
    home = _embedded_home()
    read_backup(home, file)
    typer.echo(f"{home} has what was in {file}. Next: talktime ledger verify")


def _embedded_home() -> Path:
    settings = settings_for_command()
    if settings.database_url is not None:
        raise BackupFailed(
            "TALKTIME_DATABASE_URL is set: back that server up with its own pg_dump, "
            "see docs/how-to/run-in-production.md"
        )
    return settings.home
