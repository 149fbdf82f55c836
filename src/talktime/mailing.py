"""Mail on its way: messages relayed to the queue of jobs, and handed over to a mail server."""

from datetime import datetime, timedelta
from email.headerregistry import Address
from secrets import token_urlsafe
from typing import Final
from uuid import UUID

import msgspec
import structlog
from prometheus_client import Counter, Gauge, Histogram

from talktime.core.command import command
from talktime.core.errors import InvalidAmount
from talktime.core.message import Message
from talktime.gateways.mail.composing import compose_mail
from talktime.gateways.mail.smtp import (
    CONNECTIONS_MAX,
    MailNotTaken,
    MailRefused,
    MailServer,
    MailServerAway,
    MailServerShut,
)
from talktime.jobs import Queue, Task, TryAgain, backoff_seconds
from talktime.ops.messages import (
    HAND_OVER,
    MAIL_QUEUE,
    count_messages,
    record_failure,
    record_sent,
    relay_messages,
    take_message,
)
from talktime.ops.platform import Platform
from talktime.ops.statement_mail import write_statement_mails
from talktime.ops.weekly_summary import Reader, write_weekly_summaries

log = structlog.get_logger("talktime.mailing")

RELAY_SECONDS: Final = 0.5
"""Mails that come together share what relaying takes; each should be out within two seconds."""

RELAY_BATCH: Final = 200
RELAY_ROUNDS_MAX: Final = 50
COUNT_SECONDS: Final = 15.0
WEEKLY_SECONDS: Final = 300.0
MONTHLY_SECONDS: Final = 900.0

COMPLAINT_PAUSE: Final = timedelta(minutes=1)

ATTEMPTS_MAX: Final = 18
FIRST_PAUSE_SECONDS: Final = 5.0
LONGEST_PAUSE_SECONDS: Final = 6 * 3600.0
"""With ATTEMPTS_MAX: eight tries in the first hour and a half, the last after sixty hours."""

HANDED_OVER = Counter(
    "talktime_mails", "Mails, by how handing them over ended.", ["kind", "result"], registry=None
)
AGE = Histogram(
    "talktime_mail_age_seconds",
    "From the transaction that wrote a message to the mail server's yes.",
    buckets=(0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300, 3600, 86_400),
    registry=None,
)
MESSAGES = Gauge(
    "talktime_messages", "Messages to people, by what they wait for.", ["state"], registry=None
)
COLLECTORS: Final = (HANDED_OVER, AGE, MESSAGES)


class Complaints:
    """What is wrong with the mail server: said once a minute, however many mails it keeps."""

    def __init__(self) -> None:
        self._said_at: datetime | None = None
        self._mails = 0

    def complain(self, error: MailServerShut, *, now: datetime) -> None:
        """Log that no mail goes out, and why, unless that was said within COMPLAINT_PAUSE."""
        self._mails += 1
        if self._said_at is not None and now - self._said_at < COMPLAINT_PAUSE:
            return
        log.error(
            "no mail goes out: it could not be handed to the server of TALKTIME_SMTP_URL",
            could_not=error.step,
            reason=error.loggable,
            mails_put_off=self._mails,
        )
        self._said_at, self._mails = now, 0


class Mailer(msgspec.Struct, frozen=True, kw_only=True):
    """Where mail goes, and whom it comes from."""

    server: MailServer
    sender: Address
    complaints: Complaints = msgspec.field(default_factory=Complaints)


def mail_queue(platform: Platform, mailer: Mailer) -> Queue:
    """The queue whose jobs hand one mail over each."""

    async def act(account_id: str, message_id: str) -> None:
        await hand_over(platform, mailer, account_id, UUID(message_id))

    return Queue(name=MAIL_QUEUE, tasks=[Task(name=HAND_OVER, act=act)], at_once=CONNECTIONS_MAX)


