"""talktime prices: what is charged for what, and since when."""

from pathlib import Path
from typing import Annotated

import typer
import yaml
from rich.console import Console
from rich.table import Table

from talktime.cli.moments import moment
from talktime.cli.opening import on_platform
from talktime.core.errors import InvalidInput
from talktime.core.money import format_usd
from talktime.core.ratecard import (
    MS_PER_SECOND,
    TIME_QUANTITIES,
    UNDATED,
    Price,
    Service,
    UnitPrice,
)
from talktime.ops.platform import Platform
from talktime.ops.prices import add_card

app = typer.Typer(no_args_is_help=True)

CARD_BYTES_MAX = 4_000_000


@app.command("show")
def show_command(
    *,
    service: Annotated[Service | None, typer.Option(help="llm, stt, tts or sip.")] = None,
    provider: Annotated[str | None, typer.Option(help="Such as deepgram.")] = None,
    model: Annotated[
        str | None, typer.Option(help="With --service and --provider: the price in force.")
    ] = None,
    at: Annotated[str | None, typer.Option(help="In force at this time; left out: now.")] = None,
) -> None:
    """Show prices: of the rate cards, or the one in force for a model."""
    asked_at = moment(at, "--at")

    async def act(platform: Platform) -> list[Price]:
        when = asked_at or platform.clock()
        book = platform.prices.book
        if service is not None and provider is not None and model is not None:
            price = book.find(service, provider, model, when)
            return [] if price is None else [price]
        return [
            price
            for price in book.prices
            if (service is None or price.service is service)
            and (provider is None or price.provider == provider.lower())
            and (model is None or price.model == model.lower())
            and price.effective_from <= when
        ]

    found = on_platform(act)
    if not found:
        typer.echo(
            "There is no such price: lines of it stay unpriced until a rate card brings one "
            "(talktime prices load FILE)."
        )
        raise typer.Exit(1)
    Console().print(_table(found))
    if model is None and service in {None, Service.LLM}:
        typer.echo("LLM prices come from genai-prices: ask with --service llm --provider --model.")


@app.command("load")
def load_command(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
) -> None:
    """Add a rate card (YAML or JSON) under its version, for good."""
    if file.stat().st_size > CARD_BYTES_MAX:
        raise InvalidInput(f"{file} is larger than {CARD_BYTES_MAX} bytes")
    try:
        document = yaml.safe_load(file.read_bytes())
    except yaml.YAMLError as error:
        raise InvalidInput(f"{file} is neither YAML nor JSON: {error}") from error
    if not isinstance(document, dict):
        raise InvalidInput(f"{file} is no rate card: it must be an object with version and entries")

    async def act(platform: Platform) -> tuple[Price, ...]:
        async with platform.connection() as connection:
            return await add_card(connection, _plain(document), now=platform.clock())

    added = on_platform(act)
    typer.echo(
        f"Rate card {document['version']} has {len(added)} prices; they hold for calls that are "
        "not priced yet, from their effective dates on."
    )


def _plain(value: object) -> dict[str, object]:
    """The card with its dates as text: YAML reads them as dates, and JSON knows none."""
    plain = _without_dates(value)
    assert isinstance(plain, dict)
    return plain


def _without_dates(value: object) -> object:
    if isinstance(value, dict):
        return {str(name): _without_dates(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_without_dates(member) for member in value]
    isoformat = getattr(value, "isoformat", None)
    return value if isoformat is None else isoformat()


def _table(prices: list[Price]) -> Table:
    table = Table("Service", "Provider", "Model", "Price", "Since", "Card", "Source", box=None)
    for price in prices:
        since = "" if price.effective_from == UNDATED else f"{price.effective_from:%Y-%m-%d}"
        table.add_row(
            price.service,
            price.provider,
            price.model or "(default)",
            "\n".join(map(_unit_price, price.unit_prices)),
            since,
            price.card,
            price.source,
        )
    return table


def _unit_price(price: UnitPrice) -> str:
    unit = "character" if price.quantity == "characters" else "token"
    per = f"{price.per:,} {unit}s" if price.per != 1 else unit
    if price.quantity in TIME_QUANTITIES:
        seconds = price.per // MS_PER_SECOND
        per = {60: "minute", 3600: "hour", 1: "second"}.get(seconds, f"{seconds} seconds")
    return f"${format_usd(price.nanos)} per {per} ({price.quantity})"
