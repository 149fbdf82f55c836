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
from standardwebhooks import Webhook

from talktime.core.errors import EndpointRefused
from talktime.core.webhook import Attempt
from talktime.core.webhook_address import WebhookUrl, is_public, parse_webhook_url
from talktime.gateways.webhook_wire import BrokeOff, NotHttp, Wire

TIMEOUT_SECONDS: Final = 10.0
"""For the whole of an attempt: name, connection, TLS, request, answer."""
ADDRESSES_TRIED: Final = 3
NAME_SECONDS: Final = 2.0
NAME_TRIES: Final = 2
KEPT_SECONDS: Final = 15.0
KEPT_MAX: Final = 50
"""Connections kept open between deliveries, and for how long."""
KNOWN_MAX: Final = 1_024
"""Addresses and secrets remembered as they are used, taken apart."""
USER_AGENT: Final = "Talktime-Webhooks/1"

Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""The IP addresses of a name, in the order to try them. Raises OSError where there are none."""


class NotPublic(Exception):
    """The name leads to an address that webhooks may not go to."""


class NoConnection(Exception):
    """None of its addresses lets itself be connected to; the cause is the network's."""


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
    context = httpx.create_ssl_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


_parsed = functools.lru_cache(KNOWN_MAX)(parse_webhook_url)
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
        self._kept: dict[tuple[bool, str, int], list[Wire]] = {}

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
            parsed = _parsed(url, allow_private=self._allow_private)
            request = _request(parsed, signed_headers(message_id, body, secrets, now), body)
            async with asyncio.timeout(self._timeout_seconds):
                status = await self._post(parsed, request)
        except EndpointRefused as error:
            return Attempt(status=None, failure=error.message)
        except TimeoutError:
            seconds = self._timeout_seconds
            return Attempt(status=None, failure=f"no answer within {seconds:g} seconds")
        except (NotPublic, NotHttp, NoConnection, BrokeOff, OSError) as error:
            return Attempt(status=None, failure=_words(error))
        if 200 <= status < 300:
            return Attempt(status=status, failure=None)
        if 300 <= status < 400:
            return Attempt(status=status, failure=f"answered {status}; redirects are not followed")
        return Attempt(status=status, failure=f"answered {status}")

    async def close(self) -> None:
        """Close what is open."""
        for wires in self._kept.values():
            for wire in wires:
                wire.close()
        self._kept.clear()
        await self._names.close()

    async def _post(self, url: WebhookUrl, request: bytes) -> int:
        place = (url.is_https, url.host, url.port)
        wire = self._take(place)
        if wire is not None:
            try:
                return await wire.post(request)
            except (BrokeOff, NotHttp):
                # Whoever keeps a connection open may end it; with an answer begun it was no such.
                if wire.has_heard:
                    raise
            finally:
                self._keep(place, wire)
        wire = await self._connect(url)
        try:
            return await wire.post(request)
        finally:
            self._keep(place, wire)

    def _take(self, place: tuple[bool, str, int]) -> Wire | None:
        wires = self._kept.pop(place, [])
        while wires:
            wire = wires.pop()
            if wire.is_open:
                if wires:
                    self._kept[place] = wires
                wire.wake()
                return wire
        return None

    def _keep(self, place: tuple[bool, str, int], wire: Wire) -> None:
        if not wire.is_open:
            return
        if sum(map(len, self._kept.values())) >= KEPT_MAX:
            self._kept = {
                where: still
                for where, wires in self._kept.items()
                if (still := [one for one in wires if one.is_open])
            }
            if sum(map(len, self._kept.values())) >= KEPT_MAX:
                wire.close()
                return
        self._kept.setdefault(place, []).append(wire)
        wire.rest(KEPT_SECONDS)

    async def _connect(self, url: WebhookUrl) -> Wire:
        """Connect to an address that was looked at. Raises NoConnection, NotPublic, OSError."""
        loop = asyncio.get_running_loop()
        context = (self._ssl_context or _trusted()) if url.is_https else None
        failure: OSError | None = None
        for address in (await self._addresses(url.host, url.port))[:ADDRESSES_TRIED]:
            try:
                _, wire = await loop.create_connection(
                    Wire,
                    address,
                    url.port,
                    ssl=context,
                    server_hostname=url.host if url.is_https else None,
                )
            except ssl.SSLError:
                raise
            except OSError as error:
                failure = error
            else:
                return wire
        raise NoConnection from failure

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a name, if all of them may be talked to. Raises NotPublic, OSError."""
        found = await self._resolve(host, port)
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        # One private address among public ones would be tried as well, sooner or later.
        if not self._allow_private and not all(is_public(address) for address in found):
            raise NotPublic
        return found


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


def _request(url: WebhookUrl, headers: Sequence[tuple[str, str]], body: str) -> bytes:
    """Head and body in one piece, so that they go out in one packet where they fit."""
    content = body.encode()
    lines = [
        f"POST {url.target} HTTP/1.1",
        f"Host: {url.authority}",
        *(f"{name}: {value}" for name, value in headers),
        f"Content-Length: {len(content)}",
        "\r\n",
    ]
    return "\r\n".join(lines).encode("ascii") + content


_CAUSES: Final[Mapping[type[BaseException], str]] = {
    ssl.SSLError: "TLS failed",
    ConnectionRefusedError: "the connection was refused",
    socket.gaierror: "its name was not found",
}
_FAILURES: Final[Mapping[type[BaseException], str]] = {
    NotPublic: "its name leads into a private network",
    NotHttp: "what it answered is not HTTP",
    NoConnection: "no connection could be made",
}


def _words(error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate was not accepted: {cause.verify_message}"
        for kind, words in _CAUSES.items():
            if isinstance(cause, kind):
                return words
        cause = cause.__cause__ or cause.__context__
    return _FAILURES.get(type(error), "the connection broke off")
