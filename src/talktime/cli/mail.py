"""talktime mail: what was sent to people, what was given up, and sending it again."""

from typing import Annotated
from uuid import UUID

import typer

from talktime.cli.opening import on_platform
from talktime.cli.tables import id_table, print_table
from talktime.core.message import Message, MessageState
from talktime.ops.messages import list_messages, resend_message
from talktime.ops.platform import Platform

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_command(
    *,
    account_id: Annotated[str | None, typer.Argument(help="Left out: of all accounts.")] = None,
    dead: Annotated[bool, typer.Option("--dead", help="Only those that were given up.")] = False,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Only those that nobody has in hand yet.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
) -> None:
    """Messages to people, newest first."""
    state = MessageState.DEAD if dead else MessageState.WAITING if waiting else None

    async def act(platform: Platform) -> list[Message]:
        async with platform.connection() as connection:
            return await list_messages(connection, account_id=account_id, state=state, limit=limit)

    found = on_platform(act)
    if not found:
        typer.echo("No such messages.")
        return
    ids, others = ("Message", "Account"), ("Kind", "To", "Written", "State", "Tries", "Last answer")
    table = id_table(ids, others)
    for message in found:
        table.add_row(
            str(message.message_id),
            message.account_id or "-",
            message.kind.value,
            message.recipient or "whoever chose it",
            f"{message.created_at:%Y-%m-%d %H:%M:%S}",
            message.state.value,
            str(message.attempts),
            message.last_error or "",
        )
    print_table(table)


@app.command("resend")
def resend_command(
    *,
    message_id: Annotated[UUID, typer.Argument(help="As `talktime mail list` shows it.")],
    account_id: Annotated[
        str, typer.Option("--account", help="Its account; left out: mail that belongs to none.")
    ] = "",
) -> None:
    """Hand a message over again that was given up, or sent. It keeps its Message-ID."""

    async def act(platform: Platform) -> Message:
        async with platform.connection() as connection:
            return await resend_message(connection, account_id, message_id)

    message = on_platform(act)
    typer.echo(f"{message.kind.value} to {message.recipient} is on its way again.")
