"""Sending webhooks: signed by the Standard Webhooks convention, to public addresses alone.

A name is looked up by us, every address it has must be a public one, and the connection goes to an
address that was looked at, so that a name which changes its mind in between gains nothing.
Redirects are not followed, proxies of the environment not used, answers read to a bound.
"""

import asyncio
import contextlib
import functools
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, TypeAlias

import aiodns
import httpx
from aiohttp import (
    AddrInfoType,
    ClientConnectionResetError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientError,
    ClientOSError,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    InvalidURL,
    ServerDisconnectedError,
    TCPConnector,
)
from aiohttp.abc import AbstractResolver, ResolveResult
from standardwebhooks import Webhook
from yarl import URL

from talktime.core.errors import EndpointPrivate, EndpointRefused
from talktime.core.webhook import Attempt
from talktime.core.webhook_address import WebhookUrl, is_public, parse_webhook_url

TIMEOUT_SECONDS: Final = 10.0
"""For the whole of an attempt: name, connection, TLS, request, answer."""
DRAIN_SECONDS: Final = 1.0
RESPONSE_BYTES_MAX: Final = 16 * 1024
"""The status is what counts; so much of a body is read for the connection to be used again."""
ADDRESSES_TRIED: Final = 3
NAME_SECONDS: Final = 2.0
NAME_TRIES: Final = 2
KEPT_SECONDS: Final = 4.0
"""How long a connection waits for the next delivery; common servers end theirs after five."""
CONNECTIONS_MAX: Final = 512
"""More than talktime.deliverer has under way, so that no attempt waits for its connection."""
KNOWN_MAX: Final = 1_024
"""Addresses and secrets remembered as they are used, taken apart."""
USER_AGENT: Final = "Talktime-Webhooks/1"

Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""The IP addresses of a name, in the order to try them. Raises OSError where there are none."""


class NotPublic(Exception):
    """The name leads to an address that webhooks may not go to."""


class SystemNames:
    """Names as this machine's name servers know them.

    Asked without a thread for each question: the system's own look-up has four for the whole
    process, and one customer's server that never answers would keep everybody's waiting.
    """

    def __init__(self) -> None:
        self._resolver: aiodns.DNSResolver | None = None

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a name; an address in whatever spelling is one too."""
        with contextlib.suppress(ValueError):
            return [str(ipaddress.ip_address(host))]
        with contextlib.suppress(OSError):
            return [socket.inet_ntoa(socket.inet_aton(host))]
        if self._resolver is None:
            self._resolver = aiodns.DNSResolver(timeout=NAME_SECONDS, tries=NAME_TRIES)
        try:
            found = await self._resolver.getaddrinfo(
                host, socket.AF_UNSPEC, port=port, type=socket.SOCK_STREAM
            )
        except aiodns.error.DNSError as error:
            raise socket.gaierror(socket.EAI_NONAME, "no such name") from error
        return list(dict.fromkeys(_text(node.addr[0]) for node in found.nodes))

    async def close(self) -> None:
        """Let go of the sockets that questions go out by."""
        if self._resolver is not None:
            await self._resolver.close()


def _text(address: bytes | str) -> str:
    return address.decode() if isinstance(address, bytes) else address


@functools.cache
def _trusted() -> ssl.SSLContext:
    """Whom to trust; made once, since reading the certificates takes milliseconds."""
    return httpx.create_ssl_context()


class _CheckedNames(AbstractResolver):
    """Names for connections: every address of a name was judged before one is tried."""

    def __init__(self, addresses: Resolver) -> None:
        self._addresses = addresses

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002
    ) -> list[ResolveResult]:
        found = (await self._addresses(host, port))[:ADDRESSES_TRIED]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
        ]

    async def close(self) -> None:
        """Nothing of it is open."""


_parsed = functools.lru_cache(KNOWN_MAX)(parse_webhook_url)
_target = functools.lru_cache(KNOWN_MAX)(functools.partial(URL, encoded=True))
_signer = functools.lru_cache(KNOWN_MAX)(Webhook)


