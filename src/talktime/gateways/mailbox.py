"""A mailbox for development: a mail server on loopback that keeps what it gets in a Maildir.

Whoever can reach the pages can read it, sign-in links and all: so it is never on by itself.
"""

import asyncio
import mailbox
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

import msgspec
from aiosmtpd.smtp import SMTP, Envelope, Session

SHOWN_MAX: Final = 200
SIZE_MAX: Final = 1_000_000
_KEY: Final = re.compile(r"([0-9]+)\.M([0-9]+)")
_PARSER: Final = BytesParser(policy=policy.default)


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """One mail in the mailbox."""

    key: str
    to: str
    sender: str
    subject: str
    sent_at: datetime
    text: str
    html: str


class Mailbox:
    """Mails below a directory, newest first."""

    def __init__(self, folder: Path) -> None:
        self._maildir = mailbox.Maildir(folder, create=True)

    def keep(self, content: bytes) -> None:
        self._maildir.add(content)

    def newest(self) -> list[Received]:
        """At most SHOWN_MAX mails."""
        keys = sorted(self._maildir.iterkeys(), key=_kept_at, reverse=True)
        return [self._received(key) for key in keys[:SHOWN_MAX]]

    def find(self, key: str) -> Received | None:
        return self._received(key) if key in self._maildir else None

    def _received(self, key: str) -> Received:
        mail = _PARSER.parsebytes(self._maildir.get_bytes(key))
        return Received(
            key=key,
            to=str(mail["To"]),
            sender=str(mail["From"]),
            subject=str(mail["Subject"]),
            sent_at=_date_of(mail),
            text=_part(mail, "plain"),
            html=_part(mail, "html"),
        )


@asynccontextmanager
async def mailbox_server(kept: Mailbox) -> AsyncIterator[int]:
    """A mail server for the time of the block; answers its port on loopback."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(_Keeper(kept), data_size_limit=SIZE_MAX, enable_SMTPUTF8=True, loop=loop),
        host="127.0.0.1",
        port=0,
    )
    async with server:
        yield int(server.sockets[0].getsockname()[1])


class _Keeper:
    """What aiosmtpd asks about a mail; the name of the method is its own."""

    def __init__(self, kept: Mailbox) -> None:
        self._kept = kept

    async def handle_DATA(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        content = envelope.original_content or b""
        await asyncio.get_running_loop().run_in_executor(None, self._kept.keep, content)
        return "250 kept"


def _kept_at(key: str) -> tuple[int, int]:
    """When a mail was put into a Maildir, as its key begins: seconds, then M and microseconds."""
    match = _KEY.match(key)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _date_of(mail: EmailMessage) -> datetime:
    try:
        return parsedate_to_datetime(str(mail["Date"]))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def _part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body(preferencelist=(kind,))
    return part.get_content() if part is not None else ""
