"""talktime coupons: promo credit by code."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from talktime.cli.moments import moment
from talktime.cli.opening import on_platform
from talktime.core.coupon import Coupon
from talktime.core.money import display_usd, parse_usd
from talktime.ops.coupons import create_coupon, list_coupons
from talktime.ops.platform import Platform

app = typer.Typer(no_args_is_help=True)

PAGE = 200


@app.command("create")
def create_command(
    *,
    code: Annotated[str, typer.Argument(help="Case-sensitive.")],
    amount: Annotated[str, typer.Argument(help="USD of promo credit, such as 5.00.")],
    max_redemptions: Annotated[
        int | None, typer.Option(min=1, help="Over all accounts; left out: without limit.")
    ] = None,
    starts_at: Annotated[str | None, typer.Option(help="As in 2026-11-01T00:00:00Z.")] = None,
    ends_at: Annotated[str | None, typer.Option(help="As in 2026-12-01T00:00:00Z.")] = None,
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

    table = Table(box=None)
    table.add_column("Code", overflow="fold")
    for heading in ("Bonus", "Redeemed"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("Starts", "Ends", "Note"):
        table.add_column(heading)
    for one in on_platform(act):
        most = "" if one.max_redemptions is None else f" of {one.max_redemptions:,}"
        table.add_row(
            one.code,
            display_usd(one.amount_nanos),
            f"{one.redemptions:,}{most}",
            _day(one.starts_at),
            _day(one.ends_at),
            one.note or "",
        )
    Console().print(table, markup=False)


def _day(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
