"""The way to a mail server: a few connections, kept while there is something to say."""

import asyncio
import ssl
from email.message import EmailMessage
from types import TracebackType
from typing import Final, Self
from urllib.parse import unquote, urlsplit

import aiosmtplib
import msgspec

TIMEOUT_SECONDS: Final = 30.0
CONNECTIONS_MAX: Final = 4
IDLE_SECONDS: Final = 20.0
"""Well below what servers wait before they hang up."""

PER_CONNECTION_MAX: Final = 100
"""Mails after which a connection is made anew; some servers allow no more."""

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class MailNotTaken(Exception):
    """A mail was not handed over; the message says why, in the server's words where it answered.

    Servers quote whom they refuse, so that a log may have ``code`` alone where there is one.
    """

    def __init__(self, reason: str, *, code: int | None = None) -> None:
        super().__init__(reason)
        self.code = code

    @property
    def loggable(self) -> str:
        return str(self) if self.code is None else f"answered {self.code}"


class MailRefused(MailNotTaken):
    """The server will not have this mail, now or later."""


class MailServerAway(MailNotTaken):
    """The mail could not be handed over now."""


class MailServerShut(MailServerAway):
    """No mail at all can be handed over now: the fault is the server's, the line's or our own.

    ``step`` is what failed, in the words of TALKTIME_SMTP_URL: to reach it, to sign in, …
    """

    def __init__(self, reason: str, *, step: str, code: int | None = None) -> None:
        super().__init__(reason, code=code)
        self.step = step


class SmtpAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where mail goes."""

    host: str
    port: int
    tls: bool
    """TLS from the first byte (smtps); otherwise STARTTLS where the server offers it."""
    username: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        return f"SmtpAddress({self.host}:{self.port})"


def smtp_address(url: str) -> SmtpAddress:
    """``smtp://user:password@host:port`` or ``smtps://…``.

    Without a port: 465 for smtps; 587 where there is a user to sign in, otherwise 25.
    """
    parts = urlsplit(url)
    tls = parts.scheme == "smtps"
    username = unquote(parts.username) if parts.username else None
    port = parts.port or (465 if tls else 587 if username else 25)
    return SmtpAddress(
        host=parts.hostname or "",
        port=port,
        tls=tls,
        username=username,
        password=unquote(parts.password) if parts.password else None,
    )


class _Line:
    """One connection to the server and how it has been used."""

    def __init__(self, client: aiosmtplib.SMTP, until: float) -> None:
        self.client = client
        self.until = until
        self.mails = 0


class MailServer:
    """Hands mails over; several at a time. An async context, which hangs up at its end."""

    def __init__(self, address: SmtpAddress) -> None:
        self._address = address
        # Made once: reading the certificates takes longer than several mails.
        self._trusted = ssl.create_default_context()
        self._idle: list[_Line] = []
        self._places = asyncio.Semaphore(CONNECTIONS_MAX)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        while self._idle:
            await _hang_up(self._idle.pop())

    async def hand_over(self, mail: EmailMessage) -> None:
        """Return when the server has taken the mail.

        Raises MailRefused, MailServerAway where this mail is to come again, and MailServerShut
        where any would be.
        """
        async with self._places:
            try:
                line = await self._line()
                try:
                    await line.client.send_message(mail)
                except BaseException:
                    line.client.close()
                    raise
            except aiosmtplib.SMTPRecipientsRefused as error:
                raise _answer(error.recipients[0]) from error
            except aiosmtplib.SMTPDataError as error:
                raise _answer(error) from error
            except aiosmtplib.SMTPNotSupported as error:
                raise MailRefused(f"the mail server cannot carry this mail: {error}") from error
            # The rest is about us and the server: this mail is as good as any other.
            except aiosmtplib.SMTPSenderRefused as error:
                raise _shut(error, "send from our address") from error
            except (aiosmtplib.SMTPException, OSError) as error:
                raise _shut(error, "hand a mail over") from error
        line.mails += 1
        line.until = _now() + IDLE_SECONDS
        if line.mails < PER_CONNECTION_MAX:
            self._idle.append(line)
        else:
            await _hang_up(line)

    async def _line(self) -> _Line:
        while self._idle:
            line = self._idle.pop()
            if line.client.is_connected and _now() < line.until:
                return line
            await _hang_up(line)
        return _Line(await self._connected(), _now() + IDLE_SECONDS)

    async def _connected(self) -> aiosmtplib.SMTP:
        address = self._address
        client = aiosmtplib.SMTP(
            hostname=address.host,
            port=address.port,
            use_tls=address.tls,
            start_tls=False if address.tls else None,
            tls_context=self._trusted,
            timeout=TIMEOUT_SECONDS,
        )
        step = "reach it"
        try:
            await client.connect()
            if address.username is not None:
                step = "sign in"
                _check_private(client, address)
                await client.login(address.username, address.password or "")
        except BaseException as error:
            client.close()
            if isinstance(error, (aiosmtplib.SMTPException, OSError)):
                raise _shut(error, step) from error
            raise
        return client


def _check_private(client: aiosmtplib.SMTP, address: SmtpAddress) -> None:
    if client.get_transport_info("ssl_object") is None and address.host not in LOOPBACK:
        raise MailServerShut(
            f"{address.host} offers no TLS, and a password is not sent in the clear",
            step="sign in",
        )


def _answer(
    error: aiosmtplib.SMTPResponseException,
) -> MailRefused | MailServerAway:
    """A refusal for good begins with 5; everything else may change."""
    reason = f"{error.code} {error.message}"
    kind = MailRefused if 500 <= error.code < 600 else MailServerAway
    return kind(reason, code=error.code)


def _shut(error: Exception, step: str) -> MailServerShut:
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return MailServerShut(f"{error.code} {error.message}", step=step, code=error.code)
    return MailServerShut(str(error) or type(error).__name__, step=step)


async def _hang_up(line: _Line) -> None:
    try:
        async with asyncio.timeout(2):
            await line.client.quit()
    except (aiosmtplib.SMTPException, OSError, TimeoutError):
        line.client.close()


def _now() -> float:
    return asyncio.get_running_loop().time()
