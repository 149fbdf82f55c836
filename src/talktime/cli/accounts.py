"""talktime accounts: customers, their balances and their way into the pages."""

import secrets
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from talktime.cli.opening import on_platform
from talktime.cli.tables import id_table, print_table
from talktime.core.account import (
    Account,
    AccountStatus,
    format_margin_rate,
    parse_margin_rate,
)
from talktime.core.errors import InvalidInput
from talktime.core.money import display_usd, parse_usd
from talktime.ops.accounts import (
    PAGE_MAX,
    AccountChange,
    change_account,
    create_account,
    list_accounts,
    read_account,
)
from talktime.ops.adjustments import post_adjustment
from talktime.ops.platform import Platform
from talktime.ops.portal_access import create_portal_link, link_url

app = typer.Typer(no_args_is_help=True)

AccountId = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's id.")]


@app.command("create")
def create_command(
    *,
    account: AccountId,
    name: Annotated[str, typer.Option(help="What the customer is called.")],
    email: Annotated[str, typer.Option(help="Where mail about the account goes.")],
    verified: Annotated[
        bool, typer.Option("--verified", help="Vouch for the address: brings the welcome bonus.")
    ] = False,
) -> None:
    """Open an account. The same again changes nothing."""

    async def act(platform: Platform) -> tuple[Account, bool]:
        async with platform.connection() as connection:
            return await create_account(
                connection,
                account_id=account,
                name=name,
                email=email,
                verified=verified,
                terms=platform.terms,
                now=platform.clock(),
            )

    opened, created = on_platform(act)
    typer.echo(f"Account {account} {'was opened' if created else 'was there already'}.")
    _show(opened)


@app.command("show")
def show_command(account: AccountId) -> None:
    """Show an account's balances."""

    async def act(platform: Platform) -> Account:
        async with platform.connection() as connection:
            return await read_account(connection, account, now=platform.clock())

    _show(on_platform(act))


@app.command("list")
def list_command(
    *, limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 1000
) -> None:
    """List accounts by id."""

    async def act(platform: Platform) -> list[Account]:
        found: list[Account] = []
        after: str | None = ""
        while after is not None and len(found) < limit:
            async with platform.connection() as connection:
                page, after = await list_accounts(
                    connection,
                    after=after,
                    limit=min(PAGE_MAX, limit - len(found)),
                    now=platform.clock(),
                )
            found += page
        return found

    table = id_table(
        ("Account",), ("Name", "Status"), ("Available", "Promo", "Paid", "Held", "This month")
    )
    for one in on_platform(act):
        table.add_row(
            one.account_id,
            one.name,
            one.status,
            *map(
                display_usd,
                (
                    one.available_nanos,
                    one.promo_nanos,
                    one.paid_nanos,
                    one.held_nanos,
                    one.month_to_date_nanos,
                ),
            ),
        )
    print_table(table)


@app.command("adjust")
def adjust_command(
    *,
    account: AccountId,
    reason: Annotated[
        str, typer.Option(help="Why; the customer reads it on Billing, auditors later.")
    ],
    paid: Annotated[str, typer.Option(help="USD to add to paid; negative to take.")] = "0",
    promo: Annotated[str, typer.Option(help="USD to add to promo; negative to take.")] = "0",
    adjustment_id: Annotated[
        str, typer.Option("--id", help="Makes a repeat the same adjustment; new unless given.")
    ] = "",
) -> None:
    """Correct a balance."""
    reference = adjustment_id or f"cli-{secrets.token_hex(8)}"
    paid_nanos = parse_usd(paid, field="--paid")
    promo_nanos = parse_usd(promo, field="--promo")

    async def act(platform: Platform) -> tuple[bool, Account]:
        async with platform.connection() as connection:
            _, posted = await post_adjustment(
                connection,
                account_id=account,
                adjustment_id=reference,
                promo_nanos=promo_nanos,
                paid_nanos=paid_nanos,
                reason=reason,
                terms=platform.terms,
                now=platform.clock(),
            )
            return posted, await read_account(connection, account, now=platform.clock())

    posted, adjusted = on_platform(act)
    typer.echo(f"Adjustment {reference} {'is posted' if posted else 'was posted before'}.")
    _show(adjusted)


@app.command("change")
def change_command(
    *,
    account: AccountId,
    status: Annotated[
        AccountStatus | None, typer.Option(help="A suspended account starts no calls.")
    ] = None,
    margin: Annotated[
        str | None, typer.Option(help="Part of provider cost, such as 0.25; or: platform.")
    ] = None,
    warning_level: Annotated[
        str | None, typer.Option(help="USD below which one e-mail goes out.")
    ] = None,
) -> None:
    """Change an account. Running calls keep the margin they began with."""
    change = AccountChange(
        status=status,
        margin_ppm=_margin(margin),
        warning_level_nanos=(
            None if warning_level is None else parse_usd(warning_level, field="--warning-level")
        ),
    )
    if change == AccountChange():
        raise InvalidInput("nothing to change: give --status, --margin or --warning-level")

    async def act(platform: Platform) -> Account:
        async with platform.connection() as connection:
            return await change_account(connection, account, change, now=platform.clock())

    _show(on_platform(act))


def _margin(text: str | None) -> int | msgspec.UnsetType | None:
    if text is None:
        return msgspec.UNSET
    return None if text == "platform" else parse_margin_rate(text, field="--margin")


@app.command("link")
def link_command(account: AccountId) -> None:
    """Print a fresh one-time link into the customer's pages."""

    async def act(platform: Platform) -> str:
        async with platform.connection() as connection:
            token, _ = await create_portal_link(
                connection,
                account_id=account,
                secret=secrets.token_urlsafe(32),
                now=platform.clock(),
            )
        return link_url(platform.public_url, token)

    typer.echo(on_platform(act))


def _show(account: Account) -> None:
    table = Table(box=None, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, nanos in (
        ("Available", account.available_nanos),
        ("  promo", account.promo_nanos),
        ("  paid", account.paid_nanos),
        ("Held by running calls", account.held_nanos),
        ("Startable", account.startable_nanos),
        ("This month", account.month_to_date_nanos),
        ("Warning level", account.warning_level_nanos),
    ):
        table.add_row(name, display_usd(nanos))
    if account.margin_ppm is not None:
        table.add_row("Margin rate", format_margin_rate(account.margin_ppm))
    Console().print(f"{account.account_id} · {account.name} · {account.status}", highlight=False)
    print_table(table)
