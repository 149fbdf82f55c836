"""Which way mail goes from this process: to a mail server, into the mailbox, or nowhere yet."""

import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.headerregistry import Address
from urllib.parse import urlsplit

import structlog

from talktime.config import Settings
from talktime.core.errors import TalktimeError
from talktime.gateways.mail.composing import sender_of
from talktime.gateways.mail.smtp import MailServer, SmtpAddress, smtp_address
from talktime.gateways.mailbox import Mailbox, mailbox_server
from talktime.mailing import Mailer

log = structlog.get_logger("talktime.mail_way")


class MailboxRefused(TalktimeError):
    """The mailbox shows everybody's sign-in links, and others than us could look into it."""

    code = "mailbox_refused"


def has_way_out(settings: Settings) -> bool:
    """Whether mail goes anywhere from this installation."""
    return settings.smtp_url is not None or settings.mailbox


def open_mailbox(settings: Settings, *, host: str) -> Mailbox | None:
    """The mailbox, if it is on. Raises MailboxRefused where others could look into it."""
    if not settings.mailbox:
        return None
    hosts = {host, urlsplit(settings.public_url).hostname if settings.public_url else host}
    for reached in hosts:
        if not _is_loopback(reached or ""):
            raise MailboxRefused(
                "TALKTIME_MAILBOX is on, and whoever reaches the pages could read everybody's "
                f"sign-in links there: it serves loopback alone, not {reached}. Unset it, or "
                "serve on 127.0.0.1 without TALKTIME_PUBLIC_URL."
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
    if _is_loopback(host):
        host = "localhost"
    elif _is_address(host):
        host = f"[{'IPv6:' if ':' in host else ''}{host}]"
    return Address(display_name="Talktime", username="talktime", domain=host)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)
