"""Who can reach what we serve: this machine alone, or others too."""

import ipaddress
from urllib.parse import urlsplit

from talktime.config import Settings
from talktime.core.errors import TalktimeError


class OthersCanReach(TalktimeError):
    """Something for this machine alone was switched on where others could use it."""

    code = "others_can_reach"


def check_loopback_only(settings: Settings, host: str, *, variable: str, danger: str) -> None:
    """Raise OthersCanReach where others reach the pages, by what we listen on or are known as.

    ``danger`` says what they could do.
    """
    hosts = {host, urlsplit(settings.public_url).hostname if settings.public_url else host}
    for reached in hosts:
        if not is_loopback(reached or ""):
            raise OthersCanReach(
                f"{variable} is set, and {danger}: it serves loopback alone, not {reached}. "
                "Unset it, or serve on 127.0.0.1 without TALKTIME_PUBLIC_URL."
            )


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine's own."""
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
