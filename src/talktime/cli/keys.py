"""talktime keys: who may do what."""

import secrets
from typing import Annotated

import typer

from talktime.cli.opening import on_platform
from talktime.cli.tables import id_table, print_table
from talktime.ops.keys import (
    PLATFORM,
    SECRET_BYTES,
    Key,
    Scope,
    create_key,
    key_text,
    list_keys,
    revoke_key,
)
from talktime.ops.platform import Platform

app = typer.Typer(no_args_is_help=True)

PAGE = 200

Account = Annotated[
    str, typer.Option("--account", help="An account's own keys; left out: the platform's.")
]


@app.command("create")
def create_command(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the key is for.")],
    scope: Annotated[list[Scope], typer.Option(help="What it may do; repeat for more.")],
    account: Account = PLATFORM,
) -> None:
    """Make a key and print it, this once."""
    key_id, secret = secrets.token_hex(8), secrets.token_bytes(SECRET_BYTES)

    async def act(platform: Platform) -> Key:
        async with platform.connection() as connection:
            return await create_key(
                connection,
                account_id=account,
                key_id=key_id,
                secret=secret,
                name=name,
                scopes=scope,
                now=platform.clock(),
            )

    on_platform(act)
    typer.echo(key_text(account, key_id, secret))
    typer.echo("Keep it: only its hash is stored, so it cannot be shown again.", err=True)


@app.command("list")
def list_command(*, account: Account = PLATFORM) -> None:
    """List keys, without their secrets."""

    async def act(platform: Platform) -> list[Key]:
        found: list[Key] = []
        while True:
            async with platform.connection() as connection:
                page = await list_keys(
                    connection,
                    account_id=account,
                    after=found[-1].key_id if found else "",
                    limit=PAGE,
                )
            found += page
            if len(page) < PAGE:
                return found

    table = id_table(("Key",), ("Name", "Scopes", "Created", "Last used", "Revoked"))
    for key in on_platform(act):
        used = "" if key.last_used_at is None else f"{key.last_used_at:%Y-%m-%d %H:%M}"
        revoked = "" if key.revoked_at is None else f"{key.revoked_at:%Y-%m-%d %H:%M}"
        table.add_row(
            key.key_id,
            key.name,
            " ".join(sorted(key.scopes)),
            f"{key.created_at:%Y-%m-%d %H:%M}",
            used,
            revoked,
        )
    print_table(table)


@app.command("revoke")
def revoke_command(
    *,
    key_id: Annotated[str, typer.Argument(metavar="KEY", help="Its id.")],
    account: Account = PLATFORM,
) -> None:
    """Make a key useless, for good; running servers take it for a few seconds more."""

    async def act(platform: Platform) -> None:
        async with platform.connection() as connection:
            await revoke_key(connection, account_id=account, key_id=key_id, now=platform.clock())

    on_platform(act)
    typer.echo(f"Key {key_id} is revoked.")
