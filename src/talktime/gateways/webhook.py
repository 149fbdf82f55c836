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
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import aiodns
import httpcore
import httpx
from standardwebhooks import Webhook

from talktime.core.errors import EndpointRefused
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
CONNECTIONS_MAX: Final = 200
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
        self._pool: httpcore.AsyncConnectionPool | None = None

    async def check(self, url: str) -> None:
        """Whether webhooks may go to a URL, now. Raises EndpointRefused, saying why not."""
        parsed = parse_webhook_url(url, allow_private=self._allow_private)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._addresses(parsed.host, parsed.port)
        except NotPublic as error:
            raise EndpointRefused(
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

    async def send(
        self, url: str, *, message_id: str, body: str, secrets: Sequence[str], now: datetime
    ) -> Attempt:
        """One attempt, signed with each of the secrets; whatever happens is told, not raised."""
        try:
            parsed = parse_webhook_url(url, allow_private=self._allow_private)
            async with asyncio.timeout(self._timeout_seconds):
                status = await self._post(
                    parsed, signed_headers(message_id, body, secrets, now), body.encode()
                )
        except EndpointRefused as error:
            return Attempt(status=None, failure=error.message)
        except (TimeoutError, httpcore.TimeoutException):
            seconds = self._timeout_seconds
            return Attempt(status=None, failure=f"no answer within {seconds:g} seconds")
        except (NotPublic, OSError, httpcore.NetworkError, httpcore.ProtocolError) as error:
            return Attempt(status=None, failure=_words(error))
        if 200 <= status < 300:
            return Attempt(status=status, failure=None)
        if 300 <= status < 400:
            return Attempt(status=status, failure=f"answered {status}; redirects are not followed")
        return Attempt(status=status, failure=f"answered {status}")

    async def close(self) -> None:
        """Close what is open."""
        if self._pool is not None:
            await self._pool.aclose()
        await self._names.close()

    async def _post(self, url: WebhookUrl, headers: list[tuple[str, str]], content: bytes) -> int:
        if self._pool is None:
            self._pool = httpcore.AsyncConnectionPool(
                ssl_context=self._ssl_context or _trusted(),
                max_connections=CONNECTIONS_MAX,
                max_keepalive_connections=CONNECTIONS_MAX // 4,
                keepalive_expiry=15.0,
                network_backend=_CheckedNetwork(self._addresses),
            )
        target = httpcore.URL(
            scheme="https" if url.is_https else "http",
            host=url.host,
            port=url.port,
            target=url.target,
        )
        waits = dict.fromkeys(("connect", "read", "write", "pool"), self._timeout_seconds)
        async with self._pool.stream(
            "POST",
            target,
            headers=[("Host", url.authority), *headers, ("Content-Length", str(len(content)))],
            content=content,
            extensions={"timeout": waits},
        ) as response:
            with contextlib.suppress(TimeoutError, httpcore.NetworkError, httpcore.ProtocolError):
                async with asyncio.timeout(DRAIN_SECONDS):
                    read = 0
                    async for chunk in response.aiter_stream():
                        read += len(chunk)
                        if read > RESPONSE_BYTES_MAX:
                            break
            return int(response.status)

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a name, if all of them may be talked to. Raises NotPublic, OSError."""
        found = await self._resolve(host, port)
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        # One private address among public ones would be tried as well, sooner or later.
        if not self._allow_private and not all(is_public(address) for address in found):
            raise NotPublic
        return found


class _CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were checked, under whatever name they are asked for."""

    def __init__(self, addresses: Resolver) -> None:
        self._addresses = addresses
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  (the interface's)
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failure: httpcore.ConnectError | None = None
        for address in (await self._addresses(host, port))[:ADDRESSES_TRIED]:
            try:
                return await self._network.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except httpcore.ConnectError as error:
                failure = error
        raise failure or httpcore.ConnectError("no address")

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        raise NotPublic

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def signed_headers(
    message_id: str, body: str, secrets: Sequence[str], now: datetime
) -> list[tuple[str, str]]:
    """The headers of one attempt; a signature for each secret, newest first."""
    at = now.astimezone(UTC).replace(microsecond=0)
    signatures = (Webhook(secret).sign(message_id, at, body) for secret in secrets)
    return [
        ("User-Agent", USER_AGENT),
        ("Content-Type", "application/json"),
        ("Accept", "*/*"),
        ("webhook-id", message_id),
        ("webhook-timestamp", str(int(at.timestamp()))),
        ("webhook-signature", " ".join(signatures)),
    ]


_FAILURES: Final[Mapping[type[Exception], str]] = {
    NotPublic: "its name leads into a private network",
    httpcore.ProtocolError: "what it answered is not HTTP",
    httpcore.ConnectError: "no connection could be made",
}


def _words(error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate was not accepted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return "TLS failed"
        if isinstance(cause, ConnectionRefusedError):
            return "the connection was refused"
        if isinstance(cause, socket.gaierror):
            return "its name was not found"
        cause = cause.__cause__ or cause.__context__
    for kind, words in _FAILURES.items():
        if isinstance(error, kind):
            return words
    return "the connection broke off"
