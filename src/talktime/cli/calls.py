"""talktime calls: a call's receipt in the terminal or checked, and calls of the past."""

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec
import typer
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from talktime.cli.opening import on_platform
from talktime.core.call import Call
from talktime.core.money import display_usd
from talktime.core.receipt import check_receipt, read_receipt
from talktime.ops.call_history import read_call
from talktime.ops.call_import import (
    BATCH,
    ImportedCall,
    LineFault,
    import_calls,
    read_line,
    unknown_accounts,
)
from talktime.ops.platform import Platform
from talktime.portal.calls.check_view import check_rows
from talktime.portal.calls.receipt_view import ReceiptView, receipt_view

app = typer.Typer(no_args_is_help=True)


class Tally(msgspec.Struct):
    """What an import has come to."""

    lines: int = 0
    settled: int = 0
    known: int = 0
    charged_nanos: int = 0
    unpriced: int = 0
    conflicts: list[str] = []
    refused: list[str] = []


@app.command("show")
def show_command(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's id.")],
    call: Annotated[str, typer.Argument(metavar="CALL", help="The call's id.")],
) -> None:
    """Show a call's receipt: quantities times prices, margin, which balance paid, why free."""

    async def act(platform: Platform) -> tuple[Call, ReceiptView]:
        now = platform.clock()
        async with platform.connection() as connection:
            found = await read_call(connection, account, call, now=now)
        return found, receipt_view(found, now=now, zone=UTC)

    found, view = on_platform(act)
    Console().print(receipt(found, view))


def receipt(call: Call, view: ReceiptView) -> RenderableType:
    """A call's receipt for the terminal, exact to the nano-dollar."""
    heading = Text(f"Call {call.call_id}", style="bold")
    facts = Text(" · ".join(fact.text for fact in view.facts if fact.name != "Call id"))
    table = Table(box=None, pad_edge=False)
    table.add_column("Line")
    table.add_column("Used")
    table.add_column("Price")
    table.add_column("Cost", justify="right")
    for line in view.lines:
        pending = Text(view.pending.lower(), style="yellow")
        table.add_row(
            Text(line.service, style="bold"),
            line.model,
            "",
            pending if line.cost is None else line.cost.text + line.cost.pad,
        )
        for step in line.steps:
            used = f"  {step.used}" + (f", {step.billed}" if step.billed else "")
            cost = "" if step.cost is None else step.cost.text + step.cost.pad
            table.add_row("", used, step.price, Text(cost, style="dim"))
        if line.source:
            table.add_row("", Text(f"  {line.source}", style="dim"), "", "")
    table.add_section()
    if view.is_cost_known:
        table.add_row(view.cost_name, "", "", view.cost.text + view.cost.pad)
        table.add_row(view.margin_name, "", "", view.margin.text + view.margin.pad)
    charge = view.pending.lower() if view.charge is None else view.charge.text + view.charge.pad
    table.add_row(Text(view.charge_name, style="bold"), "", "", Text(charge, style="bold"))
    parts: list[RenderableType] = [heading, facts, "", table, "", view.verdict]
    if view.paid_with:
        shares = " and ".join(f"{amount} from {balance}" for amount, balance in view.paid_with)
        parts.append(f"Paid with {shares}.")
    return Group(*parts, *view.notes)


@app.command("check")
def check_command(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", exists=True, dir_okay=False, readable=True, help="A receipt as JSON."
        ),
    ],
) -> None:
    """Recompute a receipt from its document, without a database or a network.

    Customers download the document on a call's page. Exit code 1 where a figure is not right.
    """
    written = read_receipt(file.read_bytes())
    checks = check_receipt(written)
    table = Table(box=None, pad_edge=False)
    for column in ("", "Step", "Sum"):
        table.add_column(column)
    table.add_column("Computed", justify="right")
    table.add_column("Stated", justify="right")
    for row in check_rows(written, checks):
        mark = Text("right", style="green") if row.is_right else Text("WRONG", style="bold red")
        table.add_row(mark, row.name, row.working, row.computed, row.stated)
    wrong = sum(not check.is_right for check in checks)
    verdict = (
        f"{wrong} of {len(checks)} figures are not right." if wrong else "Every figure is right."
    )
    Console().print(Text(f"Call {written.call_id}", style="bold"), table, verdict, sep="\n")
    if wrong:
        raise typer.Exit(1)


