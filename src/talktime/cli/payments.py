"""talktime payments: what became of top-ups, and whether the provider says the same."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.status import Status

from talktime.cli.opening import on_paying_platform, on_platform
from talktime.cli.tables import id_table, print_table
from talktime.core.money import display_usd
from talktime.core.payment import Payment, PaymentStatus
from talktime.core.place import read_place, write_place
from talktime.core.reconciliation import Difference
from talktime.db.payments import Place
from talktime.ops.accounts import PAGE_MAX, read_account
from talktime.ops.platform import Platform
from talktime.ops.reconciliation import Comparison, compare_payments, reconcile_differences
from talktime.ops.top_ups import list_payments
from talktime.portal.billing.payments_view import payment_state

app = typer.Typer(no_args_is_help=True)

DAYS_MAX: Final = 3_650
_DAYS_HELP: Final = (
    "Payments begun in these days, those of which money going back was heard of in them, and open "
    "ones."
)

Found = tuple[list[Payment], Place | None, datetime]
"""A page of top-ups, where to go on below, and when that was."""


@app.command("list")
def list_command(
    account: Annotated[
        str | None, typer.Argument(metavar="[ACCOUNT]", help="Of this account alone.")
    ] = None,
    *,
    status: Annotated[PaymentStatus | None, typer.Option(help="Only those that stand so.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=PAGE_MAX, help="How many.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Go on where a list before ended.")] = None,
) -> None:
    """List top-ups, newest first, each with how it stands and why."""
    before = None if cursor is None else _place(cursor)

    async def act(platform: Platform) -> Found:
        async with platform.connection() as connection:
            now = platform.clock()
            if account is not None:
                await read_account(connection, account, now=now)
            page, below = await list_payments(
                connection, account, status=status, before=before, limit=limit
            )
        return page, below, now

    payments, below, now = on_platform(act)
    if not payments:
        typer.echo("There are none." if status or cursor else "No top-ups yet.")
        return
    table = id_table(("Account", "Top-up"), ("Begun (UTC)", "By", "State", "Why"), ("Amount",))
    for payment in payments:
        _, state, why = payment_state(payment, UTC, now=now)
        table.add_row(
            payment.account_id,
            payment.payment_id,
            f"{payment.created_at.astimezone(UTC):%Y-%m-%d %H:%M}",
            payment.provider,
            state,
            why,
            display_usd(payment.amount_nanos),
        )
    print_table(table)
    if below is not None:
        typer.echo(f"There are older ones: go on with --cursor {write_place(*below)}")


def _place(cursor: str) -> Place:
    at, (account_id, payment_id) = read_place(cursor, names=2, field="--cursor")
    return at, account_id, payment_id


@app.command("reconcile")
def reconcile_command(
    *,
    days: Annotated[int, typer.Option(min=1, max=DAYS_MAX, help=_DAYS_HELP)] = 30,
    account: Annotated[str | None, typer.Option(help="This account alone.")] = None,
) -> None:
    """Ask the payment provider about payments, refunds and disputes, and say what differs.

    What its word settles is settled, as by a notice that got lost. Exit code 1 where something
    differs all the same. Safe beside a running server.
    """

    async def act(platform: Platform) -> tuple[Comparison, list[Difference]]:
        asking = (platform.connection, platform.checkout)
        now = platform.clock()
        with Status("Asking …", console=Console(stderr=True)) as status:
            compared = await compare_payments(
                *asking,
                since=now - timedelta(days=days),
                account_id=account,
                tell=lambda so_far: status.update(f"Asking … {_counts(so_far)}"),
            )
            left = await reconcile_differences(
                *asking, compared.differences, terms=platform.terms, now=now
            )
        return compared, left

    compared, left = on_paying_platform(act)
    remaining = [_says(one) for one in left]
    for one in compared.differences:
        if _says(one) not in remaining:
            typer.echo(f"settled: {_says(one)}")
    for words in remaining:
        typer.echo(f"differs: {words}")
    verdict = f"{len(left)} to look at" if left else "clean"
    if compared.unasked:
        disputes = _count(compared.unasked, "dispute")
        typer.echo(f"not compared, since this provider keeps no record of its own: {disputes}")
    within = "the last day" if days == 1 else f"the last {days} days"
    typer.echo(f"{_counts(compared)} of {within} compared with the provider: {verdict}")
    if left:
        raise typer.Exit(1)


def _says(difference: Difference) -> str:
    return f"account {difference.account_id} top-up {difference.payment_id}: {difference.words}"


def _counts(compared: Comparison) -> str:
    counted = (
        (compared.payments, "payment"),
        (compared.refunds, "refund"),
        (compared.disputes, "dispute"),
    )
    return ", ".join(_count(count, name) for count, name in counted)


def _count(count: int, name: str) -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"
