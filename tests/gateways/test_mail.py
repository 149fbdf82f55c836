"""Mails as they leave us, and the way they take."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.policy import SMTPUTF8, EmailPolicy, default
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from talktime.config import Settings
from talktime.core.message import Message, MessageKind, MessageState, message_id_of
from talktime.gateways.mail.composing import compose_mail, sender_of
from talktime.gateways.mail.letter import write_letter
from talktime.gateways.mail.smtp import (
    MailRefused,
    MailServer,
    MailServerAway,
    SmtpAddress,
    smtp_address,
)
from talktime.gateways.mailbox import Mailbox, mailbox_server
from talktime.mail_way import open_mailbox, opened_mailer
from talktime.reach import OthersCanReach

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
PAGES = "https://billing.example.com"
SENDER = sender_of("Talktime <talktime@billing.example.com>")
FACTS = {
    "account_name": "Ada's Bots",
    "available": "-0.0431",
    "promo": "0",
    "paid": "-0.0431",
    "threshold": "0.1",
    "floor": "0.1",
    "bonus": "5",
    "code": "HELLO-5",
    "amount": "25",
    "top_up_id": "top_1",
    "refund": "rf_1",
    "failures": "2",
    "failures_max": "3",
    "link": f"{PAGES}/sign-in/link?token=abc&x=1",
    "valid_for": "20 minutes",
    "invited_by": "Ada",
    "role": "billing",
    "url": "https://hooks.example.com/talktime",
    "since": "20 Nov 2026, 12:00 UTC",
    "reason": "503",
    "name": "backend",
    "key_id": "k1",
    "created_by": "Ada",
    "first_day": "16 November",
    "last_day": "22 November 2026",
    "calls": "3",
    "charge": "0.156",
    "llm": "0.015",
    "stt": "0.018",
    "tts": "0.066",
    "sip": "0.021",
    "margin": "0.036",
    "charge_before": "0",
    "month": "October 2026",
    "opening": "1",
    "beside_calls": "5",
    "closing": "5.844",
    "unsubscribe": f"{PAGES}/unsubscribe?token=abc",
}


def message(kind: MessageKind = MessageKind.BELOW_FLOOR, **facts: str) -> Message:
    return Message(
        account_id="ada",
        message_id=message_id_of("ada", kind, "7", "ada@example.com"),
        kind=kind,
        ref="7",
        recipient="ada@example.com",
        facts=FACTS | facts,
        created_at=AT,
        state=MessageState.DEFERRED,
        attempts=0,
        last_error=None,
        sent_at=None,
    )


def composed(told: Message) -> EmailMessage:
    return compose_mail(told, sender=SENDER, public_url=PAGES)


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content())


@pytest.mark.parametrize("kind", MessageKind)
def test_both_parts_tell_the_same(kind: MessageKind) -> None:
    """Of every kind of mail HTML and plain text have the headline, the figures and the button."""
    mail = composed(message(kind))
    text, html = " ".join(part(mail, "plain").split()), part(mail, "html")
    assert html.count('class="button"') == 1
    headline = html.split("<h1")[1].split(">")[1].split("<")[0]
    assert text.startswith(headline.replace("&#39;", "'"))
    target = html.split('class="button" href="')[1].split('"')[0].replace("&amp;", "&")
    assert target.startswith(PAGES)
    assert target in text
    if "Available" in text and kind is not MessageKind.WEEKLY_SUMMARY:
        assert "\N{MINUS SIGN}$0.0431" in text
        assert "\N{MINUS SIGN}$0.0431" in html


def test_a_repeat_is_the_same_mail() -> None:
    """The same message makes the same bytes, so that a repeat can be known for one."""
    assert composed(message()).as_bytes() == composed(message()).as_bytes()
    assert (
        composed(message())["Message-ID"]
        != composed(message(MessageKind.BELOW_WARNING))["Message-ID"]
    )


def test_names_are_text_and_nothing_more() -> None:
    """An account's name becomes neither markup in the HTML nor a header of its own."""
    mail = composed(message(account_name="<script>x</script> & Söhne"))
    assert "<script>" not in part(mail, "html")
    assert "&lt;script&gt;" in part(mail, "html")
    with pytest.raises(ValueError, match="one line of text"):
        composed(message(MessageKind.KEY_CREATED, name="x\r\nBcc: eve@example.com"))


SMUGGLED = (
    "=?utf-8?q?x=0D=0AReply-To:eve=40evil.example?=",
    "=?utf-8?q?x=0AReply-To:eve=40evil.example?=",
    "=?utf-8?q?x=0D=0A=0D=0A<h1>Pay_here</h1><!--?=",
    "=?utf-8?q?=00?=",
    "=?utf-8?b?DQpCY2M6IGV2ZUBldmlsLmV4YW1wbGUNCg0K?=",
    "=?x?q?=FF?= =?utf-8?q?=0AB?=",
    "=?utf-8?b?A?=",
    "S\u00f6hne =?utf-8?q?=0D=0AB?=",
)