async def relay_waiting(platform: Platform) -> None:
    """Put every message that waits into the queue of jobs."""
    for _ in range(RELAY_ROUNDS_MAX):
        async with platform.connection() as connection:
            relayed = await relay_messages(
                connection, new_secret=_new_secret, now=platform.clock(), limit=RELAY_BATCH
            )
        if relayed.taken < RELAY_BATCH:
            break


async def write_due_summaries(platform: Platform) -> None:
    """Write the weekly summaries that are due by now."""
    after: Reader | None = ("", "")
    while after is not None:
        async with platform.connection() as connection:
            after = await write_weekly_summaries(
                connection,
                after=after,
                new_secret=_new_secret,
                now=platform.clock(),
            )


async def write_due_statement_mails(platform: Platform) -> None:
    """Write word of the statements that are ready by now."""
    after: str | None = ""
    while after is not None:
        async with platform.connection() as connection:
            after = await write_statement_mails(
                connection, after=after, public_url=platform.public_url, now=platform.clock()
            )


def _new_secret() -> str:
    return token_urlsafe(32)


async def watch_messages(platform: Platform) -> None:
    """Take note for /metrics of what waits and what was given up."""
    async with platform.connection() as connection:
        counts = await count_messages(connection)
    for state, count in counts.items():
        MESSAGES.labels(state=state.value).set(count)


async def hand_over(platform: Platform, mailer: Mailer, account_id: str, message_id: UUID) -> None:
    """Hand one mail over, unless that was done. Raises TryAgain while there is hope."""
    async with platform.connection() as connection:
        message = await take_message(connection, (account_id, message_id))
    if message is None:
        return
    try:
        mail = compose_mail(message, sender=mailer.sender, public_url=platform.public_url)
        await mailer.server.hand_over(mail)
    except MailServerAway as error:
        failures = message.attempts + 1
        if isinstance(error, MailServerShut):
            mailer.complaints.complain(error, now=platform.clock())
        await _not_taken(platform, message, error, gives_up=failures >= ATTEMPTS_MAX)
        if failures < ATTEMPTS_MAX:
            raise TryAgain(
                error.loggable,
                seconds=backoff_seconds(
                    failures, first=FIRST_PAUSE_SECONDS, longest=LONGEST_PAUSE_SECONDS
                ),
            ) from error
    except MailRefused as error:
        await _not_taken(platform, message, error, gives_up=True)
    except (LookupError, ValueError, InvalidAmount) as error:
        reason = f"could not be put into words: {error!r}"
        await _note_failure(platform, message, reason, gives_up=True)
        _log_dead(message, type(error).__name__)
    else:
        now = platform.clock()
        async with platform.connection() as connection:
            await record_sent(connection, message, now=now)
        HANDED_OVER.labels(kind=message.kind.value, result="sent").inc()
        AGE.observe((now - message.created_at).total_seconds())


async def _not_taken(
    platform: Platform, message: Message, error: MailNotTaken, *, gives_up: bool
) -> None:
    """Keep the server's words with the message, for operators; log what names nobody."""
    await _note_failure(platform, message, str(error), gives_up=gives_up)
    if gives_up:
        _log_dead(message, error.loggable)
    elif not isinstance(error, MailServerShut):  # that was said for all mails together
        log.warning("mail put off", **_of(message), reason=error.loggable)


async def _note_failure(
    platform: Platform, message: Message, reason: str, *, gives_up: bool
) -> None:
    async with platform.connection() as connection:
        await record_failure(connection, message, reason=reason, gives_up=gives_up)
    HANDED_OVER.labels(kind=message.kind.value, result="dead" if gives_up else "put off").inc()


def _log_dead(message: Message, reason: str) -> None:
    resend = command("mail", "resend", str(message.message_id), account_id=message.account_id)
    log.error(
        "mail given up",
        **_of(message),
        reason=reason,
        next_step=f"talktime mail list --state dead; {resend}",
    )


def _of(message: Message) -> dict[str, object]:
    return {
        "account_id": message.account_id,
        "message_id": str(message.message_id),
        "kind": message.kind.value,
        "attempts": message.attempts + 1,
    }
