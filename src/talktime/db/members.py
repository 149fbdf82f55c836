"""Members of accounts, and the accounts of a person."""

from collections.abc import Collection, Sequence
from datetime import datetime

from psycopg.rows import kwargs_row

from talktime.core.member import MailKind, Member, Role
from talktime.core.session import Membership
from talktime.db.pool import Connection
from talktime.db.queries import query


async def add_member(
    connection: Connection,
    *,
    account_id: str,
    address: str,
    role: Role,
    mail: Collection[MailKind],
    now: datetime,
) -> bool:
    """Make somebody a member; False where they are one."""
    cursor = await connection.execute(
        query("add_member"),
        {
            "account_id": account_id,
            "address": address,
            "role": role.value,
            "mail": sorted(mail),
            "now": now,
        },
    )
    return await cursor.fetchone() is not None


async def list_members(connection: Connection, account_id: str) -> list[Member]:
    """An account's members, owners first."""
    async with connection.cursor(row_factory=kwargs_row(_member_of)) as cursor:
        await cursor.execute(query("list_members"), {"account_id": account_id})
        return await cursor.fetchall()


async def change_role(connection: Connection, *, account_id: str, address: str, role: Role) -> bool:
    """Give a member another role; False where there is no such member."""
    cursor = await connection.execute(
        query("change_role"), {"account_id": account_id, "address": address, "role": role.value}
    )
    return await cursor.fetchone() is not None


async def change_mail(
    connection: Connection,
    *,
    account_id: str,
    address: str,
    add: Collection[MailKind],
    drop: Collection[MailKind],
) -> bool:
    """Add to the mail a member chose, and take from it; False where there is no such member."""
    cursor = await connection.execute(
        query("change_mail"),
        {
            "account_id": account_id,
            "address": address,
            "add": sorted(add),
            "drop": sorted(drop),
        },
    )
    return await cursor.fetchone() is not None


async def remove_member(connection: Connection, *, account_id: str, address: str) -> bool:
    """End a membership and its sessions; False where there is no such member."""
    cursor = await connection.execute(
        query("remove_member"), {"account_id": account_id, "address": address}
    )
    return await cursor.fetchone() is not None


async def memberships(connection: Connection, address: str, *, limit: int) -> list[Membership]:
    """The accounts that a person is a member of, by name."""
    async with connection.cursor(row_factory=kwargs_row(_membership_of)) as cursor:
        await cursor.execute(query("memberships"), {"address": address, "limit": limit})
        return await cursor.fetchall()


def _member_of(
    *, account_id: str, address: str, role: str, mail: Sequence[str], added_at: datetime
) -> Member:
    return Member(
        account_id=account_id,
        address=address,
        role=Role(role),
        mail=frozenset(map(MailKind, mail)),
        added_at=added_at,
    )


def _membership_of(*, account_id: str, account_name: str, role: str) -> Membership:
    return Membership(account_id=account_id, account_name=account_name, role=Role(role))
