"""Which addresses webhooks may go to: public ones of the internet, over TLS.

Somebody who may name an address must not be able to make us talk to our own machines. So the form
of the URL is checked here, and every address that its name has, again at each connection.
"""

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

import idna
import msgspec

from talktime.core.errors import EndpointRefused

URL_LENGTH_MAX: Final = 2_000
_HOST_LENGTH_MAX: Final = 253
_PORTS_BELOW_1024: Final = frozenset({443})
_PRINTABLE: Final = re.compile(r"[!-~]+")

# IANA's special-purpose registries (2025), what is not globally reachable or leads elsewhere; spelt
# out, since the standard library's idea of "global" changes between releases.
_NOT_PUBLIC_V4: Final = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, and the clouds' metadata
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_PUBLIC_V6: Final = ipaddress.IPv6Network("2000::/3")
"""All that was ever given out. Loopback, mapped and NAT64 addresses, local ones: none is in it."""
_NOT_PUBLIC_V6: Final = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "2001::/23",  # protocols of IETF's, among them Teredo, which carries IPv4
        "2001:db8::/32",
        "2002::/16",  # 6to4 carries IPv4
        "2620:4f:8000::/48",
        "3fff::/20",  # documentation
    )
)


class WebhookUrl(msgspec.Struct, frozen=True, kw_only=True):
    """A checked URL, taken apart."""

    text: str
    is_https: bool
    host: str
    """A name in ASCII, or an address without brackets."""
    port: int
    target: str
    """Path and query as they go over the wire."""

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_https else 80) else f"{host}:{self.port}"


def parse_webhook_url(text: str, *, allow_private: bool) -> WebhookUrl:
    """A URL that we may send to as far as its form goes. Raises EndpointRefused, saying why not.

    ``allow_private`` lets http and any port through, as in development.
    """
    if not text or len(text) > URL_LENGTH_MAX:
        raise _refused(f"give an address of at most {URL_LENGTH_MAX:,} characters")
    if not text.isprintable() or any(mark in text for mark in ' \\"<>^`{|}'):
        raise _refused("it has a space or another character that no address has")
    try:
        parts = urlsplit(text)
        port = parts.port
        host = parts.hostname or ""
    except ValueError as error:
        raise _refused("it is not an address such as https://example.com/talktime") from error
    if parts.scheme not in {"https", "http"} or not host:
        raise _refused("write it whole, such as https://example.com/talktime")
    if parts.scheme == "http" and not allow_private:
        raise _refused("it must begin with https://, so that nobody on the way reads along")
    if parts.username is not None or parts.password is not None:
        raise _refused("leave user and password out: every delivery is signed instead")
    if "#" in text:
        raise _refused("leave out what follows the #: no server is told of it")
    is_https = parts.scheme == "https"
    port = port if port is not None else (443 if is_https else 80)
    if not allow_private and port < 1024 and port not in _PORTS_BELOW_1024:
        raise _refused(f"port {port} belongs to another service: use 443 or one from 1024")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not port or not _PRINTABLE.fullmatch(target):
        raise _refused("write letters outside ASCII in its path percent-encoded")
    return WebhookUrl(
        text=text, is_https=is_https, host=_ascii_host(host), port=port, target=target
    )


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet, and carries no other address inside."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv4Address):
        return not any(parsed in network for network in _NOT_PUBLIC_V4)
    return parsed in _PUBLIC_V6 and not any(parsed in network for network in _NOT_PUBLIC_V6)


def _ascii_host(host: str) -> str:
    if ":" in host:
        try:
            return ipaddress.IPv6Address(host.partition("%")[0]).compressed
        except ValueError as error:
            raise _refused("it has no valid host") from error
    if host.isascii():
        name = host.lower()
    else:
        try:
            name = idna.encode(host, uts46=True, transitional=False).decode("ascii")
        except (idna.IDNAError, UnicodeError) as error:
            raise _refused("it has no valid host") from error
    if len(name) > _HOST_LENGTH_MAX or not re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?", name):
        raise _refused("it has no valid host")
    return name


def _refused(why: str) -> EndpointRefused:
    return EndpointRefused(f"this address cannot be used: {why}", field="url")
