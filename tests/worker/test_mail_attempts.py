"""How often, and for how long, a mail is tried while the mail server is away."""

import random
import socket
import uuid
from itertools import accumulate
from secrets import token_urlsafe

import pytest

from talktime.core.message import MessageState
from talktime.gateways.mail.composing import sender_of
from talktime.gateways.mail.smtp import MailServer, SmtpAddress
from talktime.jobs import TryAgain, backoff_seconds
from talktime.mailing import ATTEMPTS_MAX, Mailer, hand_over
from talktime.ops.messages import list_messages, relay_messages
from talktime.ops.platform import Platform
from tests.conftest import AccountFactory
from tests.mail_office import SENDER, write_key_mail

HOUR = 3600
DAY = 24 * HOUR


async def test_a_mail_is_given_up_after_two_days_and_more(
    platform: Platform, make_account: AccountFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no mail server is to be had a mail is tried ATTEMPTS_MAX times, eight of them in the
    first hour and a half and the last after two and a half days; then the operator sees why."""
    monkeypatch.setattr(random, "uniform", lambda low, high: (low + high) / 2)
    account_id = await make_account()
    await write_key_mail(platform, account_id, "k1", f"{uuid.uuid4().hex}@example.com")
    async with platform.connection() as connection:
        while (
            await relay_messages(
                connection, new_secret=token_urlsafe, now=platform.clock(), limit=500
            )
        ).taken == 500:
            pass
        [message] = await list_messages(connection, account_id=account_id, state=None, limit=50)
    pauses = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = SmtpAddress(host="127.0.0.1", port=taken.getsockname()[1], tls=False)
    async with MailServer(nobody) as server:
        mailer = Mailer(server=server, sender=sender_of(SENDER))
        for _ in range(ATTEMPTS_MAX - 1):
            with pytest.raises(TryAgain) as later:
                await hand_over(platform, mailer, account_id, message.message_id)
            pauses.append(later.value.seconds)
        await hand_over(platform, mailer, account_id, message.message_id)
        await hand_over(platform, mailer, account_id, message.message_id)  # no more to be done
    tried_after = [0, *accumulate(pauses)]
    assert sum(seconds < 1.6 * HOUR for seconds in tried_after) == 8
    assert 2.4 * DAY < tried_after[-1] < 2.5 * DAY
    async with platform.connection() as connection:
        [message] = await list_messages(connection, account_id=account_id, state=None, limit=50)
    assert (message.state, message.attempts) == (MessageState.DEAD, ATTEMPTS_MAX)
    assert message.last_error


def test_what_failed_together_does_not_come_back_together() -> None:
    """Pauses treble, up to the longest, each a fifth more or less than the others of its kind."""
    for failures, pause in ((1, 5), (2, 15), (3, 45), (30, 6 * HOUR)):
        drawn = [backoff_seconds(failures, first=5, longest=6 * HOUR) for _ in range(200)]
        assert 0.8 * pause <= min(drawn) < 0.95 * pause
        assert 1.05 * pause < max(drawn) <= 1.2 * pause
