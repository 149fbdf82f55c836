"""talktime disputes: what banks took back of top-ups, and how each stands."""

from datetime import UTC
from typing import Annotated

import typer

from talktime.cli.opening import on_platform
from talktime.cli.tables import id_table, print_table
from talktime.core.dispute import Dispute, DisputeState, say_state
from talktime.core.money import display_usd, parse_usd
from talktime.db.disputes import Place
from talktime.ops.disputes import credit_dispute, list_disputes
from talktime.ops.platform import Platform

app = typer.Typer(no_args_is_help=True)

PAGE = 200
SHOWN_MAX = 1_000

NEXT_STEPS = {
    DisputeState.NEVER_CREDITED: "see at the provider what that money was",
    DisputeState.GIVEN_AGAIN_UNCLEAR: (
        "if it stays so, read the amount in the provider's dashboard and run talktime disputes "
        "credit"
    ),
}


@app.command("list")
def list_command(
    *, account: Annotated[str | None, typer.Option(help="Only those of one account.")] = None
) -> None:
    """List disputes, the one heard of last first, and what to do about each."""

    async def act(platform: Platform) -> list[Dispute]:
        found: list[Dispute] = []
        below: Place | None = None
        while len(found) < SHOWN_MAX:
            async with platform.connection() as connection:
                page, below = await list_disputes(
                    connection, account_id=account, before=below, limit=PAGE
                )
            found += page
            if below is None:
                break
        return found

    found = on_platform(act)
    if not found:
        typer.echo("There are none.")
        return
    table = id_table(("Account", "Dispute", "Top-up"), ("Heard (UTC)", "Stands"))
    for heading in ("Taken", "Given again"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in found:
        step = NEXT_STEPS.get(one.state)
        table.add_row(
            one.account_id,
            one.dispute_id,
            one.payment_id,
            f"{one.heard_at.astimezone(UTC):%Y-%m-%d %H:%M}",
            say_state(one.state) + (f"; {step}" if step else ""),
            _usd(one.withdrawn_nanos),
            _usd(one.reinstated_nanos),
        )
    print_table(table)


@app.command("credit")
def credit_command(
    *,
    account: Annotated[str, typer.Argument(help="Its account.")],
    dispute: Annotated[str, typer.Argument(help="As the list names it.")],
    amount: Annotated[str, typer.Argument(help="What was given again, in USD.")],
) -> None:
    """Credit what a dispute gave again, where the provider does not say clearly how much."""
    nanos = parse_usd(amount, field="amount")

    async def act(platform: Platform) -> Dispute:
        async with platform.connection() as connection:
            return await credit_dispute(
                connection,
                account_id=account,
                dispute_id=dispute,
                amount_nanos=nanos,
                terms=platform.terms,
                now=platform.clock(),
            )

    credited = on_platform(act)
    typer.echo(f"{_usd(credited.reinstated_nanos)} of {account}: {say_state(credited.state)}.")


def _usd(nanos: int | None) -> str:
    return "—" if nanos is None else display_usd(nanos)
