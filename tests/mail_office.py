"""A real mail server for tests, on loopback, and a worker that hands mail over to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

from aiosmtpd.smtp import SMTP, Envelope, Session

from talktime.core.message import Message, MessageKind
from talktime.gateways.mail.composing import sender_of
from talktime.gateways.mail.smtp import MailServer, SmtpAddress
from talktime.jobs import run_queues
from talktime.loops import Loop, run_loops
from talktime.mailing import Mailer, mail_queue, relay_waiting
from talktime.ops.messages import list_messages, write_message
from talktime.ops.platform import Platform

SENDER = "Talktime <talktime@talktime.test>"
OPEN = {"waiting", "deferred"}


class Office:
    """What came in, in order; refuses what it is told to."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.received: list[tuple[str, EmailMessage]] = []
        self.refusals: dict[str, list[str]] = {}
        """By recipient: the answers given before the mail is taken."""

    async def handle_DATA(  # noqa: N802  (aiosmtpd's word)
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        [recipient] = envelope.rcpt_tos
        if answers := self.refusals.get(recipient):
            return answers.pop(0)
        mail = BytesParser(policy=policy.default).parsebytes(envelope.original_content or b"")
        self.received.append((recipient, mail))
        return "250 taken"

    def mails_to(self, address: str) -> list[EmailMessage]:
        return [mail for recipient, mail in self.received if recipient == address]

    def subjects_to(self, address: str) -> list[str]:
        return [str(mail["Subject"]) for mail in self.mails_to(address)]

    async def messages_of(self, account_id: str) -> list[Message]:
        async with self.platform.connection() as connection:
            return await list_messages(connection, account_id=account_id, state=None, limit=200)

    async def settled(self, account_id: str) -> list[Message]:
        """The account's messages, once none of them is on its way any more."""
        await relay_waiting(self.platform)
        async with asyncio.timeout(30):
            while True:
                messages = await self.messages_of(account_id)
                if not any(message.state.value in OPEN for message in messages):
                    return messages
                await asyncio.sleep(0.05)


@asynccontextmanager
async def listening(office: Office, port: int = 0) -> AsyncIterator[int]:
    """The office's mail server for the time of the block; answers its port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(office, loop=loop), host="127.0.0.1", port=port)
    async with server:
        yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def working(platform: Platform, port: int) -> AsyncIterator[None]:
    """A worker that relays and hands over to the mail server at a port."""
    stop = asyncio.Event()

    async def relay() -> None:
        await relay_waiting(platform)

    address = SmtpAddress(host="127.0.0.1", port=port, tls=False)
    async with MailServer(address) as server, asyncio.TaskGroup() as group:
        mailer = Mailer(server=server, sender=sender_of(SENDER))
        group.create_task(run_queues(platform.pool, [mail_queue(platform, mailer)], stop))
        group.create_task(run_loops([Loop(name="relay", act=relay, every_seconds=0.1)], stop))
        try:
            yield
        finally:
            stop.set()


@asynccontextmanager
async def open_office(platform: Platform) -> AsyncIterator[Office]:
    office = Office(platform)
    async with listening(office) as port, working(platform, port):
        yield office


async def write_key_mail(platform: Platform, account_id: str, ref: str, recipient: str) -> None:
    """A message that tells of a key."""
    async with platform.connection() as connection:
        await write_message(
            connection,
            account_id=account_id,
            kind=MessageKind.KEY_CREATED,
            ref=ref,
            recipient=recipient,
            facts={
                "name": f"key {ref}",
                "key_id": ref,
                "created_by": "Ada",
                "account_name": "Ada's Bots",
            },
            now=platform.clock(),
        )
