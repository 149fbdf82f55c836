"""The way of a mail: to a mail server, into the mailbox, and from whom."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from talktime.config import Settings
from talktime.core.message import MessageKind
from talktime.gateways.mail.smtp import (
    MailRefused,
    MailServer,
    MailServerShut,
    SmtpAddress,
    smtp_address,
)
from talktime.gateways.mailbox import Mailbox, mailbox_server
from talktime.mail_way import open_mailbox, opened_mailer
from talktime.reach import OthersCanReach
from tests.gateways.mails import PAGES, composed, message


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
        with pytest.raises(MailServerShut, match=r"(?i)certificate") as unbelieved:
            await hand(port)
        assert unbelieved.value.step == "reach it"
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        await hand(port)
        # A wrong password is ours to mend: the mail is as good as before.
        with pytest.raises(MailServerShut, match="535") as unknown:
            await hand(port, password="wrong")
        assert (unknown.value.step, unknown.value.loggable) == ("sign in", "answered 535")
    assert len(keeper.kept) == 1
    assert b"Subject: New calls are now refused" in keeper.kept[0]


async def test_no_server_no_mail() -> None:
    """Where nobody listens, the mail is as good later."""
    async with server(_Keeper(), None) as port:
        pass
    with pytest.raises(MailServerShut) as away:
        await hand(port)
    assert away.value.step == "reach it"


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