@pytest.mark.parametrize("policy", [SMTP_POLICY, SMTPUTF8])
@pytest.mark.parametrize("kind", [MessageKind.INVITATION, MessageKind.KEY_CREATED])
@pytest.mark.parametrize("name", SMUGGLED)
def test_encoded_words_in_names_stay_text(
    name: str, kind: MessageKind, policy: EmailPolicy
) -> None:
    """A name that mail programs would decode adds no header, and its reader sees it as typed."""
    harmless = composed(message(kind))
    mail = composed(message(kind, account_name=name, name=name))
    for sent in (mail.as_bytes(), mail.as_bytes(policy=policy)):
        read = message_from_bytes(sent, policy=default)
        assert isinstance(read, EmailMessage)
        assert read.keys() == harmless.keys()
        assert str(read["Subject"]).endswith(name)
        for kept in ("From", "To", "Date", "Content-Type"):
            assert str(read[kept]) == str(harmless[kept])
        body = read.get_body(("plain",))
        assert body is not None
        assert "".join(name.split()) in "".join(body.get_content().split())


def test_long_subjects_are_folded_and_read_whole() -> None:
    """A long name is written in lines that mail servers take, and reads as one, in any script."""
    for name in ("Ada's Bots and others " * 9, "Söhne und Töchter " * 11, "\u0645\u0631" * 60):
        mail = composed(message(MessageKind.KEY_CREATED, name=name.strip()))
        lines = mail.as_bytes(policy=SMTP_POLICY).partition(b"Date:")[0].split(b"\r\n")
        assert max(map(len, lines)) <= 78
        read = message_from_bytes(mail.as_bytes(), policy=default)
        assert str(read["Subject"]).endswith(name.strip())


@pytest.mark.parametrize("local", ["=?utf-8?q?x=0D=0ABcc?=", "=?x", "x\x00"])
def test_addresses_are_text_and_nothing_more(local: str) -> None:
    """No mail goes to an address that would be decoded, and none comes from one."""
    told = msgspec.structs.replace(message(), recipient=f"{local}@example.com")
    with pytest.raises(ValueError, match="more than text"):
        composed(told)
    with pytest.raises(ValueError, match=r".+"):
        sender_of(f"{local} <{local}@example.com>")


