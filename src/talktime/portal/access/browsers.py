"""What a request tells of the browser it comes from, and whether its form is one of ours."""

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from litestar import Request

from talktime.core.errors import Forbidden
from talktime.ops.sign_in import Browser
from talktime.portal.visiting import COOKIE, new_secret, new_session_id


def client_network(request: Request[Any, Any, Any]) -> str:
    """Where a request comes from, as attempts are counted: an address, or the network of 64 bits
    that a single customer of an IPv6 provider has at their disposal."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def browser_of(request: Request[Any, Any, Any]) -> Browser:
    """The browser for which a session is about to begin, with a secret that is always new."""
    return Browser(
        client=client_network(request),
        user_agent=request.headers.get("user-agent", ""),
        session_secret=new_secret(),
        session_id=new_session_id(),
        former=request.cookies.get(COOKIE, ""),
    )


def check_own_form(request: Request[Any, Any, Any], public_url: str) -> None:
    """Raise Forbidden for a form that another site sent, where there is no session to prove it.

    Otherwise somebody could be signed in as somebody else without noticing. Browsers tell where a
    form comes from; whoever is no browser has nobody to deceive.
    """
    site = request.headers.get("sec-fetch-site", "")
    origin = request.headers.get("origin", "")
    own = {urlsplit(public_url).netloc, request.headers.get("host", "")}
    is_own = (
        site in {"same-origin", "none"} if site else origin == "" or urlsplit(origin).netloc in own
    )
    if not is_own:
        raise Forbidden("this form did not come from this page; open it here and try again")
