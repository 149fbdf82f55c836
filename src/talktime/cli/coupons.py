"""talktime coupons: promo credit by code."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from talktime.cli.moments import moment
from talktime.cli.opening import on_platform
from talktime.cli.tables import id_table, print_table
from talktime.core.coupon import Coupon, Redemption
from talktime.core.money import display_usd, parse_usd
from talktime.ops.coupons import create_coupon, list_coupons, list_redemptions, read_coupon
from talktime.ops.platform import Platform

app = typer.Typer(no_args_is_help=True)

PAGE = 200


@app.command("create")
def create_command(
    *,
    code: Annotated[str, typer.Argument(metavar="CODE", help="Case-sensitive.")],
    amount: Annotated[str, typer.Argument(metavar="USD", help="Promo credit, such as 5.00.")],
    max_redemptions: Annotated[
        int | None, typer.Option(min=1, help="Over all accounts; left out: without limit.")
    ] = None,
    starts_at: Annotated[str | None, typer.Option(help="As in 2026-11-01T00:00:00Z.")] = None,
    ends_at: Annotated[str | None, typer.Option(help="As in 2026-12-01T00:00:00Z.")] = None,
    only_account: Annotated[
        str | None, typer.Option(help="The one account that may redeem it; others find no coupon.")
    ] = None,
    new_account_days: Annotated[
        int | None, typer.Option(min=1, help="Only for accounts opened less than so many days ago.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="For yourself.")] = None,
) -> None:
    """Issue a coupon. The same again changes nothing."""
    amount_nanos = parse_usd(amount, field="AMOUNT")
    begins: datetime | None = moment(starts_at, "--starts-at")
    ends: datetime | None = moment(ends_at, "--ends-at")

    async def act(platform: Platform) -> tuple[Coupon, bool]:
        coupon = Coupon(
            code=code,
            amount_nanos=amount_nanos,
            max_redemptions=max_redemptions,
            starts_at=begins,
            ends_at=ends,
            note=note,
            only_account_id=only_account,
            new_account_days=new_account_days,
            created_at=platform.clock(),
        )
        async with platform.connection() as connection:
            return await create_coupon(connection, coupon)

    coupon, created = on_platform(act)
    typer.echo(
        f"Coupon {coupon.code} over {display_usd(coupon.amount_nanos)} "
        f"{'is issued' if created else 'was issued before'}; {coupon.redemptions} redeemed."
    )


@app.command("list")
def list_command() -> None:
    """List coupons by code, with how often each was redeemed."""

    async def act(platform: Platform) -> list[Coupon]:
        found: list[Coupon] = []
        after: str | None = ""
        while after is not None:
            async with platform.connection() as connection:
                page, after = await list_coupons(connection, after=after, limit=PAGE)
            found += page
        return found

    table = id_table(("Code",), ())
    for heading in ("Bonus", "Redeemed"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("Starts", "Ends"):
        table.add_column(heading, overflow="fold")
    table.add_column("For", no_wrap=True)
    table.add_column("Note", overflow="fold")
    for one in on_platform(act):
        table.add_row(
            one.code,
            display_usd(one.amount_nanos),
            _uses(one),
            _day(one.starts_at),
            _day(one.ends_at),
            _whom(one),
            one.note or "",
        )
    print_table(table)


@app.command("show")
def show_command(
    *, code: Annotated[str, typer.Argument(metavar="CODE", help="Case-sensitive.")]
) -> None:
    """Show a coupon: its rules, and who redeemed it when."""

    async def act(platform: Platform) -> tuple[Coupon, list[Redemption]]:
        found: list[Redemption] = []
        after: str | None = ""
        async with platform.connection() as connection:
            coupon = await read_coupon(connection, code)
            while after is not None:
                page, after = await list_redemptions(connection, code, after=after, limit=PAGE)
                found += page
        return coupon, found

    coupon, redemptions = on_platform(act)
    facts = Table(box=None, show_header=False)
    facts.add_column(no_wrap=True)
    facts.add_column(overflow="fold")
    for name, value in (
        ("Code", coupon.code),
        ("Bonus", display_usd(coupon.amount_nanos)),
        ("Redeemed", _uses(coupon)),
        ("Starts", _day(coupon.starts_at) or "at once"),
        ("Ends", _day(coupon.ends_at) or "never"),
        ("For", _whom(coupon) or "every account"),
        ("Issued", _day(coupon.created_at)),
        ("Note", coupon.note or ""),
    ):
        facts.add_row(name, value)
    print_table(facts)
    if not redemptions:
        typer.echo("\nNobody has redeemed it yet.")
        return
    table = id_table(("Account",), ("Redeemed",), ("Bonus", "Entry"))
    for one in sorted(redemptions, key=lambda one: (one.recorded_at, one.account_id)):
        table.add_row(
            one.account_id,
            _day(one.recorded_at),
            display_usd(one.amount_nanos),
            f"{one.entry_seq:,}",
        )
    typer.echo()
    print_table(table)


def _uses(coupon: Coupon) -> str:
    most = "" if coupon.max_redemptions is None else f" of {coupon.max_redemptions:,}"
    return f"{coupon.redemptions:,}{most}"


def _whom(coupon: Coupon) -> str:
    rules = []
    if coupon.only_account_id is not None:
        rules.append(coupon.only_account_id)
    if coupon.new_account_days is not None:
        rules.append(f"accounts younger than {coupon.new_account_days:,} days")
    return ", ".join(rules)


def _day(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
