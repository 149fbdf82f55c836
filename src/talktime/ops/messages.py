"""Messages to people: written in the transaction of what they tell, handed over afterwards."""

from collections.abc import Mapping
from datetime import datetime

from talktime.core.message import MessageKind
from talktime.db import messages
from talktime.db.pool import Connection


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
    """Write a message in the caller's transaction; it is sent once that is committed.

    ``recipient`` is an e-mail address, or None for every member who chose that kind of mail.
    ``account_id`` is '' before there is an account. Written before (same account, kind, ref and
    recipient), it is left as it is. Which facts a kind needs, MessageKind says.
    """
    await messages.write_message(
        connection,
        account_id=account_id,
        kind=kind,
        ref=ref,
        recipient=recipient,
        facts=facts,
        now=now,
    )
