"""talktime ledger: the books, recomputed."""

from typing import Annotated

import typer
from rich.console import Console
from rich.status import Status

from talktime.cli.opening import on_platform
from talktime.ops.ledger_verify import Verification, verify_ledger
from talktime.ops.platform import Platform

app = typer.Typer(no_args_is_help=True)
app.callback()(lambda: None)  # keeps "verify" a word of its own

FAULTS_SHOWN = 100


@app.command("verify")
def verify_command(
    *,
    account: Annotated[str | None, typer.Option(help="This account alone.")] = None,
) -> None:
    """Recompute every balance from its entries and every call from its lines.

    Exit code 1 where something does not add up. Safe beside a running server.
    """

    async def act(platform: Platform) -> Verification:
        with Status("Verifying …", console=Console(stderr=True)) as status:
            async with platform.connection() as connection:
                return await verify_ledger(
                    connection,
                    account_id=account,
                    tell=lambda so_far: status.update(f"Verifying … {counts(so_far)}"),
                )

    found = on_platform(act)
    for fault in found.faults[:FAULTS_SHOWN]:
        typer.echo(fault)
    if found.fault_count > FAULTS_SHOWN:
        typer.echo(f"… and {found.fault_count - FAULTS_SHOWN} more")
    typer.echo(verdict(found))
    if not found.is_clean:
        raise typer.Exit(1)


def counts(found: Verification) -> str:
    """What was gone through, in words."""
    return (
        f"{_many(found.accounts, 'account')}, {_many(found.entries, 'entry', 'entries')}, "
        f"{_many(found.calls, 'call')}"
    )


def verdict(found: Verification) -> str:
    """The audit in one sentence."""
    still = f" ({found.open_calls} still open)" if found.open_calls else ""
    if found.is_clean:
        return f"The ledger is clean: {counts(found)}{still}, every figure recomputed."
    return f"The ledger has {_many(found.fault_count, 'fault')}: {counts(found)}{still}."


def _many(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
