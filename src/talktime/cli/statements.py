"""talktime statements: an account's month, in the terminal or on paper; receipts on paper."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from talktime.cli.opening import on_platform
from talktime.core.money import display_usd
from talktime.core.statement import Row, Statement, shown
from talktime.gateways.pdf.receipts import receipt_pdf
from talktime.gateways.pdf.statements import statement_pdf
from talktime.gateways.pdf.wording import USAGE, entries_words, exact_words, month_words, signed
from talktime.ops.accounts import read_account
from talktime.ops.documents import read_buyer, read_document, read_numbers
from talktime.ops.platform import Platform
from talktime.ops.statements import parse_month, read_statement

app = typer.Typer(no_args_is_help=True)

AccountId = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's id.")]
Month = Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-11.")]
To = Annotated[Path, typer.Option("--to", help="The file to write.", dir_okay=False)]


@app.command("show")
def show_command(account: AccountId, month: Month) -> None:
    """Show where the balance stood, what moved it, and where it stands."""

    async def act(platform: Platform) -> Statement:
        async with platform.connection() as connection:
            now = platform.clock()
            found = await read_account(connection, account, now=now)
            return await read_statement(connection, found, parse_month(month), now=now)

    told = on_platform(act)
    amounts = shown(told)
    title = f"{month_words(told.month)}{'' if told.is_over else ', so far'} ({told.zone})"
    table = Table("", "Promo", "Paid", "Both", title=title, title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    table.add_row("Opening balance", *map(display_usd, _row(amounts.opening)))
    for line, row in zip(told.lines, amounts.lines, strict=True):
        table.add_row(f"{entries_words(line.kind)} ({line.entries:,})", *map(signed, _row(row)))
    table.add_row("Closing balance", *map(display_usd, _row(amounts.closing)))
    console = Console(soft_wrap=True, highlight=False)
    console.print(table)
    for name, nanos in zip(USAGE, amounts.usage, strict=True):
        console.print(f"  {name:<16}{display_usd(nanos):>14}")
    if words := exact_words(told):
        console.print(words)


@app.command("pdf")
def pdf_command(account: AccountId, month: Month, to: To) -> None:
    """Write a month's statement as PDF."""

    async def act(platform: Platform) -> bytes:
        async with platform.connection() as connection:
            now = platform.clock()
            found = await read_account(connection, account, now=now)
            told = await read_statement(connection, found, parse_month(month), now=now)
            buyer = await read_buyer(connection, found)
            seqs = [entry.seq for entry in told.entries]
            numbers = await read_numbers(connection, account, platform.seller, seqs, now=now)
        return statement_pdf(told, found, seller=platform.seller, buyer=buyer, numbers=numbers)

    _write(to, on_platform(act))


@app.command("receipt")
def receipt_command(
    account: AccountId,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="Such as R-2026-000123.")],
    to: To,
) -> None:
    """Write a receipt as PDF, as it was issued."""

    async def act(platform: Platform) -> bytes:
        async with platform.connection() as connection:
            document = await read_document(
                connection, account, platform.seller, now=platform.clock(), number=number
            )
        return receipt_pdf(document)

    _write(to, on_platform(act))


def _row(row: Row) -> tuple[int, int, int]:
    return row.promo_nanos, row.paid_nanos, row.total_nanos


def _write(to: Path, pdf: bytes) -> None:
    try:
        to.write_bytes(pdf)
    except OSError as error:
        raise typer.BadParameter(
            f"{to} cannot be written ({error.strerror})", param_hint="--to"
        ) from error
    typer.echo(f"Written to {to}.")
