"""Messages as rows: to whom, what can be sent again, and what a lost job leads to."""

from datetime import timedelta
from secrets import token_urlsafe

import pytest

from talktime.core.errors import MessageNotRepeatable, MessageUnknown
from talktime.core.member import MailKind, Role
from talktime.core.message import Message, MessageKind, MessageState, message_id_of
from talktime.core.unsubscribing import UNSUBSCRIBE_KEY
from talktime.db.messages import readmit_messages
from talktime.db.pool import Connection
from talktime.ops.members import add_member, change_mail
from talktime.ops.messages import list_messages, relay_messages, resend_message, write_message
from talktime.ops.platform import Platform
from talktime.ops.upkeep import MESSAGES_KEPT, sweep_database
from tests.conftest import AccountFactory


async def write(
    connection: Connection, platform: Platform, account_id: str, kind: MessageKind
) -> None:
    await write_message(
        connection,
        account_id=account_id,
        kind=kind,
        ref="1",
        recipient=None,
        facts={"available": "0.9", "floor": "0.1"},
        now=platform.clock(),
    )


async def relay_all(connection: Connection, platform: Platform) -> None:
    while (
        await relay_messages(connection, new_secret=token_urlsafe, now=platform.clock(), limit=500)
    ).taken == 500:
        pass


async def test_told_are_the_members_who_chose_it(
    platform: Platform, connection: Connection, make_account: AccountFactory
) -> None:
    """A message to whoever chose it becomes one to each of them, with what a link to end it is
    made of; what none can refuse goes to the owners."""
    account_id = await make_account()
    owner = f"{account_id[5:]}@example.com"
    viewer, silent = f"v{owner}", f"s{owner}"
    for address, mail in ((viewer, {MailKind.ALERTS}), (silent, set[MailKind]())):
        await add_member(
            connection,
            account_id=account_id,
            address=address,
            role=Role.VIEWER,
            now=platform.clock(),
        )
        await change_mail(
            connection, account_id, address, add=mail, drop=frozenset(MailKind) - mail
        )
    await write(connection, platform, account_id, MessageKind.BELOW_WARNING)
    await write(connection, platform, account_id, MessageKind.KEY_CREATED)
    await relay_all(connection, platform)
    found = await list_messages(connection, account_id=account_id, state=None, limit=50)
    assert {(message.kind, message.recipient) for message in found} == {
        (MessageKind.BELOW_WARNING, owner),
        (MessageKind.BELOW_WARNING, viewer),
        (MessageKind.KEY_CREATED, owner),
    }
    assert {message.state for message in found} == {MessageState.DEFERRED}
    assert {message.facts["account_name"] for message in found} == {"Ada's Bots"}
    assert {
        message.kind: len(message.facts.get(UNSUBSCRIBE_KEY, "")) >= 32 for message in found
    } == {MessageKind.BELOW_WARNING: True, MessageKind.KEY_CREATED: False}
    for message in found:
        known = message_id_of(account_id, message.kind, message.ref, message.recipient)
        assert message.message_id == known


async def test_what_is_under_way_is_not_sent_again(
    platform: Platform, connection: Connection, make_account: AccountFactory
) -> None:
    """An operator can send again what ended, not what is still on its way or was never there."""
    account_id = await make_account()
    await write(connection, platform, account_id, MessageKind.KEY_CREATED)
    await relay_all(connection, platform)
    [message] = await list_messages(connection, account_id=account_id, state=None, limit=50)
    with pytest.raises(MessageNotRepeatable):
        await resend_message(connection, account_id, message.message_id, now=platform.clock())
    with pytest.raises(MessageUnknown):
        await resend_message(connection, "", message.message_id, now=platform.clock())


async def test_a_message_whose_job_was_lost_waits_anew(
    platform: Platform, connection: Connection, make_account: AccountFactory
) -> None:
    """Should the queue lose a job, the upkeep lets its message wait again."""
    account_id = await make_account()
    await write(connection, platform, account_id, MessageKind.KEY_CREATED)
    await relay_all(connection, platform)
    later = platform.clock() + timedelta(hours=2)
    await readmit_messages(connection, before=later)
    [message] = await list_messages(connection, account_id=account_id, state=None, limit=50)
    assert message.state is MessageState.DEFERRED

    async with connection.transaction():
        await connection.execute("SET LOCAL search_path = jobs")
        await connection.execute(
            "DELETE FROM procrastinate_jobs WHERE args ->> 'account_id' = %s", [account_id]
        )
    await readmit_messages(connection, before=later)
    [message] = await list_messages(connection, account_id=account_id, state=None, limit=50)
    assert message.state is MessageState.WAITING


async def test_a_kind_of_a_newer_release_waits_for_it(
    platform: Platform, connection: Connection, make_account: AccountFactory
) -> None:
    """In an upgrade a kind that we do not know keeps nobody else's mail waiting, and is left for a
    process that knows it."""
    account_id = await make_account()
    await connection.execute(
        "INSERT INTO message (account_id, kind, ref, facts, created_at)"
        " VALUES (%s, 'of_tomorrow', '1', '{}', %s)",
        [account_id, platform.clock() - timedelta(minutes=1)],
    )
    await write(connection, platform, account_id, MessageKind.KEY_CREATED)
    await relay_all(connection, platform)
    cursor = await connection.execute(
        "DELETE FROM message WHERE account_id = %s AND recipient IS NULL RETURNING kind, state",
        [account_id],
    )
    assert set(await cursor.fetchall()) == {
        ("of_tomorrow", "waiting"),
        ("key_created", "expanded"),
    }
    [message] = await list_messages(connection, account_id=account_id, state=None, limit=50)
    assert (message.kind, message.state) == (MessageKind.KEY_CREATED, MessageState.DEFERRED)


async def test_messages_are_kept_for_ninety_days(
    platform: Platform, connection: Connection, make_account: AccountFactory
) -> None:
    """What became of a message can be looked up for ninety days; what waits is never swept."""
    account_id = await make_account()
    now = platform.clock()

    async def written(ref: str, *, age: timedelta) -> None:
        await write_message(
            connection,
            account_id=account_id,
            kind=MessageKind.KEY_CREATED,
            ref=ref,
            recipient="ada@example.com",
            facts={},
            now=now - age,
        )

    async def kept() -> dict[str, Message]:
        found = await list_messages(connection, account_id=account_id, state=None, limit=50)
        return {message.ref: message for message in found}

    second = timedelta(seconds=1)
    await written("old", age=MESSAGES_KEPT + second)
    await written("young", age=MESSAGES_KEPT - timedelta(minutes=5))
    await relay_all(connection, platform)
    assert {message.state for message in (await kept()).values()} == {MessageState.DEAD}
    await written("waiting", age=MESSAGES_KEPT + second)
    assert (await sweep_database(connection, now=now)).messages >= 1
    assert set(await kept()) == {"young", "waiting"}
