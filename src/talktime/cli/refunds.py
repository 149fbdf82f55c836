"""talktime refunds: what customers want back, and what is answered."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from talktime.cli.opening import on_platform
from talktime.cli.tables import id_table, print_table
from talktime.core.money import display_usd
from talktime.core.refund import PartStatus, Refund, RefundStatus
from talktime.db.refunds import Place
from talktime.ops.platform import Platform
from talktime.ops.refunds import approve_refund, decline_refund, list_refunds

app = typer.Typer(no_args_is_help=True)

PAGE = 200
SHOWN_MAX = 1_000

WORDS = {
    RefundStatus.ASKED: "waits for your answer",
    RefundStatus.DECLINED: "declined",
    RefundStatus.RUNNING: "on its way",
    RefundStatus.SUCCEEDED: "sent back",
    RefundStatus.PARTLY: "sent back in part",
    RefundStatus.FAILED: "failed",
}


@app.command("list")
def list_command(
    *,
    status: Annotated[
        RefundStatus | None, typer.Option(help="Only those that stand so; asked waits for you.")
    ] = None,
    account: Annotated[str | None, typer.Option(help="Only those of one account.")] = None,
) -> None:
    """List refunds, newest first."""

    async def act(platform: Platform) -> list[Refund]:
        found: list[Refund] = []
        below: Place | None = None
        while len(found) < SHOWN_MAX:
            async with platform.connection() as connection:
                page, below = await list_refunds(
                    connection, account_id=account, status=status, before=below, limit=PAGE
                )
            found += page
            if below is None:
                break
        return found

    found = on_platform(act)
    if not found:
        typer.echo("There are none.")
        return
    table = id_table(("Account", "Refund"), ())
    table.add_column("Amount", justify="right", no_wrap=True)
    for heading in ("Asked", "Stands", "Says"):
        table.add_column(heading)
    for one in found:
        table.add_row(
            one.account_id,
            one.refund_id,
            display_usd(one.amount_nanos),
            _minute(one.asked_at),
            WORDS[one.status],
            _says(one),
        )
    print_table(table)


@app.command("approve")
def approve_command(
    *,
    account: Annotated[str, typer.Argument(help="Its account.")],
    refund: Annotated[str, typer.Argument(help="As the list names it.")],
) -> None:
    """Let a refund go: its money is set aside, and the worker has the provider send it."""

    async def act(platform: Platform) -> Refund:
        async with platform.connection() as connection:
            return await approve_refund(
                connection,
                account_id=account,
                refund_id=refund,
                terms=platform.terms,
                now=platform.clock(),
            )

    approved = on_platform(act)
    typer.echo(
        f"{display_usd(approved.amount_nanos)} of {account}: {WORDS[approved.status]}, over "
        f"{len(approved.parts)} payment{'' if len(approved.parts) == 1 else 's'}."
    )


@app.command("decline")
def decline_command(
    *,
    account: Annotated[str, typer.Argument(help="Its account.")],
    refund: Annotated[str, typer.Argument(help="As the list names it.")],
    reason: Annotated[str, typer.Option(help="Why; the customer reads it.")],
) -> None:
    """Say no to a refund. Nothing moves."""

    async def act(platform: Platform) -> Refund:
        async with platform.connection() as connection:
            return await decline_refund(
                connection,
                account_id=account,
                refund_id=refund,
                answer=reason,
                now=platform.clock(),
            )

    declined = on_platform(act)
    typer.echo(f"{display_usd(declined.amount_nanos)} of {account}: declined.")


def _says(refund: Refund) -> str:
    failures = [
        part.failure
        for part in refund.parts
        if part.failure and part.status is not PartStatus.SUCCEEDED
    ]
    return refund.answer or "; ".join(dict.fromkeys(failures)) or refund.reason


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
