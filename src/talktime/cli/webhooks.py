"""talktime webhooks: endpoints, and what they were sent."""

from typing import Annotated, Final

import typer

from talktime import endpoints
from talktime.cli.opening import on_platform
from talktime.cli.tables import id_table, print_table
from talktime.core.errors import EndpointPrivate
from talktime.core.webhook import (
    PLATFORM,
    Delivery,
    DeliveryState,
    Endpoint,
    EndpointStatus,
    WebhookType,
)
from talktime.ops import webhooks
from talktime.ops.platform import Platform
from talktime.ops.webhooks import EndpointChange

app = typer.Typer(no_args_is_help=True)

Account = Annotated[
    str, typer.Option("--account", help="An account's own endpoints; left out: the platform's.")
]
AT_ONCE: Final = 1_000
"""Deliveries read at a time."""
FAILING_MAX: Final = 100
"""Endpoints that fail, shown at once: the longest failing of them."""
Named = Annotated[str, typer.Argument(metavar="ENDPOINT")]


@app.command("add")
def add_command(
    *,
    url: Annotated[str, typer.Argument(help="https, at a public address.")],
    types: Annotated[
        list[WebhookType] | None,
        typer.Option("--type", help="What it is told; repeat for more. Left out: everything."),
    ] = None,
    description: Annotated[str, typer.Option(help="For yourself.")] = "",
    account: Account = PLATFORM,
) -> None:
    """Add an endpoint and print its secret, this once."""

    async def act(platform: Platform) -> tuple[Endpoint, str]:
        return await endpoints.add_endpoint(
            platform, account, url=url, description=description, types=types or None
        )

    try:
        made, secret = on_platform(act)
    except EndpointPrivate as error:
        raise EndpointPrivate(
            f"{error.message}, or set TALKTIME_WEBHOOKS_PRIVATE=allow for this command and for "
            "the worker, on an installation where no customer can add endpoints",
            field="url",
        ) from error
    typer.echo(f"Endpoint {made.endpoint_id} is told from now on.", err=True)
    typer.echo(secret)
    typer.echo("Keep the secret: it verifies deliveries and is not shown again.", err=True)


@app.command("list")
def list_command(
    *,
    account: Account = PLATFORM,
    failing: Annotated[
        bool,
        typer.Option(
            "--failing",
            help="Instead, of the platform and of all accounts: those that take nothing, or were "
            "disabled for it.",
        ),
    ] = False,
) -> None:
    """List endpoints with their health."""

    async def act(platform: Platform) -> list[Endpoint]:
        async with platform.connection() as connection:
            if failing:
                return await webhooks.list_failing_endpoints(connection, limit=FAILING_MAX)
            return await webhooks.list_endpoints(connection, account)

    found = on_platform(act)
    if not found and failing:
        typer.echo("Every endpoint takes what it is sent.")
    elif not found:
        typer.echo("There is none: talktime webhooks add URL; or name one's owner by --account.")
    else:
        _print(found)
    if any(one.failing_since is not None for one in found):
        typer.echo(
            "What it answers: talktime webhooks deliveries ENDPOINT. Once it is mended: "
            "talktime webhooks test ENDPOINT, and enable ENDPOINT where it is disabled. Each with "
            "--account for one of an account."
        )


def _print(found: list[Endpoint]) -> None:
    table = id_table(("Endpoint", "Account"), ("Address", "Told of", "Health", "Last delivered"))
    for one in found:
        last = one.last_delivered_at
        table.add_row(
            one.endpoint_id,
            one.account_id or "-",
            one.url,
            "everything" if one.types is None else " ".join(one.types),
            _health(one),
            "" if last is None else f"{last:%Y-%m-%d %H:%M}",
        )
    print_table(table)


