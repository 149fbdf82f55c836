"""A message as e-mail: headers, plain text and HTML."""

from binascii import b2a_qp
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8, EmailPolicy
from email.utils import format_datetime, parseaddr
from typing import Final, Self
from urllib.parse import quote

import idna
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from talktime.core.message import CHOSEN_AS, Message
from talktime.core.one_line import ENCODED_WORD
from talktime.core.unsubscribing import ONE_CLICK
from talktime.gateways.mail.letter import write_letter

_TEMPLATES: Final = Environment(
    loader=PackageLoader("talktime.gateways.mail"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEXT: Final = _TEMPLATES.get_template("letter.txt")
_HTML: Final = _TEMPLATES.get_template("letter.html")
_SAFE: Final = ":/?[]@!$&'()*+,;=%"
"""What stays in a URL as it is."""


def sender_of(text: str) -> Address:
    """An address with or without a name, as ``Talktime <billing@example.com>``.

    Raises ValueError where it is none that mail can come from.
    """
    name, spec = parseaddr(text)
    address = Address(display_name=name, addr_spec=spec)
    text_of_it = f"{name}{spec}"
    if not address.username or not address.domain or not _is_text(text_of_it):
        raise ValueError(text)
    return address


def compose_mail(message: Message, *, sender: Address, public_url: str) -> EmailMessage:
    """The e-mail of a message to one person.

    Raises ValueError where its address could become more of it than text, and what write_letter
    does. All of it follows from the message: sent again, it is the same mail with the same
    Message-ID.
    """
    assert message.recipient is not None
    letter = write_letter(message, public_url=public_url)
    recipient = _deliverable(message.recipient)
    mail = EmailMessage(policy=SMTP if recipient.username.isascii() else SMTPUTF8)
    mail["From"] = sender
    mail["To"] = recipient
    mail["Subject"] = _Subject("Subject", letter.subject)
    _add(mail, "Date", format_datetime(message.created_at))
    _add(mail, "Message-ID", f"<{message.message_id.hex}@{sender.domain}>")
    _add(mail, "Auto-Submitted", "auto-generated")
    if letter.unsubscribe and CHOSEN_AS.get(message.kind) in ONE_CLICK:
        # In ASCII even where the pages have a name beyond it: the reader's program decodes it.
        _add(mail, "List-Unsubscribe", f"<{quote(letter.unsubscribe, safe=_SAFE)}>")
        _add(mail, "List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
    _add(mail, "MIME-Version", "1.0")
    # The boundary would be drawn by lot otherwise, and be another one in a repeat.
    boundary = f"talktime-{message.message_id.hex}"
    _add(mail, "Content-Type", f'multipart/alternative; boundary="{boundary}"')
    words = {"letter": letter, "settings": f"{public_url}/settings"}
    mail.attach(_part("plain", _TEXT.render(words)))
    mail.attach(_part("html", _HTML.render(words)))
    return mail


def _part(kind: str, text: str) -> EmailMessage:
    part = EmailMessage(policy=SMTP)
    _add(part, "Content-Type", f'text/{kind}; charset="utf-8"')
    _add(part, "Content-Transfer-Encoding", "quoted-printable")
    lines = b"\n".join([*text.encode().splitlines(), b""])
    part.set_payload(b2a_qp(lines).decode("ascii"))
    return part


def _add(mail: EmailMessage, name: str, text: str) -> None:
    mail[name] = _Header(name, text)


class _Header(str):
    """A header that is written as it is: one line of ASCII without encoded words.

    Python's own headers take theirs apart and put them together again, which is most of what
    making a mail would cost.
    """

    __slots__ = ("name",)

    name: str
    """By this the email package knows a header that is ready, and leaves it as it is."""

    def __new__(cls, name: str, text: str) -> Self:
        assert text.splitlines() == [text], "headers have one line"
        header = super().__new__(cls, text)
        header.name = name
        return header

    def fold(self, *, policy: EmailPolicy) -> str:
        """The header's lines, as the email package asks for them."""
        return f"{self.name}: {self}{policy.linesep}"


class _Subject(_Header):
    """A subject, of whatever words, that nobody decodes before the reader does.

    Python's own headers take text apart as if it had come from the wire: `=?utf-8?q?=0D=0A…?=` in
    a name would become a line break, and end the header where it is written without a look at it
    (CVE-2024-6923, in Pythons that we run on). Here such text is encoded once more instead.
    """

    __slots__ = ()

    def fold(self, *, policy: EmailPolicy) -> str:
        """The header's lines, as the email package asks for them."""
        charset = "us-ascii" if self.isascii() and ENCODED_WORD not in self else "utf-8"
        value = Header(str(self), charset, header_name=self.name).encode(linesep=policy.linesep)
        return f"{self.name}: {value}{policy.linesep}"


def _is_text(text: str) -> bool:
    """Whether Python's own headers take it for what it says."""
    return text.isprintable() and ENCODED_WORD not in text


def _deliverable(address: str) -> Address:
    """With an international domain in the form that every mail server knows."""
    if not _is_text(address):
        raise ValueError(f"no mail goes to an address that is more than text: {address!r}")
    local, _, domain = address.rpartition("@")
    return Address(username=local, domain=idna.encode(domain, uts46=True).decode())
