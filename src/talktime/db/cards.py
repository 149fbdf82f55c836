"""Rate cards the operator added, kept as the documents they were."""

from datetime import datetime
from typing import Literal

from talktime.db.pool import Connection
from talktime.db.queries import query


async def newest_load_seq(connection: Connection) -> int:
    """A number that grows with every card added; 0 without any."""
    cursor = await connection.execute(query("newest_card"))
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def read_cards(connection: Connection) -> list[tuple[str, str]]:
    """(version, JSON document) of every card, in the order they were added."""
    cursor = await connection.execute(query("read_cards"))
    return [(row[0], row[1]) for row in await cursor.fetchall()]


async def write_card(
    connection: Connection, *, version: str, document: str, now: datetime
) -> Literal["added", "repeated", "taken"]:
    """Add a card, unless its version has this document already, or is taken by another."""
    async with connection.transaction():
        await connection.execute(query("lock_cards"))
        written = await connection.execute(
            query("write_card"), {"version": version, "document": document, "now": now}
        )
        if written.rowcount:
            return "added"
        cursor = await connection.execute(query("card_document"), {"version": version})
        row = await cursor.fetchone()
    return "repeated" if row is not None and row[0] == document else "taken"
