"""What an import asks of the database before it begins."""

from collections.abc import Sequence

from talktime.db.pool import Connection
from talktime.db.queries import query


async def known_accounts(connection: Connection, account_ids: Sequence[str]) -> set[str]:
    """Those of some accounts that exist."""
    cursor = await connection.execute(query("known_accounts"), {"account_id": list(account_ids)})
    return {row[0] for row in await cursor.fetchall()}
