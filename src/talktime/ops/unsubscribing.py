"""Ending a kind of mail from the mail itself."""

from contextlib import suppress
from uuid import UUID

from talktime.core.errors import MemberUnknown, MessageUnknown
from talktime.core.member import MailKind
from talktime.core.message import CHOSEN_AS
from talktime.core.unsubscribing import may_unsubscribe
from talktime.db import messages
from talktime.db.pool import Connection
from talktime.ops.members import change_mail


async def read_choice(
    connection: Connection, account_id: str, message_id: UUID, *, token: str
) -> tuple[str, MailKind]:
    """Whom a mail went to, and by which choice.

    Raises MessageUnknown where the token is not that of this message.
    """
    message = await messages.read_message(connection, (account_id, message_id))
    if message is None or message.recipient is None or not may_unsubscribe(message, token):
        raise MessageUnknown("this link belongs to no mail that we know of; choose in Settings")
    return message.recipient, CHOSEN_AS[message.kind]


async def end_choice(
    connection: Connection, account_id: str, message_id: UUID, *, token: str
) -> tuple[str, MailKind]:
    """End the choice that brought a mail to its reader; answers both. Safe to repeat.

    Raises MessageUnknown where the token is not that of this message.
    """
    address, choice = await read_choice(connection, account_id, message_id, token=token)
    with suppress(MemberUnknown):  # who has left gets no mail anyway
        await change_mail(connection, account_id, address, drop={choice})
    return address, choice
