"""talktime payments: what became of an account's top-ups, in the words that its customer reads."""

from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from talktime.cli.opening import on_platform
from talktime.core.account import Account
from talktime.core.money import display_usd
from talktime.core.payment import Payment
from talktime.ops.accounts import PAGE_MAX, read_account
from talktime.ops.platform import Platform
from talktime.ops.top_ups import list_payments
from talktime.portal.billing.payments_view import payment_state

app = typer.Typer(no_args_is_help=True)

Found = tuple[Account, list[Payment], bool, datetime]


@app.callback()
def _group() -> None:
    """Keeps ``list`` a command of its own, though it is the only one."""


@app.command("list")
def list_command(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's id.")],
    limit: Annotated[int, typer.Option(min=1, max=PAGE_MAX, help="How many.")] = 50,
) -> None:
    """List an account's top-ups, newest first, each with how it stands and why."""

    async def act(platform: Platform) -> Found:
        async with platform.connection() as connection:
            now = platform.clock()
            found = await read_account(connection, account, now=now)
            page, below = await list_payments(connection, account, before=None, limit=limit)
        return found, page, below is not None, now

    found, payments, has_more, now = on_platform(act)
    console = Console(soft_wrap=True, highlight=False, markup=False)
    if not payments:
        console.print("No top-ups yet.")
        return
    table = Table("Begun (UTC)", "Amount", "State", "Why", "Top-up", "By")
    for payment in payments:
        _, state, why = payment_state(payment, found, now=now)
        table.add_row(
            f"{payment.created_at:%Y-%m-%d %H:%M}",
            display_usd(payment.amount_nanos),
            state,
            why,
            payment.payment_id,
            payment.provider,
        )
    console.print(table)
    if has_more:
        console.print(f"There are more than these {limit}: ask for more with --limit.")
