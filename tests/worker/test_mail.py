"""Mail on its way: what a mail server's answers lead to."""

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from secrets import token_urlsafe

import pytest
import structlog

from talktime.core.errors import MessageNotRepeatable
from talktime.core.message import MessageKind, MessageState
from talktime.mailing import MESSAGES, watch_messages
from talktime.ops.messages import list_messages, relay_messages, resend_message, write_message
from talktime.ops.platform import Platform
from tests.conftest import AccountFactory
from tests.mail_office import Office, open_office, write_key_mail


@pytest.fixture(scope="module")
async def office(platform: Platform) -> AsyncIterator[Office]:
    async with open_office(platform) as opened:
        yield opened


async def test_written_twice_is_sent_once(
    office: Office, platform: Platform, make_account: AccountFactory
) -> None:
    """The same message written again changes nothing."""
    account_id = await make_account()
    address = f"{uuid.uuid4().hex}@example.com"
    await write_key_mail(platform, account_id, "k1", address)
    await write_key_mail(platform, account_id, "k1", address)
    [message] = await office.settled(account_id)
    await write_key_mail(platform, account_id, "k1", address)
    await office.settled(account_id)
    [mail] = office.mails_to(address)
    assert mail["Message-ID"] == f"<{message.message_id.hex}@talktime.test>"
    assert mail["From"] == "Talktime <talktime@talktime.test>"


async def test_not_now_is_tried_again(
    office: Office, platform: Platform, make_account: AccountFactory
) -> None:
    """A mail that the server cannot take now is handed over a little later."""
    account_id = await make_account()
    address = f"{uuid.uuid4().hex}@example.com"
    office.refusals[address] = ["451 come again"]
    await write_key_mail(platform, account_id, "k1", address)
    [message] = await office.settled(account_id)
    assert (message.state, message.attempts) == (MessageState.SENT, 2)
    assert len(office.mails_to(address)) == 1


async def test_no_log_has_the_servers_words(
    office: Office, platform: Platform, make_account: AccountFactory
) -> None:
    """Servers quote whom they refuse: the log has their code alone, the message their reason."""
    account_id = await make_account()
    address = f"{uuid.uuid4().hex}@example.com"
    office.refusals[address] = [f"451 <{address}> come again", f"550 <{address}> unknown"]
    with structlog.testing.capture_logs() as lines:
        await write_key_mail(platform, account_id, "k1", address)
        [message] = await office.settled(account_id)
    assert message.last_error == f"550 <{address}> unknown"
    assert address not in str(lines)
    ours = [line for line in lines if line.get("account_id") == account_id]
    assert [line["reason"] for line in ours] == ["answered 451", "answered 550"]
    resent = f"talktime mail resend {message.message_id} --account {account_id}"
    assert ours[-1]["next_step"] == f"talktime mail list --state dead; {resent}"


async def test_never_is_believed_and_can_be_sent_again(
    office: Office, platform: Platform, make_account: AccountFactory
) -> None:
    """A mail refused for good is given up with the server's reason, until an operator resends."""
    account_id = await make_account()
    address = f"{uuid.uuid4().hex}@example.com"
    office.refusals[address] = ["550 nobody here"]
    await write_key_mail(platform, account_id, "k1", address)
    [message] = await office.settled(account_id)
    assert (message.state, message.attempts) == (MessageState.DEAD, 1)
    assert message.last_error == "550 nobody here"
    assert office.mails_to(address) == []

    async with platform.connection() as connection:
        await resend_message(connection, account_id, message.message_id, now=platform.clock())
    [message] = await office.settled(account_id)
    assert message.state is MessageState.SENT
    assert len(office.mails_to(address)) == 1


async def test_a_link_is_forgotten_once_sent(office: Office, platform: Platform) -> None:
    """What lets its reader act is not kept after the hand-over, so it cannot be sent again."""
    address = f"{uuid.uuid4().hex}@example.com"
    async with platform.connection() as connection:
        await write_message(
            connection,
            account_id="",
            kind=MessageKind.SIGN_IN,
            ref=address,
            recipient=address,
            facts={"link": "https://talktime.test/secret", "valid_for": "20 minutes"},
            now=platform.clock(),
        )
    await office.settled("")
    [mail] = office.mails_to(address)
    assert "https://talktime.test/secret" in str(mail.get_body(("plain",)))
    [message] = [m for m in await office.messages_of("") if m.recipient == address]
    assert message.facts == {"valid_for": "20 minutes"}
    async with platform.connection() as connection:
        with pytest.raises(MessageNotRepeatable):
            await resend_message(connection, "", message.message_id, now=platform.clock())


async def test_an_expired_link_is_not_sent_again(office: Office, platform: Platform) -> None:
    """A link to sign in that was given up hours ago would only puzzle its reader."""
    address = f"{uuid.uuid4().hex}@example.com"
    office.refusals[address] = ["550 nobody here"]
    async with platform.connection() as connection:
        await write_message(
            connection,
            account_id="",
            kind=MessageKind.SIGN_IN,
            ref=address,
            recipient=address,
            facts={"link": "https://talktime.test/secret", "valid_for": "20 minutes"},
            now=platform.clock() - timedelta(minutes=59),
        )
    await office.settled("")
    [message] = [m for m in await office.messages_of("") if m.recipient == address]
    assert message.state is MessageState.DEAD
    async with platform.connection() as connection:
        with pytest.raises(MessageNotRepeatable, match="expired"):
            await resend_message(
                connection,
                "",
                message.message_id,
                now=platform.clock() + timedelta(minutes=2),
            )


async def test_what_is_no_news_any_more_is_given_up(untouched: Platform) -> None:
    """After days without a mail server, what waited is not sent but shown to the operator, and
    counted in /metrics."""
    async with untouched.connection() as connection:
        await write_message(
            connection,
            account_id="",
            kind=MessageKind.KEY_CREATED,
            ref="old",
            recipient="ada@example.com",
            facts={},
            now=untouched.clock() - timedelta(days=4),
        )
        await relay_messages(
            connection, new_secret=token_urlsafe, now=untouched.clock(), limit=1000
        )
        [message] = await list_messages(connection, account_id="", state=None, limit=2)
    assert message.state is MessageState.DEAD
    await watch_messages(untouched)
    [metric] = MESSAGES.collect()
    counted = {sample.labels["state"]: sample.value for sample in metric.samples}
    assert counted[MessageState.DEAD] == 1
