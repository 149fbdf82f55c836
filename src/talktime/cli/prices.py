"""talktime prices: what is charged for what, and since when."""

from pathlib import Path
from typing import Annotated

import typer
import yaml

from talktime.cli.estimates import estimate_command
from talktime.cli.moments import moment
from talktime.cli.opening import on_platform
from talktime.cli.price_lines import nothing_found, price_lines, prices_of
from talktime.core.errors import InvalidInput
from talktime.core.ratecard import Price, PriceBook, Service
from talktime.ops.platform import Platform
from talktime.ops.prices import add_card

app = typer.Typer(no_args_is_help=True)
app.command("estimate")(estimate_command)

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
    source: Annotated[
        bool, typer.Option("--source", help="Below each: its card, and where it was read.")
    ] = False,
) -> None:
    """Show the prices in force, one a line: of the rate cards, or of the model asked for.

    LLM prices come from genai-prices, unless a card has them: ask with --service llm --provider.
    """
    asked_at = moment(at, "--at")

    async def act(platform: Platform) -> tuple[PriceBook, list[Price]]:
        book = platform.prices.book
        when = asked_at or platform.clock()
        return book, prices_of(book, service, provider, model, when)

    book, found = on_platform(act)
    if not found:
        typer.echo(nothing_found(book, service, provider, model))
        raise typer.Exit(1)
    for line in price_lines(found, with_source=source):
        typer.echo(line)
    if provider is None and service in {None, Service.LLM}:
        typer.echo("\nLLM prices: talktime prices show --service llm --provider openai")


@app.command("load")
def load_command(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", exists=True, dir_okay=False, readable=True, help="YAML or JSON."
        ),
    ],
) -> None:
    """Add a rate card (YAML or JSON) under its version, for good: docs/how-to/add-prices.md."""
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
    number = "one price" if len(added) == 1 else f"{len(added)} prices"
    typer.echo(
        f"Rate card {document['version']} is kept, with {number}. They hold from their effective "
        "dates on, for lines that have no price yet."
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
