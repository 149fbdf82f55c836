"""A message as e-mail: headers, plain text and HTML."""

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, parseaddr
from typing import Final

import idna
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from talktime.core.message import Message
from talktime.gateways.mail.letter import write_letter

_TEMPLATES: Final = Environment(
    loader=PackageLoader("talktime.gateways.mail"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def sender_of(text: str) -> Address:
    """An address with or without a name, as ``Talktime <billing@example.com>``.

    Raises ValueError where it is none that mail can come from.
    """
    name, spec = parseaddr(text)
    address = Address(display_name=name, addr_spec=spec)
    if not address.username or not address.domain or not f"{name}{spec}".isprintable():
        raise ValueError(text)
    return address


def compose_mail(message: Message, *, sender: Address, public_url: str) -> EmailMessage:
    """The e-mail of a message to one person.

    All of it follows from the message: sent again, it is the same mail with the same Message-ID.
    """
    assert message.recipient is not None
    letter = write_letter(message, public_url=public_url)
    recipient = _deliverable(message.recipient)
    mail = EmailMessage(policy=SMTP if recipient.username.isascii() else SMTPUTF8)
    mail["From"] = sender
    mail["To"] = recipient
    # What could end a header and begin another is refused by the policy; names may hold no more
    # than one line anyway.
    mail["Subject"] = letter.subject
    mail["Date"] = format_datetime(message.created_at)
    mail["Message-ID"] = f"<{message.message_id.hex}@{sender.domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    if letter.unsubscribe is not None:
        mail["List-Unsubscribe"] = f"<{letter.unsubscribe}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    text, html = (
        _TEMPLATES.get_template(name).render(letter=letter, settings=f"{public_url}/settings")
        for name in ("letter.txt", "letter.html")
    )
    mail.set_content(text, cte="quoted-printable")
    mail.add_alternative(html, subtype="html", cte="quoted-printable")
    # The boundary would be drawn by lot otherwise, and be another one in a repeat.
    mail.set_boundary(f"talktime-{message.message_id.hex}")
    return mail


def _deliverable(address: str) -> Address:
    """With an international domain in the form that every mail server knows."""
    local, _, domain = address.rpartition("@")
    return Address(username=local, domain=idna.encode(domain, uts46=True).decode())