@app.command("import")
def import_command(
    *,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", exists=True, dir_okay=False, readable=True, help="JSON lines."
        ),
    ],
    account: Annotated[
        str | None, typer.Option(help="For all lines; then they need not name one.")
    ] = None,
) -> None:
    """Bring in calls of the past, one JSON object per line; again changes nothing.

    All lines are checked before the first call is written. No gate and no hold:
    what has taken place is settled, at the prices of its time.
    A file of two lines (each is one line there, they are broken here to fit):

    \b
    {"account_id":"acme","call_id":"CA7","channel":"web","outcome":"completed",
     "started_at":"2026-11-01T10:00:00Z","duration_seconds":60,
     "lines":[{"service":"tts","provider":"openai","model":"tts-1",
               "quantities":{"characters":900}}]}
    {"account_id":"acme","call_id":"CA8","channel":"phone","outcome":"busy",
     "started_at":"2026-11-01T10:05:00Z","duration_seconds":0}

    Exit code 1 where a line is refused or contradicts a call that is there.
    Every field is told in docs/how-to/import-calls.md.
    """

    async def act(platform: Platform) -> Tally:
        with _progress() as progress, file.open("rb") as opened:
            await _check(platform, opened, account, progress)
            return await _import(platform, opened, account, progress)

    try:
        tally = on_platform(act)
    except LineFault as fault:
        typer.echo(f"talktime: {file.name}, {fault}. Nothing was imported.", err=True)
        raise typer.Exit(1) from fault
    for refusal in (*tally.conflicts, *tally.refused):
        typer.echo(refusal, err=True)
    waiting = f" ({tally.unpriced} wait for a price)" if tally.unpriced else ""
    typer.echo(
        f"{tally.settled} of {tally.lines} calls were imported{waiting} and charged "
        f"{display_usd(tally.charged_nanos)}; {tally.known} were there already, "
        f"{len(tally.conflicts)} contradict calls that are there, "
        f"{len(tally.refused)} were refused."
    )
    if tally.conflicts or tally.refused:
        raise typer.Exit(1)


async def _check(
    platform: Platform, opened: BinaryIO, account: str | None, progress: Progress
) -> None:
    """Go through the whole file before anything is written. Raises LineFault."""
    first_line: dict[str, int] = {}
    for number, call in _calls(platform, opened, account, progress, "Checking"):
        first_line.setdefault(call.account_id, number)
    async with platform.connection() as connection:
        unknown = await unknown_accounts(connection, first_line)
    if unknown:
        account_id = min(unknown, key=lambda one: first_line[one])
        raise LineFault(
            first_line[account_id],
            f"account_id: there is no account {account_id} (talktime accounts create opens one)",
            "account_id",
        )


async def _import(
    platform: Platform, opened: BinaryIO, account: str | None, progress: Progress
) -> Tally:
    tally = Tally()
    batch: list[tuple[int, ImportedCall]] = []
    for numbered in _calls(platform, opened, account, progress, "Importing"):
        batch.append(numbered)
        if len(batch) == BATCH:
            await _import_batch(platform, batch, tally)
            batch = []
    if batch:
        await _import_batch(platform, batch, tally)
    return tally


async def _import_batch(
    platform: Platform, batch: list[tuple[int, ImportedCall]], tally: Tally
) -> None:
    async with platform.connection() as connection:
        done = await import_calls(
            connection,
            batch,
            book=platform.prices.book,
            terms=platform.terms,
            now=platform.clock(),
        )
    tally.lines += len(batch)
    tally.settled += len(done.settled)
    tally.known += len(done.known)
    tally.conflicts += [f"line {number}: {error.message}" for number, error in done.conflicts]
    tally.refused += [f"line {number}: {error.message}" for number, error in done.refused]
    for call in done.settled:
        tally.unpriced += call.settled_at is None
        tally.charged_nanos += (call.promo_charged_nanos or 0) + (call.paid_charged_nanos or 0)


def _calls(
    platform: Platform, opened: BinaryIO, account: str | None, progress: Progress, what: str
) -> Iterator[tuple[int, ImportedCall]]:
    """The calls of the file from its beginning, with their line numbers; blank lines are none."""
    opened.seek(0, 2)
    task = progress.add_task(what, total=opened.tell())
    opened.seek(0)
    for number, text in enumerate(opened, start=1):
        progress.advance(task, len(text))
        if text.strip():
            yield (
                number,
                read_line(
                    number,
                    text,
                    account_id=account,
                    book=platform.prices.book,
                    now=platform.clock(),
                ),
            )


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description:>9}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
