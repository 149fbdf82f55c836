"""talktime refunds: what customers want back, and what is answered."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from talktime.cli.opening import on_paying_platform, on_platform
from talktime.cli.tables import id_table, print_table
from talktime.core.money import display_usd
from talktime.core.refund import (
    LONG,
    PartStatus,
    Refund,
    RefundPart,
    RefundStatus,
    unfinished_for_long,
)
from talktime.db.refunds import Place
from talktime.ops.platform import Platform
from talktime.ops.refunds import (
    approve_refund,
    decline_refund,
    list_refunds,
    list_unfinished_parts,
)

app = typer.Typer(no_args_is_help=True)

PAGE = 200
SHOWN_MAX = 1_000

Found = tuple[list[Refund], Sequence[RefundPart], str | None, datetime]
"""What there is, what was begun at the provider and is not finished, who is set up, and when."""

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
    """List refunds, newest first, and what to do about each."""

    async def act(platform: Platform) -> Found:
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
        now = platform.clock()
        async with platform.connection() as connection:
            unfinished = await list_unfinished_parts(connection, account_id=account, now=now)
        provider = None if platform.payments is None else platform.payments.provider.name
        return found, unfinished if status is None else (), provider, now

    found, unfinished, provider, now = on_paying_platform(act)
    if found:
        _print_refunds(found, provider=provider, now=now)
    else:
        typer.echo("There are none.")
    for part in unfinished:
        typer.echo(
            f"Begun at the provider and not finished since {_minute(part.created_at)} UTC: "
            f"{display_usd(part.amount_nanos)} of {part.account_id}; look at "
            f"{part.provider_refund_id} in its dashboard."
        )


def _print_refunds(found: list[Refund], *, provider: str | None, now: datetime) -> None:
    table = id_table(("Account", "Refund"), ())
    table.add_column("Amount", justify="right", no_wrap=True)
    for heading in ("Asked (UTC)", "Stands", "Says", "Next"):
        table.add_column(heading)
    for one in found:
        table.add_row(
            one.account_id,
            one.refund_id,
            display_usd(one.amount_nanos),
            _minute(one.asked_at),
            WORDS[one.status],
            _says(one),
            _next(one, provider=provider, now=now),
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


def _next(refund: Refund, *, provider: str | None, now: datetime) -> str:
    """What the operator is to do, ``provider`` being set up; nothing where all goes its way."""
    if refund.status is RefundStatus.ASKED:
        days = (now - refund.asked_at) // LONG
        waits = f"it waits for {days} day{'' if days == 1 else 's'}: " if days else ""
        return f"{waits}talktime refunds approve, or decline"
    if refund.status is RefundStatus.RUNNING and refund.provider != provider:
        return f"{refund.provider} is not set up, and nobody else can send it: set it up again"
    late = [part for part in refund.parts if unfinished_for_long(part, now=now)]
    if not late:
        return ""
    since = f"not finished since {_minute(min(part.created_at for part in late))}: "
    known = [part.provider_refund_id for part in late if part.provider_refund_id]
    if known:
        return f"{since}look at {', '.join(known)} in the provider's dashboard"
    return f"{since}the provider does not answer; see that a worker runs and its key is right"


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
