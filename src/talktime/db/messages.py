"""Messages to people, as rows."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from talktime.core.message import MessageKind
from talktime.db.pool import Connection
from talktime.db.queries import query


async def write_message(
    connection: Connection,
    *,
    account_id: str,
    kind: MessageKind,
    ref: str,
    recipient: str | None,
    facts: Mapping[str, str],
    now: datetime,
) -> None:
    """Write a message, unless it was written before."""
    await connection.execute(
        query("write_message"),
        {
            "account_id": account_id,
            "kind": kind.value,
            "ref": ref,
            "recipient": recipient,
            "facts": msgspec.json.encode(facts).decode(),
            "now": now,
        },
    )