class WebhookSender:
    """Sends to endpoints. Connections stay open for a while, each to a checked address."""

    def __init__(
        self,
        *,
        allow_private: bool,
        resolve: Resolver | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._names = SystemNames()
        self._resolve: Resolver = resolve or self._names
        self._timeout_seconds = timeout_seconds
        self._ssl_context = ssl_context
        self._sessions: tuple[ClientSession, ClientSession] | None = None
        """With connections that are kept, and with one for each request."""

    async def check(self, url: str) -> None:
        """Whether webhooks may go to a URL, now. Raises EndpointRefused, saying why not.

        Where it leads is judged before scheme and port: https would not mend a private address.
        """
        parsed = parse_webhook_url(url, allow_private=True)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._addresses(parsed.host, parsed.port)
        except NotPublic as error:
            raise EndpointPrivate(
                "this address cannot be used: it leads into a private network; use one that the "
                "internet reaches",
                field="url",
            ) from error
        except (OSError, TimeoutError) as error:
            raise EndpointRefused(
                f"this address cannot be used: there is no host {parsed.host[:100]}; check its "
                "spelling",
                field="url",
            ) from error
        parse_webhook_url(url, allow_private=self._allow_private)

    async def send(
        self, url: str, *, message_id: str, body: str, secrets: Sequence[str], now: datetime
    ) -> Attempt:
        """One attempt, signed with each of the secrets; whatever happens is told, not raised."""
        try:
            parsed = _parsed(url, allow_private=self._allow_private)
            headers = signed_headers(message_id, body, secrets, now)
            async with asyncio.timeout(self._timeout_seconds):
                status = await self._post(parsed, headers, body.encode())
        except EndpointRefused as error:
            return Attempt(status=None, failure=error.message)
        except TimeoutError:
            seconds = self._timeout_seconds
            return Attempt(status=None, failure=f"no answer within {seconds:g} seconds")
        except (NotPublic, ClientError, OSError) as error:
            return Attempt(status=None, failure=_words(error))
        if 200 <= status < 300:
            return Attempt(status=status, failure=None)
        if 300 <= status < 400:
            return Attempt(status=status, failure=f"answered {status}; redirects are not followed")
        return Attempt(status=status, failure=f"answered {status}")

    async def close(self) -> None:
        """Close what is open."""
        for session in self._sessions or ():
            await session.close()
        self._sessions = None
        await self._names.close()

    async def _post(self, url: WebhookUrl, headers: list[tuple[str, str]], content: bytes) -> int:
        """The status that was answered, at the second call where the first found nobody there.

        A kept connection may end just as we use it: many receivers end theirs after each answer
        without announcing it. The second call has a connection of its own, since others that are
        kept may have ended too. A receiver that took the first knows the repeat by its id.
        """
        if self._sessions is None:
            self._sessions = (
                self._open_session(keepalive_timeout=KEPT_SECONDS),
                self._open_session(force_close=True),
            )
        kept, single = self._sessions
        scheme = "https" if url.is_https else "http"
        target = _target(f"{scheme}://{url.authority}{url.target}")
        try:
            return await _status(kept, target, headers, content)
        except ClientConnectorError:  # an OS error besides, of a connection that never was
            raise
        except (ServerDisconnectedError, ClientOSError, ClientConnectionResetError) as error:
            if _is_answer_begun(error):
                raise
        return await _status(single, target, headers, content)

    def _open_session(
        self, *, keepalive_timeout: float | None = None, force_close: bool = False
    ) -> ClientSession:
        return ClientSession(
            connector=TCPConnector(
                ssl=self._ssl_context or _trusted(),
                resolver=_CheckedNames(self._addresses),
                socket_factory=self._open_socket,
                use_dns_cache=False,
                limit=CONNECTIONS_MAX,
                keepalive_timeout=keepalive_timeout,
                force_close=force_close,
            ),
            cookie_jar=DummyCookieJar(),
            skip_auto_headers=("Accept-Encoding",),
            auto_decompress=False,
            timeout=ClientTimeout(total=None, sock_connect=None),
        )

    def _open_socket(self, place: AddrInfoType) -> socket.socket:
        """A socket for an address: the last look at it, which one written out gets here alone.

        Raises NotPublic.
        """
        family, kind, protocol, _, address = place
        self._judge([str(address[0])])
        opened = socket.socket(family, kind, protocol)
        opened.setblocking(False)
        return opened

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a name, if all of them may be talked to. Raises NotPublic, OSError."""
        found = await self._resolve(host, port)
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        # One private address among public ones would be tried as well, sooner or later.
        self._judge(found)
        return found

    def _judge(self, addresses: Sequence[str]) -> None:
        if not self._allow_private and not all(is_public(address) for address in addresses):
            raise NotPublic


async def _status(
    session: ClientSession, target: URL, headers: list[tuple[str, str]], content: bytes
) -> int:
    async with session.post(
        target, data=content, headers=headers, allow_redirects=False
    ) as response:
        with contextlib.suppress(TimeoutError, ClientError):
            await _drain(response)
        return response.status


async def _drain(response: ClientResponse) -> None:
    """Read what is left of an answer, as far as a connection is worth it."""
    async with asyncio.timeout(DRAIN_SECONDS):
        read = 0
        while read <= RESPONSE_BYTES_MAX and (chunk := await response.content.readany()):
            read += len(chunk)


def signed_headers(
    message_id: str, body: str, secrets: Sequence[str], now: datetime
) -> list[tuple[str, str]]:
    """The headers of one attempt; a signature for each secret, newest first."""
    at = now.astimezone(UTC).replace(microsecond=0)
    signatures = (_signer(secret).sign(message_id, at, body) for secret in secrets)
    return [
        ("User-Agent", USER_AGENT),
        ("Content-Type", "application/json"),
        ("Accept", "*/*"),
        ("webhook-id", message_id),
        ("webhook-timestamp", str(int(at.timestamp()))),
        ("webhook-signature", " ".join(signatures)),
    ]


_CAUSES: Final[Mapping[type[BaseException], str]] = {
    ssl.SSLError: "TLS failed",
    ConnectionRefusedError: "the connection was refused",
    socket.gaierror: "its name was not found",
    NotPublic: "its name leads into a private network",
}
_FAILURES: Final[Mapping[type[BaseException], str]] = {
    ClientConnectorDNSError: "its name was not found",
    ClientConnectorError: "no connection could be made",
    ClientResponseError: "what it answered is not HTTP",
    ServerDisconnectedError: "it ended the connection without an answer",
    InvalidURL: "its address is written in no way that leads anywhere",
}


def _is_answer_begun(error: Exception) -> bool:
    """The request was heard then, and aiohttp's error carries what there is of the answer."""
    return isinstance(error, ServerDisconnectedError) and not isinstance(error.message, str)


def _words(error: Exception) -> str:
    if _is_answer_begun(error):
        return "its answer broke off"
    cause: BaseException | None = error
    while isinstance(cause, ClientError):  # some of which are errors of TLS besides, without words
        cause = cause.__cause__ or cause.__context__
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate was not accepted: {cause.verify_message}"
        for kind, words in _CAUSES.items():
            if isinstance(cause, kind):
                return words
        cause = cause.__cause__ or cause.__context__
    for kind, words in _FAILURES.items():
        if isinstance(error, kind):
            return words
    return "the connection broke off"
