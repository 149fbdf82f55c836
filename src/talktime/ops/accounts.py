"""Accounts: opening them, with the welcome bonus, reading and changing them."""

import zoneinfo
from datetime import datetime

import msgspec

from talktime.core.account import Account, AccountStatus, NumberMask, check_account
from talktime.core.address import normal_address, sign_in_address
from talktime.core.errors import AccountExists, AccountUnknown, InvalidInput
from talktime.core.member import MAIL_AT_FIRST, Role
from talktime.db import accounts, members
from talktime.db.pool import Connection
from talktime.ops.terms import Terms

PAGE_MAX = 200


class AccountChange(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator changes; None leaves as it is."""

    status: AccountStatus | None = None
    margin_ppm: int | msgspec.UnsetType | None = msgspec.UNSET
    """None: the platform's margin."""
    warning_level_nanos: int | None = None
    time_zone: str | None = None
    number_mask: NumberMask | None = None


async def create_account(
    connection: Connection,
    *,
    account_id: str,
    name: str,
    email: str,
    verified: bool,
    terms: Terms,
    now: datetime,
) -> tuple[Account, bool]:
    """Open an account; the same facts again answer it as it stands, with False for "not new".

    ``verified`` means that somebody vouches for the e-mail address. It brings the welcome bonus,
    once per account and per address (R9), and may come with a later repeat; it is never taken back.
    Raises InvalidInput, or AccountExists where the id belongs to an account with another name or
    e-mail address.
    """
    check_account(account_id, name, email)
    async with connection.transaction():
        created = await accounts.open_account(
            connection, account_id=account_id, name=name, email=email, now=now
        )
        if created:
            await members.add_member(
                connection,
                account_id=account_id,
                address=sign_in_address(email),
                role=Role.OWNER,
                mail=MAIL_AT_FIRST[Role.OWNER],
                now=now,
            )
        account = await read_account(connection, account_id, now=now)
        if (account.name, account.email) != (name, email):
            raise AccountExists(
                f"there is an account {account_id} with another name or e-mail address; "
                "use a new account_id",
                field="account_id",
            )
        if verified and not account.verified:
            await verify_account(connection, account, terms=terms, now=now)
            account = await read_account(connection, account_id, now=now)
    return account, created


async def read_account(connection: Connection, account_id: str, *, now: datetime) -> Account:
    """The account as it stands, its month being the one of ``now``. Raises AccountUnknown."""
    account = await accounts.read_account(connection, account_id, now=now)
    if account is None:
        raise account_unknown(account_id)
    return account


async def list_accounts(
    connection: Connection, *, after: str | None, limit: int, now: datetime
) -> tuple[list[Account], str | None]:
    """A page of at most ``limit`` (1 to 200) accounts by id, and the id to go on after, if any."""
    check_limit(limit)
    found = await accounts.list_accounts(connection, after=after or "", limit=limit + 1, now=now)
    page = found[:limit]
    return page, page[-1].account_id if len(found) > limit else None


async def change_account(
    connection: Connection, account_id: str, change: AccountChange, *, now: datetime
) -> Account:
    """Change what is given. Calls under way keep the margin they began with.

    Raises InvalidInput for a time zone that is none or a warning level below zero, AccountUnknown.
    """
    if change.warning_level_nanos is not None and change.warning_level_nanos < 0:
        raise InvalidInput("warning_level must not be below zero.", field="warning_level")
    if change.time_zone is not None:
        _check_time_zone(change.time_zone)
    sets_margin = change.margin_ppm is not msgspec.UNSET
    changed = await accounts.change_account(
        connection,
        account_id,
        status=change.status,
        sets_margin=sets_margin,
        margin_ppm=None if change.margin_ppm is msgspec.UNSET else change.margin_ppm,
        warning_level_nanos=change.warning_level_nanos,
        time_zone=change.time_zone,
        number_mask=change.number_mask,
        now=now,
    )
    if not changed:
        raise account_unknown(account_id)
    return await read_account(connection, account_id, now=now)


def check_limit(limit: int) -> None:
    """Raise InvalidInput for a page size outside 1 to 200."""
    if not 1 <= limit <= PAGE_MAX:
        raise InvalidInput(f"limit must be from 1 to {PAGE_MAX}.", field="limit")


def account_unknown(account_id: str) -> AccountUnknown:
    """The refusal of whatever is asked of an account that there is not."""
    return AccountUnknown(
        f"there is no account {account_id}; create it with POST /v1/accounts", field="account_id"
    )


async def verify_account(
    connection: Connection, account: Account, *, terms: Terms, now: datetime
) -> None:
    """Note that the account's address is its owner's, with the welcome bonus, once (R9).

    It must be asked for in the transaction that shows it.
    """
    # The claim on the address is locked before the account: the one order of locks.
    if terms.welcome_nanos > 0:
        await accounts.grant_welcome(
            connection,
            account_id=account.account_id,
            address=normal_address(account.email),
            bonus_nanos=terms.welcome_nanos,
            floor_nanos=terms.floor_nanos,
            now=now,
        )
    await accounts.verify_account(connection, account.account_id)


def _check_time_zone(name: str) -> None:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidInput(
            "time_zone must be a name of the IANA database, such as Europe/Berlin.",
            field="time_zone",
        ) from error
