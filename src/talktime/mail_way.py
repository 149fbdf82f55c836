"""Which way mail goes from this process: to a mail server, into the mailbox, or nowhere yet."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.headerregistry import Address
from urllib.parse import urlsplit

import structlog

from talktime.config import Settings
from talktime.gateways.mail.composing import sender_of
from talktime.gateways.mail.smtp import MailServer, SmtpAddress, smtp_address
from talktime.gateways.mailbox import Mailbox, mailbox_server
from talktime.mailing import Mailer
from talktime.reach import check_loopback_only, is_address, is_loopback

log = structlog.get_logger("talktime.mail_way")


def has_way_out(settings: Settings) -> bool:
    """Whether mail goes anywhere from this installation."""
    return settings.smtp_url is not None or settings.mailbox


def open_mailbox(settings: Settings, *, host: str) -> Mailbox | None:
    """The mailbox, if it is on. Raises OthersCanReach where others could look into it."""
    if not settings.mailbox:
        return None
    check_loopback_only(
        settings,
        host,
        variable="TALKTIME_MAILBOX",
        danger="whoever reaches the pages could read everybody's sign-in links there",
    )
    return Mailbox(settings.home / "mailbox")


@asynccontextmanager
async def opened_mailer(
    settings: Settings, public_url: str, mailbox: Mailbox | None
) -> AsyncIterator[Mailer | None]:
    """Where this process hands mail over; None where it cannot, and then messages wait."""
    sender = _sender(settings, public_url)
    if mailbox is not None:
        async with mailbox_server(mailbox) as port:
            address = SmtpAddress(host="127.0.0.1", port=port, tls=False)
            async with MailServer(address) as server:
                yield Mailer(server=server, sender=sender)
    elif settings.smtp_url is not None:
        async with MailServer(smtp_address(settings.smtp_url)) as server:
            yield Mailer(server=server, sender=sender)
    else:
        log.warning("no mail goes out: messages wait until TALKTIME_SMTP_URL is set")
        yield None


def _sender(settings: Settings, public_url: str) -> Address:
    if settings.mail_from is not None:
        return sender_of(settings.mail_from)
    host = urlsplit(public_url).hostname or "localhost"
    if is_loopback(host):
        host = "localhost"
    elif is_address(host):
        host = f"[{'IPv6:' if ':' in host else ''}{host}]"
    return Address(display_name="Talktime", username="talktime", domain=host)