@app.command("deliveries")
def deliveries_command(
    *,
    endpoint: Named,
    state: Annotated[DeliveryState | None, typer.Option(help="Only those.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000)] = 20,
    bodies: Annotated[bool, typer.Option("--bodies", help="With what was sent.")] = False,
    account: Account = PLATFORM,
) -> None:
    """List what an endpoint was or will be sent, newest first."""

    async def act(platform: Platform) -> list[Delivery]:
        async with platform.connection() as connection:
            page, _ = await webhooks.list_deliveries(
                connection, account, endpoint, before=None, state=state, limit=limit
            )
        return page

    table = id_table(("Message",), ("Type", "Made", "State", "Attempts", "Last answer"))
    found = on_platform(act)
    if not found:
        typer.echo("There is none. To see how it answers: talktime webhooks test ENDPOINT")
        return
    for one in found:
        table.add_row(
            one.message_id,
            one.type,
            f"{one.created_at:%Y-%m-%d %H:%M:%S}",
            one.state.value.replace("_", " "),
            str(one.attempts),
            one.last_failure or str(one.last_status or ""),
        )
        if bodies:
            table.add_row("", one.body)
    print_table(table)
    if any(one.state is DeliveryState.GIVEN_UP for one in found):
        typer.echo(
            "Given up is sent again by: talktime webhooks resend ENDPOINT MESSAGE, or all of it "
            "with --given-up"
        )


@app.command("resend")
def resend_command(
    *,
    endpoint: Named,
    message: Annotated[str | None, typer.Argument(metavar="MESSAGE")] = None,
    given_up: Annotated[
        bool,
        typer.Option(
            "--given-up",
            help="Instead of one: all that were given up, oldest first, until one is not taken.",
        ),
    ] = False,
    account: Account = PLATFORM,
) -> None:
    """Send a delivery once more, now."""
    if (message is None) != given_up:
        raise typer.BadParameter("name one message, or say --given-up for all that were given up")

    async def act(platform: Platform) -> tuple[int, Delivery | None]:
        sent, last = 0, None
        for one in [message] if message else await _given_up(platform, account, endpoint):
            last = await endpoints.resend_delivery(platform, account, endpoint, one)
            if last.last_failure is not None:
                break
            sent += 1
        return sent, last

    sent, last = on_platform(act)
    if given_up:
        typer.echo("None was given up." if last is None else f"{sent} taken that were given up.")
    if last is not None and (message or last.last_failure is not None):
        _tell(last)


async def _given_up(platform: Platform, account: str, endpoint: str) -> list[str]:
    """Oldest first."""
    found: list[str] = []
    before: str | None = None
    while True:
        async with platform.connection() as connection:
            page, before = await webhooks.list_deliveries(
                connection,
                account,
                endpoint,
                before=before,
                state=DeliveryState.GIVEN_UP,
                limit=AT_ONCE,
            )
        found += [one.message_id for one in page]
        if before is None:
            return found[::-1]


@app.command("test")
def try_command(*, endpoint: Named, account: Account = PLATFORM) -> None:
    """Send a webhook.test, now."""

    async def act(platform: Platform) -> Delivery:
        return await endpoints.send_test(platform, account, endpoint)

    _tell(on_platform(act))


@app.command("rotate")
def rotate_command(*, endpoint: Named, account: Account = PLATFORM) -> None:
    """Make a new secret and print it; the one so far signs too for 24 hours."""

    async def act(platform: Platform) -> tuple[Endpoint, str]:
        return await endpoints.rotate_secret(platform, account, endpoint)

    _, secret = on_platform(act)
    typer.echo(secret)


@app.command("enable")
def enable_command(*, endpoint: Named, account: Account = PLATFORM) -> None:
    """Tell an endpoint again; what waited comes first."""
    _switch(account, endpoint, is_enabled=True)
    typer.echo(f"Endpoint {endpoint} is told again.")


@app.command("disable")
def disable_command(*, endpoint: Named, account: Account = PLATFORM) -> None:
    """Stop telling an endpoint."""
    _switch(account, endpoint, is_enabled=False)
    typer.echo(f"Endpoint {endpoint} is disabled.")


@app.command("remove")
def remove_command(*, endpoint: Named, account: Account = PLATFORM) -> None:
    """Delete an endpoint and what it was sent."""

    async def act(platform: Platform) -> None:
        async with platform.connection() as connection:
            await webhooks.delete_endpoint(connection, account, endpoint)

    on_platform(act)
    typer.echo(f"Endpoint {endpoint} is deleted.")


def _switch(account: str, endpoint: str, *, is_enabled: bool) -> None:
    async def act(platform: Platform) -> Endpoint:
        return await endpoints.change_endpoint(
            platform, account, endpoint, EndpointChange(is_enabled=is_enabled)
        )

    on_platform(act)


def _tell(delivery: Delivery) -> None:
    if delivery.state is DeliveryState.WAITING:
        typer.echo("It still waits: the running worker tries it now, in its turn.")
    elif delivery.last_failure is None:
        typer.echo(f"Taken: the endpoint answered {delivery.last_status}.")
    else:
        typer.echo(f"Not taken: {delivery.last_failure}.", err=True)
        raise typer.Exit(1)


def _health(endpoint: Endpoint) -> str:
    if endpoint.status is EndpointStatus.DISABLED:
        reason = endpoint.disabled_reason
        said = f"disabled ({'' if reason is None else reason.value.replace('_', ' ')})"
        return said if endpoint.last_failure is None else f"{said}: {endpoint.last_failure}"
    if endpoint.failing_since is not None:
        return f"failing since {endpoint.failing_since:%Y-%m-%d %H:%M}: {endpoint.last_failure}"
    return "healthy" if endpoint.last_delivered_at is not None else "nothing delivered yet"
