"""Accounts: opened, read and changed. Their balances move elsewhere (acts)."""

from collections.abc import Sequence
from datetime import datetime

import psycopg
from psycopg.rows import kwargs_row

from talktime.core.account import Account, AccountStatus, NumberMask
from talktime.core.errors import InvalidInput
from talktime.db.pool import Connection
from talktime.db.queries import query


async def open_account(
    connection: Connection, *, account_id: str, name: str, email: str, now: datetime
) -> bool:
    """Open an empty account; False where the id is taken."""
    cursor = await connection.execute(
        query("open_account"),
        {"account_id": account_id, "name": name, "email": email, "now": now},
    )
    return await cursor.fetchone() is not None


async def read_account(connection: Connection, account_id: str, *, now: datetime) -> Account | None:
    """The account as it stands; its month is the one that ``now`` lies in."""
    async with connection.cursor(row_factory=kwargs_row(account_of)) as cursor:
        await cursor.execute(query("read_account"), {"account_id": account_id, "now": now})
        return await cursor.fetchone()


async def account_exists(connection: Connection, account_id: str) -> bool:
    cursor = await connection.execute(query("account_exists"), {"account_id": account_id})
    return await cursor.fetchone() is not None


async def known_accounts(connection: Connection, account_ids: Sequence[str]) -> set[str]:
    """Those of some accounts that exist."""
    cursor = await connection.execute(query("known_accounts"), {"account_id": list(account_ids)})
    return {account_id for (account_id,) in await cursor.fetchall()}


async def list_accounts(
    connection: Connection, *, after: str, limit: int, now: datetime
) -> list[Account]:
    """The next ``limit`` accounts whose ids come after ``after``."""
    async with connection.cursor(row_factory=kwargs_row(account_of)) as cursor:
        await cursor.execute(query("list_accounts"), {"after": after, "limit": limit, "now": now})
        return await cursor.fetchall()


async def change_account(
    connection: Connection,
    account_id: str,
    *,
    status: AccountStatus | None,
    sets_margin: bool,
    margin_ppm: int | None,
    warning_level_nanos: int | None,
    time_zone: str | None,
    number_mask: NumberMask | None,
    now: datetime,
) -> bool:
    """Set what is not None, the margin where ``sets_margin``; False where there is no account.

    Raises InvalidInput for a time zone that the database does not know.
    """
    try:
        cursor = await connection.execute(
            query("change_account"),
            {
                "account_id": account_id,
                "status": status and status.value,
                "sets_margin": sets_margin,
                "margin_ppm": margin_ppm,
                "warning_level": warning_level_nanos,
                "time_zone": time_zone,
                "number_mask": number_mask and number_mask.value,
                "now": now,
            },
        )
    except psycopg.errors.InvalidParameterValue as error:
        raise InvalidInput(
            f"the database does not know the time zone {time_zone}.", field="time_zone"
        ) from error
    return await cursor.fetchone() is not None


async def grant_welcome(
    connection: Connection,
    *,
    account_id: str,
    address: str,
    bonus_nanos: int,
    floor_nanos: int,
    now: datetime,
) -> str:
    """posted, repeated, or address_already_welcomed; ``address`` is the normal form."""
    cursor = await connection.execute(
        query("grant_welcome"),
        {
            "now": now,
            "floor": floor_nanos,
            "account_id": account_id,
            "address": address,
            "bonus": bonus_nanos,
        },
    )
    row = await cursor.fetchone()
    assert row is not None
    return str(row[0])


async def verify_account(connection: Connection, account_id: str) -> None:
    """Note that somebody vouched for the account's e-mail address."""
    await connection.execute(query("verify_account"), {"account_id": account_id})


def account_of(*, status: str, number_mask: str, **columns: object) -> Account:
    """An account from the columns that read_account, list_accounts and live_accounts name."""
    return Account(
        status=AccountStatus(status),
        number_mask=NumberMask(number_mask),
        **columns,  # type: ignore[arg-type]
    )
