"""The command line: `talktime --help` lists it.

    serve, worker, demo           run Talktime
    db, accounts, keys, coupons   set things up, back them up
    refunds, disputes             decide on what customers want back, see what banks took
    calls, prices, ledger, mail   look into things
    payments, statements          what became of top-ups, what customers get on paper

Commands work on the database of TALKTIME_HOME, or of TALKTIME_DATABASE_URL, beside a running server
or without one. Exit codes: 0 done, 1 refused or faults found, 2 bad settings or arguments.
"""

import errno
import os
import sys
from collections.abc import Mapping
from importlib.metadata import version
from typing import Annotated, Final

import typer
from rich.console import Console

from talktime.cli.accounts import app as accounts
from talktime.cli.calls import app as calls
from talktime.cli.coupons import app as coupons
from talktime.cli.disputes import app as disputes
from talktime.cli.keys import app as keys
from talktime.cli.ledger import app as ledger
from talktime.cli.mail import app as mail
from talktime.cli.payments import app as payments
from talktime.cli.prices import app as prices
from talktime.cli.refunds import app as refunds
from talktime.cli.running import add_to
from talktime.cli.statements import app as statements
from talktime.cli.webhooks import app as webhooks
from talktime.config import SettingRefused
from talktime.core.errors import AccountUnknown, CallUnknown, TalktimeError

app = typer.Typer(
    name="talktime",
    help="Prepaid credits for AI voice and chat calls.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

NEXT_STEPS: Final[Mapping[type[TalktimeError], str]] = {
    AccountUnknown: "talktime accounts create opens one",
    CallUnknown: "look on Calls for its id; talktime calls import brings in past ones",
}
"""What to do on the command line, where the refusal's own words name the API's way."""

DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"talktime {version('talktime')}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    pass


add_to(app)
app.add_typer(accounts, name="accounts", help="Customers and their balances.")
app.add_typer(keys, name="keys", help="API keys of the platform and of accounts.")
app.add_typer(coupons, name="coupons", help="Promo credit by code.")
app.add_typer(refunds, name="refunds", help="Paid balance that customers want back.")
app.add_typer(disputes, name="disputes", help="What banks took back of top-ups.")
app.add_typer(calls, name="calls", help="Receipts, and calls of the past.")
app.add_typer(prices, name="prices", help="Rate cards.")
app.add_typer(webhooks, name="webhooks", help="Who is told what happens, and what they were sent.")
app.add_typer(payments, name="payments", help="What became of top-ups.")
app.add_typer(statements, name="statements", help="Statements and receipts of accounts.")
app.add_typer(ledger, name="ledger", help="The books.")
app.add_typer(mail, name="mail", help="Mail to people.")


def main() -> None:
    """Run a command; a refusal is one sentence on stderr, never a traceback."""
    complaints = Console(stderr=True, soft_wrap=True, highlight=False)
    for argument in sys.argv[1:]:
        # Bytes that are no text, which the database would choke on, stand for themselves in these.
        if argument.encode(errors="ignore").decode() != argument:
            told = f"the argument {os.fsencode(argument)!r} is not UTF-8; type it anew"
            complaints.print(f"talktime: {told}", markup=False)
            sys.exit(2)
    try:
        app()
    except SettingRefused as refusal:
        complaints.print(f"talktime: {refusal}", markup=False)
        sys.exit(2)
    except TalktimeError as refusal:
        complaints.print(f"talktime: {complaint(refusal)}", markup=False)
        sys.exit(1)
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        complaints.print("talktime: what was asked for could not be written: the disk is full")
        sys.exit(1)


def complaint(refusal: TalktimeError) -> str:
    """A refusal's own words; the step after the semicolon is one for the command line."""
    step = NEXT_STEPS.get(type(refusal))
    if step is None:
        return refusal.message
    return f"{refusal.message.partition(';')[0]}; {step}"