def test_only_what_is_no_notice_can_be_unsubscribed() -> None:
    """The weekly summary carries the headers of one-click unsubscribing; an alert does not."""
    weekly = composed(message(MessageKind.WEEKLY_SUMMARY))
    assert weekly["List-Unsubscribe"] == f"<{PAGES}/unsubscribe?token=abc>"
    assert weekly["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    alert = composed(message())
    assert alert["List-Unsubscribe"] is None
    assert f"{PAGES}/settings" in part(alert, "plain")


def test_addresses_beyond_ascii() -> None:
    """An international domain is written so that every mail server knows it."""
    told = msgspec.structs.replace(message(), recipient="ada@bücher.example")
    assert str(composed(told)["To"]) == "ada@xn--bcher-kva.example"


def test_addresses_of_servers() -> None:
    """Scheme, user, password and port mean what people expect of them."""
    at = smtp_address("smtp://ada%40x.com:p%2Fw@mail.example.com")
    assert (at.port, at.tls, at.username, at.password) == (587, False, "ada@x.com", "p/w")
    assert smtp_address("smtps://mail.example.com").port == 465
    assert smtp_address("smtp://localhost").port == 25
    assert "p/w" not in repr(at)


class _Keeper:
    def __init__(self) -> None:
        self.kept: list[bytes] = []

    async def handle_DATA(  # noqa: N802  (aiosmtpd's word)
        self, _server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        assert session.ssl is not None or not session.authenticated
        self.kept.append(envelope.original_content or b"")
        return "250 kept"


def _only_ada(_server: Any, _session: Any, _envelope: Any, _way: Any, said: Any) -> AuthResult:
    assert isinstance(said, LoginPassword)
    return AuthResult(success=said == LoginPassword(b"ada", b"secret"), handled=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost that signs itself, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl on PATH to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    made = (folder / "cert.pem", folder / "key.pem")
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
            "subjectAltName=DNS:localhost", "-keyout", str(made[1]), "-out", str(made[0]),
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    return made


@asynccontextmanager
async def server(keeper: _Keeper, certificate: tuple[Path, Path] | None) -> AsyncIterator[int]:
    """A mail server that wants a password where it has a certificate, and STARTTLS before it."""
    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*certificate)
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(
        lambda: SMTP(
            keeper,
            loop=loop,
            tls_context=context,
            require_starttls=context is not None,
            authenticator=_only_ada,
            auth_required=context is not None,
        ),
        "127.0.0.1",
        0,
    )
    async with listener:
        yield listener.sockets[0].getsockname()[1]


def plain_way(port: int) -> MailServer:
    return MailServer(SmtpAddress(host="127.0.0.1", port=port, tls=False))


async def hand(port: int, *, host: str = "localhost", password: str = "secret") -> None:
    at = SmtpAddress(host=host, port=port, tls=False, username="ada", password=password)
    async with MailServer(at) as way:
        await way.hand_over(composed(message()))


async def test_tls_where_it_is_offered(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """STARTTLS comes before the password; a certificate that nobody vouches for is not believed."""
    keeper = _Keeper()
    async with server(keeper, certificate) as port:
        with pytest.raises(MailServerAway, match=r"(?i)certificate"):
            await hand(port)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        await hand(port)
        # A wrong password is ours to mend: the mail is as good as before.
        with pytest.raises(MailServerAway, match="535"):
            await hand(port, password="wrong")
    assert len(keeper.kept) == 1
    assert b"Subject: New calls are now refused" in keeper.kept[0]


async def test_no_server_no_mail() -> None:
    """Where nobody listens, the mail is as good later."""
    async with server(_Keeper(), None) as port:
        pass
    with pytest.raises(MailServerAway):
        await hand(port)


async def test_what_a_server_cannot_carry() -> None:
    """An address beyond ASCII is refused for good by a server that does not know such."""
    told = msgspec.structs.replace(message(), recipient="ädä@example.com")
    async with server(_Keeper(), None) as port, plain_way(port) as way:
        with pytest.raises(MailRefused):
            await way.hand_over(composed(told))


async def test_the_mailbox_keeps_what_it_gets(tmp_path: Path) -> None:
    """What is handed to the mailbox can be read there, newest first, after a restart too."""
    kept = Mailbox(tmp_path / "mailbox")
    async with mailbox_server(kept) as port, plain_way(port) as way:
        await way.hand_over(composed(message(MessageKind.WELCOME)))
        await way.hand_over(composed(message()))
    found = Mailbox(tmp_path / "mailbox").newest()
    assert [mail.subject for mail in found] == [
        "New calls are now refused: balance below $0.10",
        "Welcome: $5.00 to start with",
    ]
    assert "running calls finish" in " ".join(found[0].text.split())


@pytest.mark.parametrize(
    ("host", "public_url"),
    [("0.0.0.0", None), ("192.0.2.7", None), ("127.0.0.1", "https://billing.example.com")],
)
def test_the_mailbox_is_for_this_machine_alone(
    tmp_path: Path, host: str, public_url: str | None
) -> None:
    """Where others could reach the pages, a mailbox that is on is a refusal to start."""
    settings = Settings(home=tmp_path, mailbox=True, public_url=public_url)
    with pytest.raises(OthersCanReach):
        open_mailbox(settings, host=host)
    assert open_mailbox(msgspec.structs.replace(settings, mailbox=False), host=host) is None


async def test_whom_mail_comes_from(tmp_path: Path) -> None:
    """From the setting, otherwise talktime@ the host of the pages; nowhere without a server."""
    settings = Settings(home=tmp_path, smtp_url="smtp://localhost:2525")
    async with opened_mailer(settings, PAGES, None) as mailer:
        assert mailer is not None
        assert str(mailer.sender) == "Talktime <talktime@billing.example.com>"
    named = msgspec.structs.replace(settings, mail_from="Harbor <pay@harbor.example>")
    async with opened_mailer(named, PAGES, None) as mailer:
        assert mailer is not None
        assert str(mailer.sender) == "Harbor <pay@harbor.example>"
    async with opened_mailer(Settings(home=tmp_path), PAGES, None) as mailer:
        assert mailer is None


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, "not known yet"),
        ({"talk_time_seconds": "0"}, "none for new calls"),
        ({"talk_time_seconds": "2520"}, "about 42 minutes"),
        ({"talk_time_chats": "12"}, "about 12 chats"),
        ({"talk_time_chats": "0"}, "less than a chat"),
    ],
)
def test_talk_time_in_words(facts: dict[str, str], said: str) -> None:
    """A warning tells the talk time left in Billing's words: chats are counted, not timed."""
    told = message(MessageKind.BELOW_WARNING, **facts)
    letter = write_letter(told, public_url="https://talktime.test")
    assert [one.value for one in letter.figures if one.label == "Talk time left"] == [said]
