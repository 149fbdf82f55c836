"""Messages to people: written in the transaction of what they tell, handed over afterwards.

    write_message      in the caller's transaction
    relay_messages     what waits becomes a job for each person: in one transaction
    take_message       what the job is about; then, outside any transaction, the mail server
    record_sent        it took the message, or
    record_failure     it did not: again later, or given up

A process that dies between the mail server's yes and record_sent leaves the job to another, and the
person gets the same message twice, with the same Message-ID.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from talktime.core.errors import MessageNotRepeatable, MessageUnknown
from talktime.core.message import CHOSEN_AS, FORGOTTEN, Message, MessageKind, MessageState
from talktime.core.unsubscribing import ENDED_BY_MAIL, UNSUBSCRIBE_KEY
from talktime.db import messages
from talktime.db.jobs import Deferred, defer_jobs
from talktime.db.messages import MessageKey
from talktime.db.pool import Connection
from talktime.ops.paces import talk_time_facts

MAIL_QUEUE: Final = "mail"
HAND_OVER: Final = "hand over"
"""The task whose jobs have a message's key as their arguments."""

STALE_AFTER: Final = timedelta(days=3)
SIGN_IN_STALE_AFTER: Final = timedelta(hours=1)
"""What waited longer, for want of a mail server, would only puzzle its reader."""

REASON_MAX: Final = 500
TOO_OLD: Final = "nobody could hand it over while it was news"
_SIGN_IN: Final = frozenset({MessageKind.SIGN_IN, MessageKind.SIGN_UP})


class Relayed(msgspec.Struct, frozen=True, kw_only=True):
    taken: int
    """Messages that waited; as many as were asked for: there may be more."""
    deferred: int
    """Jobs made of them."""


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


async def relay_messages(
    connection: Connection, *, new_secret: Callable[[], str], now: datetime, limit: int
) -> Relayed:
    """Put what waits into the queue of jobs, one job for each person to be told.

    With ``new_secret`` links are made by which readers can end such mail.
    """
    async with connection.transaction():
        waiting = await messages.take_waiting(connection, limit=limit)
        spread: list[MessageKey] = []
        direct: list[MessageKey] = []
        moves: list[tuple[MessageKey, MessageState, str | None]] = []
        chosen: list[tuple[MessageKey, MessageKind]] = []
        for message in waiting:
            key = (message.account_id, message.message_id)
            kind = MessageKind(message.kind)
            if message.created_at < now - _stale_after(kind):
                moves.append((key, MessageState.DEAD, TOO_OLD))
            elif message.recipient is None:
                moves.append((key, MessageState.EXPANDED, None))
                chosen.append((key, kind))
            else:
                moves.append((key, MessageState.DEFERRED, None))
                direct.append(key)
        if chosen:
            warnings = [key for key, kind in chosen if kind is MessageKind.BELOW_WARNING]
            facts = await talk_time_facts(connection, warnings)
            for key, kind in chosen:
                if kind in ENDED_BY_MAIL:
                    facts[key] = facts.get(key, {}) | {UNSUBSCRIBE_KEY: new_secret()}
            spread = await messages.spread_messages(
                connection, [(key, CHOSEN_AS.get(kind), facts.get(key, {})) for key, kind in chosen]
            )
        if moves:
            await messages.move_messages(connection, moves)
        await defer_jobs(connection, [_job(key) for key in (*spread, *direct)])
    return Relayed(taken=len(waiting), deferred=len(spread) + len(direct))


async def take_message(connection: Connection, key: MessageKey) -> Message | None:
    """The message a job is about; None where it was handed over or given up before."""
    message = await messages.read_message(connection, key)
    return message if message and message.state is MessageState.DEFERRED else None


async def record_sent(connection: Connection, message: Message, *, now: datetime) -> None:
    """The mail server took the message; what lets its reader act is forgotten."""
    await messages.record_sent(
        connection,
        (message.account_id, message.message_id),
        forgotten=FORGOTTEN.get(message.kind, ()),
        now=now,
    )


async def record_failure(
    connection: Connection, message: Message, *, reason: str, gives_up: bool
) -> None:
    """The mail server did not take the message: it is tried again, or given up."""
    await messages.record_failure(
        connection,
        (message.account_id, message.message_id),
        state=MessageState.DEAD if gives_up else MessageState.DEFERRED,
        reason=reason[:REASON_MAX],
    )


async def resend_message(
    connection: Connection, account_id: str, message_id: UUID, *, now: datetime
) -> Message:
    """Hand a message over anew that was given up or sent; answers it as it stood.

    Raises MessageUnknown, or MessageNotRepeatable where it is on its way, goes to nobody in
    particular, or has a link that was forgotten when it was sent, or has expired since.
    """
    key = (account_id, message_id)
    async with connection.transaction():
        message = await messages.read_message(connection, key)
        if message is None:
            raise MessageUnknown(
                f"there is no message {message_id}; `talktime mail list` shows all"
            )
        if message.recipient is None:
            raise MessageNotRepeatable(
                f"message {message_id} is not to one person; send those again that were made of it"
            )
        if not FORGOTTEN.get(message.kind, frozenset()) <= message.facts.keys():
            raise MessageNotRepeatable(
                f"the link of message {message_id} was forgotten when it was sent; "
                "let its reader ask for a new one"
            )
        if message.kind in _SIGN_IN and message.created_at < now - SIGN_IN_STALE_AFTER:
            raise MessageNotRepeatable(
                f"the link of message {message_id} has expired; let its reader ask for a new one"
            )
        if not await messages.resend_message(connection, key):
            raise MessageNotRepeatable(f"message {message_id} is on its way; wait for its end")
        await defer_jobs(connection, [_job(key)])
    return message


async def list_messages(
    connection: Connection,
    *,
    account_id: str | None,
    state: MessageState | None,
    limit: int,
    below: Message | None = None,
) -> list[Message]:
    """Messages to single people, newest first; ``below`` one, those that come after it."""
    return await messages.list_messages(
        connection, account_id=account_id, state=state, below=below, limit=limit
    )


async def count_messages(connection: Connection) -> dict[MessageState, int]:
    """How many messages there are in each state that has not ended well."""
    found = await messages.count_messages(connection)
    open_states = (MessageState.WAITING, MessageState.DEFERRED, MessageState.DEAD)
    return {state: found.get(state, 0) for state in open_states}


def _stale_after(kind: MessageKind) -> timedelta:
    return SIGN_IN_STALE_AFTER if kind in _SIGN_IN else STALE_AFTER


def _job(key: MessageKey) -> Deferred:
    return Deferred(
        queue=MAIL_QUEUE,
        task=HAND_OVER,
        args={"account_id": key[0], "message_id": str(key[1])},
    )
