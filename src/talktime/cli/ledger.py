"""talktime ledger: the books, recomputed."""

import contextlib
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.status import Status

from talktime.cli.opening import on_platform
from talktime.ops.ledger_export import export_beancount
from talktime.ops.ledger_verify import Verification, verify_ledger
from talktime.ops.platform import Platform

app = typer.Typer(no_args_is_help=True)

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
    for warning in found.warnings[:FAULTS_SHOWN]:
        typer.echo(f"Worth a look: {warning}")
    typer.echo(verdict(found))
    if not found.is_clean:
        raise typer.Exit(1)


class ExportFormat(StrEnum):
    """Who is to read it."""

    BEANCOUNT = "beancount"


@app.command("export")
def export_command(
    *,
    format_: Annotated[
        ExportFormat, typer.Option("--format", help="Whose format to write.")
    ] = ExportFormat.BEANCOUNT,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; otherwise standard output.")
    ] = None,
    account: Annotated[str | None, typer.Option(help="This account alone.")] = None,
) -> None:
    """Write the ledger as double entry, for an auditor of your own: bean-check, say.

    Amounts are USD with nine decimals. Each customer's balances are asserted.
    Safe beside a running server.
    """
    del format_  # there is one so far

    async def act(platform: Platform) -> None:
        with output.open("w") if output else contextlib.nullcontext(sys.stdout) as file:
            async with platform.connection() as connection:
                async for text in export_beancount(connection, account_id=account):
                    file.write(text)

    on_platform(act)


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
