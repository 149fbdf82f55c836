"""talktime mail: what was sent to people, what was given up, and sending it again."""

from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import typer

from talktime.cli.opening import on_platform
from talktime.cli.tables import id_table, print_table
from talktime.core.errors import MessageNotRepeatable
from talktime.core.message import Message, MessageState
from talktime.ops.messages import count_messages, list_messages, resend_message
from talktime.ops.platform import Platform

app = typer.Typer(no_args_is_help=True)

AT_ONCE: Final = 1000
"""Messages read at a time."""


class ListedState(StrEnum):
    """The states of messages to single people."""

    WAITING = MessageState.WAITING
    DEFERRED = MessageState.DEFERRED
    SENT = MessageState.SENT
    DEAD = MessageState.DEAD


@app.command("list")
def list_command(
    *,
    account_id: Annotated[str | None, typer.Argument(help="Left out: of all accounts.")] = None,
    state: Annotated[
        ListedState | None,
        typer.Option(
            help="waiting: nobody has it in hand; deferred: tried, or to be tried; sent; "
            "dead: given up."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
) -> None:
    """Messages to people, newest first, and how many of all were given up."""

    async def act(platform: Platform) -> tuple[list[Message], int]:
        async with platform.connection() as connection:
            found = await list_messages(
                connection,
                account_id=account_id,
                state=None if state is None else MessageState(state.value),
                limit=limit,
            )
            return found, (await count_messages(connection))[MessageState.DEAD]

    found, dead = on_platform(act)
    if found:
        _print(found)
    else:
        typer.echo("No such messages.")
    if dead and state is not ListedState.DEAD:
        typer.echo(f"{dead} given up in all: talktime mail list --state dead shows why.")
    elif found and state is ListedState.DEAD:
        typer.echo("Sent again, all that can be: talktime mail resend --dead")
        typer.echo("One of them: talktime mail resend MESSAGE --account ACCOUNT")


def _print(found: list[Message]) -> None:
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
    message_id: Annotated[
        UUID | None, typer.Argument(help="As `talktime mail list` shows it.")
    ] = None,
    account_id: Annotated[
        str | None,
        typer.Option("--account", help="Its account; left out: mail that belongs to none."),
    ] = None,
    dead: Annotated[
        bool,
        typer.Option("--dead", help="Instead of one: all that were given up, or --account's."),
    ] = False,
) -> None:
    """Hand messages over again that were given up, or one that was sent.

    Each keeps its Message-ID.
    """
    if (message_id is None) != dead:
        raise typer.BadParameter("name one message, or say --dead for all that were given up")
    if message_id is None:
        _resend_dead(account_id)
        return

    async def act(platform: Platform) -> Message:
        async with platform.connection() as connection:
            return await resend_message(
                connection, account_id or "", message_id, now=platform.clock()
            )

    message = on_platform(act)
    typer.echo(f"{message.kind.value} to {message.recipient} is on its way again.")


def _resend_dead(account_id: str | None) -> None:
    async def act(platform: Platform) -> tuple[int, int]:
        sent = refused = 0
        page: list[Message] = []
        async with platform.connection() as connection:
            while True:
                page = await list_messages(
                    connection,
                    account_id=account_id,
                    state=MessageState.DEAD,
                    below=page[-1] if page else None,
                    limit=AT_ONCE,
                )
                for message in page:
                    try:
                        await resend_message(
                            connection,
                            message.account_id,
                            message.message_id,
                            now=platform.clock(),
                        )
                        sent += 1
                    except MessageNotRepeatable:
                        refused += 1
                if len(page) < AT_ONCE:
                    return sent, refused

    sent, refused = on_platform(act)
    typer.echo(f"{sent} on their way again.")
    if refused:
        typer.echo(
            f"{refused} cannot be sent again: to nobody in particular, or with a link that expired."
        )
